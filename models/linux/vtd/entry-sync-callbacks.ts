import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import { pasidTableType } from '../../vtd/entries/pasid-entry.ts';
import type { Batch } from '../entry-sync.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import {
  flushPresentPasidEntry,
  iotlbDomainInvalidation,
  pasidCacheInvalidation,
  pasidIotlbInvalidation,
} from './pasid-flush.ts';
import type { VtdDriver } from './vtd-driver.ts';

/** One update of a PASID entry, as intel_pasid_writer remembers it. */
export interface PasidUpdate {
  readonly vtd: VtdDriver;
  readonly cpu: Cpu;
  readonly device: string;
  readonly address: number;
  readonly pasid: number;
  /** Of the entry as it was: caches are tagged with its DID, 0 when it was not present. */
  readonly oldDid: number;
  readonly oldPgtt: number;
  readonly newDid: number;
  readonly wasPresent: boolean;
}

/**
 * `rfc`: intel_pasid_sync of the first posting, which looks at P before and now; `consensus`: what the review came to,
 * clflush and a PASID-cache invalidation, always; `did-zero`: and another one under DID 0, for what caching mode keeps of
 * an entry that is not present.
 */
export const pasidSyncs = ['consensus', 'rfc', 'did-zero'] as const;
export type PasidSync = (typeof pasidSyncs)[number];

export function* syncPasidEntry(sync: PasidSync, update: PasidUpdate, batch: Batch): Flow {
  if (sync === 'rfc') {
    yield rfcSync(update, batch);
    return;
  }
  yield consensusSync(update);
  if (sync === 'did-zero' && update.oldDid !== 0) {
    yield update.vtd.queue.submitSync(update.cpu, [pasidCacheInvalidation(0, update.pasid)]);
  }
}

/**
 * It names the DID the entry had: rows made from the new one equal it on all bits in use and may stay, and of a fetch in
 * flight hardware may not know the DID yet, so it waits for that under any.
 */
function* consensusSync({ vtd, cpu, address, pasid, oldDid }: PasidUpdate): Flow {
  yield vtd.flushCache(cpu, address, 64);
  yield vtd.queue.submitSync(cpu, [pasidCacheInvalidation(oldDid, pasid)]);
}

function* rfcSync(update: PasidUpdate, { wasValid, isValid }: Batch): Flow {
  const { vtd, cpu, address, pasid, oldDid, newDid } = update;
  yield vtd.flushCache(cpu, address, 64);
  if (!wasValid) {
    // Nothing at all while the entry stays not present.
    if (isValid) {
      yield flushPresentPasidEntry(vtd, cpu, { did: newDid, pasid, flush: 'linux' });
    }
    return;
  }
  yield vtd.queue.submitSync(cpu, [pasidCacheInvalidation(oldDid, pasid)]);
  yield vtd.queue.submitSync(cpu, [isValid ? pasidIotlbInvalidation(oldDid, pasid) : oldIotlbInvalidation(update)]);
  yield flushDeviceTlb(vtd, cpu, update);
}

/** What follows the writer. */
export const afterUpdates = ['iotlb', 'iotlb-page-0', 'nothing'] as const;
export type AfterUpdate = (typeof afterUpdates)[number];

/** The IOTLB is dealt with once, outside the library, under the tag that the old entry had. */
export function* flushIotlbAfter(after: AfterUpdate, update: PasidUpdate): Flow {
  const { vtd, cpu, pasid, oldDid } = update;
  if (after === 'nothing') {
    return;
  }
  const pageZero: InvalidationDescriptor = {
    kind: 'piotlb',
    granularity: 'page',
    did: oldDid,
    pasid,
    addressMask: 0,
    address: 0,
    hint: false,
  };
  yield vtd.queue.submitSync(cpu, [after === 'iotlb' ? oldIotlbInvalidation(update) : pageZero]);
}

/** As when an entry is torn down (VT-d 6.5.3.3): the domain where a second stage was walked, else the PASID. */
function oldIotlbInvalidation({ oldDid, oldPgtt, pasid }: PasidUpdate): InvalidationDescriptor {
  return oldPgtt === pasidTableType.second || oldPgtt === pasidTableType.nested
    ? iotlbDomainInvalidation(oldDid)
    : pasidIotlbInvalidation(oldDid, pasid);
}
