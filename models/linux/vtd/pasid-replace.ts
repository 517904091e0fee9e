import type { Flow } from '../../../sim/operation.ts';
import { qwordsOf } from '../../qword.ts';
import { defineFlow } from '../flow-definition.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import { pasidEntryFor } from './pasid-encoding.ts';
import { flushPasidEntry, flushPresentPasidEntry, pasidCacheInvalidation, pasidFlushes } from './pasid-flush.ts';
import { writePasidEntry } from './pasid-setup.ts';

/*  CPU                               IOMMU fetcher
 *  ===                               =============
 *                                    read quantum 0 (old)
 *  *pte = new  (64-bit stores)
 *                                    read quantum 1 (new)   <-- torn
 *  invalidate PASID cache, IOTLB
 */
export const pasidReplace = defineFlow({
  name: 'vtd/pasid-replace',
  summary: 'Replace the domain of a present PASID entry.',
  source: 'drivers/iommu/intel/pasid.c: 7543ee63e811 (v6.13), c3b1edea3791 (v7.0); 001_ac28d31df0936f05.txt',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    pasid: { type: 'pasid', summary: 'Which entry.', default: 0 },
    from: { type: 'domain', summary: 'The domain attached now.' },
    to: { type: 'domain', summary: 'The domain to attach.' },
    order: {
      type: 'choice',
      summary:
        'struct-copy: *pte = new (v6.13); teardown-setup: tear down, then set up (v7.0); low-high and high-low: two ' +
        '128-bit stores; qwords: 64-bit stores of q0 then q1 then the rest; whole-low: one 128-bit store of the low half only.',
      values: ['struct-copy', 'teardown-setup', 'low-high', 'high-low', 'qwords', 'whole-low'],
    },
    sync: { type: 'boolean', summary: 'A PASID-cache invalidation between the two 128-bit stores.', default: false },
    flush: { type: 'choice', summary: 'What is invalidated, and how.', values: pasidFlushes, default: 'full' },
    row: {
      type: 'choice',
      summary: 'The row of VT-d 6.5.3.3 that is kept: as-needed is present-cleared for teardown-setup.',
      values: ['as-needed', 'present-cleared', 'any-other-field'],
      default: 'as-needed',
    },
    deviceTlb: {
      type: 'choice',
      summary: 'When what a device with ATS has cached is flushed: after the new entry is in place, before, or both.',
      values: ['after', 'before', 'before-and-after'],
      default: 'after',
    },
    hitless: { type: 'boolean', summary: 'Whether the caller was promised that no DMA faults.', default: false },
  },
  *start({ cpu, vtd }, { device, pasid, from, to, order, sync, flush, row, deviceTlb, hitless }): Flow {
    const address = vtd.pasidEntryAddress(device, pasid);
    const [oldDomain, newDomain] = [vtd.domain(from), vtd.domain(to)];
    const target = pasidEntryFor(newDomain);
    const zero = new Uint32Array(16);
    const qwords = qwordsOf(target);
    const halves = [qwords.slice(0, 2), qwords.slice(2, 4)].map(
      ([low, high]) => ((high as bigint) << 64n) | (low as bigint),
    );
    const store128 = (half: number) => cpu.store128(address + half * 16, halves[half] as bigint);
    const isTeardown = row === 'as-needed' ? order === 'teardown-setup' : row === 'present-cleared';
    const flushed = isTeardown ? 'teardown' : 'change';
    const old = {
      device,
      address,
      pasid,
      domain: oldDomain,
      row: flushed,
      flush: deviceTlb === 'before' ? 'no-device-tlb' : flush,
    } as const;

    if (deviceTlb !== 'after') {
      yield flushDeviceTlb(vtd, cpu, { device, pasid });
    }
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, order === 'teardown-setup' ? [zero, target] : [target], hitless);
    switch (order) {
      case 'struct-copy':
        yield cpu.plainStores(qwords.map((value, i) => ({ address: address + i * 8, widthBits: 64 as const, value })));
        break;
      case 'qwords':
        for (const [i, qword] of qwords.entries()) {
          yield cpu.store64(address + i * 8, qword);
        }
        break;
      case 'teardown-setup': {
        const q0 = yield* cpu.load64(address);
        yield cpu.store64(address, q0 & ~1n);
        yield cpu.barrier('dma_wmb');
        yield vtd.unlock(cpu);
        yield flushPasidEntry(vtd, cpu, old);
        yield vtd.lock(cpu);
        yield writePasidEntry(vtd, cpu, { address, pasid, domain: newDomain, order: 'sync-before-present' });
        yield vtd.unlock(cpu);
        yield flushPresentPasidEntry(vtd, cpu, { did: newDomain.did, pasid, flush: 'linux' });
        yield vtd.endUpdate(address, target);
        return;
      }
      case 'whole-low':
        yield store128(0);
        break;
      default: {
        const [first, second] = order === 'low-high' ? [0, 1] : [1, 0];
        yield store128(first as number);
        if (sync) {
          yield vtd.flushCache(cpu, address, 64);
          yield vtd.queue.submitSync(cpu, [pasidCacheInvalidation(oldDomain.did, pasid)]);
        }
        yield store128(second as number);
      }
    }
    yield vtd.unlock(cpu);
    yield flushPasidEntry(vtd, cpu, old);
    yield vtd.endUpdate(address, target);
  },
});
