import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import { iotlbDomainInvalidation } from './pasid-flush.ts';
import type { Domain, VtdDriver } from './vtd-driver.ts';

/**
 * When caches are cleaned of a domain ID. `on-entry-change`: with every entry that stops using it, as Linux does;
 * `on-release`: before it goes back to the allocator; `on-allocation`: before the allocator hands it out; `never`.
 */
export const cleanings = ['on-entry-change', 'on-release', 'on-allocation', 'never'] as const;
export type Cleaning = (typeof cleanings)[number];

/** domain_attach_iommu: the domain with its ID, which it is given with its first attachment. */
export function* attachDomainId(vtd: VtdDriver, cpu: Cpu, domain: Domain, clean: Cleaning): Flow<Domain> {
  if (!domain.allocatesId) {
    return domain;
  }
  yield vtd.lockDomainIds(cpu);
  const index = vtd.domainIndex(domain);
  const { did, isNew } = yield* new Note('domain_attach_iommu', () => vtd.domainIds.acquire(index));
  if (isNew) {
    if (clean === 'on-allocation') {
      yield vtd.queue.submitSync(cpu, cleaningOf(did));
    }
    yield new Note('ida_alloc_range', () => vtd.domainIds.handOut(did));
  }
  yield vtd.unlockDomainIds(cpu);
  return { ...domain, did };
}

/** domain_detach_iommu: one attachment less; with the last one the ID goes back. */
export function* detachDomainId(vtd: VtdDriver, cpu: Cpu, domain: Domain, clean: Cleaning): Flow {
  if (!domain.allocatesId) {
    return;
  }
  yield vtd.lockDomainIds(cpu);
  const index = vtd.domainIndex(domain);
  if (yield* new Note('domain_detach_iommu', () => vtd.domainIds.release(index))) {
    if (clean === 'on-release') {
      yield vtd.queue.submitSync(cpu, cleaningOf(domain.did));
    }
    yield new Note('ida_free', () => vtd.domainIds.free(index));
  }
  yield vtd.unlockDomainIds(cpu);
}

/** All that is tagged with a domain ID (VT-d 6.5.3.3, row "re-use of a Domain-ID"); the queue keeps the order. */
function cleaningOf(did: number): readonly InvalidationDescriptor[] {
  return [{ kind: 'pasid-cache', granularity: 'domain', did, pasid: 0 }, iotlbDomainInvalidation(did)];
}
