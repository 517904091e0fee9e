import { getAddress, getField } from '../entry-layout.ts';
import { contextEntry, contextTranslationType } from './entries/context-entry.ts';
import { firstStagePointer, pasidEntry, pasidTableType, secondStagePointer } from './entries/pasid-entry.ts';
import { scalableContextEntry } from './entries/scalable-context-entry.ts';
import { taggedContextPointer, taggedPointer } from './entries/tagged-pointer.ts';
import type { TableReader } from './table-reader.ts';

/** How the page walk of a request goes, as the latched entry says. */
export interface WalkShape {
  readonly pgtt: number;
  readonly firstTable: number;
  readonly firstLevels: number;
  readonly secondTable: number;
  readonly secondLevels: number;
}

/** DID of the PASID entry in the latch; in legacy mode of the context entry. */
export function latchedDid({ isScalable, words, state }: TableReader): number {
  return isScalable
    ? getField(pasidEntry.fields.domainId, words, state.pasid.base)
    : getField(contextEntry.fields.domainId, words, state.context.base);
}

/** PGTT of the PASID entry in the latch; 0 in legacy mode, which has none. */
export function latchedPgtt({ isScalable, words, state }: TableReader): number {
  return isScalable ? getField(pasidEntry.fields.pgtt, words, state.pasid.base) : 0;
}

/** The table pointer that caches keep under the DID of the entry in the latch. */
export function latchedPointer({ isScalable, words, state }: TableReader): number {
  return isScalable ? taggedPointer(words, state.pasid.base) : taggedContextPointer(words, state.context.base);
}

/**
 * Whether the context entry in the latch lets the function ask for translations and use them: 0, or what it is refused
 * with (VT-d 7.1.3 Table 30: 44h, in legacy mode Dh).
 */
export function deviceTlbFault({ isScalable, words, state }: TableReader): number {
  const { base } = state.context;
  if (isScalable) {
    return getField(scalableContextEntry.fields.deviceTlbEnable, words, base) === 1 ? 0 : 0x44;
  }
  const type = getField(contextEntry.fields.translationType, words, base);
  return type === contextTranslationType.withDeviceTlb ? 0 : 0xd;
}

/** The page walk that the entry in the latch asks for. */
export function latchedShape(reader: TableReader): WalkShape {
  const { isScalable, words, state } = reader;
  if (!isScalable) {
    const { base } = state.context;
    const { fields } = contextEntry;
    const passThrough = getField(fields.translationType, words, base) === contextTranslationType.passThrough;
    return {
      pgtt: passThrough ? pasidTableType.passThrough : pasidTableType.second,
      firstTable: 0,
      firstLevels: 0,
      secondTable: getAddress(fields.secondStagePointer, words, base),
      secondLevels: getField(fields.addressWidth, words, base) + 2,
    };
  }
  const { base } = state.pasid;
  return {
    pgtt: latchedPgtt(reader),
    firstTable: firstStagePointer(words, base),
    firstLevels: getField(pasidEntry.fields.firstStageMode, words, base) + 4,
    secondTable: secondStagePointer(words, base),
    secondLevels: getField(pasidEntry.fields.addressWidth, words, base) + 2,
  };
}
