import type { Flow } from '../../../sim/operation.ts';
import { defineFlow } from '../flow-definition.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';

/*  CPU                               IOMMU
 *  ===                               =====
 *  store root.lo = P
 *                                    read root entry: P=1, table at 0
 *  store root.lo = P | table
 */
export const rootSetup = defineFlow({
  name: 'vtd/root-setup',
  summary: 'Point a root entry to a context table (iommu_context_addr).',
  source: 'patch 5/5 of "Ensure memory ordering in context & root entry updates": WRITE_ONCE for root entries',
  parameters: {
    device: { type: 'device', summary: 'Whose root entry.' },
    order: {
      type: 'choice',
      summary: 'two-stores: the compiler sets P and the pointer one after the other; write-once: one 64-bit store.',
      values: ['two-stores', 'write-once'],
    },
  },
  *start({ cpu, vtd }, { device, order }): Flow {
    const { rootEntryAddress: address, contextEntryAddress } = vtd.device(device);
    const value = BigInt(contextEntryAddress - (contextEntryAddress % 4096)) | 1n;
    const target = [Number(value & 0xffff_ffffn), Number(value >> 32n), 0, 0].slice(0, vtd.entryWords(address));
    yield vtd.beginUpdate(address, [target]);
    if (order === 'two-stores') {
      yield cpu.store64(address, 1n);
    }
    yield cpu.store64(address, value);
    yield vtd.flushCache(cpu, address, 16);
    yield vtd.endUpdate(address, target);
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store root.lo = P     (pointer cleared first)
 *                                    read root entry: P=1, table at 0
 *  store root.lo = 0
 *  invalidate context cache, PASID cache, IOTLB, all of them
 */
export const rootClear = defineFlow({
  name: 'vtd/root-clear',
  summary: 'Clear a root entry.',
  source: 'patch 5/5 of "Ensure memory ordering in context & root entry updates"; VT-d 6.5.3.3 (root row)',
  parameters: {
    device: { type: 'device', summary: 'Whose root entry.' },
    order: {
      type: 'choice',
      summary: 'two-stores: the pointer goes before P; write-once: one 64-bit store.',
      values: ['two-stores', 'write-once'],
    },
  },
  *start({ cpu, vtd }, { device, order }): Flow {
    const { rootEntryAddress: address } = vtd.device(device);
    const zero = new Uint32Array(vtd.entryWords(address));
    yield vtd.beginUpdate(address, [zero]);
    if (order === 'two-stores') {
      yield cpu.store64(address, 1n);
    }
    yield cpu.store64(address, 0n);
    yield vtd.flushCache(cpu, address, 16);
    yield vtd.queue.submitSync(cpu, [
      { kind: 'context', granularity: 'global', did: 0, sid: 0, functionMask: 0 },
      ...(vtd.isScalable ? [{ kind: 'pasid-cache', granularity: 'global', did: 0, pasid: 0 } as const] : []),
      {
        kind: 'iotlb',
        granularity: 'global',
        did: 0,
        addressMask: 0,
        address: 0,
        hint: false,
        drainReads: true,
        drainWrites: true,
      },
    ]);
    yield flushDeviceTlb(vtd, cpu, { device, pasid: 0 });
    yield vtd.endUpdate(address, zero);
  },
});
