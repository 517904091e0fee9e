import { describe, expect, it } from 'vitest';
import { getField, qwordOf } from '../../../models/entry-layout.ts';
import {
  checkInterruptEntry,
  encodePostedInterruptEntry,
  encodeRemappedInterruptEntry,
  isPosted,
  postedDescriptorAddress,
  postedInterruptEntry,
  remappedInterruptEntry,
  usedInterruptEntryBits,
  verifiesSource,
} from '../../../models/vtd/entries/interrupt-remapping-entry.ts';
import {
  encodePostedInterruptDescriptor,
  postedInterruptDescriptor,
  postInterrupt,
} from '../../../models/vtd/entries/posted-interrupt-descriptor.ts';

const remapped = encodeRemappedInterruptEntry({
  present: 1,
  vector: 0x41,
  destination: 7,
  sid: 0x0010,
  sourceValidation: 1,
});
const posted = encodePostedInterruptEntry({
  present: 1,
  vector: 0x31,
  urgent: 1,
  sid: 0x0010,
  sourceValidation: 1,
  descriptor: 0x12_3456_7fc0,
});

/** The quadwords of 128 bits in hexadecimal, high half first. */
const hex = (words: ArrayLike<number>): string =>
  [1, 0].map((i) => qwordOf(words, 0, i).toString(16).padStart(16, '0')).join(' ');

/** A copy with one bit turned. */
function flipped(words: Uint32Array, bit: number): Uint32Array {
  const copy = Uint32Array.from(words);
  copy[bit >>> 5] = ((copy[bit >>> 5] as number) ^ (1 << (bit & 31))) >>> 0;
  return copy;
}

function usedBits(words: ArrayLike<number>): string {
  const out = new Uint32Array(4);
  usedInterruptEntryBits(words, 0, out);
  return hex(out);
}

describe('an IRTE', () => {
  it('in remapped format has its fields where section 9.9 has them', () => {
    expect(hex(remapped)).toBe('0000000000040010 0000000700410001');
  });

  it('in posted format has the descriptor address in both halves (9.10)', () => {
    expect(hex(posted)).toBe('0000001200040010 34567fc00031c001');
    expect(postedDescriptorAddress(posted, 0)).toBe(0x12_3456_7fc0);
  });

  it.each([0, 64, 0xffff_ffc0, 0x1_0000_0000, 2 ** 46 - 64])('keeps the descriptor address 0x%s', (descriptor) => {
    const words = encodePostedInterruptEntry({ present: 1, descriptor });
    expect(isPosted(words, 0)).toBe(true);
    expect(postedDescriptorAddress(words, 0)).toBe(descriptor);
  });

  it('keeps the value of every field', () => {
    for (const { fields } of [remappedInterruptEntry, postedInterruptEntry]) {
      for (const field of Object.values(fields)) {
        const words = new Uint32Array(4).fill(0xffff_ffff);
        expect(getField(field, words, 0), field.name).toBe(2 ** field.widthBits - 1);
      }
    }
  });

  it('uses P and FPD alone while it is not present', () => {
    expect(usedBits(flipped(remapped, 0))).toBe('0000000000000000 0000000000000003');
  });

  it.each([
    // AVAIL is never used; SID is used where SVT is not 0, SQ where it is 1.
    { svt: 0, entry: remapped, bits: '00000000000c0000 ffffffff00ff80ff' },
    { svt: 1, entry: remapped, bits: '00000000000fffff ffffffff00ff80ff' },
    { svt: 2, entry: remapped, bits: '00000000000cffff ffffffff00ff80ff' },
    { svt: 3, entry: remapped, bits: '00000000000fffff ffffffff00ff80ff' },
    { svt: 0, entry: posted, bits: 'ffffffff000c0000 ffffffc000ffc003' },
    { svt: 1, entry: posted, bits: 'ffffffff000fffff ffffffc000ffc003' },
    { svt: 2, entry: posted, bits: 'ffffffff000cffff ffffffc000ffc003' },
  ])('uses $bits with SVT $svt', ({ svt, entry, bits }) => {
    const words = Uint32Array.from(entry);
    words[2] = ((words[2] as number) & ~0x000c_0000) | (svt << 18);
    expect(usedBits(words)).toBe(bits);
  });

  it.each([
    // 14:12 and 31:24, 127:84.
    {
      name: 'remapped',
      entry: remapped,
      reserved: [
        [12, 14],
        [24, 31],
        [84, 127],
      ],
    },
    // 7:2, 13:12, 37:24, 95:84.
    {
      name: 'posted',
      entry: posted,
      reserved: [
        [2, 7],
        [12, 13],
        [24, 37],
        [84, 95],
      ],
    },
  ])('refuses ($name) each reserved bit, and no other but for codes', ({ entry, reserved }) => {
    const refused: number[] = [];
    for (let bit = 0; bit < 128; bit += 1) {
      const words = flipped(entry, bit);
      // IM makes it an entry of the other format, and P one that is not there.
      if (bit !== 0 && bit !== 15 && checkInterruptEntry(words, 0) === 0x24) {
        refused.push(bit);
      }
    }
    const codes = entry === posted ? [83] : [83];
    const bits = reserved.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    expect(refused).toEqual([...bits, ...codes].sort((a, b) => a - b));
  });

  it.each([
    [0, 0],
    [1, 0],
    [2, 0],
    [3, 0x24],
    [4, 0],
    [5, 0],
    [6, 0x24],
    [7, 0],
  ])('with delivery mode %i is checked to %i', (deliveryMode, reason) => {
    expect(checkInterruptEntry(encodeRemappedInterruptEntry({ present: 1, deliveryMode }), 0)).toBe(reason);
  });

  it('that is not present is 22h, whatever else it holds', () => {
    expect(checkInterruptEntry(new Uint32Array(4), 0)).toBe(0x22);
    expect(checkInterruptEntry(flipped(new Uint32Array(4).fill(0xffff_ffff), 0), 0)).toBe(0x22);
  });

  it.each([
    // SVT 0: everybody.
    { svt: 0, sq: 0, sid: 0x1234, requester: 0xffff, verified: true },
    // SVT 1, SQ 0: all 16 bits.
    { svt: 1, sq: 0, sid: 0x0017, requester: 0x0017, verified: true },
    { svt: 1, sq: 0, sid: 0x0017, requester: 0x0016, verified: false },
    { svt: 1, sq: 0, sid: 0x0017, requester: 0x0013, verified: false },
    // SQ 1 leaves out bit 2, SQ 2 bits 2:1, SQ 3 bits 2:0.
    { svt: 1, sq: 1, sid: 0x0017, requester: 0x0013, verified: true },
    { svt: 1, sq: 1, sid: 0x0017, requester: 0x0015, verified: false },
    { svt: 1, sq: 2, sid: 0x0017, requester: 0x0011, verified: true },
    { svt: 1, sq: 2, sid: 0x0017, requester: 0x0016, verified: false },
    { svt: 1, sq: 3, sid: 0x0017, requester: 0x0010, verified: true },
    { svt: 1, sq: 3, sid: 0x0017, requester: 0x001f, verified: false },
    // SVT 2: SID is the first and the last bus; SQ says nothing.
    { svt: 2, sq: 0, sid: 0x0205, requester: 0x01ff, verified: false },
    { svt: 2, sq: 0, sid: 0x0205, requester: 0x0200, verified: true },
    { svt: 2, sq: 3, sid: 0x0205, requester: 0x05ff, verified: true },
    { svt: 2, sq: 0, sid: 0x0205, requester: 0x0600, verified: false },
    // SVT 3 is reserved.
    { svt: 3, sq: 0, sid: 0x0017, requester: 0x0017, verified: false },
  ])('with SVT $svt, SQ $sq, SID $sid takes $requester: $verified', ({ svt, sq, sid, requester, verified }) => {
    const words = encodeRemappedInterruptEntry({ present: 1, sid, sourceQualifier: sq, sourceValidation: svt });
    expect(verifiesSource(words, 0, requester)).toBe(verified);
  });
});

describe('posting to a descriptor', () => {
  it.each([
    // X = ON is 0, and the interrupt is urgent or SN is 0.
    { on: 0, sn: 0, urgent: false, result: 'notified', onAfter: 1 },
    { on: 0, sn: 0, urgent: true, result: 'notified', onAfter: 1 },
    { on: 0, sn: 1, urgent: false, result: 'posted', onAfter: 0 },
    { on: 0, sn: 1, urgent: true, result: 'notified', onAfter: 1 },
    { on: 1, sn: 0, urgent: false, result: 'posted', onAfter: 1 },
    { on: 1, sn: 0, urgent: true, result: 'posted', onAfter: 1 },
    { on: 1, sn: 1, urgent: false, result: 'posted', onAfter: 1 },
    { on: 1, sn: 1, urgent: true, result: 'posted', onAfter: 1 },
  ])('with ON $on, SN $sn, urgent $urgent is $result', ({ on, sn, urgent, result, onAfter }) => {
    const words = encodePostedInterruptDescriptor({
      outstanding: on,
      suppressed: sn,
      notificationVector: 0xf2,
      notificationDestination: 9,
    });
    const before = Uint32Array.from(words);
    expect(postInterrupt(words, { vector: 0x45, urgent })).toBe(result);
    before[0x45 >>> 5] = 1 << (0x45 & 31);
    before[8] = ((before[8] as number) & ~1) | onAfter;
    expect(words).toEqual(before);
  });

  it.each([0, 31, 32, 255])('sets bit %i of PIR and keeps the others', (vector) => {
    const words = encodePostedInterruptDescriptor({});
    words[3] = 0x8000_0001;
    postInterrupt(words, { vector, urgent: false });
    const set = Array.from({ length: 256 }, (_, bit) => bit).filter(
      (bit) => (((words[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1,
    );
    expect(set).toEqual([vector, 96, 127].sort((a, b) => a - b));
  });

  it('is blocked by each reserved bit, which leaves the descriptor as it is', () => {
    const open = [
      256,
      257,
      ...Array.from({ length: 8 }, (_, i) => 272 + i),
      ...Array.from({ length: 32 }, (_, i) => 288 + i),
    ];
    for (let bit = 256; bit < 512; bit += 1) {
      const words = flipped(encodePostedInterruptDescriptor({}), bit);
      const before = Uint32Array.from(words);
      const result = postInterrupt(words, { vector: 1, urgent: false });
      expect(result === 'blocked', `bit ${bit}`).toBe(!open.includes(bit));
      if (result === 'blocked') {
        expect(words).toEqual(before);
      }
    }
    expect(postedInterruptDescriptor.wordCount).toBe(16);
  });
});
