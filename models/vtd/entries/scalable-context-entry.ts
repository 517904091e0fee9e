import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * Context entry of scalable mode: 256 bits in two 128-bit reads, all fields in the first. That addresses beyond HAW are
 * reserved is QEMU's reading (VTD_SM_CONTEXT_ENTRY_RSVD_VAL0).
 */
export const scalableContextEntry = layout({
  name: 'scalable-mode context entry',
  widthBits: 256,
  section: 'VT-d 9.4',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    faultProcessingDisable: { high: 1, low: 1, spec: 'FPD' },
    deviceTlbEnable: { high: 2, low: 2, spec: 'DTE', reservedUnless: 'DT' },
    pasidEnable: { high: 3, low: 3, spec: 'PASIDE', reservedUnless: 'PASID' },
    pageRequestEnable: { high: 4, low: 4, spec: 'PRE', reservedUnless: 'PRS' },
    hptEnable: { high: 5, low: 5, spec: 'HPTE', reservedUnless: 'HPTS' },
    translatedPasidEnable: { high: 6, low: 6, spec: 'EPTR', reservedUnless: 'PTRS' },
    pasidDirectorySize: { high: 11, low: 9, spec: 'PDTS' },
    pasidDirectoryPointer: { high: 63, low: 12, spec: 'PASIDDIRPTR', addressWidth: 'HAW', unitBytes: 4096 },
    ridPasid: { high: 83, low: 64, spec: 'RID_PASID', reservedUnless: 'RPS' },
    ridPrivileged: { high: 84, low: 84, spec: 'RID_PRIV', reservedUnless: 'RPRIVS' },
  },
});

const { fields } = scalableContextEntry;
const absentMask = fieldMask(scalableContextEntry, ['present', 'faultProcessingDisable']);
const presentMask = fieldMask(scalableContextEntry, [
  'present',
  'faultProcessingDisable',
  'deviceTlbEnable',
  'pasidEnable',
  'pageRequestEnable',
  'hptEnable',
  'translatedPasidEnable',
  'pasidDirectorySize',
  'pasidDirectoryPointer',
  'ridPasid',
  'ridPrivileged',
]);

/** A new entry from named field values; pointers are byte addresses. */
export function encodeScalableContextEntry(
  values: Readonly<Partial<Record<keyof typeof fields, number>>>,
): Uint32Array {
  return encode(scalableContextEntry, values);
}

/** The bits hardware looks at, given what the entry itself says (VT-d 9.4), into 8 words of `out`. */
export function usedScalableContextEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.present, words, base) === 1 ? presentMask : absentMask, out);
}

/** 0 for a good entry, else 41h not present, 42h reserved bits or 43h invalid programming (VT-d 7.1.3 Table 30). */
export function checkScalableContextEntry(
  words: ArrayLike<number>,
  base: number,
  capabilities: Capabilities,
): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.scalableContextNotPresent;
  }
  if (!zeroUnderMask(words, base, reservedMask(scalableContextEntry, capabilities))) {
    return entryFault.scalableContextReserved;
  }
  return isProgrammable(words, base) ? 0 : entryFault.scalableContextInvalid;
}

function isProgrammable(words: ArrayLike<number>, base: number): boolean {
  const blocksPageRequests = getField(fields.deviceTlbEnable, words, base) === 0;
  const blocksPasids = getField(fields.pasidEnable, words, base) === 0;
  if (blocksPageRequests && getField(fields.pageRequestEnable, words, base) === 1) {
    return false;
  }
  if (blocksPasids && getField(fields.translatedPasidEnable, words, base) === 1) {
    return false;
  }
  // The directory has 2^(PDTS+7) entries, each for a table of 64.
  const pasidLimit = 64 * 2 ** (getField(fields.pasidDirectorySize, words, base) + 7);
  return getField(fields.ridPasid, words, base) < pasidLimit;
}
