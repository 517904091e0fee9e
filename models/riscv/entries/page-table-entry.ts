import { copyMask, encode, fieldMask, getField, layout } from '../../entry-layout.ts';

/** Page-table entry of either stage and any level (Sv39, Sv48, Sv57 and their x4 forms): one doubleword. */
export const pageTableEntry = layout({
  name: 'page-table entry',
  widthBits: 64,
  section: 'RISC-V privileged, Sv39',
  validBit: 0,
  fields: {
    valid: { high: 0, low: 0, spec: 'V' },
    read: { high: 1, low: 1, spec: 'R' },
    write: { high: 2, low: 2, spec: 'W' },
    execute: { high: 3, low: 3, spec: 'X' },
    user: { high: 4, low: 4, spec: 'U' },
    global: { high: 5, low: 5, spec: 'G' },
    accessed: { high: 6, low: 6, spec: 'A' },
    dirty: { high: 7, low: 7, spec: 'D' },
    software: { high: 9, low: 8, spec: 'RSW', ignored: true },
    address: { high: 53, low: 10, spec: 'PPN', unitBytes: 4096 },
    memoryType: { high: 62, low: 61, spec: 'PBMT', ignored: true },
    napot: { high: 63, low: 63, spec: 'N' },
  },
});

const { fields } = pageTableEntry;
export type PageTableEntryValues = Readonly<Partial<Record<keyof typeof fields, number>>>;

/** A new entry from named field values; the address is in bytes. */
export function encodePageTableEntry(values: PageTableEntryValues): Uint32Array {
  return encode(pageTableEntry, values);
}

const absentMask = fieldMask(pageTableEntry, ['valid']);
const presentMask = fieldMask(pageTableEntry, [
  'valid',
  'read',
  'write',
  'execute',
  'user',
  'global',
  'accessed',
  'dirty',
  'address',
  'napot',
]);

/** The bits hardware looks at, given what the entry itself says, into 2 words of `out`; it sets none of them itself. */
export function usedPageTableEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.valid, words, base) === 1 ? presentMask : absentMask, out);
}

const pointerOnly = fieldMask(pageTableEntry, ['read', 'write', 'execute']);
/** Reserved in every entry, and in those that lead to a table. */
const reserved = [0, 0b1_1111_11 << 22] as const;
const reservedInPointer = fieldMask(pageTableEntry, ['user', 'accessed', 'dirty', 'memoryType', 'napot']);

export function isLeaf(words: ArrayLike<number>): boolean {
  return ((words[0] as number) & (pointerOnly[0] as number)) !== 0;
}

/**
 * Whether a valid entry has bits or combinations that are reserved: the walk then page-faults (RISC-V privileged,
 * Virtual Address Translation Process).
 */
export function isReserved(words: ArrayLike<number>): boolean {
  const writeOnly = getField(fields.write, words, 0) === 1 && getField(fields.read, words, 0) === 0;
  const mask = isLeaf(words) ? undefined : reservedInPointer;
  const inPointer = mask !== undefined && [0, 1].some((i) => ((words[i] as number) & (mask[i] as number)) !== 0);
  // N needs Svnapot, which is not modelled.
  const napot = getField(fields.napot, words, 0) === 1;
  return writeOnly || inPointer || napot || ((words[1] as number) & reserved[1]) !== 0;
}
