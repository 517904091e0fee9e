import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Cell, Fifo } from '../../sim/containers.ts';
import { Operation, type StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { decodeDescriptor, descriptorBytes, descriptorError, descriptorType, waitFields } from './descriptors.ts';
import { applyInvalidation, invalidationScope, type TranslationCaches } from './invalidations.ts';
import type { VtdConfig } from './vtd-config.ts';
import { type WalkPhase, type WalkState, walkPhase } from './walk-state.ts';

const descriptorWords = descriptorBytes / 4;
/** One 4 KB page of 256-bit descriptors: IQA.QS = 0, IQA.DW = 1. */
export const queueSlots = 128;
const queueMask = queueSlots - 1;
const tailShift = 5;

/** IQERCD.IQEI codes this queue can raise itself (VT-d 11.4.9.9); the others come with the descriptor. */
const invalidTail = 1;
const misalignedTail = 6;

const column = { type: 0, stage: 1, waitsFor: 2, words: 3 } as const;

/**
 * `fetched`: waits for earlier descriptors. `waiting`: waits for the requests that can still fill its cache from the old
 * state. `draining`: its rows are gone; waits for the requests that were translated by them meanwhile.
 */
const stage = { fetched: 0, waiting: 1, draining: 2 } as const;
const inFlightCapacity = 8;

/** Requests that have not passed this phase can still fill the cache that the invalidation is about. */
const passedPhase: Readonly<Record<number, WalkPhase>> = {
  [descriptorType.context]: walkPhase.context,
  [descriptorType.pasidCache]: walkPhase.pasid,
  [descriptorType.iotlb]: walkPhase.access,
  [descriptorType.piotlb]: walkPhase.access,
};

/** Which earlier descriptors a later one waits for (VT-d 6.5.2.12); a wait has a rule of its own. */
const waitsForTypes: Readonly<Record<number, readonly number[]>> = {
  [descriptorType.context]: [],
  [descriptorType.pasidCache]: [descriptorType.context],
  [descriptorType.iotlb]: [descriptorType.context, descriptorType.pasidCache],
  [descriptorType.piotlb]: [descriptorType.context, descriptorType.pasidCache],
};

export interface QueuePorts {
  readonly memory: PhysicalMemory;
  readonly caches: TranslationCaches;
  readonly trace: SystemTrace;
  /** Every walker's request. */
  readonly walks: readonly WalkState[];
}

/**
 * The invalidation queue (VT-d 6.5.2): a ring in memory, one engine that fetches descriptors in order, one that
 * executes those in flight in any order section 6.5.2.12 leaves open.
 */
export class InvalidationQueue {
  readonly #arena: Arena;
  readonly #config: VtdConfig;
  readonly #ports: QueuePorts;
  readonly #base: number;
  readonly #head: Cell;
  readonly #tail: Cell;
  /** IQERCD.IQEI + 1 while FSTS.IQE is set, else 0. */
  readonly #error: Cell;
  readonly #inFlight: Fifo;
  readonly #fetched: Channel<Extract<TraceEvent, { kind: 'descriptor-fetched' }>>;
  readonly #status: Channel<Extract<TraceEvent, { kind: 'status-written' }>>;
  readonly #errors: Channel<Extract<TraceEvent, { kind: 'queue-error' }>>;
  readonly #registers: Channel<Extract<TraceEvent, { kind: 'register-written' }>>;

  constructor(arena: Arena, config: VtdConfig, base: number, ports: QueuePorts) {
    this.#arena = arena;
    this.#config = config;
    this.#ports = ports;
    this.#base = base;
    this.#head = new Cell(arena, 'vtd.iqh');
    this.#tail = new Cell(arena, 'vtd.iqt');
    this.#error = new Cell(arena, 'vtd.fsts.iqe');
    this.#inFlight = new Fifo(arena, 'vtd.in-flight', inFlightCapacity, column.words + descriptorWords);
    this.#fetched = ports.trace.channel('descriptor-fetched');
    this.#status = ports.trace.channel('status-written');
    this.#errors = ports.trace.channel('queue-error');
    this.#registers = ports.trace.channel('register-written');
  }

  /** IQT write: the doorbell. Bits 18:5 are the slot; a tail that is not aligned or not in the ring sets FSTS.IQE. */
  writeTail(words: readonly number[]): void {
    const value = words[0] as number;
    if (this.#registers.active) {
      this.#registers.emit({ kind: 'register-written', register: 'IQT', words });
    }
    if ((value & ((1 << tailShift) - 1)) !== 0) {
      this.#raise(misalignedTail, value >>> tailShift);
    } else if (value >>> tailShift >= queueSlots) {
      this.#raise(invalidTail, value >>> tailShift);
    } else {
      this.#tail.set(value >>> tailShift);
    }
  }

  /** Code of the queue error that stopped the queue, or -1. */
  get errorCode(): number {
    return this.#error.get() - 1;
  }

  get headSlot(): number {
    return this.#head.get();
  }

  /** The step of the engine that fetches descriptors. */
  fetchStep(): Operation<void> {
    return new QueueStep('a descriptor in the queue', this.#config.timing.descriptorFetch, {
      ready: () => this.#canFetch(),
      work: () => this.#fetchOne(),
    });
  }

  /** The step of the engine that executes what was fetched. */
  executeStep(): Operation<void> {
    return new QueueStep('an invalidation that may go on', this.#config.timing.invalidation, {
      ready: () => this.#movableCount() > 0,
      work: (context) => this.#executeOne(context),
    });
  }

  /** A request moved on: invalidations that waited for it wait no longer. */
  walkerMoved(walker: number, phase: WalkPhase): void {
    for (let row = 0; row < this.#inFlight.length; row += 1) {
      const waitsFor = this.#inFlight.get(row, column.waitsFor);
      const passed = phase === walkPhase.idle || phase > this.#passedPhase(row);
      if (waitsFor !== 0 && passed) {
        this.#inFlight.set(row, column.waitsFor, waitsFor & ~(1 << walker));
      }
    }
  }

  #canFetch(): boolean {
    return this.#head.get() !== this.#tail.get() && this.#error.get() === 0 && !this.#inFlight.isFull;
  }

  #fetchOne(): void {
    const slot = this.#head.get();
    const address = this.#base + slot * descriptorBytes;
    const words: number[] = [];
    for (let i = 0; i < descriptorWords; i += 1) {
      words.push(this.#ports.memory.read(address + i * 4) >>> 0);
    }
    if (this.#fetched.active) {
      this.#fetched.emit({ kind: 'descriptor-fetched', slot, words });
    }
    const error = descriptorError(words, 0, this.#config.mode, this.#config.capabilities);
    if (error !== 0) {
      // The head stays on the offending descriptor, and nothing is fetched until software clears IQE (6.5.2.11).
      this.#raise(error, slot);
      return;
    }
    const type = decodeDescriptor(words, 0);
    if (type !== descriptorType.wait && passedPhase[type] === undefined) {
      unmodelled(`an invalidation descriptor of type ${type}`);
    }
    this.#head.set((slot + 1) & queueMask);
    const row = this.#inFlight.push();
    this.#inFlight.set(row, column.type, type);
    for (let i = 0; i < descriptorWords; i += 1) {
      this.#inFlight.set(row, column.words + i, words[i] as number);
    }
  }

  #raise(code: number, slot: number): void {
    this.#error.set(code + 1);
    if (this.#errors.active) {
      this.#errors.emit({ kind: 'queue-error', slot, code });
    }
  }

  #movableCount(): number {
    let count = 0;
    for (let row = 0; row < this.#inFlight.length; row += 1) {
      count += this.#isMovable(row) ? 1 : 0;
    }
    return count;
  }

  #isMovable(row: number): boolean {
    return this.#inFlight.get(row, column.stage) === stage.fetched
      ? this.#mayStart(row)
      : this.#inFlight.get(row, column.waitsFor) === 0;
  }

  #mayStart(row: number): boolean {
    const type = this.#inFlight.get(row, column.type);
    // A wait covers at least what was submitted since the wait before it.
    let sinceWait = true;
    for (let earlier = row - 1; earlier >= 0; earlier -= 1) {
      const earlierType = this.#inFlight.get(earlier, column.type);
      if (earlierType === descriptorType.wait) {
        sinceWait = false;
        if (waitFields.fence(this.#arena.words, this.#wordsBase(earlier))) {
          return false;
        }
      } else if (type === descriptorType.wait ? sinceWait : waitsForTypes[type]?.includes(earlierType) === true) {
        return false;
      }
    }
    return true;
  }

  #executeOne(context: StepContext): void {
    let rank = context.choose('invalidation order', this.#movableCount());
    for (let row = 0; row < this.#inFlight.length; row += 1) {
      if (this.#isMovable(row)) {
        if (rank === 0) {
          this.#move(row, context);
          return;
        }
        rank -= 1;
      }
    }
  }

  /** Takes an invalidation as far as it can go in one step. */
  #move(row: number, context: StepContext): void {
    const type = this.#inFlight.get(row, column.type);
    if (type === descriptorType.wait) {
      this.#completeWait(row);
      return;
    }
    if (this.#inFlight.get(row, column.stage) === stage.fetched) {
      // An IOTLB invalidation drains what is translated or being walked for (VT-d 6.5.4); that it, or any other, waits
      // for table entries being fetched is UNVERIFIED.
      const { invalidationWaitsForFetch: waits } = this.#config;
      const drains = this.#drains(row);
      const concerns = (phase: WalkPhase): boolean => waits || (drains && phase >= walkPhase.pageWalk);
      this.#waitFor(row, stage.waiting, (phase) => phase <= this.#passedPhase(row) && concerns(phase));
    }
    if (this.#inFlight.get(row, column.stage) === stage.waiting && this.#inFlight.get(row, column.waitsFor) === 0) {
      applyInvalidation(this.#ports.caches, this.#ports.trace, {
        words: this.#arena.words,
        base: this.#wordsBase(row),
        mode: this.#config.mode,
        dropsAll: this.#config.invalidationScope === 'coarser' && context.choose('invalidation scope', 2) === 1,
      });
      // A request may have found a row that a request waited for had filled just before: it is on its way to memory and
      // has to arrive before software is told (VT-d 6.5.4). Only the IOTLB is followed by nothing that would wait.
      const drains = this.#drains(row);
      this.#waitFor(row, stage.draining, (phase) => drains && phase === walkPhase.access);
    }
    if (this.#inFlight.get(row, column.stage) === stage.draining && this.#inFlight.get(row, column.waitsFor) === 0) {
      this.#inFlight.remove(row);
    }
  }

  #drains(row: number): boolean {
    const type = this.#inFlight.get(row, column.type);
    return type === descriptorType.iotlb || type === descriptorType.piotlb;
  }

  /** Only requests that the invalidation is about are waited for: "only that domain, only that range" (VT-d 6.5.4). */
  #waitFor(row: number, next: number, concerns: (phase: WalkPhase) => boolean): void {
    const scope = invalidationScope(this.#arena.words, this.#wordsBase(row));
    const inRange = this.#config.pageInvalidationDrains === 'range' ? scope.inRange : undefined;
    const mayBeInRange = (walk: WalkState): boolean =>
      inRange === undefined || inRange(walk.page) || (scope.isSecondStageRange && walk.mayUseFirstStage);
    let waitsFor = 0;
    for (const walk of this.#ports.walks) {
      const { phase } = walk;
      const isMeant =
        (scope.did === undefined || walk.mayHaveDid(scope.did)) &&
        (scope.pasid === undefined || walk.mayHavePasid(scope.pasid)) &&
        mayBeInRange(walk);
      waitsFor |= phase !== walkPhase.idle && isMeant && concerns(phase) ? 1 << walk.walker : 0;
    }
    this.#inFlight.set(row, column.stage, next);
    this.#inFlight.set(row, column.waitsFor, waitsFor);
  }

  #completeWait(row: number): void {
    const base = this.#wordsBase(row);
    if (waitFields.interrupt(this.#arena.words, base)) {
      unmodelled('invalidation wait descriptor with an interrupt (IF = 1)');
    }
    if (waitFields.statusWrite(this.#arena.words, base)) {
      const address = waitFields.statusAddress(this.#arena.words, base);
      if (!this.#ports.memory.contains(address, 4)) {
        unmodelled(`an invalidation wait status write to 0x${address.toString(16)}, which is not RAM`);
      }
      const data = waitFields.statusData(this.#arena.words, base);
      this.#ports.memory.deviceWrite(address, [data]);
      if (this.#status.active) {
        this.#status.emit({ kind: 'status-written', address, data });
      }
    }
    this.#inFlight.remove(row);
  }

  #passedPhase(row: number): WalkPhase {
    return passedPhase[this.#inFlight.get(row, column.type)] ?? walkPhase.idle;
  }

  #wordsBase(row: number): number {
    return this.#inFlight.indexOf(row, column.words);
  }
}

class QueueStep extends Operation<void> {
  override get guarded(): boolean {
    return true;
  }

  readonly label: string;
  readonly #ready: () => boolean;
  readonly #work: (context: StepContext) => void;

  constructor(
    label: string,
    window: { readonly minNs: number; readonly maxNs: number },
    step: { ready: () => boolean; work: (context: StepContext) => void },
  ) {
    super(window.minNs, window.maxNs);
    this.label = label;
    this.#ready = step.ready;
    this.#work = step.work;
  }

  override ready(): boolean {
    return this.#ready();
  }

  execute(context: StepContext): void {
    this.#work(context);
  }
}
