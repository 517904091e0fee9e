import { copyMask, encode, fieldMask, getField, layout } from '../../entry-layout.ts';

const fields = {
  valid: { high: 0, low: 0, spec: 'V' },
  table: { high: 53, low: 10, spec: 'PPN', unitBytes: 4096 },
} as const;

/** Non-leaf entry of the device directory: one doubleword. */
export const ddtEntry = layout({
  name: 'non-leaf DDT entry',
  widthBits: 64,
  section: 'RISC-V IOMMU, Non-leaf DDT entry',
  validBit: 0,
  fields,
});

/** Non-leaf entry of a process directory: one doubleword; the address is guest-physical under a second stage. */
export const pdtEntry = layout({
  name: 'non-leaf PDT entry',
  widthBits: 64,
  section: 'RISC-V IOMMU, Non-leaf PDT entry',
  validBit: 0,
  fields,
});

/** A new entry of either directory; the table is a byte address. */
export function encodeDirectoryEntry(values: { readonly valid?: number; readonly table?: number }): Uint32Array {
  return encode(ddtEntry, values);
}

const absentMask = fieldMask(ddtEntry, ['valid']);
const presentMask = fieldMask(ddtEntry, ['valid', 'table']);

/** The bits hardware looks at, given what the entry itself says, into 2 words of `out`. */
export function usedDirectoryEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(ddtEntry.fields.valid, words, base) === 1 ? presentMask : absentMask, out);
}
