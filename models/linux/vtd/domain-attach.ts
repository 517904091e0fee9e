import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { qwordsOf } from '../../qword.ts';
import { defineFlow } from '../flow-definition.ts';
import { cacheTagsOf } from './cache-tags.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import { attachDomainId, type Cleaning, cleanings, detachDomainId } from './domain-id-life.ts';
import { pasidEntryFor } from './pasid-encoding.ts';
import { flushPasidEntry, flushPresentPasidEntry } from './pasid-flush.ts';
import { writePasidEntry } from './pasid-setup.ts';
import type { Device, Domain, VtdDriver } from './vtd-driver.ts';

/** A device, or one PASID of it, and the domain with the ID that it has now. */
interface Attachment {
  readonly device: Device;
  readonly pasid: number;
  readonly domain: Domain;
}

/** cache_tag_assign_domain and cache_tag_unassign_domain: one lock and one list operation for each tag. */
function* changeTags(
  vtd: VtdDriver,
  cpu: Cpu,
  { device, pasid, domain }: Attachment,
  change: 'assign' | 'unassign',
): Flow {
  for (const tag of cacheTagsOf(device, { did: domain.did, pasid })) {
    yield vtd.lockCacheTags(cpu, domain);
    yield new Note(`cache_tag_${change}`, () => vtd.cacheTags(domain)[change](tag));
    yield vtd.unlockCacheTags(cpu, domain);
  }
}

/** intel_pasid_setup_*: from its last store on the device reaches the domain's pages. */
function* setUpEntry(vtd: VtdDriver, cpu: Cpu, { device, pasid, domain }: Attachment): Flow {
  const address = vtd.pasidEntryAddress(device.name, pasid);
  const target = pasidEntryFor(domain);
  yield vtd.lock(cpu);
  yield vtd.beginUpdate(address, [target]);
  yield writePasidEntry(vtd, cpu, { address, pasid, domain, order: 'barrier' });
  yield vtd.unlock(cpu);
  yield vtd.flushCache(cpu, address, 64);
  yield flushPresentPasidEntry(vtd, cpu, { did: domain.did, pasid, flush: 'linux' });
  yield vtd.endUpdate(address, target);
}

/** intel_pasid_tear_down_entry as of v7.0, with the flush that `clean` leaves to it. */
function* tearDownEntry(vtd: VtdDriver, cpu: Cpu, { device, pasid, domain }: Attachment, clean: Cleaning): Flow {
  const address = vtd.pasidEntryAddress(device.name, pasid);
  yield vtd.lock(cpu);
  yield vtd.beginUpdate(address, [new Uint32Array(16)]);
  const q0 = yield* cpu.load64(address);
  yield cpu.store64(address, q0 & ~1n);
  yield cpu.barrier('dma_wmb');
  yield vtd.unlock(cpu);
  const flush = clean === 'on-entry-change' ? 'full' : 'pasid-cache-only';
  yield flushPasidEntry(vtd, cpu, { address, device: device.name, pasid, domain, row: 'teardown', flush });
  // Zeros over zeros would not be seen.
  for (const [i, qword] of qwordsOf(pasidEntryFor(domain)).entries()) {
    if (qword !== 0n) {
      yield cpu.store64(address + i * 8, 0n);
    }
  }
  yield vtd.flushCache(cpu, address, 64);
}

const which = {
  device: { type: 'device', summary: 'Which device.' },
  pasid: { type: 'pasid', summary: 'Which PASID of it.', default: 0 },
} as const;

const whenCleaned = {
  type: 'choice',
  summary: 'When caches are cleaned of a domain ID.',
  values: cleanings,
  default: 'on-entry-change',
} as const;

const attachSource =
  'drivers/iommu/intel/iommu.c (dmar_domain_attach_device, device_block_translation, domain_attach_iommu), cache.c';

/*  CPU A                             CPU B (unmap)             IOMMU
 *  =====                             =============             =====
 *  set up entry        (entry-first)
 *                                                              walk, fill IOTLB
 *                                    store leaf = 0
 *                                    no tag: nothing to flush
 *                                    free page
 *                                                              DMA into the page   <-- freed memory
 *  assign cache tags
 */
export const attach = defineFlow({
  name: 'vtd/attach',
  summary: 'Attach a device, or one of its PASIDs, to a domain: domain ID, PASID entry, cache tags.',
  source: attachSource,
  parameters: {
    ...which,
    domain: { type: 'domain', summary: 'The domain to attach.', anyDid: true },
    order: {
      type: 'choice',
      summary: 'entry-first: the entry goes live, then the tags (RID, v7.0); tags-first: the other way round (PASIDs).',
      values: ['entry-first', 'tags-first'],
    },
    clean: whenCleaned,
  },
  *start({ cpu, vtd }, { device: name, pasid, domain: domainName, order, clean }): Flow {
    const device = vtd.device(name);
    const domain = yield* attachDomainId(vtd, cpu, vtd.domain(domainName), clean);
    const attachment = { device, pasid, domain };
    if (order === 'tags-first') {
      yield changeTags(vtd, cpu, attachment, 'assign');
    }
    yield setUpEntry(vtd, cpu, attachment);
    if (order === 'entry-first') {
      yield changeTags(vtd, cpu, attachment, 'assign');
    }
  },
});

/*  CPU A                             CPU B (unmap)             IOMMU
 *  =====                             =============             =====
 *  unassign cache tags (tags-first)
 *                                    store leaf = 0
 *                                    no tag: nothing to flush
 *                                    free page
 *                                                              DMA into the page   <-- freed memory
 *  tear down entry, flush
 *  free domain ID
 */
export const detach = defineFlow({
  name: 'vtd/detach',
  summary: 'Detach a device, or one of its PASIDs, from its domain: cache tags, PASID entry, domain ID.',
  source: attachSource,
  parameters: {
    ...which,
    domain: { type: 'domain', summary: 'The domain it is attached to.', anyDid: true },
    order: {
      type: 'choice',
      summary: 'tags-first: the tags go, then the entry (RID, v7.0); entry-first: the other way round (PASIDs).',
      values: ['tags-first', 'entry-first'],
    },
    clean: whenCleaned,
  },
  *start({ cpu, vtd }, { device: name, pasid, domain: domainName, order, clean }): Flow {
    const device = vtd.device(name);
    const domain = yield* new Note('the domain ID', () => vtd.domainWithId(domainName));
    if (domain === undefined) {
      return;
    }
    const attachment = { device, pasid, domain };
    if (order === 'tags-first') {
      yield changeTags(vtd, cpu, attachment, 'unassign');
    }
    yield tearDownEntry(vtd, cpu, attachment, clean);
    if (order === 'entry-first') {
      yield changeTags(vtd, cpu, attachment, 'unassign');
    }
    yield detachDomainId(vtd, cpu, domain, clean);
    if (clean !== 'on-entry-change') {
      yield flushDeviceTlb(vtd, cpu, { device: name, pasid });
    }
    yield vtd.endUpdate(vtd.pasidEntryAddress(name, pasid), new Uint32Array(16));
  },
});
