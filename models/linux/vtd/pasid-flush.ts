import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import type { Domain, VtdDriver } from './vtd-driver.ts';

/** What follows a change of a PASID entry: all of it, or one of the mistakes that a flow can be asked to make. */
export const pasidFlushes = [
  'full',
  'none',
  'no-clflush',
  'pasid-cache-only',
  'iotlb-only',
  'iotlb-first',
  'wrong-did',
  'device-tlb-first',
  'no-device-tlb',
] as const;
type PasidFlush = (typeof pasidFlushes)[number];

export interface FlushedEntry {
  /** Name of the device whose entry it is. */
  readonly device: string;
  readonly address: number;
  readonly pasid: number;
  /** The domain the entry had: caches are tagged with its DID. */
  readonly domain: Domain;
  /** `teardown`: the "P 1->0" row of VT-d 6.5.3.3; `change`: the "any other field" row. */
  readonly row: 'teardown' | 'change';
  readonly flush: PasidFlush;
}

/**
 * clflush where needed, PASID-cache, IOTLB and device-TLB invalidation, each submitted and waited for on its own
 * (intel_pasid_tear_down_entry and intel_pasid_flush_present; VT-d 6.5.3.3).
 */
export function* flushPasidEntry(vtd: VtdDriver, cpu: Cpu, entry: FlushedEntry): Flow {
  if (entry.flush !== 'no-clflush') {
    yield vtd.flushCache(cpu, entry.address, 64);
  }
  for (const step of stepsFor(entry)) {
    yield step === 'device-tlb' ? flushDeviceTlb(vtd, cpu, entry) : vtd.queue.submitSync(cpu, [step]);
  }
}

/** What follows a PASID entry that has become present; `linux` is what the driver does. */
export const presentFlushes = ['linux', 'none', 'write-buffer-only', 'did-zero'] as const;
type PresentFlush = (typeof presentFlushes)[number];

/**
 * pasid_flush_caches: with CM = 0 the write buffer; with CM = 1 PASID cache and IOTLB, both by the new DID. What was not
 * present is cached under DID 0 (VT-d 6.2.3), which `did-zero` names.
 */
export function* flushPresentPasidEntry(
  vtd: VtdDriver,
  cpu: Cpu,
  { did, pasid, flush }: { did: number; pasid: number; flush: PresentFlush },
): Flow {
  if (flush === 'none') {
    return;
  }
  if (!vtd.cachingMode || flush === 'write-buffer-only') {
    yield vtd.flushWriteBuffer(cpu);
    return;
  }
  yield vtd.queue.submitSync(cpu, [pasidCacheInvalidation(flush === 'did-zero' ? 0 : did, pasid)]);
  yield vtd.queue.submitSync(cpu, [pasidIotlbInvalidation(did, pasid)]);
}

function stepsFor(entry: FlushedEntry): readonly (InvalidationDescriptor | 'device-tlb')[] {
  const { domain, pasid, row, flush } = entry;
  const did = flush === 'wrong-did' ? domain.did + 1 : domain.did;
  const pasidCache = pasidCacheInvalidation(did, pasid);
  const walksSecondStage = domain.stage === 'second' || domain.stage === 'nested';
  const iotlb: InvalidationDescriptor =
    row === 'teardown' && walksSecondStage ? iotlbDomainInvalidation(did) : pasidIotlbInvalidation(did, pasid);
  switch (flush) {
    case 'none':
      return [];
    case 'pasid-cache-only':
      return [pasidCache];
    case 'iotlb-only':
      return [iotlb];
    case 'iotlb-first':
      return [iotlb, pasidCache, 'device-tlb'];
    case 'device-tlb-first':
      return [pasidCache, 'device-tlb', iotlb];
    case 'no-device-tlb':
      return [pasidCache, iotlb];
    default:
      return [pasidCache, iotlb, 'device-tlb'];
  }
}

export function pasidCacheInvalidation(did: number, pasid: number): InvalidationDescriptor {
  return { kind: 'pasid-cache', granularity: 'pasid', did, pasid };
}

export function pasidIotlbInvalidation(did: number, pasid: number): InvalidationDescriptor {
  return { kind: 'piotlb', granularity: 'pasid', did, pasid, addressMask: 0, address: 0, hint: false };
}

export function iotlbDomainInvalidation(did: number): InvalidationDescriptor {
  return {
    kind: 'iotlb',
    granularity: 'domain',
    did,
    addressMask: 0,
    address: 0,
    hint: false,
    drainReads: true,
    drainWrites: true,
  };
}
