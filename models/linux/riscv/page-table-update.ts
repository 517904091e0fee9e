import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { MemoryRange } from '../../memory/memory-range.ts';
import { defineRiscvFlow, type FlowArguments } from '../flow-definition.ts';
import { invalidateIotlb } from './iotlb-inval.ts';
import { leafPte, pageOfPte } from './page-table-builder.ts';
import type { RiscvDriver } from './riscv-driver.ts';
import { asVersion, barriers, traitOr, versions, versionTraits } from './versions.ts';

const source =
  'drivers/iommu/riscv/iommu.c (riscv_iommu_iotlb_inval, riscv_iommu_iotlb_sync), generic_pt, v4, v5 and 7.0';

/** How a PTE is written: WRITE_ONCE, a compare-and-exchange, or two stores of 32 bits, the half with V first or last. */
const pteStores = ['plain', 'cmpxchg-relaxed', 'cmpxchg', 'halves', 'upper-half-first', 'upper-half-wmb'] as const;
type PteStore = (typeof pteStores)[number];

function* storePte(
  cpu: Cpu,
  address: number,
  { from, to, store }: { readonly from: bigint; readonly to: bigint; readonly store: PteStore },
): Flow {
  switch (store) {
    case 'plain':
      yield cpu.store64(address, to);
      return;
    case 'halves':
      yield cpu.store32(address, to & 0xffff_ffffn);
      yield cpu.store32(address + 4, to >> 32n);
      return;
    case 'upper-half-first':
    case 'upper-half-wmb':
      yield cpu.store32(address + 4, to >> 32n);
      if (store === 'upper-half-wmb') {
        yield cpu.barrier('smp_wmb');
      }
      yield cpu.store32(address, to & 0xffff_ffffn);
      return;
    default: {
      const order = store === 'cmpxchg' ? 'full' : 'relaxed';
      yield cpu.compareExchange(address, { widthBits: 64, expected: from, desired: to, order });
    }
  }
}

const whichPage = {
  domain: { type: 'domain', summary: 'Whose tables.' },
  iova: { type: 'iova', summary: 'Which page.' },
} as const;

const pteStore = {
  type: 'choice',
  summary:
    'How the PTE is written: one store, a relaxed or a fully ordered cmpxchg, or two 32-bit stores, V first or last.',
  values: pteStores,
  default: 'plain',
} as const;

const invalidationParameters = {
  version: {
    type: 'choice',
    summary: 'Which state of the driver: v4, what the mail proposed for v5, v5 as posted, or 7.0.',
    values: versions,
    default: 'upstream',
  },
  barrier: {
    type: 'choice',
    summary: 'Between the PTE and the walk of the bonds.',
    values: [asVersion, ...barriers],
    default: asVersion,
  },
  listLoad: {
    type: 'choice',
    summary: 'How the walk of the bonds begins: rcu_dereference, or a load-acquire.',
    values: ['relaxed', 'acquire'],
    default: 'relaxed',
  },
  wait: {
    type: 'choice',
    summary: 'What is waited for: an IOFENCE.C, or cqh beyond the IOTINVAL.',
    values: ['fence', 'head'],
    default: 'fence',
  },
} as const;

function pageLoads(
  riscv: RiscvDriver,
  { domain: name, iova }: { readonly domain: string; readonly iova: number },
): readonly MemoryRange[] {
  const domain = riscv.domain(name);
  return riscv.loadsOf({ leaf: riscv.leaf(domain, iova), walks: domain });
}

/** riscv_iommu_iotlb_inval for one page, or for the whole domain. */
function* invalidate(
  riscv: RiscvDriver,
  cpu: Cpu,
  range: { readonly domain: string; readonly iova: number | undefined },
  values: FlowArguments<typeof invalidationParameters>,
): Flow {
  const traits = versionTraits[values.version];
  const isWhole = range.iova === undefined || traits.smallRangesByTag;
  yield invalidateIotlb(riscv, cpu, {
    domain: riscv.domain(range.domain),
    ...(isWhole ? {} : { iovas: [range.iova as number] }),
    barrier: traitOr(values.barrier, traits.invalidationBarrier),
    listLoad: values.listLoad,
    fences: values.wait === 'fence',
  });
}

/*  CPU                               IOMMU
 *  ===                               =====
 *                                    walk, fill IOATC with the page
 *  store leaf = 0
 *  walk the bonds
 *  IOTINVAL.VMA to each IOMMU        drop it
 *  IOFENCE.C to each IOMMU
 *  free page
 */
export const unmap = defineRiscvFlow({
  name: 'riscv/unmap',
  summary: 'Unmap a page of a domain, invalidate it on each IOMMU that the domain has a bond with, and free it.',
  source,
  parameters: {
    ...whichPage,
    store: pteStore,
    ...invalidationParameters,
    free: {
      type: 'choice',
      summary: 'When the page of memory is freed.',
      values: ['never', 'before-invalidation', 'after-invalidation'],
      default: 'after-invalidation',
    },
  },
  loads: pageLoads,
  *start({ cpu, riscv }, { domain: name, iova, store, free, ...values }): Flow {
    const domain = riscv.domain(name);
    const { address } = riscv.leaf(domain, iova);
    const zero = new Uint32Array(2);
    const from = yield* cpu.load64(address);
    const page = pageOfPte(domain, from);
    yield riscv.beginUpdate(address, [zero]);
    yield storePte(cpu, address, { from, to: 0n, store });
    if (free === 'before-invalidation' && page !== undefined) {
      yield riscv.pages.free(page);
    }
    yield invalidate(riscv, cpu, { domain: name, iova }, values);
    yield riscv.endUpdate(address, zero);
    if (free === 'after-invalidation' && page !== undefined) {
      yield riscv.pages.free(page);
    }
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store leaf = page | V
 *                                    walk, fill IOATC with the page
 */
export const map = defineRiscvFlow({
  name: 'riscv/map',
  summary: 'Map a page of memory where nothing is mapped: V = 0 is never cached, so nothing is invalidated.',
  source,
  parameters: {
    ...whichPage,
    page: { type: 'page', summary: 'Which page of memory.' },
    store: pteStore,
    allocate: {
      type: 'boolean',
      summary: 'Waits until the page has been freed, and takes it from the allocator.',
      default: false,
    },
  },
  loads: pageLoads,
  *start({ cpu, riscv }, { domain: name, iova, page, store, allocate }): Flow {
    const domain = riscv.domain(name);
    const { address } = riscv.leaf(domain, iova);
    const pageAddress = riscv.pageAddress(page);
    const to = leafPte(domain.leafBase + pageAddress);
    if (allocate) {
      yield riscv.pages.allocate(pageAddress);
    }
    yield riscv.beginUpdate(address, [pteWords(to)]);
    yield storePte(cpu, address, { from: 0n, to, store });
    yield riscv.endUpdate(address, pteWords(to));
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store leaf = 0    (break)
 *  IOTINVAL.VMA, IOFENCE.C
 *  store leaf = new page | V
 *                                    walk, fill IOATC with the new page
 *  IOTINVAL.VMA, IOFENCE.C           (without break: the old page was cached until here)
 *  free old page
 */
export const remap = defineRiscvFlow({
  name: 'riscv/remap',
  summary: 'Map another page of memory where one is mapped, with or without a PTE that is not valid in between.',
  source,
  parameters: {
    ...whichPage,
    page: { type: 'page', summary: 'Which page of memory is mapped now.' },
    store: pteStore,
    break: {
      type: 'boolean',
      summary: 'The PTE becomes not valid, and is invalidated, before the new one is written.',
      default: false,
    },
    ...invalidationParameters,
  },
  loads: pageLoads,
  *start({ cpu, riscv }, { domain: name, iova, page, store, break: breaks, ...values }): Flow {
    const domain = riscv.domain(name);
    const { address } = riscv.leaf(domain, iova);
    const to = leafPte(domain.leafBase + riscv.pageAddress(page));
    const old = yield* cpu.load64(address);
    const oldPage = pageOfPte(domain, old);
    yield riscv.beginUpdate(address, breaks ? [new Uint32Array(2), pteWords(to)] : [pteWords(to)]);
    if (breaks) {
      yield storePte(cpu, address, { from: old, to: 0n, store });
      yield invalidate(riscv, cpu, { domain: name, iova }, values);
    }
    yield storePte(cpu, address, { from: breaks ? 0n : old, to, store });
    if (!breaks) {
      yield invalidate(riscv, cpu, { domain: name, iova }, values);
    }
    yield riscv.endUpdate(address, pteWords(to));
    if (oldPage !== undefined) {
      yield riscv.pages.free(oldPage);
    }
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *                                    walk: cache the PTE that leads to the last table
 *  store that PTE = 0
 *  IOTINVAL.VMA AV = 1, IOFENCE.C    drop leaf entries only   (page)
 *  free table
 *                                    walk goes on in the table   <-- freed memory
 */
export const freeTable = defineRiscvFlow({
  name: 'riscv/free-table',
  summary: 'Unmap a page with the last-level table that its PTE is in, invalidate, and free the table.',
  source,
  parameters: {
    ...whichPage,
    invalidate: {
      type: 'choice',
      summary: 'pscid: all of the PSCID, as Linux does; page: the leaf entries of the page (AV = 1, NL = 0).',
      values: ['pscid', 'page'],
      default: 'pscid',
    },
    ...invalidationParameters,
  },
  loads: pageLoads,
  *start({ cpu, riscv }, { domain: name, iova, invalidate: scope, ...values }): Flow {
    const domain = riscv.domain(name);
    const { address, table, tableEntryAddress } = riscv.leaf(domain, iova);
    const zero = new Uint32Array(2);
    yield riscv.beginUpdate(address, [zero]);
    yield cpu.store64(address, 0n);
    yield cpu.store64(tableEntryAddress, 0n);
    yield invalidate(riscv, cpu, { domain: name, iova: scope === 'page' ? iova : undefined }, values);
    yield riscv.endUpdate(address, zero);
    yield riscv.pages.free(table);
  },
});

function pteWords(pte: bigint): Uint32Array {
  return new Uint32Array([Number(pte & 0xffff_ffffn), Number(pte >> 32n)]);
}
