import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * PASID directory entry: 64 bits, read at once. No source read here reserves addresses beyond HAW; a table up there
 * gives the access error 58h.
 */
export const pasidDirectoryEntry = layout({
  name: 'PASID directory entry',
  widthBits: 64,
  section: 'VT-d 9.5',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    faultProcessingDisable: { high: 1, low: 1, spec: 'FPD' },
    pasidTablePointer: { high: 63, low: 12, spec: 'SMPTBLPTR', unitBytes: 4096 },
  },
});

const { fields } = pasidDirectoryEntry;
const absentMask = fieldMask(pasidDirectoryEntry, ['present', 'faultProcessingDisable']);
const presentMask = fieldMask(pasidDirectoryEntry, ['present', 'faultProcessingDisable', 'pasidTablePointer']);

/** A new entry from named field values; pointers are byte addresses. */
export function encodePasidDirectoryEntry(values: Readonly<Partial<Record<keyof typeof fields, number>>>): Uint32Array {
  return encode(pasidDirectoryEntry, values);
}

/** The bits hardware looks at, given what the entry itself says (VT-d 9.5), into 2 words of `out`. */
export function usedPasidDirectoryEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.present, words, base) === 1 ? presentMask : absentMask, out);
}

/** 0 for a good entry, else 51h not present or 52h reserved bits (VT-d 7.1.3 Table 30). */
export function checkPasidDirectoryEntry(
  words: ArrayLike<number>,
  base: number,
  capabilities: Capabilities,
): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.pasidDirectoryNotPresent;
  }
  const isClean = zeroUnderMask(words, base, reservedMask(pasidDirectoryEntry, capabilities));
  return isClean ? 0 : entryFault.pasidDirectoryReserved;
}
