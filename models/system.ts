import { Arena } from '../sim/arena.ts';
import { assert, unmodelled } from '../sim/assert.ts';
import { Cell } from '../sim/containers.ts';
import { Kernel } from '../sim/kernel.ts';
import { Choose, Delay, type Flow, Note, WaitUntil } from '../sim/operation.ts';
import { Trace } from '../sim/trace.ts';
import type { Checker, CheckerFacts } from './checkers/checker.ts';
import type { ReachMark } from './checkers/reach.ts';
import { EntryRegistry } from './entry-registry.ts';
import type { DeviceTlbPort } from './iommu/device-tlb-port.ts';
import type { Iommu } from './iommu/iommu.ts';
import { CacheEviction } from './memory/cache-eviction.ts';
import { Cores } from './memory/cores.ts';
import { Cpu } from './memory/cpu.ts';
import { cpuRegisterCount } from './memory/cpu-operations.ts';
import type { Access, AccessSink, Core } from './memory/memory-model.ts';
import type { MemoryRange } from './memory/memory-range.ts';
import { PhysicalMemory, pageBytes } from './memory/physical-memory.ts';
import type { AtsConfig } from './pcie/ats-config.ts';
import { AtsEndpoint } from './pcie/ats-endpoint.ts';
import { AtsSource } from './pcie/ats-source.ts';
import { type DmaSourceConfig, dmaSource } from './pcie/dma-source.ts';
import { EndpointBus } from './pcie/endpoint-bus.ts';
import type { SystemConfig } from './system-config.ts';
import { type SystemTrace, type TraceEvent, traceEventFields } from './trace-events.ts';

/** Where the registers of the first IOMMU are, those of each other a page on: above all RAM a scenario can have. */
const registerWindow = 0xfed9_0000;

/** Where functions take writes of CPUs, a page each by requester ID: between RAM and the registers of IOMMUs. */
const deviceWindow = 0xe000_0000;

const everywhere: MemoryRange = { address: 0, byteCount: Number.POSITIVE_INFINITY };

/** A named range of memory, for pictures and messages. */
export interface Place extends MemoryRange {
  readonly name: string;
}

export interface DmaSourceOptions {
  /** The function asks for translations first. */
  readonly ats?: boolean;
  /** Address of the word that its requests wait for until it is not 0. */
  readonly doorbell?: number | undefined;
  /** The IOMMU it is behind; left out: the first. */
  readonly iommu?: Iommu;
}

/** What a process is to a reader: pictures have a column for each. */
export interface Agent {
  readonly process: string;
  readonly column: string;
  /** Of a source of DMA with ATS: the column of what the function does itself. */
  readonly device?: string;
}

/**
 * One simulated machine but for its IOMMU and the driver of that: the parts list. Build it, write the start state into
 * memory, add tasks and sources, attach checkers, then {@link seal} it; after that it runs any number of times.
 */
export class System {
  readonly config: SystemConfig;
  readonly arena = new Arena();
  readonly kernel: Kernel;
  readonly trace: SystemTrace;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly agents: Agent[] = [];
  readonly places: Place[] = [];
  readonly #cpus = new Map<number, Cpu>();
  /** All places that the code of a CPU loads from. */
  readonly #loads = new Map<number, readonly MemoryRange[]>();
  readonly #iommus: Iommu[] = [];
  readonly #cores: Cores;
  /** Tasks of each CPU that have not ended. */
  readonly #tasksLeft = new Map<number, Cell>();
  readonly #endpoints = new EndpointBus();
  readonly #atRest: (() => void)[] = [];
  #nextPage = 1;

  constructor(config: SystemConfig) {
    this.config = config;
    this.kernel = new Kernel(this.arena, config.limits);
    this.trace = new Trace<TraceEvent>(this.kernel, traceEventFields);
    this.memory = new PhysicalMemory(this.arena, {
      pageCount: config.memoryPages,
      coherentWalks: config.coherentWalks,
      hasWriteBuffer: config.hasWriteBuffer,
    });
    this.#cores = new Cores(this.arena, this.memory, config.memoryModel);
    this.registry = new EntryRegistry(this.arena, this.memory, this.trace, config.trackedEntries);
  }

  /** Makes an IOMMU part of the machine. */
  protected addIommu(iommu: Iommu): void {
    this.#iommus.push(iommu);
  }

  /** Address of the registers of the IOMMU that is added next. */
  protected get nextRegisters(): number {
    return registerWindow + this.#iommus.length * pageBytes;
  }

  /** Where invalidation requests to device TLBs go. */
  protected get endpoints(): DeviceTlbPort {
    return this.#endpoints;
  }

  /** The next free 4 KB page of RAM, all zero. Page 0 is never given out: a pointer of 0 leads to it. */
  allocatePage(name: string): number {
    const address = this.#nextPage * pageBytes;
    assert(address < this.memory.byteCount, 'RAM has a free page');
    this.#nextPage += 1;
    return this.place(name, address, pageBytes);
  }

  /** So many pages one after the other, a power of two, and aligned to that. */
  allocatePages(name: string, count: number): number {
    this.#nextPage = Math.ceil(this.#nextPage / count) * count;
    const address = this.#nextPage * pageBytes;
    assert(address + count * pageBytes <= this.memory.byteCount, 'RAM has free pages');
    this.#nextPage += count;
    return this.place(name, address, count * pageBytes);
  }

  /** CPU `number`, made when first asked for. */
  cpu(number: number): Cpu {
    const known = this.#cpus.get(number);
    if (known !== undefined) {
      return known;
    }
    const cpu = new Cpu({
      core: this.#core(number),
      memoryModel: this.config.memoryModel,
      timing: this.config.cpu,
      trace: this.trace,
      readRegister: (address, wordCount) => this.#iommuAt(address).readRegister(address % pageBytes, wordCount),
      mayLoad: (address, wordCount) => this.#mayLoad(number, address, wordCount),
      peekRegister: (address, wordCount) => this.#iommuAt(address).peekRegister(address % pageBytes, wordCount),
    });
    this.#cpus.set(number, cpu);
    return cpu;
  }

  /**
   * Software that runs on a CPU and must finish. It begins after 0 to `idleSteps` steps of other work: without that a
   * random scheduler would nearly always begin everything at once. `loads`: all places that it loads from; left out: it
   * may load from anywhere, so that CPUs of weak memory models have to remember everything that was ever overwritten.
   */
  addTask(
    name: string,
    task: { readonly cpu: number; readonly idleSteps: number; readonly loads?: readonly MemoryRange[] | undefined },
    body: (cpu: Cpu) => Flow,
  ): void {
    const { cpu: cpuNumber, idleSteps, loads = [everywhere] } = task;
    this.#loads.set(cpuNumber, [...(this.#loads.get(cpuNumber) ?? []), ...loads]);
    const cpu = this.cpu(cpuNumber);
    const { stepNs, preemptMaxNs } = this.config.cpu;
    const left = this.#taskCount(cpuNumber);
    function* start(): Flow {
      const idle = new Delay(stepNs, preemptMaxNs, 'other work');
      for (let left = yield* new Choose(`start of ${name}`, idleSteps + 1, 'idle'); left > 0; left -= 1) {
        yield idle;
      }
      if (left !== undefined) {
        yield new Note('begin of a task', () => cpu.begin());
      }
      yield body(cpu);
      if (left !== undefined) {
        yield new Note('end of a task', () => {
          left.set(left.get() - 1);
          if (left.get() === 0) {
            cpu.retire();
          }
        });
      }
    }
    this.kernel.addProcess({ name, kind: 'task', body: start });
    this.agents.push({ process: name, column: `CPU ${cpuNumber} (${name})` });
  }

  /** Counts the tasks of a CPU where the memory model wants to know when its code has ended. */
  #taskCount(cpu: number): Cell | undefined {
    const { memoryModel } = this.config;
    if (memoryModel === 'sc' || memoryModel === 'x86-tso') {
      return undefined;
    }
    const left = this.#tasksLeft.get(cpu) ?? new Cell(this.arena, `cpu${cpu}.tasks-left`);
    this.#tasksLeft.set(cpu, left);
    left.set(left.get() + 1);
    return left;
  }

  /** ATS of a function, enabled; before its sources of requests. */
  addEndpoint(name: string, sid: number, config: AtsConfig, iommu = this.#iommu): void {
    const { arena, trace } = this;
    const { link } = iommu.timing;
    const answer = (itag: number): void => iommu.completeDeviceTlb(sid, itag, 1);
    this.#endpoints.add(new AtsEndpoint({ name, sid }, config, { arena, trace, link, answer }));
  }

  /** Address of the register by which software rings a function with ATS; asked for before the machine is sealed. */
  doorbellOf(sid: number): number {
    const endpoint = this.#endpoints.endpoint(sid);
    assert(endpoint !== undefined, 'a device with ATS has the requester ID');
    endpoint.expectWrites();
    return deviceWindow + sid * pageBytes;
  }

  /** A device that issues requests; its walker is part of the IOMMU. */
  addDmaSource(name: string, source: DmaSourceConfig, options: DmaSourceOptions = {}): void {
    const { ats = false, doorbell, iommu = this.#iommu } = options;
    const walker = iommu.addWalker(name);
    const { repeat, ...request } = source;
    const begun = (requests: () => Flow): (() => Flow) =>
      doorbell === undefined ? requests : () => this.#afterDoorbell(doorbell, iommu.timing.request.maxNs, requests);
    if (!ats) {
      this.kernel.addProcess({ name, kind: 'task', body: begun(() => dmaSource(walker, source)) });
      this.agents.push({ process: name, column: 'IOMMU' });
      return;
    }
    const endpoint = this.#endpoints.endpoint(source.sid);
    assert(endpoint !== undefined, `a device with ATS has the requester ID of ${name}`);
    const { timing } = iommu;
    const asked = endpoint.addRequest(name, request);
    const atsSource = new AtsSource({ endpoint, request: asked, walker, trace: this.trace, timing });
    this.kernel.addProcess({ name, kind: 'task', body: begun(() => atsSource.requests(repeat)) });
    this.agents.push({ process: name, column: 'IOMMU', device: endpoint.name });
  }

  *#afterDoorbell(address: number, latest: number, requests: () => Flow): Flow {
    // When it looks is its own affair, as is when it asks for the next request.
    yield new WaitUntil('its doorbell', () => this.memory.read(address) !== 0, 0, latest);
    yield requests();
  }

  attachChecker(checker: Checker, facts: CheckerFacts): void {
    const reported = new Cell(this.arena, `checker.${checker.rule}.reported`);
    checker.attach({
      arena: this.arena,
      trace: this.trace,
      facts,
      atRest: (check) => this.#atRest.push(check),
      report: (message, source, subject) => {
        // Once a run: what follows a broken rule often breaks it again.
        if (reported.get() === 0) {
          reported.set(1);
          this.kernel.violate({ rule: checker.rule, message, source, subject }, checker.stopsRun);
        }
      },
    });
  }

  attachReach(reach: ReachMark, entryCount: number, mark: () => void): void {
    reach.attach({ arena: this.arena, trace: this.trace, entryCount, mark });
  }

  /** What a process is to a reader. */
  agentOf(process: string): Agent {
    return this.agents.find((agent) => agent.process === process) ?? { process, column: process };
  }

  /** Ends building: what memory and caches hold now is the start of every run. */
  seal(): void {
    for (const iommu of this.#iommus) {
      iommu.addEngines();
      for (const process of iommu.engineNames) {
        this.agents.push({ process, column: 'IOMMU' });
      }
    }
    for (const endpoint of this.#endpoints.list()) {
      const process = `${endpoint.name} device TLB`;
      this.kernel.addProcess({ name: process, kind: 'engine', body: endpoint.invalidationStep() });
      this.agents.push({ process, column: endpoint.name });
      if (endpoint.usesLink) {
        const link = `${endpoint.name} link`;
        this.kernel.addProcess({ name: link, kind: 'engine', body: endpoint.linkStep() });
        this.agents.push({ process: link, column: endpoint.name });
      }
    }
    if (this.config.evictionLimit > 0) {
      const eviction = new CacheEviction(this.arena, this.memory, this.trace, this.config.evictionLimit);
      const isBuffered = this.config.hasWriteBuffer;
      const process = isBuffered ? 'write buffer' : 'cache eviction';
      this.kernel.addProcess({ name: process, kind: 'optional', body: eviction.evictStep() });
      this.agents.push({ process, column: isBuffered ? 'write buffer' : 'CPU caches' });
    }
    const violations = this.trace.channel('violation');
    this.kernel.onViolation = (violation) => {
      if (violations.active) {
        const { rule, message, source } = violation;
        violations.emit({ kind: 'violation', rule, message, source });
      }
    };
    this.kernel.onFinish = () => {
      for (const check of this.#atRest) {
        check();
      }
    };
    this.registry.announce();
    this.kernel.seal();
  }

  #core(number: number): Core {
    const { storeBuffer: buffer } = this.config;
    const core = this.#cores.add({
      cpu: number,
      sink: this.#sink(number),
      buffer,
      registerCount: cpuRegisterCount,
      mayStillRead: (address, wordCount) => this.#mayLoad(number, address, wordCount),
    });
    if (core.drain !== undefined) {
      const name = `CPU ${number} store buffer`;
      this.kernel.addProcess({ name, kind: 'engine', body: core.drain });
      this.agents.push({ process: name, column: `CPU ${number}` });
    }
    return core;
  }

  /** Whether code of a CPU may load from a place: see `loads` of {@link addTask}. */
  #mayLoad(cpu: number, address: number, wordCount: number): boolean {
    const end = address + wordCount * 4;
    const loads = this.#loads.get(cpu) ?? [everywhere];
    return loads.some((range) => address < range.address + range.byteCount && range.address < end);
  }

  #sink(cpu: number): AccessSink {
    const stores = this.trace.channel('store');
    const flushes = this.trace.channel('line-flushed');
    return {
      readWord: (address) => this.memory.read(address),
      apply: ({ kind, address, words }: Access) => {
        switch (kind) {
          case 'register':
            this.#writeRegister(address, words);
            return;
          case 'flush':
            this.memory.writeBack(address);
            if (flushes.active) {
              flushes.emit({ kind: 'line-flushed', address });
            }
            return;
          case 'store':
            if (stores.active) {
              stores.emit({ kind: 'store', address, words, cpu });
            }
            this.memory.write(address, words, 0, words.length, cpu);
        }
      },
    };
  }

  #writeRegister(address: number, words: readonly number[]): void {
    const function_ = this.#endpoints.endpoint((address - deviceWindow) / pageBytes);
    if (function_ !== undefined) {
      function_.write();
      return;
    }
    this.#iommuAt(address).writeRegister(address % pageBytes, words);
  }

  /** The first one, which most machines have only. */
  get #iommu(): Iommu {
    const [first] = this.#iommus;
    assert(first !== undefined, 'the machine has an IOMMU');
    return first;
  }

  #iommuAt(address: number): Iommu {
    return (
      this.#iommus[Math.floor((address - registerWindow) / pageBytes)] ??
      unmodelled(`a device register at 0x${address.toString(16)}`)
    );
  }

  protected place(name: string, address: number, byteCount: number): number {
    this.places.push({ name, address, byteCount });
    return address;
  }
}
