import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import type { CacheTag } from './cache-tags.ts';
import { deviceTlbInvalidation } from './device-tlb-flush.ts';
import type { Domain, VtdDriver } from './vtd-driver.ts';

/**
 * cache_tag_flush_range of drivers/iommu/intel/cache.c: one page of a domain, in every cache that the domain has a tag
 * for, in list order, each submitted and waited for on its own (2024). domain->cache_lock is held all the while.
 */
export function* flushPage(vtd: VtdDriver, cpu: Cpu, domain: Domain, iova: number): Flow {
  yield vtd.lockCacheTags(cpu, domain);
  const tags = yield* new Note('cache tags', () => vtd.cacheTags(domain).list());
  for (const tag of tags) {
    yield flushTag(vtd, cpu, { domain, tag, iova });
  }
  yield vtd.unlockCacheTags(cpu, domain);
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
    yield flushTag(vtd, cpu, { domain, tag, iova });
  }
  yield vtd.unlockCacheTags(cpu, domain);
}

function* flushTag(
  vtd: VtdDriver,
  cpu: Cpu,
  { domain, tag, iova }: { readonly domain: Domain; readonly tag: CacheTag; readonly iova: number },
): Flow {
  switch (tag.type) {
    case 'iotlb':
      yield vtd.queue.submitSync(cpu, [pageInvalidation(domain, tag, iova)]);
      return;
    case 'device-tlb':
      // cache_tag_flush_devtlb_psi: type 3 for requests without PASID, else type 8.
      yield vtd.queue.submitSync(cpu, [deviceTlbInvalidation(tag, tag.pasid, { address: iova, addressMask: 0 })]);
  }
}

/** A first stage is flushed by PASID, a second stage by domain (cache_tag_flush_iotlb; VT-d 6.5.3.3). */
function pageInvalidation(domain: Domain, { did, pasid }: CacheTag, iova: number): InvalidationDescriptor {
  const page = { did, address: iova, addressMask: 0, hint: true };
  return domain.stage === 'second'
    ? { kind: 'iotlb', granularity: 'page', ...page, drainReads: true, drainWrites: true }
    : { kind: 'piotlb', granularity: 'page', ...page, pasid };
}
