import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * Second-stage paging entry of any level: 64 bits, read at once. Bits that give memory types, snooping and transient
 * mappings count as ignored here, as does what large pages reserve in their address.
 */
export const secondStagePagingEntry = layout({
  name: 'second-stage paging entry',
  widthBits: 64,
  section: 'VT-d 3.5',
  fields: {
    read: { high: 0, low: 0, spec: 'R' },
    write: { high: 1, low: 1, spec: 'W' },
    execute: { high: 2, low: 2, spec: 'X' },
    memoryType: { high: 6, low: 3, spec: 'EMT, IPAT', ignored: true },
    pageSize: { high: 7, low: 7, spec: 'PS' },
    accessed: { high: 8, low: 8, spec: 'A' },
    dirty: { high: 9, low: 9, spec: 'D' },
    available: { high: 11, low: 10, spec: 'AVAIL, SNP', ignored: true },
    address: { high: 51, low: 12, spec: 'ADDR', addressWidth: 'HAW', unitBytes: 4096 },
    availableHigh: { high: 63, low: 52, spec: 'AVAIL, TM', ignored: true },
  },
});

const { fields } = secondStagePagingEntry;

/** A new entry from named field values; the address is in bytes. */
export function encodeSecondStagePagingEntry(
  values: Readonly<Partial<Record<keyof typeof fields, number>>>,
): Uint32Array {
  return encode(secondStagePagingEntry, values);
}

const absentMask = fieldMask(secondStagePagingEntry, ['read', 'write']);
const presentMask = fieldMask(secondStagePagingEntry, ['read', 'write', 'execute', 'pageSize', 'address']);

/** Whether the entry leads anywhere: a second stage has no present bit of its own. */
export function isSecondStagePresent(words: ArrayLike<number>, base: number): boolean {
  return getField(fields.read, words, base) === 1 || getField(fields.write, words, base) === 1;
}

/**
 * The bits hardware looks at, given what the entry itself says (VT-d 3.5), into 2 words of `out`. Not those that
 * hardware sets itself: A and D.
 */
export function usedSecondStagePagingEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(isSecondStagePresent(words, base) ? presentMask : absentMask, out);
}

/**
 * 0 for a good entry, else 79h R = W = 0 or 7Ah reserved bits (VT-d 7.1.3 Table 30). Those are the codes of scalable
 * mode; legacy mode has Ch for the latter and 5h or 6h, by the request, for the former.
 */
export function checkSecondStagePagingEntry(
  words: ArrayLike<number>,
  base: number,
  capabilities: Capabilities,
): FaultReason | 0 {
  if (!isSecondStagePresent(words, base)) {
    return entryFault.secondStageNotPresent;
  }
  const isClean = zeroUnderMask(words, base, reservedMask(secondStagePagingEntry, capabilities));
  return isClean ? 0 : entryFault.secondStageReserved;
}
