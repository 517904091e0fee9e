import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/** Root entry of legacy mode: 128 bits, read at once. */
export const rootEntry = layout({
  name: 'root entry',
  widthBits: 128,
  section: 'VT-d 9.1',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    contextTablePointer: { high: 63, low: 12, spec: 'CTP', addressWidth: 'HAW', unitBytes: 4096 },
  },
});

const { fields } = rootEntry;
const absentMask = fieldMask(rootEntry, ['present']);
const presentMask = fieldMask(rootEntry, ['present', 'contextTablePointer']);

/** A new entry from named field values; pointers are byte addresses. */
export function encodeRootEntry(values: Readonly<Partial<Record<keyof typeof fields, number>>>): Uint32Array {
  return encode(rootEntry, values);
}

/** The bits hardware looks at, given what the entry itself says (VT-d 9.1), into 4 words of `out`. */
export function usedRootEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.present, words, base) === 1 ? presentMask : absentMask, out);
}

/** 0 for a good entry, else 1h not present or Ah reserved bits (VT-d 7.1.3 Table 30). */
export function checkRootEntry(words: ArrayLike<number>, base: number, capabilities: Capabilities): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.rootNotPresent;
  }
  return zeroUnderMask(words, base, reservedMask(rootEntry, capabilities)) ? 0 : entryFault.rootReserved;
}
