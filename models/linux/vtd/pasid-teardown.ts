import type { Flow } from '../../../sim/operation.ts';
import { defineFlow } from '../flow-definition.ts';
import { flushPasidEntry, pasidFlushes } from './pasid-flush.ts';

const present = 1n;
const faultProcessingDisable = 2n;

/** What becomes of FPD where faults of a device that misbehaves are to be ignored from here on (`fault_ignore`). */
const faultIgnores = ['no', 'lost', 'late', 'kept'] as const;

/*  CPU                               IOMMU fetcher
 *  ===                               =============
 *                                    read quantum 0: P=1, DID
 *  store q0 = 0 (P=0)
 *  store q1 = 0
 *  store q2 = 0 (FSPTPTR=0)
 *                                    read quantum 1: FSPTPTR=0   <-- torn
 *  invalidate PASID cache, IOTLB
 *
 *  The fixed order puts the invalidation, which the fetch in flight has to end before, between P=0 and the rest.
 *  Its final clear writes FPD only if P is still set, which it never is: FPD is lost.
 */
export const pasidTeardown = defineFlow({
  name: 'vtd/pasid-teardown',
  summary: 'Tear down a present PASID entry (intel_pasid_tear_down_entry).',
  source: '000_599f4249ec04fa41.txt; drivers/iommu/intel/pasid.c before and after 75ed00055c05; VT-d 6.5.3.3',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    pasid: { type: 'pasid', summary: 'Which entry.', default: 0 },
    domain: { type: 'domain', summary: 'The domain it is attached to.' },
    order: {
      type: 'choice',
      summary:
        'clear-first: zero all, then flush (up to v6.19); clear-reordered: the same as plain stores in any order; present-bit-first: clear P, flush, then zero (v7.0).',
      values: ['clear-first', 'clear-reordered', 'present-bit-first'],
    },
    flush: { type: 'choice', summary: 'What is invalidated, and how.', values: pasidFlushes, default: 'full' },
    faultIgnore: {
      type: 'choice',
      summary:
        'fault_ignore. no: faults of the entry count; else they are to be ignored, and FPD is lost (v7.0), set by the final clear (late), or set with the store that clears P (kept; up to v6.19).',
      values: faultIgnores,
      default: 'no',
    },
  },
  *start({ cpu, vtd }, { device, pasid, domain: domainName, order, flush, faultIgnore }): Flow {
    const address = vtd.pasidEntryAddress(device, pasid);
    const domain = vtd.domain(domainName);
    const target = new Uint32Array(16);
    target[0] = faultIgnore === 'no' ? 0 : Number(faultProcessingDisable);
    const atOnce = qwordsWith(faultIgnore === 'kept' ? faultProcessingDisable : 0n);
    const entry = { device, address, pasid, domain, row: 'teardown', flush } as const;

    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [target]);
    switch (order) {
      case 'clear-first':
        for (const [i, qword] of atOnce.entries()) {
          yield cpu.store64(address + i * 8, qword);
        }
        break;
      case 'clear-reordered':
        yield cpu.plainStores(atOnce.map((value, i) => ({ address: address + i * 8, widthBits: 64 as const, value })));
        break;
      case 'present-bit-first': {
        // P is cleared first and alone: no new fetch may start, yet one that has begun may still use the rest.
        const q0 = yield* cpu.load64(address);
        yield cpu.store64(address, (q0 & ~present) | (atOnce[0] as bigint));
        yield cpu.barrier('dma_wmb');
        break;
      }
    }
    yield vtd.unlock(cpu);
    yield flushPasidEntry(vtd, cpu, entry);
    yield vtd.endUpdate(address, target);
    if (order === 'present-bit-first') {
      // The entry belongs to software now, all but FPD, which hardware looks at whatever P is (VT-d 9.6).
      const last = faultIgnore === 'late' ? qwordsWith(faultProcessingDisable) : atOnce;
      for (const [i, qword] of last.entries()) {
        yield cpu.store64(address + i * 8, qword);
      }
      if (flush !== 'no-clflush') {
        yield vtd.flushCache(cpu, address, 64);
      }
    }
  },
});

/** The quadwords of an entry that holds nothing but `low` in the first. */
function qwordsWith(low: bigint): readonly bigint[] {
  return [low, 0n, 0n, 0n, 0n, 0n, 0n, 0n];
}
