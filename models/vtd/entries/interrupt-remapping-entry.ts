import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

const common = {
  present: { high: 0, low: 0, spec: 'P' },
  faultProcessingDisable: { high: 1, low: 1, spec: 'FPD' },
  available: { high: 11, low: 8, spec: 'AVAIL', ignored: true },
  mode: { high: 15, low: 15, spec: 'IM' },
  vector: { high: 23, low: 16, spec: 'V' },
  sid: { high: 79, low: 64, spec: 'SID' },
  sourceQualifier: { high: 81, low: 80, spec: 'SQ' },
  sourceValidation: { high: 83, low: 82, spec: 'SVT' },
} as const;

/** IRTE in remapped format (IM = 0): 128 bits, read at once. All 32 bits of DST are used, as with EIME = 1 (x2APIC). */
export const remappedInterruptEntry = layout({
  name: 'interrupt remapping table entry',
  widthBits: 128,
  section: 'VT-d 9.9',
  validBit: 0,
  fields: {
    ...common,
    destinationMode: { high: 2, low: 2, spec: 'DM' },
    redirectionHint: { high: 3, low: 3, spec: 'RH' },
    triggerMode: { high: 4, low: 4, spec: 'TM' },
    deliveryMode: { high: 7, low: 5, spec: 'DLM' },
    destination: { high: 63, low: 32, spec: 'DST' },
  },
});

/** IRTE in posted format (IM = 1). The address of the posted-interrupt descriptor is in both halves of the entry. */
export const postedInterruptEntry = layout({
  name: 'posted interrupt remapping table entry',
  widthBits: 128,
  section: 'VT-d 9.10',
  validBit: 0,
  fields: {
    ...common,
    vector: { high: 23, low: 16, spec: 'VV' },
    urgent: { high: 14, low: 14, spec: 'URG' },
    descriptorLow: { high: 63, low: 38, spec: 'PDAL', unitBytes: 64 },
    descriptorHigh: { high: 127, low: 96, spec: 'PDAH' },
  },
});

/** Values of SVT; 3 is reserved. */
export const sourceValidation = { none: 0, sid: 1, bus: 2 } as const;

/** No capability decides about a bit here. */
const noCapabilities = Object.freeze({});
const { fields } = remappedInterruptEntry;
const twoTo32 = 2 ** 32;

export function encodeRemappedInterruptEntry(
  values: Readonly<Partial<Record<keyof typeof remappedInterruptEntry.fields, number>>>,
): Uint32Array {
  return encode(remappedInterruptEntry, values);
}

/** A posted entry from its fields; `descriptor` is the byte address of the descriptor, a multiple of 64. */
export function encodePostedInterruptEntry({
  descriptor,
  ...values
}: Readonly<
  Partial<
    Record<Exclude<keyof typeof postedInterruptEntry.fields, 'mode' | 'descriptorLow' | 'descriptorHigh'>, number>
  >
> & { readonly descriptor: number }): Uint32Array {
  const low = descriptor % twoTo32;
  return encode(postedInterruptEntry, {
    ...values,
    mode: 1,
    descriptorLow: low,
    descriptorHigh: (descriptor - low) / twoTo32,
  });
}

export function isPosted(words: ArrayLike<number>, base: number): boolean {
  return getField(fields.mode, words, base) === 1;
}

/** Byte address of the descriptor that a posted entry names. Exact below 2^53. */
export function postedDescriptorAddress(words: ArrayLike<number>, base: number): number {
  const { descriptorLow, descriptorHigh } = postedInterruptEntry.fields;
  return getField(descriptorHigh, words, base) * twoTo32 + getField(descriptorLow, words, base) * 64;
}

const absentMask = fieldMask(remappedInterruptEntry, ['present', 'faultProcessingDisable']);
/** By SVT: what source verification looks at. SQ is the qualifier of SVT 1 alone; of the reserved code all counts. */
const sourceFields = [
  ['sourceValidation'],
  ['sourceValidation', 'sid', 'sourceQualifier'],
  ['sourceValidation', 'sid'],
  ['sourceValidation', 'sid', 'sourceQualifier'],
] as const;
const always = ['present', 'faultProcessingDisable', 'mode', 'vector'] as const;
const remappedMasks = sourceFields.map((source) =>
  fieldMask(remappedInterruptEntry, [
    ...always,
    'destinationMode',
    'redirectionHint',
    'triggerMode',
    'deliveryMode',
    'destination',
    ...source,
  ]),
);
const postedMasks = sourceFields.map((source) =>
  fieldMask(postedInterruptEntry, [...always, 'urgent', 'descriptorLow', 'descriptorHigh', ...source]),
);

/** The bits hardware looks at, given what the entry itself says (VT-d 9.9, 9.10), into 4 words of `out`. */
export function usedInterruptEntryBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  const masks = isPosted(words, base) ? postedMasks : remappedMasks;
  const isPresent = getField(fields.present, words, base) === 1;
  copyMask(isPresent ? (masks[getField(fields.sourceValidation, words, base)] as Uint32Array) : absentMask, out);
}

/** Fixed, lowest priority, SMI, NMI, INIT and ExtINT; 3 and 6 are reserved. */
const deliveryModes: readonly number[] = [0, 1, 2, 4, 5, 7];

/** 0 for a good entry, else 22h not present, or 24h reserved bits or codes. The source is a matter of its own. */
export function checkInterruptEntry(words: ArrayLike<number>, base: number): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.interruptEntryNotPresent;
  }
  const posted = isPosted(words, base);
  const reserved = reservedMask(posted ? postedInterruptEntry : remappedInterruptEntry, noCapabilities);
  const isGood =
    zeroUnderMask(words, base, reserved) &&
    (posted || deliveryModes.includes(getField(fields.deliveryMode, words, base))) &&
    getField(fields.sourceValidation, words, base) <= sourceValidation.bus;
  return isGood ? 0 : entryFault.interruptEntryReserved;
}

/** By SQ: bits of the requester ID that are compared; it leaves out bits of the function number. */
const qualifiedBits: readonly number[] = [0xffff, 0xfffb, 0xfff9, 0xfff8];

/** Whether the entry takes interrupts of a requester (VT-d 5.1.8, 9.9: SVT, SQ, SID). */
export function verifiesSource(words: ArrayLike<number>, base: number, requester: number): boolean {
  const sid = getField(fields.sid, words, base);
  switch (getField(fields.sourceValidation, words, base)) {
    case sourceValidation.none:
      return true;
    case sourceValidation.sid: {
      const compared = qualifiedBits[getField(fields.sourceQualifier, words, base)] as number;
      return (sid & compared) === (requester & compared);
    }
    case sourceValidation.bus: {
      // SID holds the first bus in its upper byte and the last in its lower one.
      const bus = requester >>> 8;
      return bus >= sid >>> 8 && bus <= (sid & 0xff);
    }
    default:
      return false;
  }
}
