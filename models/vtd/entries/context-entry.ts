import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * Context entry of legacy mode: 128 bits, read at once. That addresses beyond HAW are reserved is QEMU's reading
 * (VTD_CONTEXT_ENTRY_RSVD_LO).
 */
export const contextEntry = layout({
  name: 'context entry',
  widthBits: 128,
  section: 'VT-d 9.3',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    faultProcessingDisable: { high: 1, low: 1, spec: 'FPD' },
    translationType: { high: 3, low: 2, spec: 'TT' },
    secondStagePointer: { high: 63, low: 12, spec: 'SSPTPTR', addressWidth: 'HAW', unitBytes: 4096 },
    addressWidth: { high: 66, low: 64, spec: 'AW' },
    available: { high: 70, low: 67, spec: 'AVAIL', ignored: true },
    domainId: { high: 87, low: 72, spec: 'DID' },
  },
});

const { fields } = contextEntry;

/** Values of TT; 3 is reserved. */
export const contextTranslationType = { untranslatedOnly: 0, withDeviceTlb: 1, passThrough: 2 } as const;

const absentMask = fieldMask(contextEntry, ['present', 'faultProcessingDisable']);
const passThroughMask = fieldMask(contextEntry, [
  'present',
  'faultProcessingDisable',
  'translationType',
  'addressWidth',
  'domainId',
]);
const presentMask = fieldMask(contextEntry, [
  'present',
  'faultProcessingDisable',
  'translationType',
  'secondStagePointer',
  'addressWidth',
  'domainId',
]);

/** A new entry from named field values; pointers are byte addresses. */
export function encodeContextEntry(values: Readonly<Partial<Record<keyof typeof fields, number>>>): Uint32Array {
  return encode(contextEntry, values);
}

/** The bits hardware looks at, given what the entry itself says (VT-d 9.3), into 4 words of `out`. */
export function usedContextEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  if (getField(fields.present, words, base) === 0) {
    copyMask(absentMask, out);
  } else {
    const isPassThrough = getField(fields.translationType, words, base) === contextTranslationType.passThrough;
    copyMask(isPassThrough ? passThroughMask : presentMask, out);
  }
}

/** 0 for a good entry, else 2h not present, Bh reserved bits or 3h invalid programming (VT-d 7.1.3 Table 30). */
export function checkContextEntry(words: ArrayLike<number>, base: number, capabilities: Capabilities): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.contextNotPresent;
  }
  if (!zeroUnderMask(words, base, reservedMask(contextEntry, capabilities))) {
    return entryFault.contextReserved;
  }
  return isProgrammable(words, base, capabilities) ? 0 : entryFault.contextInvalid;
}

function isProgrammable(words: ArrayLike<number>, base: number, { DT, PT, SAGAW }: Capabilities): boolean {
  const aw = getField(fields.addressWidth, words, base);
  const isAwGood = aw >= 1 && aw <= 3 && ((SAGAW >>> aw) & 1) === 1;
  switch (getField(fields.translationType, words, base)) {
    case contextTranslationType.untranslatedOnly:
      return isAwGood;
    case contextTranslationType.withDeviceTlb:
      return DT === 1 && isAwGood;
    case contextTranslationType.passThrough:
      // Pass-through has to name the largest width there is.
      return PT === 1 && isAwGood && SAGAW >>> (aw + 1) === 0;
    default:
      return false;
  }
}
