import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { PlainStore } from '../../memory/cpu-operations.ts';
import { qwordsOf } from '../../qword.ts';
import { defineFlow } from '../flow-definition.ts';
import { pasidEntryFor } from './pasid-encoding.ts';
import { flushPresentPasidEntry, pasidCacheInvalidation, presentFlushes } from './pasid-flush.ts';
import type { Domain, Stage, VtdDriver } from './vtd-driver.ts';

/** Qwords each setup function writes, in program order; q0 is written last of all, with P (facts 5.2). */
const fieldOrder: Readonly<Record<Stage, readonly number[]>> = {
  first: [2, 1, 0],
  second: [1, 0],
  'pass-through': [1, 0],
  nested: [2, 1, 0],
};

export interface SetupSteps {
  readonly address: number;
  readonly pasid: number;
  readonly domain: Domain;
  readonly order: 'no-barrier' | 'barrier' | 'sync-before-present';
}

/** The stores of intel_pasid_setup_*; the entry is not present and under the lock. */
export function* writePasidEntry(vtd: VtdDriver, cpu: Cpu, { address, pasid, domain, order }: SetupSteps): Flow {
  const qwords = qwordsOf(pasidEntryFor(domain));
  const withoutPresent = (qwords[0] as bigint) & ~1n;
  const fields: PlainStore[] = fieldOrder[domain.stage].map((i) => ({
    address: address + i * 8,
    widthBits: 64,
    value: i === 0 ? withoutPresent : (qwords[i] as bigint),
  }));
  const setPresent: PlainStore = { address, widthBits: 64, value: qwords[0] as bigint };
  if (order === 'no-barrier') {
    // Nothing keeps the compiler from moving the store of P up; it may not pass the other store to q0.
    yield cpu.plainStores([...fields, setPresent]);
    return;
  }
  for (const field of fields) {
    yield cpu.store64(field.address, field.value);
  }
  if (order === 'sync-before-present') {
    yield vtd.flushCache(cpu, address, 64);
    yield vtd.queue.submitSync(cpu, [pasidCacheInvalidation(domain.did, pasid)]);
  }
  yield cpu.barrier('dma_wmb');
  yield cpu.store64(address, setPresent.value);
}

/*  CPU                               IOMMU fetcher
 *  ===                               =============
 *  store q0 = P | ...   (moved up)
 *                                    read quantum 0: P=1
 *                                    read quantum 1: FSPTPTR=0   <-- torn
 *  store q2 = FSPTPTR
 *
 *  With a barrier P comes last; a fetcher that reads quantum 1 before quantum 0 still mixes them, unless a PASID-cache
 *  invalidation ends its fetch before P is set.
 */
export const pasidSetup = defineFlow({
  name: 'vtd/pasid-setup',
  summary: 'Set up a PASID entry that is not present (intel_pasid_setup_first_level and its siblings).',
  source: 'patch 4/5 of "Ensure memory ordering in context & root entry updates" (LKML 2025-12-27); VT-d 6.5.3.3',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    pasid: { type: 'pasid', summary: 'Which entry.', default: 0 },
    domain: { type: 'domain', summary: 'The domain to attach.' },
    order: {
      type: 'choice',
      summary:
        'no-barrier: plain stores; barrier: dma_wmb before P; sync-before-present: PASID-cache invalidation before P.',
      values: ['no-barrier', 'barrier', 'sync-before-present'],
    },
    flush: {
      type: 'choice',
      summary:
        'linux: write buffer, or with CM=1 PASID cache and IOTLB by the new DID; did-zero: PASID cache by DID 0 instead.',
      values: presentFlushes,
      default: 'linux',
    },
  },
  *start({ cpu, vtd }, { device, pasid, domain: domainName, order, flush }): Flow {
    const address = vtd.pasidEntryAddress(device, pasid);
    const domain = vtd.domain(domainName);
    const target = pasidEntryFor(domain);
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [target]);
    yield writePasidEntry(vtd, cpu, { address, pasid, domain, order });
    yield vtd.unlock(cpu);
    yield vtd.flushCache(cpu, address, 64);
    // P 0->1 with CM=0 needs no invalidation (VT-d 6.5.3.3).
    yield flushPresentPasidEntry(vtd, cpu, { did: domain.did, pasid, flush });
    yield vtd.endUpdate(address, target);
  },
});
