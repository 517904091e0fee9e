import { encode, getField, layout, reservedMask, setField, zeroUnderMask } from '../../entry-layout.ts';

/** Posted-interrupt descriptor. The 256 bits of PIR, one for each vector, lie below the fields named here. */
export const postedInterruptDescriptor = layout({
  name: 'posted-interrupt descriptor',
  widthBits: 512,
  section: 'VT-d 9.11',
  fields: {
    ...pirFields(),
    outstanding: { high: 256, low: 256, spec: 'ON' },
    suppressed: { high: 257, low: 257, spec: 'SN' },
    notificationVector: { high: 279, low: 272, spec: 'NV' },
    notificationDestination: { high: 319, low: 288, spec: 'NDST' },
  },
});

/** PIR in eight fields: one is too wide for a number. */
function pirFields() {
  const part = (index: number) => ({ high: index * 32 + 31, low: index * 32, spec: 'PIR' });
  return {
    pir0: part(0),
    pir1: part(1),
    pir2: part(2),
    pir3: part(3),
    pir4: part(4),
    pir5: part(5),
    pir6: part(6),
    pir7: part(7),
  } as const;
}

/** No capability decides about a bit here. */
const noCapabilities = Object.freeze({});
const { fields } = postedInterruptDescriptor;

export function encodePostedInterruptDescriptor(
  values: Readonly<
    Partial<Record<'outstanding' | 'suppressed' | 'notificationVector' | 'notificationDestination', number>>
  >,
): Uint32Array {
  return encode(postedInterruptDescriptor, values);
}

/** What became of an interrupt that hardware tried to post. */
export type PostResult = 'blocked' | 'posted' | 'notified';

/**
 * What hardware does to a descriptor for one interrupt, as one atomic read-modify-write (VT-d 5.2.3): it sets the
 * vector's bit in PIR, and ON if a notification has to follow: ON was clear, and the interrupt is urgent or
 * notifications are not suppressed. Reserved bits that are set block the interrupt and leave the descriptor as it is.
 */
export function postInterrupt(
  words: Uint32Array,
  { vector, urgent }: { readonly vector: number; readonly urgent: boolean },
): PostResult {
  if (!zeroUnderMask(words, 0, reservedMask(postedInterruptDescriptor, noCapabilities))) {
    return 'blocked';
  }
  words[vector >>> 5] = ((words[vector >>> 5] as number) | (1 << (vector & 31))) >>> 0;
  const isFree = getField(fields.outstanding, words, 0) === 0;
  const notifies = isFree && (urgent || getField(fields.suppressed, words, 0) === 0);
  if (notifies) {
    setField(fields.outstanding, words, 0, 1);
  }
  return notifies ? 'notified' : 'posted';
}
