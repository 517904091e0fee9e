import type { EntryModel } from '../../models/entry-registry.ts';
import type { Iommu, RequestWalker } from '../../models/iommu/iommu.ts';
import type { FlowDefinition } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import { PageAllocator } from '../../models/linux/page-allocator.ts';
import { type ErrorHandling, queueErrors, queueRegister } from '../../models/linux/riscv/command-queue.ts';
import { fence } from '../../models/linux/riscv/commands.ts';
import { contextFor } from '../../models/linux/riscv/context-encoding.ts';
import type { RiscvStage } from '../../models/linux/riscv/domains.ts';
import { buildRiscvDomain } from '../../models/linux/riscv/page-table-builder.ts';
import { RiscvDriver } from '../../models/linux/riscv/riscv-driver.ts';
import type { MemoryModelName } from '../../models/memory/memory-model.ts';
import { System } from '../../models/system.ts';
import type { SystemConfig } from '../../models/system-config.ts';
import type { TraceEvent } from '../../models/trace-events.ts';
import { assert } from '../../sim/assert.ts';
import { Cell } from '../../sim/containers.ts';
import { Search } from '../../sim/exploration/search.ts';
import type { RunOutcome } from '../../sim/violation.ts';
import { Act } from './tiny-world.ts';
import { seeded } from './vtd-schedules.ts';

/** A flow by its name, and its parameters; defaults are the flow's own. */
export type FlowUse = readonly [string, Readonly<Record<string, unknown>>];

/** PSCID 0: it is given one by a flow. */
interface DomainSketch {
  readonly stage: RiscvStage;
  readonly pscid?: number;
}

export interface RiscvDriverSketch {
  readonly memoryModel?: MemoryModelName;
  readonly storeBufferEntries?: number;
  /** IOMMU of each device by its name; `nic` behind the first if left out. */
  readonly devices?: Readonly<Record<string, number>>;
  readonly iommus?: number;
  readonly slotCount?: number;
  readonly onError?: ErrorHandling;
  readonly ordersDoorbell?: boolean;
  readonly afterDoorbell?: 'mmiowb' | 'mb';
  /** Domain `a` with PSCID 5, which maps page1 at 0x1000, if left out. */
  readonly domains?: Readonly<Record<string, DomainSketch>>;
  readonly attach?: Readonly<Record<string, string>>;
  /** Flows by the name of their task, or the flows of one task one after the other. */
  readonly tasks: Readonly<Record<string, readonly FlowUse[]>>;
  /** Slots at which the queue reports an error the first time it comes to them, and the bit in cqcsr. */
  readonly errors?: Readonly<Record<number, number>>;
  /** The least device there can be behind the first IOMMU: see {@link LeastDevice}. */
  readonly device?: boolean;
}

const window = { minNs: 1, maxNs: 1 };

/**
 * The registers of a command queue, and hardware that takes each command as soon as the doorbell rings; nothing behind
 * it translates.
 */
class CommandSink implements Iommu {
  readonly timing = { request: window, link: window };
  readonly engineNames: readonly string[] = [];
  readonly commands: string[] = [];
  /** An IOTINVAL has been taken. */
  onInvalidation: () => void = () => {};
  readonly #system: System;
  readonly #ring: number;
  readonly #slotCount: number;
  readonly #errors: Map<number, number>;
  readonly #head: Cell;
  readonly #tail: Cell;
  readonly #control: Cell;

  constructor(system: System, name: string, ring: { address: number; slotCount: number }, errors: Map<number, number>) {
    this.#system = system;
    this.#ring = ring.address;
    this.#slotCount = ring.slotCount;
    this.#errors = errors;
    this.#head = new Cell(system.arena, `${name}.cqh`);
    this.#tail = new Cell(system.arena, `${name}.cqt`);
    this.#control = new Cell(system.arena, `${name}.cqcsr`, 1);
  }

  addWalker(): RequestWalker {
    throw new Error('there are no devices behind it');
  }
  addEngines(): void {}
  completeDeviceTlb(): void {}
  readRegister(offset: number): readonly number[] {
    return this.peekRegister(offset);
  }

  peekRegister(offset: number): readonly number[] {
    const registers = new Map([
      [queueRegister.head, this.#head.get()],
      [queueRegister.tail, this.#tail.get()],
      [queueRegister.control, this.#control.get()],
      [queueRegister.pending, (this.#control.get() & queueErrors) === 0 ? 0 : 1],
    ] as [number, number][]);
    return [registers.get(offset) ?? 0];
  }

  writeRegister(offset: number, words: readonly number[]): void {
    const [value = 0] = words;
    const name = new Map<number, string>([
      [queueRegister.tail, 'cqt'],
      [queueRegister.control, 'cqcsr'],
      [queueRegister.pending, 'ipsr'],
    ]).get(offset);
    this.#system.trace.channel('register-written').emit({ kind: 'register-written', register: name ?? '?', words });
    if (name === 'cqt') {
      this.#tail.set(value);
    } else if (name === 'cqcsr') {
      this.#control.set(this.#control.get() & ~(value & queueErrors));
    }
    this.#take();
  }

  #take(): void {
    while (this.#head.get() !== this.#tail.get() && (this.#control.get() & queueErrors) === 0) {
      const slot = this.#head.get();
      const error = this.#errors.get(slot);
      if (error !== undefined) {
        this.#errors.delete(slot);
        this.#control.set(this.#control.get() | error);
        return;
      }
      const { memory } = this.#system;
      const qword = (offset: number): bigint => {
        const address = this.#ring + slot * 16 + offset;
        return (BigInt(memory.read(address + 4) >>> 0) << 32n) | BigInt(memory.read(address) >>> 0);
      };
      if ((memory.read(this.#ring + slot * 16) & 0x7f) === 1) {
        this.onInvalidation();
      }
      this.commands.push(`${qword(0).toString(16)} ${qword(8).toString(16)}`);
      this.#head.set((slot + 1) % this.#slotCount);
    }
  }
}

/**
 * Reads the device context and then, by its address, the leaf, keeps what it has got until an IOTINVAL comes, and uses it
 * once: the third thread of the litmus test W+RWC.
 */
class LeastDevice {
  readonly #system: DriverSystem;
  readonly #addresses: { readonly context: number; readonly leaf: number };
  readonly #isValid: Cell;
  readonly #cached: Cell;
  readonly #isFreed: Cell;

  constructor(system: DriverSystem, addresses: { readonly context: number; readonly leaf: number }) {
    this.#system = system;
    this.#addresses = addresses;
    this.#isValid = new Cell(system.arena, 'device.valid');
    this.#cached = new Cell(system.arena, 'device.cached');
    this.#isFreed = new Cell(system.arena, 'device.page-freed');
  }

  add(): void {
    const { kernel, trace, sinks } = this.#system;
    trace.observe('page-freed', () => this.#isFreed.set(1));
    for (const sink of sinks) {
      sink.onInvalidation = () => this.#cached.set(0);
    }
    const isSet = (address: number): number => this.#system.memory.read(address) & 1;
    const steps = [
      () => this.#isValid.set(isSet(this.#addresses.context)),
      () => this.#cached.set(this.#isValid.get() & isSet(this.#addresses.leaf)),
      () => {
        if (this.#cached.get() === 1 && this.#isFreed.get() === 1) {
          kernel.violate({ rule: 'use-after-free', message: '', source: '', subject: '' }, true);
        }
      },
    ];
    kernel.addProcess({
      name: 'device',
      kind: 'task',
      *body() {
        for (const act of steps) {
          yield new Act('device', { act });
        }
      },
    });
  }
}

class DriverSystem extends System {
  readonly sinks: CommandSink[] = [];
  readonly driver: RiscvDriver;

  constructor(config: SystemConfig, sketch: RiscvDriverSketch) {
    super(config);
    const { iommus = 1, slotCount = 64, errors = {} } = sketch;
    const { onError = 'ignores', ordersDoorbell = true, afterDoorbell = 'mmiowb' } = sketch;
    const places = Array.from({ length: iommus }, (_, i) => {
      const ringAddress = this.allocatePage(`ring ${i}`);
      const registers = this.nextRegisters;
      const faulty = new Map(Object.entries(errors).map(([slot, bit]) => [Number(slot), bit]));
      const sink = new CommandSink(this, `iommu${i}`, { address: ringAddress, slotCount }, faulty);
      this.sinks.push(sink);
      this.addIommu(sink);
      return { registers, ringAddress, slotCount };
    });
    const page = this.allocatePage('driver data');
    let next = page;
    this.driver = new RiscvDriver({
      arena: this.arena,
      memory: this.memory,
      registry: this.registry,
      trace: this.trace,
      pages: new PageAllocator({
        arena: this.arena,
        trace: this.trace,
        pageCount: config.memoryPages,
        timing: config.cpu,
      }),
      iommus: places,
      queue: { onError, ordersDoorbell, afterDoorbell, fence: fence() },
      place: (name, byteCount) => {
        next += 16 * Math.ceil(byteCount / 16);
        return this.place(name, next - 16 * Math.ceil(byteCount / 16), byteCount);
      },
    });
  }
}

const model = (structure: EntryModel['structure'], wordCount: number): EntryModel => ({
  structure,
  wordCount,
  usedBits: (_words, _base, out) => out.fill(0xffff_ffff),
});

export interface RiscvDriverRun {
  readonly outcome: RunOutcome;
  /** What CPUs and registers saw, one step a line: `R` and `W` of named words, barriers, registers. */
  readonly steps: readonly string[];
  readonly events: readonly TraceEvent[];
}

/** The RISC-V driver in front of a queue that takes everything: no tables are walked. */
export class RiscvDriverWorld {
  readonly system: DriverSystem;
  readonly driver: RiscvDriver;

  constructor(sketch: RiscvDriverSketch) {
    const { devices = { nic: 0 }, domains = { a: { stage: 'first', pscid: 5 } }, attach = {} } = sketch;
    const config: SystemConfig = {
      limits: { maxEvents: 20_000, maxTimeNs: 600_000_000_000, maxRetries: 10 },
      memoryModel: sketch.memoryModel ?? 'sc',
      memoryPages: 64,
      coherentWalks: true,
      hasWriteBuffer: false,
      evictionLimit: 0,
      storeBuffer: { entryCount: sketch.storeBufferEntries ?? 8, maxNs: 1_000_000_000 },
      cpu: { stepNs: 1, preemptMaxNs: 1_000_000_000 },
      trackedEntries: 16,
    };
    this.system = new DriverSystem(config, sketch);
    this.driver = this.system.driver;
    const { system, driver } = this;
    const contexts = system.allocatePage('device contexts');
    for (const [i, [name, iommu]] of Object.entries(devices).entries()) {
      const contextAddress = contexts + i * 32;
      system.places.push({ name: `${name} context`, address: contextAddress, byteCount: 32 });
      driver.addDevice({ name, deviceId: 0x108 + i, contextAddress, contextWordCount: 8, iommu });
    }
    const page1 = system.allocatePage('page1');
    for (const page of ['page1', 'page2']) {
      driver.addPage(page, page === 'page1' ? page1 : system.allocatePage(page));
    }
    for (const [name, { stage, pscid = 0 }] of Object.entries(domains)) {
      const ram = { memory: system.memory, allocatePage: (page: string) => system.allocatePage(page) };
      const map = [{ iova: 0x1000, address: page1, writable: true }];
      const plan = { name, stage, pscid, gscid: 0, mode: 'sv39', map, mappedLater: [] } as const;
      driver.addDomain(buildRiscvDomain(ram, plan));
      for (const leaf of driver.domain(name).leaves.values()) {
        system.registry.track(leaf.address, `${name} leaf`, model('riscv-first-stage-pte', 2));
        system.places.push({ name: `${name} leaf`, address: leaf.address, byteCount: 8 });
      }
    }
    for (const [device, domain] of Object.entries(attach)) {
      driver.addAttachment(device, domain);
      const words = contextFor(driver.domain(domain), domains[domain]?.pscid ?? 0, 8);
      system.memory.initialise(driver.device(device).contextAddress, words);
    }
    for (const name of Object.keys(devices)) {
      system.registry.track(driver.device(name).contextAddress, `${name} context`, model('riscv-device-context', 8));
    }
    for (const [cpu, [name, sequence]] of Object.entries(sketch.tasks).entries()) {
      const uses = sequence.map((use) => flowOf(use));
      const loads = uses.flatMap(
        ({ flow, values }) => flow.loads({ cpu: system.cpu(cpu), riscv: driver }, values) ?? [],
      );
      system.addTask(name, { cpu, idleSteps: 0, loads }, function* (ownCpu) {
        for (const { flow, values } of uses) {
          yield flow.start({ cpu: ownCpu, riscv: driver }, values);
        }
      });
    }
    if (sketch.device === true) {
      const leaf = driver.leaf(driver.domain('a'), 0x1000);
      new LeastDevice(system, { context: driver.device('nic').contextAddress, leaf: leaf.address }).add();
    }
    system.seal();
  }

  /** Goes through every order; whether the device can reach the page after it has been freed. */
  explore(): { readonly isBroken: boolean; readonly states: number } {
    let isBroken = false;
    const search = new Search(this.system.kernel, {
      reduces: true,
      keepsWindows: false,
      isExact: false,
      maxPreemptions: undefined,
      onViolation: ({ rule }) => {
        assert(rule === 'use-after-free', `${rule} is not what this is about`);
        isBroken = true;
      },
    });
    while (search.advance(100_000));
    const { states } = search.progress;
    search.close();
    return { isBroken, states };
  }

  run(seed = 1): RiscvDriverRun {
    const { kernel, trace, sinks } = this.system;
    for (const { commands } of sinks) {
      commands.length = 0;
    }
    trace.record(true);
    trace.clear();
    const outcome = kernel.run(seeded(seed));
    const events = trace.records.map(({ event }) => event);
    trace.record(false);
    return { outcome, events, steps: events.flatMap((event) => this.#stepOf(event)) };
  }

  /** The commands that an IOMMU has taken, as two dwords each. */
  commands(iommu = 0): readonly string[] {
    return this.system.sinks[iommu]?.commands ?? [];
  }

  #stepOf(event: TraceEvent): readonly string[] {
    switch (event.kind) {
      case 'load':
        return [`R ${this.#nameOf(event.address)}`];
      case 'store':
        return [`W ${this.#nameOf(event.address)}`];
      case 'barrier':
        return [event.name];
      case 'register-written':
        return [`W ${event.register}=${event.words[0]}`];
      case 'page-freed':
        return ['free page'];
      default:
        return [];
    }
  }

  /** The last place that has the address is the narrowest. */
  #nameOf(address: number): string {
    const place = this.system.places.findLast(
      (each) => each.address <= address && address < each.address + each.byteCount,
    );
    if (place === undefined) {
      return `0x${address.toString(16)}`;
    }
    return address === place.address ? place.name : `${place.name}+${address - place.address}`;
  }
}

/** The flow, and its parameters with the defaults filled in. */
function flowOf([name, given]: FlowUse): {
  readonly flow: FlowDefinition;
  readonly values: Readonly<Record<string, unknown>>;
} {
  const flow = flows.find((candidate) => candidate.name === name);
  assert(flow !== undefined, `there is a flow ${name}`);
  const defaults = Object.entries(flow.parameters).flatMap(([key, spec]) =>
    'default' in spec ? [[key, spec.default] as const] : [],
  );
  return { flow, values: { ...Object.fromEntries(defaults), ...given } };
}
