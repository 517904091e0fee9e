import type { Flow } from '../../../sim/operation.ts';
import type { PlainStore } from '../../memory/cpu-operations.ts';
import { qwordsOf } from '../../qword.ts';
import { contextTranslationType, encodeContextEntry } from '../../vtd/entries/context-entry.ts';
import { defineFlow } from '../flow-definition.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import { iotlbDomainInvalidation } from './pasid-flush.ts';
import type { Device, Domain } from './vtd-driver.ts';

/** Context entry words as domain_context_mapping_one leaves them: 48-bit second stage, or pass-through. */
export function contextEntryFor(domain: Domain, { ats }: Pick<Device, 'ats'>): Uint32Array {
  const { passThrough, withDeviceTlb, untranslatedOnly } = contextTranslationType;
  const translated = ats ? withDeviceTlb : untranslatedOnly;
  return encodeContextEntry({
    present: 1,
    translationType: domain.stage === 'pass-through' ? passThrough : translated,
    secondStagePointer: domain.secondStageTable,
    // Pass-through has to name the widest address width of the unit (VT-d 9.3), 57 bits here.
    addressWidth: domain.stage === 'pass-through' ? 3 : 2,
    domainId: domain.did,
  });
}

/*  CPU                               IOMMU
 *  ===                               =====
 *  store lo = root | P   (moved up)
 *                                    read context entry: P=1, DID=0, AW=0
 *  store hi = DID | AW
 */
export const contextSetup = defineFlow({
  name: 'vtd/context-setup',
  summary: 'Set up a legacy context entry (domain_context_mapping_one).',
  source: 'patch 3/5 of "Ensure memory ordering in context & root entry updates"; c1e4f1dccbe9 (CVE-2026-45944)',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    domain: { type: 'domain', summary: 'The domain to attach.' },
    order: {
      type: 'choice',
      summary: 'no-barrier: plain stores, P may come first; barrier: dma_wmb before P.',
      values: ['no-barrier', 'barrier'],
    },
    flush: {
      type: 'choice',
      summary: 'linux: write buffer, or with CM=1 context cache and IOTLB.',
      values: ['linux', 'none', 'write-buffer-only'],
      default: 'linux',
    },
  },
  *start({ cpu, vtd }, { device, domain: domainName, order, flush }): Flow {
    const { contextEntryAddress: address, sid, ats } = vtd.device(device);
    const domain = vtd.domain(domainName);
    const target = contextEntryFor(domain, { ats });
    const [low, high] = qwordsOf(target) as [bigint, bigint];
    const fields: PlainStore[] = [
      { address: address + 8, widthBits: 64, value: high },
      { address, widthBits: 64, value: low & ~1n },
    ];
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [target]);
    if (order === 'no-barrier') {
      yield cpu.plainStores([...fields, { address, widthBits: 64, value: low }]);
    } else {
      for (const field of fields) {
        yield cpu.store64(field.address, field.value);
      }
      yield cpu.barrier('dma_wmb');
      yield cpu.store64(address, low);
    }
    yield vtd.flushCache(cpu, address, 16);
    if (vtd.cachingMode && flush === 'linux') {
      // What was not present is cached under DID 0 (VT-d 6.2.2).
      yield vtd.queue.submitSync(cpu, [{ kind: 'context', granularity: 'device', did: 0, sid, functionMask: 0 }]);
      yield vtd.queue.submitSync(cpu, [iotlbDomainInvalidation(domain.did)]);
    } else if (flush !== 'none') {
      yield vtd.flushWriteBuffer(cpu);
    }
    yield vtd.unlock(cpu);
    yield vtd.endUpdate(address, target);
  },
});

const contextFlush = {
  type: 'choice',
  summary: 'What is invalidated, and how; the device TLB only of a device with ATS.',
  values: ['full', 'device-tlb-first', 'no-device-tlb'],
  default: 'full',
} as const;

/*  CPU                               IOMMU
 *  ===                               =====
 *  store hi = 0          (moved up)
 *                                    read context entry: P=1, DID=0, AW=0
 *  store lo = 0
 */
export const contextClear = defineFlow({
  name: 'vtd/context-clear',
  summary: 'Clear a legacy context entry (domain_context_clear_one).',
  source: 'patch 3/5 of "Ensure memory ordering in context & root entry updates"; c1e4f1dccbe9 (CVE-2026-45944)',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    domain: { type: 'domain', summary: 'The domain it is attached to.' },
    order: {
      type: 'choice',
      summary: 'clear-first: both halves as plain stores, then flush; present-bit-first: P, flush, then the rest.',
      values: ['clear-first', 'present-bit-first'],
    },
    flush: contextFlush,
  },
  *start({ cpu, vtd }, { device, domain: domainName, order, flush }): Flow {
    const { contextEntryAddress: address, sid } = vtd.device(device);
    const domain = vtd.domain(domainName);
    const zero = new Uint32Array(4);
    yield vtd.lock(cpu);
    yield vtd.beginUpdate(address, [zero]);
    if (order === 'clear-first') {
      yield cpu.plainStores([
        { address, widthBits: 64, value: 0n },
        { address: address + 8, widthBits: 64, value: 0n },
      ]);
    } else {
      const low = yield* cpu.load64(address);
      yield cpu.store64(address, low & ~1n);
      yield cpu.barrier('dma_wmb');
    }
    yield vtd.flushCache(cpu, address, 16);
    yield vtd.unlock(cpu);
    yield vtd.queue.submitSync(cpu, [
      { kind: 'context', granularity: 'device', did: domain.did, sid, functionMask: 0 },
    ]);
    if (flush === 'device-tlb-first') {
      yield flushDeviceTlb(vtd, cpu, { device, pasid: 0 });
    }
    yield vtd.queue.submitSync(cpu, [iotlbDomainInvalidation(domain.did)]);
    if (flush === 'full') {
      yield flushDeviceTlb(vtd, cpu, { device, pasid: 0 });
    }
    yield vtd.endUpdate(address, zero);
    if (order === 'present-bit-first') {
      yield cpu.store64(address, 0n);
      yield cpu.store64(address + 8, 0n);
      yield vtd.flushCache(cpu, address, 16);
    }
  },
});

/*  CPU                               IOMMU                       device with ATS
 *  ===                               =====                       ===============
 *  store lo = 0 (P=0)
 *  invalidate context cache
 *  invalidate device TLB
 *                                                                ask for a translation
 *                                    hit in IOTLB (old)
 *                                                                fill device TLB (old)
 *  invalidate IOTLB
 *  store hi, lo (new, P=1)
 *                                    context entry: P=1          translated request  <-- stale
 *
 *  While the entry is not present it stops translated requests as well; the old translation is of use again as soon as a
 *  new entry is there.
 */
export const contextReplace = defineFlow({
  name: 'vtd/context-replace',
  summary: 'Clear a legacy context entry, then set it up for another domain (a detach and an attach).',
  source: 'drivers/iommu/intel/iommu.c: domain_context_clear_one, domain_context_mapping_one; VT-d 6.5.3.3',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    from: { type: 'domain', summary: 'The domain attached now.' },
    to: { type: 'domain', summary: 'The domain to attach.' },
    flush: contextFlush,
  },
  *start(environment, { device, from, to, flush }): Flow {
    yield contextClear.start(environment, { device, domain: from, order: 'present-bit-first', flush });
    yield contextSetup.start(environment, { device, domain: to, order: 'barrier' });
  },
});
