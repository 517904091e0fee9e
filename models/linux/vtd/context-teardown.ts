import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { qwordsOf } from '../../qword.ts';
import { defineFlow } from '../flow-definition.ts';
import { contextEntryFor } from './context-entry-update.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import { iotlbDomainInvalidation } from './pasid-flush.ts';

const teardownOrders = ['clear-first', 'clear-reordered', 'present-bit-first'] as const;
const orderSummary =
  'clear-first: context_clear_entry, low half first, then flush (v7.0 as it is compiled); clear-reordered: the same as plain stores in any order; present-bit-first: clear P, flush, then the rest.';

/** context_clear_entry, or as much of it as may come before the flush. */
function* clearEntry(cpu: Cpu, address: number, order: (typeof teardownOrders)[number]): Flow {
  switch (order) {
    case 'clear-first':
      yield* cpu.store64(address, 0n);
      yield* cpu.store64(address + 8, 0n);
      return;
    case 'clear-reordered':
      yield cpu.plainStores([
        { address, widthBits: 64, value: 0n },
        { address: address + 8, widthBits: 64, value: 0n },
      ]);
      return;
    case 'present-bit-first': {
      const low = yield* cpu.load64(address);
      yield* cpu.store64(address, low & ~1n);
      yield* cpu.barrier('dma_wmb');
    }
  }
}

/*  CPU                               IOMMU
 *  ===                               =====
 *  store hi = 0          (moved up)
 *                                    read context entry: P=1, RID_PASID=0
 *  store lo = 0
 *
 *  All fields that Linux sets are in the low half: RID_PASID, in the high one, is 0 there.
 */
export const scalableContextClear = defineFlow({
  name: 'vtd/scalable-context-clear',
  summary: 'Clear the context entry of a device whose PASID entries are gone (device_pasid_table_teardown).',
  source: 'drivers/iommu/intel/pasid.c of v7.0; VT-d 9.4, 6.5.3.3',
  mode: 'scalable',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    order: { type: 'choice', summary: orderSummary, values: teardownOrders },
  },
  *start({ cpu, vtd }, { device, order }): Flow {
    const { contextEntryAddress: address, sid } = vtd.device(device);
    const zero = new Uint32Array(8);
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [zero]);
    yield clearEntry(cpu, address, order);
    yield vtd.flushCache(cpu, address, 32);
    yield vtd.unlock(cpu);
    // intel_context_flush_no_pasid: no PASID entry is present, so neither PASID cache nor IOTLB has anything.
    yield vtd.queue.submitSync(cpu, [{ kind: 'context', granularity: 'device', did: 0, sid, functionMask: 0 }]);
    yield flushDeviceTlb(vtd, cpu, { device, pasid: 0 });
    yield vtd.endUpdate(address, zero);
    if (order === 'present-bit-first') {
      yield cpu.store64(address, 0n);
      yield cpu.store64(address + 8, 0n);
      yield vtd.flushCache(cpu, address, 32);
    }
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store lo = 0, hi = 0  (in cache)
 *  invalidate context cache, IOTLB
 *                                    read context entry from memory: P=1  <-- stale
 *  store lo, hi = new; clflush
 *
 *  Once the new entry is in memory nothing is invalidated any more: the old one is taken to be gone.
 */
export const copiedContextReplace = defineFlow({
  name: 'vtd/copied-context-replace',
  summary:
    'Clear a context entry that a crashed kernel left (copied_context_tear_down) and set up a new one (domain_context_mapping_one).',
  source: 'drivers/iommu/intel/iommu.c of v7.0; VT-d 6.5.3.3',
  mode: 'legacy',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    from: { type: 'domain', summary: 'The domain of the crashed kernel.' },
    to: { type: 'domain', summary: 'The domain of the new kernel.' },
    order: { type: 'choice', summary: orderSummary, values: teardownOrders },
    clflush: { type: 'boolean', summary: 'clflush of the cleared entry; v7.0: false.', default: false },
    deviceTlb: { type: 'boolean', summary: 'Device-TLB invalidation of it; v7.0: false.', default: false },
  },
  *start({ cpu, vtd }, { device, from, to, order, clflush, deviceTlb }): Flow {
    const { contextEntryAddress: address, sid, ats } = vtd.device(device);
    const { did } = vtd.domain(from);
    const target = contextEntryFor(vtd.domain(to), { ats });
    const zero = new Uint32Array(4);
    const [low, high] = qwordsOf(target) as [bigint, bigint];
    // The lock is held all the time.
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [zero, target]);
    yield clearEntry(cpu, address, order);
    if (clflush) {
      yield vtd.flushCache(cpu, address, 16);
    }
    yield vtd.queue.submitSync(cpu, [{ kind: 'context', granularity: 'device', did, sid, functionMask: 0 }]);
    yield vtd.queue.submitSync(cpu, [iotlbDomainInvalidation(did)]);
    if (deviceTlb) {
      yield flushDeviceTlb(vtd, cpu, { device, pasid: 0 });
    }
    if (order === 'present-bit-first') {
      yield cpu.store64(address, 0n);
    }
    yield cpu.store64(address + 8, high);
    yield cpu.store64(address, low & ~1n);
    yield cpu.barrier('dma_wmb');
    yield cpu.store64(address, low);
    yield vtd.flushCache(cpu, address, 16);
    yield vtd.unlock(cpu);
    yield vtd.endUpdate(address, target);
  },
});
