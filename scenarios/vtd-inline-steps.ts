import { contextEntryFor } from '../models/linux/vtd/context-entry-update.ts';
import { pasidEntryFor } from '../models/linux/vtd/pasid-encoding.ts';
import type { Device, VtdDriver } from '../models/linux/vtd/vtd-driver.ts';
import { descriptorType, everyPage, type InvalidationDescriptor } from '../models/vtd/descriptors.ts';
import { assert } from '../sim/assert.ts';
import type { Flow } from '../sim/operation.ts';
import { parsePlace } from './format/place.ts';
import type { InlineInvalidation, InlineStep, InlineTarget } from './format/steps-schema.ts';
import type { InlineDriver, InlineRun } from './inline-steps.ts';

/** Inline steps beside VT-d; `page` gives the address of a page of memory by its name. */
export function vtdInlineDriver(vtd: VtdDriver, page: (name: string) => number): InlineDriver {
  const addressOf = (place: string): number => addressOfPlace(place, vtd, page);
  return {
    environment: (cpu) => ({ cpu, vtd }),
    addressOf,
    targetWords: (target, entry) => targetWords(target as InlineTarget, entry, { vtd, address: addressOf(entry) }),
    beginUpdate: (address, targets, hitless) => vtd.beginUpdate(address, targets, hitless),
    endUpdate: (address, target) => vtd.endUpdate(address, target),
    ownLoads: undefined,
    own: (step, run) => ownStep(step, run, vtd),
  };
}

function* ownStep(step: InlineStep, { cpu, driver, registers }: InlineRun, vtd: VtdDriver): Flow {
  if ('flush' in step) {
    yield vtd.flushCache(cpu, driver.addressOf(step.flush), 64);
  } else if ('submit' in step) {
    const descriptors = step.submit.map((invalidation) => descriptorOf(invalidation as InlineInvalidation, vtd));
    const as = 'as' in step ? step.as : undefined;
    if (as === undefined) {
      yield vtd.queue.submitSync(cpu, descriptors);
    } else {
      registers.set(as, BigInt(yield* vtd.queue.trySubmit(cpu, descriptors)));
    }
  }
}

/** Address of `device.pasid[1].q0`, `device.context`, `page.q3`, … */
function addressOfPlace(text: string, vtd: VtdDriver, page: (name: string) => number): number {
  const place = parsePlace(text);
  assert(place !== undefined, `place ${text} is well formed`);
  const { name, structure, pasid, qword } = place;
  const offset = qword * 8;
  switch (structure) {
    case 'root':
      return vtd.device(name).rootEntryAddress + offset;
    case 'context':
      return vtd.device(name).contextEntryAddress + offset;
    case 'directory':
      return vtd.device(name).pasidDirectoryAddress + (pasid >>> 6) * 8 + offset;
    case 'pasid':
      return vtd.pasidEntryAddress(name, pasid) + offset;
    case undefined:
      return page(name) + offset;
  }
}

function targetWords(
  target: InlineTarget,
  entry: string,
  { vtd, address }: { readonly vtd: VtdDriver; readonly address: number },
): ArrayLike<number> {
  const wordCount = vtd.entryWords(address);
  if (target === 'not-present') {
    return new Uint32Array(wordCount);
  }
  const domain = vtd.domain(target.domain);
  return wordCount === 16 ? pasidEntryFor(domain) : contextEntryFor(domain, vtd.device(parsePlace(entry)?.name ?? ''));
}

function descriptorOf(invalidation: InlineInvalidation, vtd: VtdDriver): InvalidationDescriptor | readonly number[] {
  if ('pasid-cache' in invalidation) {
    return { kind: 'pasid-cache', granularity: 'pasid', ...invalidation['pasid-cache'] };
  }
  if ('piotlb' in invalidation) {
    const { did, pasid, ...range } = invalidation.piotlb;
    return {
      kind: 'piotlb',
      granularity: range.address === undefined ? 'pasid' : 'page',
      did,
      pasid,
      ...filled(range),
    };
  }
  if ('iotlb' in invalidation) {
    const { did, ...range } = invalidation.iotlb;
    const granularity = range.address === undefined ? 'domain' : 'page';
    return { kind: 'iotlb', granularity, did, drainReads: true, drainWrites: true, ...filled(range) };
  }
  if ('context' in invalidation) {
    const { sid } = vtd.device(invalidation.context.device);
    return { kind: 'context', granularity: 'device', did: 0, sid, functionMask: 0 };
  }
  if ('device-tlb' in invalidation) {
    const { device, ...range } = invalidation['device-tlb'];
    return { kind: 'device-tlb', ...endpointOf(vtd.device(device)), ...deviceTlbRange(range) };
  }
  if ('pasid-device-tlb' in invalidation) {
    const { device, pasid = 0, ...range } = invalidation['pasid-device-tlb'];
    const globalPasid = invalidation['pasid-device-tlb'].pasid === undefined;
    const endpoint = endpointOf(vtd.device(device));
    return { kind: 'pasid-device-tlb', pasid, globalPasid, ...endpoint, ...deviceTlbRange(range) };
  }
  if ('wait' in invalidation) {
    // The status that software waits for is that of the batch: one in its middle tells nobody (SW = 0).
    return [descriptorType.wait | (invalidation.wait.fence ? fenceFlag : 0), 0, 0, 0, 0, 0, 0, 0];
  }
  return invalidation.raw.flatMap((qword) => [Number(BigInt(qword) & 0xffff_ffffn), Number(BigInt(qword) >> 32n)]);
}

/** FN of a wait descriptor. */
const fenceFlag = 1 << 6;

/** A physical function that takes as many invalidations as there are ITags. */
function endpointOf({ sid }: Device): { sid: number; pfsid: number; maxInvalidationsPending: number } {
  return { sid, pfsid: sid, maxInvalidationsPending: 0 };
}

function deviceTlbRange({ address, addressMask = 0 }: { [K in 'address' | 'addressMask']?: number | undefined }): {
  address: number;
  addressMask: number;
} {
  return address === undefined ? { address: 0, addressMask: everyPage } : { address, addressMask };
}

interface Range {
  readonly address: number;
  readonly addressMask: number;
  readonly hint: boolean;
}

function filled({ address = 0, addressMask = 0, hint = false }: { [K in keyof Range]?: Range[K] | undefined }): Range {
  return { address, addressMask, hint };
}
