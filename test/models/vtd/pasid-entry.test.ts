import { describe, expect, it } from 'vitest';
import {
  entryFromQwords,
  fieldsByPosition,
  getField,
  qwordOf,
  reservedMask,
  setField,
} from '../../../models/entry-layout.ts';
import { defaultCapabilities } from '../../../models/vtd/capabilities.ts';
import {
  checkPasidEntry,
  encodePasidEntry,
  firstStagePointer,
  pasidEntry,
  pasidTableType,
  secondStagePointer,
  usedPasidEntryBits,
} from '../../../models/vtd/entries/pasid-entry.ts';

const capabilities = defaultCapabilities;

function qwords(words: ArrayLike<number>): readonly bigint[] {
  return Array.from({ length: 8 }, (_, i) => qwordOf(words, 0, i));
}

const bit = (n: number) => 1n << BigInt(n);
const bits = (high: number, low: number) => (bit(high + 1) - 1n) ^ (bit(low) - 1n);

// Assembled by hand from VT-d 9.6, DID 5 for the first stage, 6 for the second, 7 nested, 1 pass-through.
const first = entryFromQwords([0x41n, 0x5n, 0xaa000n, 0n, 0n, 0n, 0n, 0n]);
const second = entryFromQwords([0xbb089n, 0x6n, 0n, 0n, 0n, 0n, 0n, 0n]);
const nested = entryFromQwords([0xbb0c9n, 0x7n, 0xcc000n, 0n, 0n, 0n, 0n, 0n]);
const passThrough = entryFromQwords([0x101n, 0x1n, 0n, 0n, 0n, 0n, 0n, 0n]);

describe('the PASID entry layout', () => {
  it('has its fields where the specification has them', () => {
    const places = fieldsByPosition(pasidEntry).map(({ spec, high, low }) => `${spec} ${high}:${low}`);
    expect(places).toEqual([
      'P 0:0',
      'FPD 1:1',
      'AW 4:2',
      'PGTT 8:6',
      'SSADE 9:9',
      'SSPTPTR 63:12',
      'DID 79:64',
      'PWSNP 87:87',
      'PGSNP 88:88',
      'CD 89:89',
      'EMTE 90:90',
      'PAT 127:96',
      'SRE 128:128',
      'FSPM 131:130',
      'WPE 132:132',
      'NXE 133:133',
      'SMEP 134:134',
      'EAFE 135:135',
      'FSPTPTR 191:140',
      'HPTSZ 257:256',
      'HPTPFD 258:258',
      'HPTPTR 319:268',
      'HPTDID 335:320',
    ]);
  });

  it('is valid by bit 0, and ignores what older revisions defined', () => {
    expect(pasidEntry.validBit).toBe(0);
    const ignored = fieldsByPosition(pasidEntry).filter((field) => field.ignored);
    expect(ignored.map(({ spec }) => spec)).toEqual(['NXE', 'SMEP']);
  });

  it('encodes what Linux would program', () => {
    const values = { present: 1, addressWidth: 2, domainId: 7, pageWalkSnoop: 1, pageSnoop: 1 };
    const entry = encodePasidEntry({
      ...values,
      pgtt: pasidTableType.nested,
      secondStageAccessedDirty: 1,
      secondStagePointer: 0x1_2345_6000,
      supervisorRequest: 1,
      firstStageMode: 1,
      writeProtect: 1,
      extendedAccessedFlag: 1,
      firstStagePointer: 0x3abc_d000,
    });
    const quad2 = 0x3abc_d000n | bit(7) | bit(4) | bit(2) | bit(0);
    expect(qwords(entry)).toEqual([0x1_2345_62c9n, 0x0180_0007n, quad2, 0n, 0n, 0n, 0n, 0n]);
    expect(secondStagePointer(entry, 0)).toBe(0x1_2345_6000);
    expect(firstStagePointer(entry, 0)).toBe(0x3abc_d000);
  });

  it.each(fieldsByPosition(pasidEntry))('field $name round-trips alone', (field) => {
    const top = 2 ** field.widthBits - 1;
    const entry = new Int32Array(20);
    setField(field, entry, 2, top);
    expect(getField(field, entry, 2)).toBe(top);
    const whole = entry.slice(2, 18).reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
    expect(whole).toBe(bits(field.high, field.low));
  });

  it('reserves what no field covers, addresses beyond HAW, and what the default capabilities lack', () => {
    expect(qwords(reservedMask(pasidEntry, capabilities))).toEqual([
      bits(63, 46) | bits(11, 10) | bit(5),
      bits(63, 25) | bits(22, 16),
      bits(63, 46) | bits(11, 8) | bit(1),
      bits(63, 0),
      bits(63, 0),
      bits(63, 0),
      bits(63, 0),
      bits(63, 0),
    ]);
  });

  it.each([
    ['SSTS', 0, bits(4, 2) | bit(9)],
    ['SSADS', 0, bit(9)],
    ['SMPWC', 1, bit(23)],
    ['SC', 1, bit(24)],
    ['SRS', 2, bit(0)],
    ['FSTS', 2, bits(3, 2)],
    ['EAFS', 2, bit(7)],
  ] as const)('reserves more without %s', (name, index, more) => {
    const plain = qwords(reservedMask(pasidEntry, capabilities));
    const expected = plain.map((mask, i) => (i === index ? mask | more : mask));
    expect(qwords(reservedMask(pasidEntry, { ...capabilities, [name]: 0 }))).toEqual(expected);
  });

  it('opens memory types with MTS and host permission tables with HPTS', () => {
    const all = qwords(reservedMask(pasidEntry, { ...capabilities, MTS: 1, HPTS: 1 }));
    expect(all[1]).toBe(bits(31, 27) | bits(22, 16));
    expect([all[4], all[5]]).toEqual([bits(63, 46) | bits(11, 3), bits(63, 16)]);
  });
});

describe('the bits hardware uses of a PASID entry', () => {
  const quad1 = bits(15, 0) | bit(23) | bit(24);
  const sre = bit(0);
  const fspm = bits(3, 2);
  const firstQuad2 = bits(63, 12) | bit(7) | bit(4) | fspm | sre;
  const secondQuad0 = bits(63, 12) | bit(9) | bits(8, 6) | bits(4, 2) | bits(1, 0);
  const typeOnly = bits(8, 6) | bits(1, 0);
  const everyQuad1 = quad1 | bit(25) | bit(26) | bits(63, 32);
  const hpt = [bits(63, 12) | bits(2, 0), bits(15, 0)] as const;

  function used(entry: ArrayLike<number>, reading?: Parameters<typeof usedPasidEntryBits>[3]): readonly bigint[] {
    const out = new Uint32Array(16).fill(0xdead_beef);
    usedPasidEntryBits([0, ...Array.from(entry)], 1, out, reading);
    return qwords(out);
  }

  it.each([
    ['not present', entryFromQwords([0x40n, 5n, 0xaa000n, 0n, 0n, 0n, 0n, 0n]), [3n, 0n, 0n]],
    ['first stage', first, [typeOnly, quad1, firstQuad2]],
    ['second stage', second, [secondQuad0, quad1, sre]],
    ['nested', nested, [secondQuad0, quad1, firstQuad2]],
    ['pass-through', passThrough, [typeOnly, quad1, sre]],
  ])('%s', (_name, entry, expected) => {
    expect(used(entry)).toEqual([...expected, 0n, 0n, 0n, 0n, 0n]);
  });

  it.each([0n, 5n, 6n, 7n])('reserved type %d: every field that is not ignored', (type) => {
    const entry = entryFromQwords([(type << 6n) | 1n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
    expect(used(entry)).toEqual([secondQuad0, everyQuad1, firstQuad2, 0n, ...hpt, 0n, 0n]);
  });

  it('has memory types only with MTS, EMTE only where there is a second stage', () => {
    const reading = { capabilities: { ...capabilities, MTS: 1 }, hostPermissionTable: false };
    const withoutEmte = quad1 | bit(25) | bits(63, 32);
    expect([first, second, nested, passThrough].map((entry) => used(entry, reading)[1])).toEqual([
      withoutEmte,
      everyQuad1,
      everyQuad1,
      withoutEmte,
    ]);
  });

  it('has the host permission table only if the context entry enables it', () => {
    const reading = { capabilities, hostPermissionTable: true };
    expect(used(second, reading)).toEqual([secondQuad0, quad1, sre, 0n, ...hpt, 0n, 0n]);
  });

  it('has FSPM without a first stage only by the switch', () => {
    const reading = { capabilities: { ...capabilities, firstStageModeAlwaysUsed: 1 }, hostPermissionTable: false };
    expect(used(second, reading)[2]).toBe(sre | fspm);
    expect(used(passThrough, reading)[2]).toBe(sre | fspm);
  });
});

describe('the check of a PASID entry', () => {
  const good = { first, second, nested, passThrough };

  function changed(entry: Uint32Array, index: number, xor: bigint): Uint32Array {
    return entryFromQwords(qwords(entry).map((quad, i) => (i === index ? quad ^ xor : quad)));
  }

  it.each(Object.entries(good))('lets a good %s entry pass', (_name, entry) => {
    expect(checkPasidEntry(entry, 0, capabilities)).toBe(0);
    expect(checkPasidEntry([-1, ...Array.from(entry)], 1, capabilities)).toBe(0);
  });

  it('gives 59h before it looks at anything else', () => {
    expect(checkPasidEntry(changed(first, 0, 1n), 0, capabilities)).toBe(0x59);
    expect(
      checkPasidEntry(entryFromQwords([0xfffen, 0n, 0n, -1n & bits(63, 0), 0n, 0n, 0n, 0n]), 0, capabilities),
    ).toBe(0x59);
  });

  it.each([
    ['bit 5, once SSEE', 0, bit(5)],
    ['bit 10', 0, bit(10)],
    ['an address beyond HAW in SSPTPTR, even for the first stage', 0, bit(46)],
    ['CD without MTS', 1, bit(25)],
    ['bit 80', 1, bit(16)],
    ['bit 129, once ERE', 2, bit(1)],
    ['an address beyond HAW in FSPTPTR', 2, bit(46)],
    ['quadword 3', 3, bit(0)],
    ['HPTSZ without HPTS', 4, bit(0)],
    ['the last bit', 7, bit(63)],
  ])('gives 5Ah for %s', (_name, index, xor) => {
    expect(checkPasidEntry(changed(first, index, xor), 0, capabilities)).toBe(0x5a);
  });

  it.each([
    ['FPD', 0, bit(1)],
    ['the highest address bit of SSPTPTR', 0, bit(45)],
    ['page snooping', 1, bit(24)],
    ['bit 133, once NXE', 2, bit(5)],
    ['bit 134, once SMEP', 2, bit(6)],
    ['the highest address bit of FSPTPTR', 2, bit(45)],
  ])('lets %s pass', (_name, index, xor) => {
    expect(checkPasidEntry(changed(first, index, xor), 0, capabilities)).toBe(0);
  });

  it('gives 5Ah, not 5Bh, when both apply', () => {
    expect(checkPasidEntry(entryFromQwords([1n, 0n, 0n, 1n, 0n, 0n, 0n, 0n]), 0, capabilities)).toBe(0x5a);
  });

  it.each([0n, 5n, 6n, 7n])('gives 5Bh for the reserved type %d', (type) => {
    expect(checkPasidEntry(entryFromQwords([(type << 6n) | 9n, 5n, 0n, 0n, 0n, 0n, 0n, 0n]), 0, capabilities)).toBe(
      0x5b,
    );
  });

  it.each([
    ['first', 'FSTS'],
    ['nested', 'NEST'],
    ['passThrough', 'PT'],
  ] as const)('gives 5Bh for the %s type alone without %s', (name, capability) => {
    const lacking = { ...capabilities, [capability]: 0 };
    const faults = Object.entries(good).filter(([, entry]) => checkPasidEntry(entry, 0, lacking) === 0x5b);
    expect(faults.map(([key]) => key)).toEqual([name]);
  });

  it('has no second-stage entry without SSTS: AW is reserved then, and 0 is no width', () => {
    const lacking = { ...capabilities, SSTS: 0 };
    expect(checkPasidEntry(second, 0, lacking)).toBe(0x5a);
    expect(checkPasidEntry(changed(second, 0, 2n << 2n), 0, lacking)).toBe(0x5b);
  });

  it.each([
    [1n, 0],
    [3n, 0],
    [0n, 0x5b],
    [4n, 0x5b],
    [7n, 0x5b],
  ])('AW %d of a second-stage entry: %d', (aw, expected) => {
    const q0 = 0xbb081n | (aw << 2n);
    expect(checkPasidEntry(entryFromQwords([q0, 6n, 0n, 0n, 0n, 0n, 0n, 0n]), 0, capabilities)).toBe(expected);
  });

  it('asks SAGAW about AW, but not for types that ignore it', () => {
    const only48 = { ...capabilities, SAGAW: 0b100 };
    expect(checkPasidEntry(second, 0, only48)).toBe(0);
    expect(checkPasidEntry(changed(second, 0, 0b111n << 2n), 0, only48)).toBe(0x5b);
    expect(checkPasidEntry(changed(second, 0, 0b001n << 2n), 0, only48)).toBe(0x5b);
    expect(checkPasidEntry(changed(first, 0, 0b111n << 2n), 0, only48)).toBe(0);
    expect(checkPasidEntry(changed(passThrough, 0, 0b111n << 2n), 0, only48)).toBe(0);
  });

  it.each(['first', 'nested'] as const)('gives 5Bh for an unsupported or reserved FSPM of a %s entry', (name) => {
    const of = (fspm: bigint) => changed(good[name], 2, fspm << 2n);
    expect([0n, 1n, 2n, 3n].map((fspm) => checkPasidEntry(of(fspm), 0, capabilities))).toEqual([0, 0, 0x5b, 0x5b]);
    expect(checkPasidEntry(of(1n), 0, { ...capabilities, FL5LP: 0 })).toBe(0x5b);
  });

  it('minds FSPM of other types only by the switch', () => {
    const always = { ...capabilities, firstStageModeAlwaysUsed: 1 };
    for (const entry of [second, passThrough]) {
      expect(checkPasidEntry(changed(entry, 2, bit(3)), 0, capabilities)).toBe(0);
      expect(checkPasidEntry(changed(entry, 2, bit(3)), 0, always)).toBe(0x5b);
      expect(checkPasidEntry(entry, 0, always)).toBe(0);
    }
  });

  it('gives 5Bh for a nested first-stage root that the second stage cannot take', () => {
    const of = (aw: bigint, root: bigint) => entryFromQwords([0xbb0c1n | (aw << 2n), 7n, root, 0n, 0n, 0n, 0n, 0n]);
    expect(checkPasidEntry(of(1n, bit(39) - 4096n), 0, capabilities)).toBe(0);
    expect(checkPasidEntry(of(1n, bit(39)), 0, capabilities)).toBe(0x5b);
    expect(checkPasidEntry(of(2n, bit(39)), 0, capabilities)).toBe(0);
    expect(checkPasidEntry(of(2n, bit(40)), 0, { ...capabilities, MGAW: 40 })).toBe(0x5b);
    // The same root is host-physical, and fine, without the second stage.
    expect(checkPasidEntry(entryFromQwords([0x45n, 5n, bit(39), 0n, 0n, 0n, 0n, 0n]), 0, capabilities)).toBe(0);
  });
});
