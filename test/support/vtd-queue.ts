import { encodeDescriptor, type InvalidationDescriptor } from '../../models/vtd/descriptors.ts';
import { registerOffset } from '../../models/vtd/translation-unit.ts';
import { nic, seen, VtdWorld, type WorldParts, type WorldSketch } from './vtd-world.ts';

/** Where PCs have the registers of their first unit. */
const tailRegister = 0xfed9_0000 + registerOffset.invalidationQueueTail;
const endpoint = { pfsid: 0, maxInvalidationsPending: 0, address: 0x4000, addressMask: 0 };
const range = { addressMask: 0, address: 0, hint: false };

/** Descriptors in as few words as a test needs. */
export const invalidate = {
  context: (did = 5): InvalidationDescriptor => ({
    kind: 'context',
    granularity: 'global',
    did,
    sid: 0,
    functionMask: 0,
  }),
  pasidCache: (did = 5, pasid = 1): InvalidationDescriptor => ({
    kind: 'pasid-cache',
    granularity: 'pasid',
    did,
    pasid,
  }),
  iotlb: (did = 5): InvalidationDescriptor => ({
    kind: 'iotlb',
    granularity: 'domain',
    did,
    drainReads: true,
    drainWrites: true,
    ...range,
  }),
  piotlb: (did = 5, pasid = 1): InvalidationDescriptor => ({
    kind: 'piotlb',
    granularity: 'pasid',
    did,
    pasid,
    ...range,
  }),
  deviceTlb: (sid = nic): InvalidationDescriptor => ({ kind: 'device-tlb', ...endpoint, sid }),
  pasidDeviceTlb: (sid = nic, pasid = 1): InvalidationDescriptor => ({
    kind: 'pasid-device-tlb',
    ...endpoint,
    sid,
    pasid,
    globalPasid: false,
  }),
  interruptEntry: (index = 0): InvalidationDescriptor => ({
    kind: 'interrupt-entry',
    granularity: 'index',
    index,
    indexMask: 0,
  }),
} as const;

/** A wait that writes `statusData` into the page `status`. */
export function waitOf(
  parts: WorldParts,
  statusData: number,
  options: { readonly fence?: boolean; readonly interrupt?: boolean } = {},
): InvalidationDescriptor {
  const { fence = false, interrupt = false } = options;
  const statusAddress = parts.page('status') + statusData * 4;
  return { kind: 'wait', statusAddress, statusData, interrupt, fence, pageRequestDrain: false };
}

export type RingEntry = InvalidationDescriptor | readonly number[];

/**
 * A world whose ring is filled before the run; one task writes the tail and is done, so that only the queue itself is
 * left to schedules. `tail` is the value written, the end of the entries if left out.
 */
export function ringWorld(
  entries: (parts: WorldParts) => readonly RingEntry[],
  sketch: WorldSketch & { readonly tail?: number } = {},
): VtdWorld {
  let tail = 0;
  return new VtdWorld({
    ...sketch,
    prepare(parts) {
      sketch.prepare?.(parts);
      const ring = parts.system.places.find(({ name }) => name === 'invalidation queue')?.address ?? 0;
      for (const [slot, entry] of entries(parts).entries()) {
        parts.write(ring + slot * 32, 'kind' in entry ? encodeDescriptor(entry) : entry);
        tail = sketch.tail ?? (slot + 1) * 32;
      }
    },
    tasks: {
      *doorbell({ cpu }) {
        yield* cpu.writeRegister(tailRegister, 32, BigInt(tail));
      },
      ...sketch.tasks,
    },
  });
}

/** For legs: an invalidation of this kind is done. */
export function done(invalidation: string): ReturnType<typeof seen> {
  return seen('invalidation-done', 1, (event) => event.invalidation === invalidation);
}
