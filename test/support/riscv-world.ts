import { EntryRegistry } from '../../models/entry-registry.ts';
import type { RequestWalker } from '../../models/iommu/iommu.ts';
import { PhysicalMemory } from '../../models/memory/physical-memory.ts';
import type { AtsConfig } from '../../models/pcie/ats-config.ts';
import { AtsEndpoint } from '../../models/pcie/ats-endpoint.ts';
import { AtsSource } from '../../models/pcie/ats-source.ts';
import { dmaSource } from '../../models/pcie/dma-source.ts';
import { EndpointBus } from '../../models/pcie/endpoint-bus.ts';
import { defaultRiscvCapabilities, type RiscvCapabilities } from '../../models/riscv/capabilities.ts';
import { DirectoryPointer, ddtpMode } from '../../models/riscv/directory-pointer.ts';
import { type DeviceContextValues, encodeDeviceContext } from '../../models/riscv/entries/device-context.ts';
import { encodeDirectoryEntry } from '../../models/riscv/entries/directory-entry.ts';
import { encodePageTableEntry, type PageTableEntryValues } from '../../models/riscv/entries/page-table-entry.ts';
import { riscvEntryModels } from '../../models/riscv/entry-models.ts';
import type { RiscvConfig } from '../../models/riscv/riscv-config.ts';
import { RiscvIommu, riscvRegister } from '../../models/riscv/riscv-iommu.ts';
import type { Structure } from '../../models/trace-events.ts';
import { type TraceEvent, traceEventFields } from '../../models/trace-events.ts';
import { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { Cell } from '../../sim/containers.ts';
import { Search } from '../../sim/exploration/search.ts';
import { Kernel } from '../../sim/kernel.ts';
import { type Flow, Operation, WaitUntil } from '../../sim/operation.ts';
import type { Scheduler } from '../../sim/scheduler.ts';
import { Trace, type TraceRecord } from '../../sim/trace.ts';
import type { RunOutcome } from '../../sim/violation.ts';
import { enumerateSchedules } from './enumerate-schedules.ts';
import { seeded } from './vtd-schedules.ts';

type Kind = TraceEvent['kind'];
type EventOf<K extends Kind> = Extract<TraceEvent, { kind: K }>;

const memoryPages = 96;
const window = { minNs: 1, maxNs: 1_000_000 };
const timing = {
  lookup: window,
  tableRead: window,
  quantumGap: window,
  request: window,
  access: window,
  link: window,
  descriptorFetch: window,
  invalidation: window,
  deviceTlbTimeout: window,
};

export interface RiscvDmaSketch {
  readonly device?: number;
  readonly pasid?: number;
  readonly iova?: number;
  readonly write?: boolean;
  readonly repeat?: number;
}

/** What a world can be about; left out is the least that works: no caches, one level, contexts of 32 bytes. */
export interface RiscvSketch {
  readonly config?: Partial<Omit<RiscvConfig, 'capabilities' | 'timing'>>;
  readonly capabilities?: Partial<RiscvCapabilities>;
  /** ddtp.iommu_mode; left out: the levels of the machine. */
  readonly mode?: number;
  readonly queueIsOn?: boolean;
  /** Functions with ATS by device ID; what is left out is as PCIe wants it, with one row. */
  readonly ats?: Readonly<Record<number, Partial<AtsConfig>>>;
  readonly dma?: Readonly<Record<string, RiscvDmaSketch>>;
  readonly tasks?: Readonly<Record<string, (world: RiscvWorld) => Flow>>;
  /** Memory before the run; entries it tracks are followed. */
  readonly prepare?: (world: RiscvWorld) => void;
  /** Observers, whose ghost state is in cells of the world; the answer reads them when a run has come to rest. */
  readonly watch?: (world: RiscvWorld) => () => string;
}

/** One run, recorded. */
export interface RiscvRun {
  readonly outcome: RunOutcome;
  readonly records: readonly TraceRecord<TraceEvent>[];
  events<K extends Kind>(kind: K): readonly EventOf<K>[];
  /** Causes of all faults, in order. */
  readonly faults: readonly number[];
  /** Addresses of all DMA that reached memory, in order. */
  readonly reached: readonly number[];
}

/** A small machine: memory, one RISC-V IOMMU, devices, and software that does what a test says. */
export class RiscvWorld {
  readonly arena = new Arena();
  readonly kernel: Kernel;
  readonly trace: Trace<TraceEvent>;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly iommu: RiscvIommu;
  readonly config: RiscvConfig;
  readonly queueAddress: number;
  readonly directory: number;
  readonly #bus = new EndpointBus();
  readonly #pages = new Map<string, number>();
  #nextPage = 1;
  readonly #ddtp: DirectoryPointer;
  readonly #seen: (() => string) | undefined;

  constructor(sketch: RiscvSketch) {
    this.config = {
      levels: 1,
      deviceContext: 'base',
      dcReadOrder: 'tc-first',
      ddtCacheEntries: 0,
      pdtCacheEntries: 0,
      iotlbEntries: 0,
      firstStagePagingEntries: 0,
      secondStagePagingEntries: 0,
      squashesInFlight: true,
      commandOrder: 'any',
      cqSlots: 16,
      itags: 2,
      cmdToRetry: 'succeeds',
      completionNeedsEnAts: false,
      timing,
      ...sketch.config,
      capabilities: Object.freeze({ ...defaultRiscvCapabilities, ...sketch.capabilities }),
    };
    this.kernel = new Kernel(this.arena, { maxEvents: 20_000, maxTimeNs: 600_000_000_000, maxRetries: 1000 });
    this.trace = new Trace<TraceEvent>(this.kernel, traceEventFields);
    this.memory = new PhysicalMemory(this.arena, { pageCount: memoryPages, coherentWalks: true });
    this.registry = new EntryRegistry(this.arena, this.memory, this.trace, 16);
    this.queueAddress = this.page('command queue');
    this.directory = this.page('device directory');
    const bus = this.#bus;
    const { arena, kernel, memory, registry, trace, queueAddress } = this;
    const ports = { arena, kernel, memory, registry, trace, deviceTlbs: bus, queueAddress };
    this.iommu = new RiscvIommu(this.config, ports);
    this.#ddtp = new DirectoryPointer(new Arena(), this.config);
    const mode = sketch.mode ?? ddtpMode.bare + this.config.levels;
    this.#ddtp.preset(mode, this.directory);
    this.iommu.preset({ mode, directory: this.directory, queueIsOn: sketch.queueIsOn ?? true, queueInterrupts: false });
    this.#addEndpoints(bus, sketch);
    sketch.prepare?.(this);
    this.#addSources(bus, sketch);
    for (const [name, body] of Object.entries(sketch.tasks ?? {})) {
      kernel.addProcess({ name, kind: 'task', body: () => body(this) });
    }
    this.iommu.addEngines();
    for (const endpoint of bus.list()) {
      const name = `${endpoint.name} device TLB`;
      kernel.addProcess({ name, kind: 'engine', body: endpoint.invalidationStep() });
      if (endpoint.usesLink) {
        kernel.addProcess({ name: `${endpoint.name} link`, kind: 'engine', body: endpoint.linkStep() });
      }
    }
    this.#seen = sketch.watch?.(this);
    registry.announce();
    kernel.seal();
  }

  /** A word of ghost state. */
  cell(name: string): Cell {
    return new Cell(this.arena, `ghost.${name}`);
  }

  /** Address of a page by its name, all zero at first; `count` pages in a row, aligned to their size. */
  page(name: string, count = 1): number {
    const known = this.#pages.get(name);
    if (known !== undefined) {
      return known;
    }
    const first = Math.ceil(this.#nextPage / count) * count;
    this.#nextPage = first + count;
    this.#pages.set(name, first * 4096);
    return first * 4096;
  }

  write(address: number, words: ArrayLike<number>): void {
    this.memory.initialise(address, words);
  }

  /** Address of a device's context; the non-leaf tables that lead to it are made. */
  contextAddress(device: number): number {
    let table = this.directory;
    for (let level = this.#ddtp.levels - 1; level > 0; level -= 1) {
      const entry = table + this.#ddtp.offsetOf(device, level);
      table = this.page(`DDT ${level} ${Math.floor(entry / 8)}`);
      this.write(entry, encodeDirectoryEntry({ valid: 1, table }));
    }
    return table + this.#ddtp.offsetOf(device, 0);
  }

  /** Sets a device's context before the run, valid unless it says otherwise. */
  context(device: number, values: DeviceContextValues): number {
    const address = this.contextAddress(device);
    this.write(address, this.contextWords(values));
    return address;
  }

  contextWords(values: DeviceContextValues): Uint32Array {
    return encodeDeviceContext({ valid: 1, ...values }, this.config.deviceContext);
  }

  /** Maps a page in page tables before the run; address of its leaf entry at `leafLevel`. */
  map(root: number, levels: number, { iova, address, leafLevel = 1, flags = {} }: MappingSketch): number {
    let table = root;
    for (let level = levels; level > leafLevel; level -= 1) {
      const entry = table + indexOf(iova, level, level === levels) * 8;
      const next = this.page(`page table ${root} ${level} ${Math.floor(iova / 2 ** (12 + 9 * (level - 1)))}`);
      this.write(entry, encodePageTableEntry({ valid: 1, address: next }));
      table = next;
    }
    const leaf = table + indexOf(iova, leafLevel, leafLevel === levels) * 8;
    this.write(leaf, leafWords(address, flags));
    return leaf;
  }

  /** Follows an entry, so that translations have it in their provenance. */
  track(structure: Structure, address: number, name: string): number {
    const models = riscvEntryModels(this.config.deviceContext);
    return this.registry.track(address, name, models[structure as keyof typeof models]);
  }

  /** One store of software: a whole number of words at once. */
  store(address: number, words: ArrayLike<number>): Operation<void> {
    return new Act(`store to 0x${address.toString(16)}`, () => this.memory.write(address, words, 0, words.length));
  }

  /** A write of a register. */
  register(name: keyof typeof riscvRegister, ...words: number[]): Operation<void> {
    return new Act(`write of ${name}`, () => this.iommu.writeRegister(riscvRegister[name], words));
  }

  /** A posted write to a function that answers after one. */
  ring(device: number): Operation<void> {
    return new Act(`write to device ${device}`, () => this.#bus.endpoint(device)?.write());
  }

  peek(name: keyof typeof riscvRegister): number {
    return this.iommu.peekRegister(riscvRegister[name], 1)[0] as number;
  }

  /** Waits until a register says so. */
  waitFor(name: keyof typeof riscvRegister, holds: (value: number) => boolean): Operation<void> {
    return new WaitUntil(`${name} to change`, () => holds(this.peek(name)));
  }

  /** Commands in the ring from a slot on, and the doorbell. */
  *submit(first: number, commands: readonly Uint32Array[]): Flow {
    for (const [i, words] of commands.entries()) {
      yield this.store(this.queueAddress + (first + i) * 16, words);
    }
    yield this.register('cqt', first + commands.length);
  }

  /** The same, and waits until the head is past them all. */
  *submitAndWait(first: number, commands: readonly Uint32Array[]): Flow {
    yield* this.submit(first, commands);
    yield this.waitFor('cqh', (head) => head === first + commands.length);
  }

  /** One run: by a seed or any scheduler. */
  run(schedule: number | Scheduler = 1): RiscvRun {
    this.trace.record(true);
    this.trace.clear();
    const outcome = this.kernel.run(typeof schedule === 'number' ? seeded(schedule) : schedule);
    const { records } = this.trace;
    this.trace.record(false);
    return runOf(outcome, records);
  }

  /** What can be seen at the end of a run, over every schedule there is: by search, or by brute force. */
  explore(): ReadonlySet<string> {
    const seen = this.#seen;
    assert(seen !== undefined, 'the world is watched');
    const ends = new Set<string>();
    const search = new Search(this.kernel, {
      reduces: true,
      keepsWindows: false,
      isExact: false,
      maxPreemptions: undefined,
      onViolation: ({ rule }) => ends.add(rule),
      onRest: () => {
        if (this.kernel.stepper.violations.length === 0) {
          ends.add(seen());
        }
      },
    });
    while (search.advance(100_000)) {
      assert(search.progress.transitions < 3_000_000, 'the world is small');
    }
    assert(search.progress.cutShort === '', `the search is complete: ${search.progress.cutShort}`);
    search.close();
    return ends;
  }

  /** What `observe` says of each run, over every schedule there is. */
  outcomes<T>(observe: (run: RiscvRun) => T, maxSchedules = 100_000): ReadonlySet<T> {
    const found = new Set<T>();
    this.trace.record(true);
    this.trace.clear();
    for (const { outcome } of enumerateSchedules(this.kernel, { maxSchedules })) {
      found.add(observe(runOf(outcome, this.trace.records)));
      this.trace.clear();
    }
    this.trace.record(false);
    return found;
  }

  #addEndpoints(bus: EndpointBus, sketch: RiscvSketch): void {
    const { arena, trace } = this;
    for (const [device, ats] of Object.entries(sketch.ats ?? {})) {
      const sid = Number(device);
      const answer = (itag: number): void => this.iommu.completeDeviceTlb(sid, itag, 1);
      const ports = { arena, trace, link: timing.link, answer };
      bus.add(new AtsEndpoint({ name: `device ${sid}`, sid }, { ...wellBehaved, ...ats }, ports));
    }
  }

  #addSources(bus: EndpointBus, sketch: RiscvSketch): void {
    for (const [name, { device = 0, repeat = 1, ...dma }] of Object.entries(sketch.dma ?? {})) {
      const request = { sid: device, pasid: -1, iova: 0x1000, write: false, ...dma };
      const walker = this.iommu.addWalker(name);
      const endpoint = bus.endpoint(device);
      if (endpoint === undefined) {
        this.kernel.addProcess({ name, kind: 'task', body: () => dmaSource(walker, { ...request, repeat }) });
        continue;
      }
      const asked = endpoint.addRequest(name, request);
      const source = new AtsSource({ endpoint, request: asked, walker, trace: this.trace, timing });
      this.kernel.addProcess({ name, kind: 'task', body: () => source.requests(repeat) });
    }
  }
}

interface MappingSketch {
  readonly iova: number;
  readonly address: number;
  readonly leafLevel?: number;
  readonly flags?: PageTableEntryValues;
}

/** Requests that software itself makes, so that tests can say when. */
const walkers = new WeakMap<RiscvWorld, RequestWalker>();

/** One request of the software itself; see {@link addRequests}. */
export function request(
  w: RiscvWorld,
  asked: { sid?: number; pasid?: number; iova?: number; write?: boolean } = {},
): Flow {
  return (walkers.get(w) as RequestWalker).dma({ sid: 1, pasid: -1, iova: 0x1000, write: false, ...asked });
}

/** For `watch`: lets software make requests. */
export function addRequests(w: RiscvWorld): () => string {
  walkers.set(w, w.iommu.addWalker('software'));
  return () => '';
}

/** A leaf entry that lets everything pass, but for what `flags` says. */
export function leafWords(address: number, flags: PageTableEntryValues = {}): Uint32Array {
  return encodePageTableEntry({ valid: 1, read: 1, write: 1, user: 1, accessed: 1, dirty: 1, address, ...flags });
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

/** Index of an entry; the top table of a second stage has 2048, and addresses below it fit 512 in these tests. */
function indexOf(iova: number, level: number, isTop: boolean): number {
  return Math.floor(iova / 2 ** (12 + 9 * (level - 1))) % (isTop ? 2048 : 512);
}

class Act extends Operation<void> {
  readonly label: string;
  readonly #act: () => void;

  constructor(label: string, act: () => void) {
    super(0, 1_000_000);
    this.label = label;
    this.#act = act;
  }

  execute(): void {
    this.#act();
  }
}

function runOf(outcome: RunOutcome, records: readonly TraceRecord<TraceEvent>[]): RiscvRun {
  const events = <K extends Kind>(kind: K) =>
    records.flatMap(({ event }) => (event.kind === kind ? [event as EventOf<K>] : []));
  return {
    outcome,
    records,
    events,
    faults: events('fault').map(({ reason }) => reason),
    reached: events('dma').map(({ address }) => address),
  };
}
