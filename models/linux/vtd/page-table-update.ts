import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { qwordsOf } from '../../qword.ts';
import { defineFlow } from '../flow-definition.ts';
import { leafEntryFor, pageOfLeaf } from '../page-table-builder.ts';
import { flushMappedPage, flushPage } from './domain-flush.ts';
import type { VtdDriver } from './vtd-driver.ts';

/** A store to a leaf entry, with the clflush that legacy page walks may need; scalable ones snoop (SMPWC). */
function* storeLeaf(vtd: VtdDriver, cpu: Cpu, leaf: number, value: bigint): Flow {
  yield cpu.store64(leaf, value);
  if (!vtd.isScalable) {
    yield vtd.flushCache(cpu, leaf, 8);
  }
}

/*  CPU                               IOMMU
 *  ===                               =====
 *                                    walk, fill IOTLB with the page
 *  store leaf = 0
 *  free page         (before-flush)
 *                                    DMA into the page by the IOTLB   <-- freed memory
 *  invalidate the page in each cache the domain has a tag for
 *  free page         (after-flush)
 */
export const unmap = defineFlow({
  name: 'vtd/unmap',
  summary: 'Unmap a page of a domain, flush it by the cache tags, and free it (intel_iommu_unmap, tlb_sync).',
  source: 'drivers/iommu/intel/iommu.c, cache.c (cache_tag_flush_range); VT-d 6.5.3.3',
  parameters: {
    domain: { type: 'domain', summary: 'Whose tables.', anyDid: true },
    iova: { type: 'iova', summary: 'Which page.' },
    flush: {
      type: 'choice',
      summary:
        'cache-tags: in every cache that the domain has a tag for, one after the other; batched: the same in one batch; none: nowhere.',
      values: ['cache-tags', 'batched', 'none'],
      default: 'cache-tags',
    },
    onError: {
      type: 'choice',
      summary:
        'ignore: what qi_submit_sync returns is not looked at; keep-page: after an error the page is not freed, and the change not taken as complete.',
      values: ['ignore', 'keep-page'],
      default: 'ignore',
    },
    free: {
      type: 'choice',
      summary: 'When the page of memory is freed.',
      values: ['never', 'before-flush', 'after-flush'],
      default: 'after-flush',
    },
  },
  *start({ cpu, vtd }, { domain: domainName, iova, flush, onError, free }): Flow {
    const domain = vtd.domain(domainName);
    const leaf = vtd.leafAddress(domain, iova);
    const zero = new Uint32Array(2);
    const page = pageOfLeaf(domain, yield* cpu.load64(leaf));
    yield vtd.beginUpdate(leaf, [zero]);
    yield storeLeaf(vtd, cpu, leaf, 0n);
    if (free === 'before-flush' && page !== undefined) {
      yield vtd.pages.free(page);
    }
    if (flush !== 'none') {
      const how = { isBatched: flush === 'batched', looksAtErrors: onError === 'keep-page' };
      if (!(yield* flushPage(vtd, cpu, { domain, iova, ...how }))) {
        return;
      }
    }
    yield vtd.endUpdate(leaf, zero);
    if (free === 'after-flush' && page !== undefined) {
      yield vtd.pages.free(page);
    }
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store leaf = page | present
 *                                    walk, fill IOTLB with the page
 */
export const map = defineFlow({
  name: 'vtd/map',
  summary: 'Map a page of memory where nothing is mapped (intel_iommu_map).',
  source: 'drivers/iommu/intel/iommu.c, cache.c (cache_tag_flush_range_np); VT-d 6.5.3.3',
  parameters: {
    domain: { type: 'domain', summary: 'Whose tables.', anyDid: true },
    iova: { type: 'iova', summary: 'Where.' },
    page: { type: 'page', summary: 'Which page of memory.' },
    allocate: {
      type: 'boolean',
      summary: 'Waits until the page has been freed, and takes it from the allocator.',
      default: false,
    },
  },
  *start({ cpu, vtd }, { domain: domainName, iova, page, allocate }): Flow {
    const domain = vtd.domain(domainName);
    const leaf = vtd.leafAddress(domain, iova);
    const address = vtd.pageAddress(page);
    const target = leafEntryFor(domain, address);
    if (allocate) {
      yield vtd.pages.allocate(address);
    }
    yield vtd.beginUpdate(leaf, [target]);
    for (const value of qwordsOf(target)) {
      yield storeLeaf(vtd, cpu, leaf, value);
    }
    yield flushMappedPage(vtd, cpu, domain, iova);
    yield vtd.endUpdate(leaf, target);
  },
});
