import { contextEntryFor } from '../models/linux/vtd/context-entry-update.ts';
import { pasidEntryFor } from '../models/linux/vtd/pasid-encoding.ts';
import type { Device, VtdDriver } from '../models/linux/vtd/vtd-driver.ts';
import type { Cpu } from '../models/memory/cpu.ts';
import { descriptorType, everyPage, type InvalidationDescriptor } from '../models/vtd/descriptors.ts';
import { assert } from '../sim/assert.ts';
import { type Flow, Retry } from '../sim/operation.ts';
import { flowWith } from './flow-with.ts';
import { parsePlace } from './format/place.ts';
import type { InlineInvalidation, InlineStep, InlineTarget } from './format/steps-schema.ts';

export interface InlinePlaces {
  readonly vtd: VtdDriver;
  /** Address of a page of memory by its name. */
  readonly page: (name: string) => number;
}

/** Values that loads have read, by name; fresh for each run of the body. */
type Registers = Map<string, bigint>;

/** A task written as steps in a scenario: a sequence from a mail, tried without writing TypeScript. */
export function inlineTask(steps: readonly InlineStep[], places: InlinePlaces): (cpu: Cpu) => Flow {
  return (cpu) => runSteps(steps, { cpu, places, registers: new Map() });
}

interface Run {
  readonly cpu: Cpu;
  readonly places: InlinePlaces;
  readonly registers: Registers;
}

function* runSteps(steps: readonly InlineStep[], run: Run): Flow {
  for (const step of steps) {
    yield runStep(step, run);
  }
}

function* runStep(step: InlineStep, run: Run): Flow {
  const { cpu, places, registers } = run;
  const { vtd } = places;
  if ('store' in step) {
    yield storeStep(cpu, addressOf(step.store.to, places), step.store.bits, BigInt(step.store.value));
  } else if ('load' in step) {
    registers.set(step.load.as, yield* cpu.load64(addressOf(step.load.from, places)));
  } else if ('fence' in step) {
    yield cpu.barrier(step.fence);
  } else if ('flush' in step) {
    yield vtd.flushCache(cpu, addressOf(step.flush, places), 64);
  } else if ('submit' in step) {
    const descriptors = step.submit.map((invalidation) => descriptorOf(invalidation, vtd));
    if (step.as === undefined) {
      yield vtd.queue.submitSync(cpu, descriptors);
    } else {
      registers.set(step.as, BigInt(yield* vtd.queue.trySubmit(cpu, descriptors)));
    }
  } else if ('wait' in step) {
    const { for: place, value } = step.wait;
    yield cpu.waitForWord(addressOf(place, places), value, `${place} to become ${value}`);
  } else if ('lock' in step) {
    yield cpu.lock(addressOf(step.lock, places), step.lock);
  } else if ('unlock' in step) {
    yield cpu.unlock(addressOf(step.unlock, places));
  } else if ('begin' in step) {
    const { entry, targets, hitless } = step.begin;
    const address = addressOf(entry, places);
    const words = targets.map((target) => targetWords(target, entry, places));
    yield vtd.beginUpdate(address, words, hitless);
  } else if ('end' in step) {
    const address = addressOf(step.end.entry, places);
    yield vtd.endUpdate(address, targetWords(step.end.target, step.end.entry, places));
  } else if ('flow' in step) {
    yield flowWith(step.flow, step.with)({ cpu, vtd });
  } else if ('if' in step) {
    const taken = registers.get(step.if.value) === BigInt(step.if.equals) ? step.do : step.else;
    yield runSteps(taken, run);
  } else if (typeof step.repeat === 'number') {
    for (let i = 0; i < step.repeat; i += 1) {
      yield runSteps(step.steps, run);
    }
  } else {
    const { value, equals } = step.repeat.until;
    for (let round = 1; ; round += 1) {
      yield runSteps(step.steps, run);
      if (registers.get(value) === BigInt(equals)) {
        return;
      }
      yield new Retry(`repeat until ${value} is ${equals}`, round);
    }
  }
}

function storeStep(cpu: Cpu, address: number, bits: 32 | 64 | 128, value: bigint) {
  switch (bits) {
    case 32:
      return cpu.store32(address, value);
    case 64:
      return cpu.store64(address, value);
    case 128:
      return cpu.store128(address, value);
  }
}

/** Address of `device.pasid[1].q0`, `device.context`, `page.q3`, … */
function addressOf(text: string, { vtd, page }: InlinePlaces): number {
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

function targetWords(target: InlineTarget, entry: string, { vtd, ...places }: InlinePlaces): ArrayLike<number> {
  const wordCount = vtd.entryWords(addressOf(entry, { vtd, ...places }));
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
