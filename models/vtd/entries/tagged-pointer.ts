import { getAddress, getField } from '../../entry-layout.ts';
import { noPointer } from '../../trace-events.ts';
import { contextEntry } from './context-entry.ts';
import { firstStagePointer, pasidEntry, pasidTableType, secondStagePointer } from './pasid-entry.ts';

/**
 * The table pointer that caches keep under the entry's DID, as a byte address: SSPTPTR for second-stage and nested
 * entries, FSPTPTR for first-stage ones (VT-d 6.2.3.1, 6.2.1 Table 17).
 */
export function taggedPointer(words: ArrayLike<number>, base: number): number {
  switch (getField(pasidEntry.fields.pgtt, words, base)) {
    case pasidTableType.first:
      return firstStagePointer(words, base);
    case pasidTableType.second:
    case pasidTableType.nested:
      return secondStagePointer(words, base);
    default:
      return noPointer;
  }
}

/** The same of a legacy context entry: SSPTPTR, unless it is pass-through (VT-d 6.2.2.1, 9.3). */
export function taggedContextPointer(words: ArrayLike<number>, base: number): number {
  return getField(contextEntry.fields.translationType, words, base) === 2
    ? noPointer
    : getAddress(contextEntry.fields.secondStagePointer, words, base);
}
