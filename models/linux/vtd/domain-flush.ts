import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import type { CacheTag } from './cache-tags.ts';
import { deviceTlbInvalidation } from './device-tlb-flush.ts';
import { queueResult } from './queue-fault-check.ts';
import type { Domain, VtdDriver } from './vtd-driver.ts';

export interface FlushedPage {
  readonly domain: Domain;
  readonly iova: number;
  /** All in one batch with one wait (v7.0), or each submitted and waited for on its own (2024). */
  readonly isBatched: boolean;
  /** Whether what qi_submit_sync returns is looked at; it is not. */
  readonly looksAtErrors: boolean;
}

/**
 * cache_tag_flush_range of drivers/iommu/intel/cache.c: one page of a domain, in every cache that the domain has a tag
 * for, in list order. domain->cache_lock is held all the while. True unless an error came back and was looked at.
 */
export function* flushPage(vtd: VtdDriver, cpu: Cpu, page: FlushedPage): Flow<boolean> {
  const { domain, iova, isBatched, looksAtErrors } = page;
  yield vtd.lockCacheTags(cpu, domain);
  const tags = yield* new Note('cache tags', () => vtd.cacheTags(domain).list());
  const descriptors = tags.map((tag) => tagInvalidation(domain, tag, iova));
  const batches = isBatched && descriptors.length > 0 ? [descriptors] : descriptors.map((descriptor) => [descriptor]);
  let isDone = true;
  for (const batch of batches) {
    if (looksAtErrors) {
      const result = yield* vtd.queue.trySubmit(cpu, batch);
      isDone &&= result === queueResult.done;
    } else {
      yield vtd.queue.submitSync(cpu, batch);
    }
  }
  yield vtd.unlockCacheTags(cpu, domain);
  return isDone;
}

/**
 * cache_tag_flush_range_np, after a page has been mapped where none was: hardware that caches what is not present has to
 * forget a second-stage entry; the others only need the write buffer to be flushed.
 */
export function* flushMappedPage(vtd: VtdDriver, cpu: Cpu, domain: Domain, iova: number): Flow {
  if (!vtd.cachingMode || domain.stage !== 'second') {
    yield vtd.flushWriteBuffer(cpu);
    return;
  }
  yield vtd.lockCacheTags(cpu, domain);
  const tags = yield* new Note('cache tags', () => vtd.cacheTags(domain).list());
  for (const tag of tags.filter(({ type }) => type === 'iotlb')) {
    yield vtd.queue.submitSync(cpu, [tagInvalidation(domain, tag, iova)]);
  }
  yield vtd.unlockCacheTags(cpu, domain);
}

function tagInvalidation(domain: Domain, tag: CacheTag, iova: number): InvalidationDescriptor {
  switch (tag.type) {
    case 'iotlb':
      return pageInvalidation(domain, tag, iova);
    case 'device-tlb':
      // cache_tag_flush_devtlb_psi: type 3 for requests without PASID, else type 8.
      return deviceTlbInvalidation(tag, tag.pasid, { address: iova, addressMask: 0 });
  }
}

/** A first stage is flushed by PASID, a second stage by domain (cache_tag_flush_iotlb; VT-d 6.5.3.3). */
function pageInvalidation(domain: Domain, { did, pasid }: CacheTag, iova: number): InvalidationDescriptor {
  const page = { did, address: iova, addressMask: 0, hint: true };
  return domain.stage === 'second'
    ? { kind: 'iotlb', granularity: 'page', ...page, drainReads: true, drainWrites: true }
    : { kind: 'piotlb', granularity: 'page', ...page, pasid };
}
