import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import type { Operation, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { EngineStep } from '../engine-step.ts';
import { ItagPool } from '../iommu/itag-pool.ts';
import type { WalkPhase } from '../iommu/request-latch.ts';
import type { TraceEvent } from '../trace-events.ts';
import { decodeDescriptor, descriptorBytes, descriptorError } from './descriptors.ts';
import { descriptorWords, InFlightInvalidations, type InFlightPorts } from './in-flight-invalidations.ts';
import { QueueErrors, queueErrorCode } from './queue-errors.ts';
import type { VtdConfig } from './vtd-config.ts';

/** One 4 KB page of 256-bit descriptors: IQA.QS = 0, IQA.DW = 1. */
export const maxQueueSlots = 128;
const tailShift = 5;

export type QueuePorts = Omit<InFlightPorts, 'itags' | 'interrupt'>;

/**
 * The invalidation queue (VT-d 6.5.2): a ring in memory with its registers, an engine that fetches descriptors in order,
 * one that executes those in flight, and a completion timer for each ITag.
 */
export class InvalidationQueue {
  readonly errors: QueueErrors;
  readonly #config: VtdConfig;
  readonly #ports: QueuePorts;
  readonly #base: number;
  readonly #head: Cell;
  readonly #tail: Cell;
  /** ICS.IWC: a wait with IF = 1 is complete. The interrupt itself stays masked, as after reset. */
  readonly #waitComplete: Cell;
  readonly #itags: ItagPool;
  readonly #inFlight: InFlightInvalidations;
  readonly #fetched: Channel<Extract<TraceEvent, { kind: 'descriptor-fetched' }>>;
  readonly #queueErrors: Channel<Extract<TraceEvent, { kind: 'queue-error' }>>;
  readonly #completions: Channel<Extract<TraceEvent, { kind: 'device-tlb-completion' }>>;
  readonly #timeouts: Channel<Extract<TraceEvent, { kind: 'device-tlb-timeout' }>>;

  constructor(arena: Arena, config: VtdConfig, base: number, ports: QueuePorts) {
    const { trace } = ports;
    this.#config = config;
    this.#ports = ports;
    this.#base = base;
    this.#head = new Cell(arena, 'vtd.iqh');
    this.#tail = new Cell(arena, 'vtd.iqt');
    this.#waitComplete = new Cell(arena, 'vtd.ics.iwc');
    this.errors = new QueueErrors(arena, config.recordsErrorSource);
    this.#itags = new ItagPool(arena, config.itags);
    this.#inFlight = new InFlightInvalidations(arena, config, {
      ...ports,
      itags: this.#itags,
      interrupt: () => this.#waitComplete.set(1),
    });
    this.#fetched = trace.channel('descriptor-fetched');
    this.#queueErrors = trace.channel('queue-error');
    this.#completions = trace.channel('device-tlb-completion');
    this.#timeouts = trace.channel('device-tlb-timeout');
  }

  /**
   * IQT write: the doorbell. Bits 18:5 are the slot; a tail that is not aligned or not in the ring sets FSTS.IQE, unless
   * that is set already.
   */
  writeTail(word: number): void {
    if ((word & ((1 << tailShift) - 1)) !== 0) {
      this.#raise(queueErrorCode.misalignedTail, word >>> tailShift);
    } else if (word >>> tailShift >= this.#config.queueSlots) {
      this.#raise(queueErrorCode.invalidTail, word >>> tailShift);
    } else {
      this.#tail.set(word >>> tailShift);
    }
  }

  /** Code of the queue error that stopped the queue, or -1. */
  get errorCode(): number {
    return this.errors.code;
  }

  get headSlot(): number {
    return this.#head.get();
  }

  /** IQH and IQT as registers: the offset of a slot in the ring. */
  get headOffset(): number {
    return this.#head.get() << tailShift;
  }

  get tailOffset(): number {
    return this.#tail.get() << tailShift;
  }

  /** ICS_REG, and a write to it: IWC is cleared by writing 1. */
  get completionStatus(): number {
    return this.#waitComplete.get();
  }

  clearCompletionStatus(word: number): void {
    if ((word & 1) !== 0) this.#waitComplete.set(0);
  }

  /** The step of the engine that fetches descriptors. */
  fetchStep(): Operation<void> {
    return new EngineStep('a descriptor in the queue', this.#config.timing.descriptorFetch, {
      ready: () => this.#canFetch(),
      work: () => this.#fetchOne(),
    });
  }

  /** The step of the engine that executes what was fetched. */
  executeStep(): Operation<void> {
    return new EngineStep('an invalidation that may go on', this.#config.timing.invalidation, {
      ready: () => this.#inFlight.movableCount > 0,
      work: (context) => this.#inFlight.moveOne(context),
    });
  }

  /** The steps of the completion timers, one an ITag; none where every function answers. */
  timeoutSteps(): readonly Operation<void>[] {
    const { deviceTlbs } = this.#ports;
    return Array.from({ length: deviceTlbs.someMayStaySilent ? this.#itags.size : 0 }, (_, itag) => {
      const sid = (): number => this.#itags.sidOf(itag);
      return new EngineStep(`the completion timer of ITag ${itag}`, this.#config.timing.deviceTlbTimeout, {
        ready: () => sid() >= 0 && deviceTlbs.mayStaySilent(sid(), itag),
        work: (context) => this.#timeOut(itag, context),
      });
    });
  }

  /** A request moved on: invalidations that waited for it wait no longer. */
  walkerMoved(walker: number, phase: WalkPhase): void {
    this.#inFlight.walkerMoved(walker, phase);
  }

  /** An invalidation completion message from a function (VT-d 4.3). */
  completeDeviceTlb(sid: number, itag: number, completionCount: number): void {
    const result = this.#itags.complete(sid, itag, completionCount);
    if (result === 'done') {
      this.#inFlight.answered(itag);
    } else if (result === 'unknown') {
      // Processing goes on (VT-d 6.5.2.11).
      this.errors.raiseCompletionError(sid);
    }
    if (this.#completions.active) {
      this.#completions.emit({ kind: 'device-tlb-completion', sid, itag, result });
    }
  }

  #canFetch(): boolean {
    return this.#head.get() !== this.#tail.get() && !this.errors.stopsFetching && !this.#inFlight.isFull;
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
    this.#head.set((slot + 1) % this.#config.queueSlots);
    this.#inFlight.add(decodeDescriptor(words, 0), slot, words);
  }

  #raise(code: number, slot: number): void {
    if (this.errorCode >= 0) {
      return;
    }
    this.errors.raiseQueueError(code);
    if (this.#queueErrors.active) {
      this.#queueErrors.emit({ kind: 'queue-error', slot, code });
    }
  }

  #timeOut(itag: number, context: StepContext): void {
    const sid = this.#itags.sidOf(itag);
    this.errors.raiseTimeoutError(sid);
    this.#itags.free(itag);
    if (this.#timeouts.active) {
      this.#timeouts.emit({ kind: 'device-tlb-timeout', sid, itag });
    }
    this.#inFlight.timedOut(itag, context);
  }
}
