import type { CheckerFacts } from '../models/checkers/checker.ts';
import { checkers } from '../models/checkers/checkers.ts';
import { reachMarks } from '../models/checkers/reach.ts';
import type { EntryModel } from '../models/entry-registry.ts';
import type { Iommu } from '../models/iommu/iommu.ts';
import type { Cpu } from '../models/memory/cpu.ts';
import { wordsOfValue } from '../models/qword.ts';
import type { System } from '../models/system.ts';
import type { SystemConfig } from '../models/system-config.ts';
import { assert } from '../sim/assert.ts';
import type { Flow } from '../sim/operation.ts';
import { flowWith } from './flow-with.ts';
import { defaultAts } from './format/machine-schema.ts';
import type { World, WorldTask } from './format/schema.ts';
import type { InlineStep } from './format/steps-schema.ts';
import { allSteps, maxTrackedEntries, parseRequesterId } from './format/task-plan.ts';
import { type Doorbells, type InlineDriver, inlineTask, type ToldValues } from './inline-steps.ts';
import { loadsOfTask } from './task-loads.ts';

/** A machine that is sealed and ready to run, with what reports need to know about it. */
export interface AssembledWorld {
  readonly system: System;
  readonly entryNames: readonly string[];
  /** Names of `reach` that a run has reached; filled while runs go on. */
  readonly reached: Set<string>;
}

/** Who an entry is for, by its id in the registry. */
export interface EntryOwner<D> {
  readonly sid: number;
  readonly pasid: number;
  /** The bits in memory are nobody's: the table has not been zeroed yet. */
  readonly isLeftover?: boolean;
  /** Of a leaf paging entry: whose it is. */
  readonly domain?: D;
}

/** Turns the checked contents of one case into a machine: what is the same for every IOMMU. */
export abstract class Assembly<W extends World, S extends System, D> {
  protected readonly world: W;
  protected readonly system: S;
  protected readonly owners: EntryOwner<D>[] = [];
  readonly #pages = new Map<string, number>();

  constructor(world: W, system: S) {
    this.world = world;
    this.system = system;
  }

  build(reach: readonly string[]): AssembledWorld {
    this.prepare();
    this.#addTasks();
    const { entryCount } = this.facts();
    for (const checker of checkers) {
      this.system.attachChecker(checker, this.facts());
    }
    const reached = new Set<string>();
    for (const name of reach) {
      const mark = reachMarks.find((candidate) => candidate.name === name);
      assert(mark !== undefined, `reach ${name} is known`);
      this.system.attachReach(mark, entryCount, () => reached.add(name));
    }
    this.system.seal();
    const { registry } = this.system;
    return { system: this.system, reached, entryNames: registry.list().map(({ name }) => name) };
  }

  /** Devices, tables and entries, as they are when a run begins. */
  protected abstract prepare(): void;
  /** What checkers may know. */
  protected abstract facts(): CheckerFacts;
  /** How its steps and flows find the driver. */
  protected abstract inlineDriver(): InlineDriver;
  /** Makes a page known to the driver. */
  protected abstract addPage(name: string, address: number): void;
  /** The IOMMU that a device is behind; undefined: the only one. */
  protected abstract iommuOf(device: string): Iommu | undefined;
  protected abstract addInterruptSource(name: string, task: Extract<WorldTask, { interrupt: object }>): void;

  /** A page of memory by its name; made when first named. */
  protected page(name: string): number {
    let address = this.#pages.get(name);
    if (address === undefined) {
      address = this.allocate(name);
      this.#pages.set(name, address);
      this.addPage(name, address);
    }
    return address;
  }

  protected allocate(name: string): number {
    return this.system.allocatePage(name);
  }

  protected addEndpoints(): void {
    for (const [name, { requesterId, ats }] of Object.entries(this.world.platform.devices)) {
      if (ats !== false) {
        const config = ats === true ? defaultAts : ats;
        this.system.addEndpoint(name, parseRequesterId(requesterId), config, this.iommuOf(name));
      }
    }
  }

  protected trackOne(address: number, name: string, model: EntryModel, owner: EntryOwner<D>): void {
    this.owners[this.system.registry.track(address, name, model, owner.isLeftover)] = owner;
  }

  protected get commonFacts(): Pick<
    CheckerFacts,
    | 'entryCount'
    | 'pageCount'
    | 'hasDeviceTlb'
    | 'nameOfEntry'
    | 'structureOfEntry'
    | 'nameOfDevice'
    | 'pasidOfEntry'
    | 'sidOfEntry'
    | 'forbidden'
  > {
    const { registry } = this.system;
    const { devices, memoryPages } = this.world.platform;
    const bySid = new Map(Object.entries(devices).map(([name, each]) => [parseRequesterId(each.requesterId), name]));
    return {
      entryCount: registry.list().length,
      pageCount: memoryPages,
      hasDeviceTlb: (sid) => (devices[bySid.get(sid) ?? '']?.ats ?? false) !== false,
      nameOfEntry: (entry) => registry.nameOf(entry),
      structureOfEntry: (entry) => registry.modelOf(entry).structure,
      nameOfDevice: (sid) => bySid.get(sid) ?? `requester 0x${sid.toString(16)}`,
      pasidOfEntry: (entry) => this.owners[entry]?.pasid ?? -1,
      sidOfEntry: (entry) => this.owners[entry]?.sid ?? -1,
      forbidden: this.world.forbidden.map((outcome) =>
        Object.entries(outcome).map(([name, value]) => ({
          name,
          words: wordsOfValue(BigInt(value), 64),
          text: `${name} = ${value}`,
        })),
      ),
    };
  }

  /** Where values go that outcomes speak of. */
  #toldValues(task: string): ToldValues {
    const values = this.system.trace.channel('value-read');
    const names = this.world.forbidden.flatMap((outcome) => Object.keys(outcome));
    const own = names.filter((name) => name.startsWith(`${task}.`));
    return new Map(
      own.map((name) => [
        name.slice(task.length + 1),
        (value) => values.emit({ kind: 'value-read', name, words: wordsOfValue(value, 64) }),
      ]),
    );
  }

  /** Of every device that steps write to. */
  #doorbells(steps: readonly InlineStep[]): Doorbells {
    const { devices } = this.world.platform;
    const rung = allSteps(steps).flatMap((step) => ('mmio' in step ? [step.mmio] : []));
    return new Map(
      rung.map((name) => [name, this.system.doorbellOf(parseRequesterId(devices[name]?.requesterId ?? ''))]),
    );
  }

  #bodyOf(
    name: string,
    task: Exclude<WorldTask, { dma: object } | { interrupt: object }>,
    driver: InlineDriver,
  ): (cpu: Cpu) => Flow {
    if ('steps' in task) {
      return inlineTask(task.steps, { driver, told: this.#toldValues(name), doorbells: this.#doorbells(task.steps) });
    }
    const start = flowWith(task.flow, task.with);
    return (cpu) => start(driver.environment(cpu));
  }

  #addTasks(): void {
    const { devices } = this.world.platform;
    for (const [name, task] of Object.entries(this.world.tasks) as [string, WorldTask][]) {
      if ('dma' in task) {
        const { pasid = -1, iova, write, repeat, after } = task.dma;
        const device = devices[task.device];
        assert(device !== undefined, `device ${task.device} is known`);
        const source = { sid: parseRequesterId(device.requesterId), pasid, iova, write, repeat };
        const doorbell = after === undefined ? undefined : this.page(after);
        const iommu = this.iommuOf(task.device);
        const ats = task.dma.ats ?? device.ats !== false;
        this.system.addDmaSource(name, source, { ats, doorbell, ...(iommu === undefined ? {} : { iommu }) });
      } else if ('interrupt' in task) {
        this.addInterruptSource(name, task);
      } else {
        const driver = this.inlineDriver();
        const loads = loadsOfTask(task, driver, driver.environment(this.system.cpu(task.cpu)));
        this.system.addTask(name, { ...task, loads }, this.#bodyOf(name, task, driver));
      }
    }
  }
}

/** What of a machine is no matter of its IOMMU. */
export function commonConfigOf({ platform, limits }: World): Omit<SystemConfig, 'coherentWalks' | 'hasWriteBuffer'> {
  return {
    limits,
    memoryModel: platform.memory,
    memoryPages: platform.memoryPages,
    evictionLimit: platform.evictionLimit,
    storeBuffer: { entryCount: platform.storeBufferEntries, maxNs: platform.storeBufferMaxNs },
    cpu: {
      stepNs: platform.cpuStepNs,
      preemptMaxNs: platform.preemptMaxNs === 'unbounded' ? Number.POSITIVE_INFINITY : platform.preemptMaxNs,
    },
    trackedEntries: maxTrackedEntries,
  };
}

/** Values without the keys that are there and undefined. */
export function definedOf<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
