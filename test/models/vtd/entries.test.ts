import { describe, expect, it } from 'vitest';
import {
  type EntryLayout,
  entryFromQwords,
  fieldsByPosition,
  getField,
  qwordOf,
  reservedMask,
  setField,
} from '../../../models/entry-layout.ts';
import { type Capabilities, defaultCapabilities } from '../../../models/vtd/capabilities.ts';
import {
  checkContextEntry,
  contextEntry,
  contextTranslationType,
  encodeContextEntry,
  usedContextEntryBits,
} from '../../../models/vtd/entries/context-entry.ts';
import {
  checkFirstStagePagingEntry,
  encodeFirstStagePagingEntry,
  firstStagePagingEntry,
} from '../../../models/vtd/entries/first-stage-paging-entry.ts';
import {
  checkPasidDirectoryEntry,
  encodePasidDirectoryEntry,
  pasidDirectoryEntry,
  usedPasidDirectoryEntryBits,
} from '../../../models/vtd/entries/pasid-directory-entry.ts';
import {
  checkRootEntry,
  encodeRootEntry,
  rootEntry,
  usedRootEntryBits,
} from '../../../models/vtd/entries/root-entry.ts';
import {
  checkScalableContextEntry,
  encodeScalableContextEntry,
  scalableContextEntry,
  usedScalableContextEntryBits,
} from '../../../models/vtd/entries/scalable-context-entry.ts';
import {
  checkScalableRootHalf,
  encodeScalableRootHalf,
  scalableRootHalf,
  usedScalableRootHalfBits,
} from '../../../models/vtd/entries/scalable-root-entry.ts';
import {
  checkSecondStagePagingEntry,
  encodeSecondStagePagingEntry,
  secondStagePagingEntry,
} from '../../../models/vtd/entries/second-stage-paging-entry.ts';

type Check = (words: ArrayLike<number>, base: number, capabilities: Capabilities) => number;
type Used = (words: ArrayLike<number>, base: number, out: Uint32Array) => void;

const bit = (n: number) => 1n << BigInt(n);
const bits = (high: number, low: number) => (bit(high + 1) - 1n) ^ (bit(low) - 1n);

function qwords(words: ArrayLike<number>): readonly bigint[] {
  return Array.from({ length: words.length / 2 }, (_, i) => qwordOf(words, 0, i));
}

function usedBy(used: Used, entry: readonly bigint[]): readonly bigint[] {
  const out = new Uint32Array(entry.length * 2).fill(0xdead_beef);
  used([7, 7, ...entryFromQwords(entry)], 2, out);
  return qwords(out);
}

function faultOf(check: Check, entry: readonly bigint[], changes: Partial<Capabilities> = {}): number {
  return check([7, ...entryFromQwords(entry)], 1, { ...defaultCapabilities, ...changes });
}

interface Place {
  readonly layout: EntryLayout<string, keyof Capabilities>;
  readonly widthBits: number;
  readonly fields: readonly string[];
  readonly reserved: readonly bigint[];
}

const above = bits(63, 46);
const pagingFields = {
  first:
    'P 0:0, R/W 1:1, U/S 2:2, PWT, PCD 4:3, A 5:5, D 6:6, PS 7:7, G, AVAIL 11:8, ADDR 51:12, AVAIL 62:52, XD 63:63',
  second: 'R 0:0, W 1:1, X 2:2, EMT, IPAT 6:3, PS 7:7, A 8:8, D 9:9, AVAIL, SNP 11:10, ADDR 51:12, AVAIL, TM 63:52',
};

const places: readonly Place[] = [
  { layout: rootEntry, widthBits: 128, fields: ['P 0:0', 'CTP 63:12'], reserved: [above | bits(11, 1), bits(63, 0)] },
  {
    layout: scalableRootHalf,
    widthBits: 64,
    fields: ['LP, UP 0:0', 'LCTP, UCTP 63:12'],
    reserved: [above | bits(11, 1)],
  },
  {
    layout: contextEntry,
    widthBits: 128,
    fields: ['P 0:0', 'FPD 1:1', 'TT 3:2', 'SSPTPTR 63:12', 'AW 66:64', 'AVAIL 70:67', 'DID 87:72'],
    reserved: [above | bits(11, 4), bits(63, 24) | bit(7)],
  },
  {
    layout: scalableContextEntry,
    widthBits: 256,
    fields: [
      'P 0:0',
      'FPD 1:1',
      'DTE 2:2',
      'PASIDE 3:3',
      'PRE 4:4',
      'HPTE 5:5',
      'EPTR 6:6',
      'PDTS 11:9',
      'PASIDDIRPTR 63:12',
      'RID_PASID 83:64',
      'RID_PRIV 84:84',
    ],
    // HPTS, PTRS and RPRIVS are off by default.
    reserved: [above | bits(8, 5), bits(63, 20), bits(63, 0), bits(63, 0)],
  },
  {
    layout: pasidDirectoryEntry,
    widthBits: 64,
    fields: ['P 0:0', 'FPD 1:1', 'SMPTBLPTR 63:12'],
    reserved: [bits(11, 2)],
  },
  { layout: firstStagePagingEntry, widthBits: 64, fields: [pagingFields.first], reserved: [bits(51, 46)] },
  { layout: secondStagePagingEntry, widthBits: 64, fields: [pagingFields.second], reserved: [bits(51, 46)] },
];

describe('the default capabilities', () => {
  it('are those of the fact sheet, and cannot change behind remembered masks', () => {
    expect(defaultCapabilities).toEqual({
      ...{
        HAW: 46,
        MGAW: 48,
        SAGAW: 0b1110,
        MAMV: 18,
        FL5LP: 1,
        CM: 0,
        RWBF: 0,
        DT: 1,
        PDS: 1,
        PRS: 1,
        MTS: 0,
        HPTS: 0,
        PTRS: 0,
        RPRIVS: 0,
      },
      ...{ FSTS: 1, SSTS: 1, NEST: 1, PT: 1, SC: 1, SMPWC: 1, PASID: 1, RPS: 1, SRS: 1, EAFS: 1, SSADS: 1 },
      firstStageModeAlwaysUsed: 0,
    });
    expect(Object.isFrozen(defaultCapabilities)).toBe(true);
  });
});

describe('fields hardware ignores', () => {
  it('are marked, and so is the bit that makes an entry valid', () => {
    const ignored = places.flatMap(({ layout }) => fieldsByPosition(layout).filter((field) => field.ignored));
    expect(ignored.map(({ spec, high }) => `${spec} ${high}`)).toEqual([
      'AVAIL 70',
      'PWT, PCD 4',
      'G, AVAIL 11',
      'AVAIL 62',
      'EMT, IPAT 6',
      'AVAIL, SNP 11',
      'AVAIL, TM 63',
    ]);
    // A second-stage paging entry is valid by two bits.
    expect(places.map(({ layout }) => layout.validBit)).toEqual([0, 0, 0, 0, 0, 0, undefined]);
  });
});

describe.each(places)('the layout of a $layout.name', ({ layout, widthBits, fields, reserved }) => {
  it('has its fields where the specification has them', () => {
    expect(layout.widthBits).toBe(widthBits);
    const found = fieldsByPosition(layout).map(({ spec, high, low }) => `${spec} ${high}:${low}`);
    expect(found.join(', ')).toBe(fields.join(', '));
  });

  it.each(fieldsByPosition(layout))('round-trips $name alone', (field) => {
    const entry = new Int32Array(layout.wordCount + 1);
    const top = 2 ** field.widthBits - 1;
    setField(field, entry, 1, top);
    expect(getField(field, entry, 1)).toBe(top);
    const whole = entry.slice(1).reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
    expect(whole).toBe(bits(field.high, field.low));
  });

  it('reserves the rest', () => {
    expect(qwords(reservedMask(layout, defaultCapabilities))).toEqual(reserved);
  });
});

describe('encoders', () => {
  it('write what the driver would', () => {
    const { withDeviceTlb } = contextTranslationType;
    expect(qwords(encodeRootEntry({ present: 1, contextTablePointer: 0x1234_5000 }))).toEqual([0x1234_5001n, 0n]);
    expect(qwords(encodeScalableRootHalf({ present: 1, contextTablePointer: 0x3fff_ffff_f000 }))).toEqual([
      0x3fff_ffff_f001n,
    ]);
    expect(
      qwords(
        encodeContextEntry({
          present: 1,
          translationType: withDeviceTlb,
          secondStagePointer: 0xbb000,
          addressWidth: 2,
          domainId: 0x1234,
        }),
      ),
    ).toEqual([0xbb005n, 0x12_3402n]);
    expect(
      qwords(
        encodeScalableContextEntry({
          present: 1,
          deviceTlbEnable: 1,
          pasidEnable: 1,
          pageRequestEnable: 1,
          pasidDirectorySize: 7,
          pasidDirectoryPointer: 0xdd000,
          ridPasid: 0xf_ffff,
        }),
      ),
    ).toEqual([0xdde1dn, 0xf_ffffn, 0n, 0n]);
    expect(qwords(encodePasidDirectoryEntry({ present: 1, pasidTablePointer: 0xee000 }))).toEqual([0xee001n]);
    expect(
      qwords(
        encodeFirstStagePagingEntry({
          present: 1,
          readWrite: 1,
          userSupervisor: 1,
          accessed: 1,
          dirty: 1,
          address: 0x9000,
          executeDisable: 1,
        }),
      ),
    ).toEqual([0x8000_0000_0000_9067n]);
    expect(qwords(encodeSecondStagePagingEntry({ read: 1, write: 1, pageSize: 1, address: 0x20_0000 }))).toEqual([
      0x20_0083n,
    ]);
  });
});

describe('the bits hardware uses', () => {
  const pointer = bits(63, 12);

  it.each<[string, Used, readonly bigint[], readonly bigint[]]>([
    ['an absent root entry', usedRootEntryBits, [0xaa000n, 0n], [1n, 0n]],
    ['a root entry', usedRootEntryBits, [1n, 0n], [pointer | 1n, 0n]],
    ['an absent half', usedScalableRootHalfBits, [0xaa000n], [1n]],
    ['a half', usedScalableRootHalfBits, [1n], [pointer | 1n]],
    ['an absent context entry', usedContextEntryBits, [0xbb008n, 0x602n], [3n, 0n]],
    ['a context entry', usedContextEntryBits, [1n, 0n], [pointer | 0xfn, bits(23, 8) | 7n]],
    ['a context entry for a device TLB', usedContextEntryBits, [5n, 0n], [pointer | 0xfn, bits(23, 8) | 7n]],
    ['a pass-through context entry', usedContextEntryBits, [9n, 0n], [0xfn, bits(23, 8) | 7n]],
    ['a context entry of reserved type', usedContextEntryBits, [0xdn, 0n], [pointer | 0xfn, bits(23, 8) | 7n]],
    ['an absent scalable context entry', usedScalableContextEntryBits, [0x7ffn << 1n, 9n, 0n, 0n], [3n, 0n, 0n, 0n]],
    [
      'a scalable context entry',
      usedScalableContextEntryBits,
      [1n, 0n, 0n, 0n],
      [pointer | bits(11, 9) | 0x7fn, bits(20, 0), 0n, 0n],
    ],
    ['an absent directory entry', usedPasidDirectoryEntryBits, [0xee000n], [3n]],
    ['a directory entry', usedPasidDirectoryEntryBits, [1n], [pointer | 3n]],
  ])('of %s', (_name, used, entry, expected) => {
    expect(usedBy(used, entry)).toEqual(expected);
  });
});

describe('the check of', () => {
  it.each<[string, Check, readonly bigint[], number]>([
    ['a good root entry', checkRootEntry, [0x3fff_ffff_f001n, 0n], 0],
    ['an absent root entry', checkRootEntry, [0x3fff_ffff_f000n, 0n], 0x1],
    ['an absent root entry with reserved bits', checkRootEntry, [2n, 1n], 0x1],
    ['a root entry with bit 1', checkRootEntry, [0x3fff_ffff_f003n, 0n], 0xa],
    ['a root entry beyond HAW', checkRootEntry, [0x4000_0000_0001n, 0n], 0xa],
    ['a root entry with bit 64', checkRootEntry, [0x3fff_ffff_f001n, 1n], 0xa],

    ['a good half', checkScalableRootHalf, [0xaa001n], 0],
    ['an absent half', checkScalableRootHalf, [0xaa002n], 0x39],
    ['a half with bit 11', checkScalableRootHalf, [0xaa801n], 0x3a],
    ['a half beyond HAW', checkScalableRootHalf, [0x4000_0000_0001n], 0x3a],

    ['a good context entry', checkContextEntry, [0xbb003n, 0x502n], 0],
    ['a context entry with available bits', checkContextEntry, [0xbb001n, 0x57an], 0],
    ['an absent context entry', checkContextEntry, [0xbb0f2n, 0x580n], 0x2],
    ['a context entry with bit 4', checkContextEntry, [0xbb011n, 0x502n], 0xb],
    ['a context entry with bit 71', checkContextEntry, [0xbb001n, 0x582n], 0xb],
    ['a context entry with bit 88', checkContextEntry, [0xbb001n, 0x100_0502n], 0xb],
    ['a context entry of reserved type', checkContextEntry, [0xbb00dn, 0x503n], 0x3],
    ['a context entry with AW 0, as a torn one has', checkContextEntry, [0xbb001n, 0n], 0x3],
    ['a context entry with AW 4', checkContextEntry, [0xbb001n, 0x504n], 0x3],
    ['a context entry with the smallest AW', checkContextEntry, [0xbb001n, 0x501n], 0],
    ['a context entry with the largest AW', checkContextEntry, [0xbb001n, 0x503n], 0],
    ['a pass-through entry with the largest AW', checkContextEntry, [0x9n, 0x503n], 0],
    ['a pass-through entry with a smaller AW', checkContextEntry, [0x9n, 0x502n], 0x3],

    ['a good scalable context entry', checkScalableContextEntry, [0xdd01dn, 0n, 0n, 0n], 0],
    ['an absent scalable context entry', checkScalableContextEntry, [0xdd01cn, 0n, 0n, 1n], 0x41],
    ['a scalable context entry with bit 7', checkScalableContextEntry, [0xdd081n, 0n, 0n, 0n], 0x42],
    ['a scalable context entry with bit 255', checkScalableContextEntry, [0xdd001n, 0n, 0n, bit(63)], 0x42],
    ['a scalable context entry with HPTE', checkScalableContextEntry, [0xdd021n, 0n, 0n, 0n], 0x42],
    ['PRE without DTE', checkScalableContextEntry, [0xdd019n, 0n, 0n, 0n], 0x43],
    ['DTE without PRE', checkScalableContextEntry, [0xdd00dn, 0n, 0n, 0n], 0],
    ['the last RID_PASID of the directory', checkScalableContextEntry, [0xdd001n, 0x1fffn, 0n, 0n], 0],
    ['the first RID_PASID beyond the directory', checkScalableContextEntry, [0xdd001n, 0x2000n, 0n, 0n], 0x43],
    ['the same in a larger directory', checkScalableContextEntry, [0xdd201n, 0x2000n, 0n, 0n], 0],

    ['a good directory entry', checkPasidDirectoryEntry, [0xee003n], 0],
    ['an absent directory entry', checkPasidDirectoryEntry, [0xee006n], 0x51],
    ['a directory entry with bit 2', checkPasidDirectoryEntry, [0xee005n], 0x52],
    ['a directory entry with bit 11', checkPasidDirectoryEntry, [0xee801n], 0x52],

    ['a good first-stage paging entry', checkFirstStagePagingEntry, [0xfff0_0000_0000_9fffn], 0],
    ['an absent first-stage paging entry', checkFirstStagePagingEntry, [0xf_0000_0000_9ffen], 0x71],
    ['a first-stage paging entry beyond HAW', checkFirstStagePagingEntry, [0x4000_0000_9001n], 0x72],

    ['a read-only second-stage paging entry', checkSecondStagePagingEntry, [0x9001n], 0],
    ['a write-only second-stage paging entry', checkSecondStagePagingEntry, [0x9002n], 0],
    ['a second-stage paging entry without R and W', checkSecondStagePagingEntry, [0x4000_0000_9004n], 0x79],
    ['a second-stage paging entry beyond HAW', checkSecondStagePagingEntry, [0x8_0000_0000_9001n], 0x7a],
  ])('%s', (_name, check, entry, expected) => {
    expect(faultOf(check, entry)).toBe(expected);
  });

  it('a context entry depends on what the hardware can do', () => {
    expect(faultOf(checkContextEntry, [0xbb005n, 0x502n], { DT: 1 })).toBe(0);
    expect(faultOf(checkContextEntry, [0xbb005n, 0x502n], { DT: 0 })).toBe(0x3);
    expect(faultOf(checkContextEntry, [9n, 0x503n], { PT: 0 })).toBe(0x3);
    expect(faultOf(checkContextEntry, [9n, 0x502n], { SAGAW: 0b110 })).toBe(0);
    expect(faultOf(checkContextEntry, [0xbb001n, 0x503n], { SAGAW: 0b110 })).toBe(0x3);
    // AW 0 and 4 are reserved, whatever SAGAW says.
    expect(faultOf(checkContextEntry, [0xbb001n, 0x504n], { SAGAW: 0b1_1111 })).toBe(0x3);
    expect(faultOf(checkContextEntry, [0xbb001n, 0x500n], { SAGAW: 0b1_1111 })).toBe(0x3);
  });

  it.each([
    ['DT', [0x5n, 0n, 0n, 0n]],
    ['PASID', [0x9n, 0n, 0n, 0n]],
    ['PRS', [0x15n, 0n, 0n, 0n]],
    ['RPS', [0x1n, 1n, 0n, 0n]],
  ] as const)('a scalable context entry reserves what needs %s', (capability, entry) => {
    expect(faultOf(checkScalableContextEntry, entry, { [capability]: 1 })).toBe(0);
    expect(faultOf(checkScalableContextEntry, entry, { [capability]: 0 })).toBe(0x42);
  });

  it.each([
    ['HPTS', [0x21n, 0n, 0n, 0n]],
    ['RPRIVS', [0x1n, bit(20), 0n, 0n]],
    ['PTRS', [0x49n, 0n, 0n, 0n]],
  ] as const)('a scalable context entry takes what %s adds', (capability, entry) => {
    expect(faultOf(checkScalableContextEntry, entry, { [capability]: 1 })).toBe(0);
    expect(faultOf(checkScalableContextEntry, entry)).toBe(0x42);
  });

  it('a scalable context entry refuses EPTR without PASIDE', () => {
    expect(faultOf(checkScalableContextEntry, [0x41n, 0n, 0n, 0n], { PTRS: 1 })).toBe(0x43);
  });
});
