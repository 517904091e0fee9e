import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * First-stage paging entry of any level: 64 bits, read at once, in the format of x86-64. Bits that give memory types,
 * global pages and the extended-accessed flag count as ignored here, as does what large pages reserve in their address.
 */
export const firstStagePagingEntry = layout({
  name: 'first-stage paging entry',
  widthBits: 64,
  section: 'VT-d 3.5',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    readWrite: { high: 1, low: 1, spec: 'R/W' },
    userSupervisor: { high: 2, low: 2, spec: 'U/S' },
    memoryType: { high: 4, low: 3, spec: 'PWT, PCD', ignored: true },
    accessed: { high: 5, low: 5, spec: 'A' },
    dirty: { high: 6, low: 6, spec: 'D' },
    pageSize: { high: 7, low: 7, spec: 'PS' },
    available: { high: 11, low: 8, spec: 'G, AVAIL', ignored: true },
    address: { high: 51, low: 12, spec: 'ADDR', addressWidth: 'HAW', unitBytes: 4096 },
    availableHigh: { high: 62, low: 52, spec: 'AVAIL', ignored: true },
    executeDisable: { high: 63, low: 63, spec: 'XD' },
  },
});

const { fields } = firstStagePagingEntry;

/** A new entry from named field values; the address is in bytes. */
export function encodeFirstStagePagingEntry(
  values: Readonly<Partial<Record<keyof typeof fields, number>>>,
): Uint32Array {
  return encode(firstStagePagingEntry, values);
}

const absentMask = fieldMask(firstStagePagingEntry, ['present']);
const presentMask = fieldMask(firstStagePagingEntry, [
  'present',
  'readWrite',
  'userSupervisor',
  'pageSize',
  'address',
  'executeDisable',
]);

/**
 * The bits hardware looks at, given what the entry itself says (VT-d 3.5), into 2 words of `out`. Not those that
 * hardware sets itself: A and D.
 */
export function usedFirstStagePagingEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.present, words, base) === 1 ? presentMask : absentMask, out);
}

/** 0 for a good entry, else 71h not present or 72h reserved bits (VT-d 7.1.3 Table 30). */
export function checkFirstStagePagingEntry(
  words: ArrayLike<number>,
  base: number,
  capabilities: Capabilities,
): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.firstStageNotPresent;
  }
  const isClean = zeroUnderMask(words, base, reservedMask(firstStagePagingEntry, capabilities));
  return isClean ? 0 : entryFault.firstStageReserved;
}
