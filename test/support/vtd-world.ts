import type { Checker, CheckerFacts } from '../../models/checkers/checker.ts';
import { reachMarks } from '../../models/checkers/reach.ts';
import { buildDomain } from '../../models/linux/page-table-builder.ts';
import { contextEntryFor } from '../../models/linux/vtd/context-entry-update.ts';
import { pasidEntryFor } from '../../models/linux/vtd/pasid-encoding.ts';
import type { Domain, Stage, VtdDriver } from '../../models/linux/vtd/vtd-driver.ts';
import type { Cpu } from '../../models/memory/cpu.ts';
import type { AtsConfig } from '../../models/pcie/ats-config.ts';
import type { VtdSystemConfig } from '../../models/system-config.ts';
import type { TraceEvent } from '../../models/trace-events.ts';
import { type Capabilities, defaultCapabilities } from '../../models/vtd/capabilities.ts';
import { encodePasidDirectoryEntry } from '../../models/vtd/entries/pasid-directory-entry.ts';
import { encodeRootEntry } from '../../models/vtd/entries/root-entry.ts';
import { encodeScalableContextEntry } from '../../models/vtd/entries/scalable-context-entry.ts';
import { encodeScalableRootHalf } from '../../models/vtd/entries/scalable-root-entry.ts';
import { vtdEntryModels } from '../../models/vtd/entry-models.ts';
import type { VtdConfig } from '../../models/vtd/vtd-config.ts';
import { VtdSystem } from '../../models/vtd-system.ts';
import type { Flow } from '../../sim/operation.ts';
import type { Scheduler } from '../../sim/scheduler.ts';
import type { TraceRecord } from '../../sim/trace.ts';
import type { RunOutcome } from '../../sim/violation.ts';
import { enumerateSchedules } from './enumerate-schedules.ts';
import { type EndpointSketch, TestEndpoints } from './test-endpoints.ts';
import { factsOf, type Owner } from './vtd-facts.ts';
import { buildInterrupts, type InterruptSketch } from './vtd-interrupts.ts';
import { type Direction, directed, seeded } from './vtd-schedules.ts';

export type TraceRecords = readonly TraceRecord<TraceEvent>[];
type Kind = TraceEvent['kind'];
type EventOf<K extends Kind> = Extract<TraceEvent, { kind: K }>;

/** What a task and the preparation of memory find at hand. */
export interface WorldParts {
  readonly system: VtdSystem;
  readonly vtd: VtdDriver;
  /** Address of a page by its name; made when first named, which must be before the run. */
  page(name: string): number;
  domain(name: string): Domain;
  /** Sets memory before the run. */
  write(address: number, words: ArrayLike<number>): void;
}

export type TaskParts = WorldParts & { readonly cpu: Cpu };
export type TaskBody = (parts: TaskParts) => Flow;

interface DomainSketch {
  readonly stage: Stage;
  /** Left out: given with the first attachment. */
  readonly did?: number;
  /** Page of memory behind each IOVA; `page1` behind 0x1000 if left out. */
  readonly map?: Readonly<Record<number, string>>;
}

export interface DmaSketch {
  /** Requester ID. */
  readonly sid?: number;
  /** Left out: a request without PASID. */
  readonly pasid?: number;
  readonly iova?: number;
  readonly write?: boolean;
  readonly repeat?: number;
  /** Left out: whether the world has ATS. */
  readonly ats?: boolean;
}

/** What a world can be about; everything left out is the least that works: one device, no domain, no caches, sc. */
export interface WorldSketch {
  readonly vtd?: Partial<Omit<VtdConfig, 'capabilities'>>;
  readonly capabilities?: Partial<Capabilities>;
  readonly system?: Partial<Omit<VtdSystemConfig, 'vtd'>>;
  /** Requester IDs by name; `nic` is 00:02.0 if left out. */
  readonly devices?: Readonly<Record<string, number>>;
  /** Every device has ATS; what is left out is as PCIe wants it, with one row. */
  readonly ats?: Partial<AtsConfig>;
  readonly domains?: Readonly<Record<string, DomainSketch>>;
  readonly attach?: readonly { readonly device?: string; readonly pasid?: number; readonly domain: string }[];
  /** Pages of domains that flows map or unmap: their leaf entries are followed. */
  readonly changes?: readonly { readonly domain: string; readonly iova?: number; readonly page?: string }[];
  /** PASIDs whose tables there are, besides those attached. */
  readonly pasids?: readonly number[];
  readonly dma?: Readonly<Record<string, DmaSketch>>;
  readonly tasks?: Readonly<Record<string, TaskBody>>;
  readonly interrupts?: InterruptSketch;
  /** Last word on memory before the run, before entries are tracked. */
  readonly prepare?: (parts: WorldParts) => void;
  /** Functions with a device TLB; left out: there are none. */
  readonly endpoints?: EndpointSketch;
  readonly checkers?: readonly Checker[];
  readonly facts?: Partial<CheckerFacts>;
  readonly reach?: readonly string[];
}

/** 00:02.0, the only device of most worlds. */
export const nic = 0x10;

const window = { minNs: 1, maxNs: 1000 };
const timing = {
  lookup: window,
  tableRead: window,
  quantumGap: window,
  request: window,
  access: window,
  link: window,
  descriptorFetch: window,
  invalidation: window,
  deviceTlbTimeout: { minNs: 60_000_000_000, maxNs: 90_000_000_000 },
};

function configOf(sketch: WorldSketch): VtdSystemConfig {
  return {
    limits: { maxEvents: 20_000, maxTimeNs: 600_000_000_000, maxRetries: 1000 },
    memoryModel: 'sc',
    memoryPages: 64,
    coherentWalks: true,
    evictionLimit: 0,
    storeBuffer: { entryCount: 8, maxNs: 1_000_000_000 },
    cpu: { stepNs: 1, preemptMaxNs: 1_000_000_000 },
    trackedEntries: 32,
    linux: { queuedInvalidation: 'good-path' },
    ...sketch.system,
    vtd: {
      mode: 'scalable',
      fetchOrder: 'ascending',
      fetchedQuanta: 4,
      iotlbFirst: true,
      contextCacheEntries: 0,
      pasidCacheEntries: 0,
      iotlbEntries: 0,
      interruptCacheEntries: 0,
      firstStagePagingEntries: 0,
      secondStagePagingEntries: 0,
      invalidationWaitsForFetch: true,
      pageInvalidationDrains: 'range',
      invalidationScope: 'exact',
      prefetchLimit: 0,
      queueSlots: 128,
      itags: 2,
      deviceTlbWaitsForPiotlb: true,
      recordsErrorSource: true,
      iotlbTagFrom: 'walk',
      iotlbLookupComparesDid: false,
      faultRecords: 0,
      timing,
      ...sketch.vtd,
      capabilities: Object.freeze({ ...defaultCapabilities, ...sketch.capabilities }),
    },
  };
}

/** One run, recorded. */
export interface VtdRun {
  readonly outcome: RunOutcome;
  readonly records: TraceRecords;
  /** Every event of a kind, in order. */
  events<K extends Kind>(kind: K): readonly EventOf<K>[];
  /** Names of the rules broken, in order. */
  readonly rules: readonly string[];
  /** Reasons of all faults, in order. */
  readonly faults: readonly number[];
}

function runOf(outcome: RunOutcome, records: TraceRecords): VtdRun {
  const events = <K extends Kind>(kind: K) =>
    records.flatMap(({ event }) => (event.kind === kind ? [event as EventOf<K>] : []));
  const faults = events('fault').map(({ reason }) => reason);
  return { outcome, records, events, faults, rules: outcome.violations.map(({ rule }) => rule) };
}

/** A small sealed machine. */
export class VtdWorld {
  readonly system: VtdSystem;
  readonly parts: WorldParts;
  /** Reach marks passed in any run so far. */
  readonly reached = new Set<string>();

  constructor(sketch: WorldSketch) {
    const endpoints = sketch.endpoints === undefined ? undefined : new TestEndpoints(sketch.endpoints);
    this.system = new VtdSystem(configOf(sketch), endpoints);
    endpoints?.addTo(this.system);
    this.parts = partsOf(this.system);
    const owners = build(this.parts, sketch);
    for (const [cpu, [name, start]] of Object.entries(sketch.tasks ?? {}).entries()) {
      const place = { cpu, idleSteps: 0 };
      this.system.addTask(name, place, (ownCpu) => start({ ...this.parts, cpu: ownCpu }));
    }
    for (const [name, { ats = sketch.ats !== undefined, ...dma }] of Object.entries(sketch.dma ?? {})) {
      this.system.addDmaSource(name, { sid: nic, pasid: -1, iova: 0x1000, write: false, repeat: 1, ...dma }, { ats });
    }
    for (const [name, source] of Object.entries(sketch.interrupts?.sources ?? {})) {
      this.system.addInterruptSource(name, { sid: nic, repeat: 1, ...source });
    }
    const facts = { ...factsOf(this.system, owners, Object.keys(sketch.domains ?? {})), ...sketch.facts };
    for (const checker of sketch.checkers ?? []) {
      this.system.attachChecker(checker, facts);
    }
    for (const mark of reachMarks.filter(({ name }) => sketch.reach?.includes(name))) {
      this.system.attachReach(mark, facts.entryCount, () => this.reached.add(mark.name));
    }
    this.system.seal();
  }

  /** One run: with a seed, a schedule written by hand, or any scheduler. */
  runWith(schedule: number | Direction | Scheduler): VtdRun {
    const { kernel, trace } = this.system;
    trace.record(true);
    trace.clear();
    const outcome = kernel.run(this.#schedulerOf(schedule));
    const { records } = trace;
    trace.record(false);
    return runOf(outcome, records);
  }

  /** What `observe` says of each run, over every schedule there is; a world that is not tiny is refused. */
  outcomes<T>(observe: (run: VtdRun) => T): ReadonlySet<T> {
    const { kernel, trace } = this.system;
    const found = new Set<T>();
    trace.record(true);
    trace.clear();
    for (const { outcome } of enumerateSchedules(kernel)) {
      found.add(observe(runOf(outcome, trace.records)));
      trace.clear();
    }
    trace.record(false);
    return found;
  }

  /** How many of `runs` runs broke each rule. */
  rulesOver(runs: number): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < runs; seed += 1) {
      for (const { rule } of this.system.kernel.run(seeded(seed)).violations) {
        counts.set(rule, (counts.get(rule) ?? 0) + 1);
      }
    }
    return counts;
  }

  #schedulerOf(schedule: number | Direction | Scheduler): Scheduler {
    if (typeof schedule === 'number') {
      return seeded(schedule);
    }
    return 'legs' in schedule ? directed(this.system, () => this.system.trace.records, schedule) : schedule;
  }
}

/** A small machine in one call. */
export function vtdWorld(sketch: WorldSketch = {}): VtdWorld {
  return new VtdWorld(sketch);
}

/** For legs: so many events of a kind, of those that match, have happened. */
export function seen<K extends Kind>(
  kind: K,
  count = 1,
  matches: (event: EventOf<K>) => boolean = () => true,
): (records: TraceRecords) => boolean {
  return (records) =>
    records.filter(({ event }) => event.kind === kind && matches(event as EventOf<K>)).length >= count;
}

function partsOf(system: VtdSystem): WorldParts {
  const pages = new Map<string, number>();
  return {
    system,
    vtd: system.driver,
    page(name) {
      const address = pages.get(name) ?? system.allocatePage(name);
      pages.set(name, address);
      system.driver.addPage(name, address);
      return address;
    },
    domain: (name) => system.driver.domain(name),
    write: (address, words) => system.memory.initialise(address, words),
  };
}

/** Tables as a driver has left them when the run begins; the owners of the tracked entries, by id. */
function build(parts: WorldParts, sketch: WorldSketch): readonly Owner[] {
  const { system, vtd } = parts;
  const isScalable = system.config.vtd.mode === 'scalable';
  const devices = Object.entries(sketch.devices ?? { nic });
  const attached = (sketch.attach ?? []).map((one) => ({ device: 'nic', pasid: 0, ...one }));
  for (const [name, { stage, did, map = { 4096: 'page1' } }] of Object.entries(sketch.domains ?? {})) {
    const mappings = Object.entries(map).map(([iova, page]) => ({
      iova: Number(iova),
      address: parts.page(page),
      writable: true,
    }));
    const ram = { memory: system.memory, allocatePage: (page: string) => system.allocatePage(page) };
    const mappedLater = (sketch.changes ?? []).flatMap(({ domain, iova = 4096, page }) =>
      domain === name && page !== undefined ? [{ iova, address: parts.page(page) }] : [],
    );
    vtd.addDomain(buildDomain(ram, { name, stage, did, map: mappings, mappedLater }));
  }
  const pasids = [...new Set([...attached.map(({ pasid }) => pasid), ...(sketch.pasids ?? [])])];
  for (const [name, sid] of devices) {
    const present = sketch.endpoints?.[sid] !== 'gone' && sketch.ats?.present !== false;
    addDevice(parts, { name, sid, present, ats: sketch.ats !== undefined }, isScalable ? pasids : []);
    if (sketch.ats !== undefined) {
      system.addEndpoint(name, sid, { ...wellBehaved, ...sketch.ats });
    }
  }
  for (const { device, pasid, domain } of attached) {
    const target = vtd.addAttachment(device, pasid, domain);
    if (isScalable) {
      parts.write(vtd.pasidEntryAddress(device, pasid), pasidEntryFor(target));
    } else {
      parts.write(vtd.device(device).contextEntryAddress, contextEntryFor(target, vtd.device(device)));
    }
  }
  sketch.prepare?.(parts);
  const owners = devices.flatMap(([name, sid]) => track(parts, name, { sid, pasids: isScalable ? pasids : [] }));
  buildInterrupts(parts, sketch.interrupts);
  for (const { domain: changed, iova = 4096 } of sketch.changes ?? []) {
    const domain = vtd.domain(changed);
    const structure = domain.stage === 'second' ? 'second-stage-paging-entry' : 'first-stage-paging-entry';
    const name = `${domain.name}.map[0x${iova.toString(16)}]`;
    const id = system.registry.track(vtd.leafAddress(domain, iova), name, vtdEntryModels[structure]);
    owners[id] = { sid: -1, pasid: -1, domain };
  }
  return owners;
}

const wellBehaved: AtsConfig = {
  entries: 1,
  answers: 'always',
  queueDepth: 32,
  answersAfterDoorbell: false,
  marksInFlight: true,
  waitsForDma: true,
  present: true,
};

function addDevice(
  { system, vtd, page, write }: WorldParts,
  { name, sid, present, ats }: { name: string; sid: number; present: boolean; ats: boolean },
  pasids: readonly number[],
): void {
  const [bus, devfn] = [sid >>> 8, sid & 0xff];
  const isScalable = system.config.vtd.mode === 'scalable';
  const upper = isScalable && devfn >= 0x80;
  const contextTable = page(`context table ${bus} ${upper}`);
  const rootEntryAddress = system.rootTable + bus * 16 + (upper ? 8 : 0);
  const contextEntryAddress = isScalable ? contextTable + (devfn & 0x7f) * 32 : contextTable + devfn * 16;
  const pasidDirectoryAddress = isScalable ? page(`${name} PASID directory`) : 0;
  vtd.addDevice({ name, sid, rootEntryAddress, contextEntryAddress, pasidDirectoryAddress, ats, present });
  const root = { present: 1, contextTablePointer: contextTable };
  write(rootEntryAddress, isScalable ? encodeScalableRootHalf(root) : encodeRootEntry(root));
  if (isScalable) {
    const context = { present: 1, pasidEnable: 1, pasidDirectoryPointer: pasidDirectoryAddress };
    write(contextEntryAddress, encodeScalableContextEntry({ ...context, deviceTlbEnable: Number(ats) }));
  }
  for (const pasid of pasids) {
    if (!vtd.hasPasidTable(name, pasid)) {
      const pasidTablePointer = page(`${name} PASID table ${pasid >>> 6}`);
      vtd.addPasidTable(name, pasid, pasidTablePointer);
      write(pasidDirectoryAddress + (pasid >>> 6) * 8, encodePasidDirectoryEntry({ present: 1, pasidTablePointer }));
    }
  }
}

function track(
  { system, vtd }: WorldParts,
  name: string,
  { sid, pasids }: { sid: number; pasids: readonly number[] },
): readonly Owner[] {
  const { registry } = system;
  const isScalable = system.config.vtd.mode === 'scalable';
  const { rootEntryAddress, contextEntryAddress, pasidDirectoryAddress } = vtd.device(name);
  const before = registry.list().length;
  const owners: Owner[] = [];
  const add = (address: number, part: string, structure: keyof typeof vtdEntryModels, pasid: number): void => {
    owners[registry.track(address, `${name}.${part}`, vtdEntryModels[structure]) - before] = { sid, pasid };
  };
  add(rootEntryAddress, 'root', isScalable ? 'scalable-root-entry' : 'root-entry', -1);
  add(contextEntryAddress, 'context', isScalable ? 'scalable-context-entry' : 'context-entry', -1);
  for (const pasid of pasids) {
    add(pasidDirectoryAddress + (pasid >>> 6) * 8, `directory[${pasid >>> 6}]`, 'pasid-directory-entry', pasid);
    add(vtd.pasidEntryAddress(name, pasid), `pasid[${pasid}]`, 'pasid-entry', pasid);
  }
  return owners;
}
