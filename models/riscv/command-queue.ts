import type { Arena } from '../../sim/arena.ts';
import { assert, unmodelled } from '../../sim/assert.ts';
import { BitSet, Cell, WordArray } from '../../sim/containers.ts';
import type { Operation, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { EngineStep } from '../engine-step.ts';
import { ItagPool } from '../iommu/itag-pool.ts';
import { type WalkPhase, walkPhase } from '../iommu/request-latch.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { TraceEvent } from '../trace-events.ts';
import { commandBytes, commandType, commandWords, fenceOperands, isIllegal, typeOfCommand } from './commands.ts';
import type { DirectoryPointer } from './directory-pointer.ts';
import { type InFlightCommandPorts, InFlightCommands } from './in-flight-commands.ts';
import { PagePointer } from './page-pointer.ts';
import { cqcsrBit, QueueRegisters } from './queue-registers.ts';
import type { RiscvConfig } from './riscv-config.ts';

export interface CommandQueuePorts extends Omit<InFlightCommandPorts, 'itags'> {
  readonly memory: PhysicalMemory;
  readonly ddtp: DirectoryPointer;
  /** Whether a function's device context has EN_ATS, as the IOMMU finds it now. */
  readonly mayUseAts: (deviceId: number) => boolean;
}

/** How much of the command at the head is here: nothing, one doubleword, or all of an IOFENCE.C that waits. */
const fetched = { nothing: 0, half: 1, fence: 2, draining: 3 } as const;
const maxDeviceIdBits = 24;
/** Bits of cqcsr, as `queue-error` has them. */
const errorBit = { memory: 8, timeout: 9, illegal: 10 } as const;

/**
 * The command queue (RISC-V IOMMU, Command-queue): a ring in memory with its registers, an engine that fetches commands
 * in order, a doubleword at a time, one that executes those in flight, and a timer for each ITag. The head moves past a
 * command that was fetched, and past an IOFENCE.C when that is complete; nothing behind it is fetched before.
 */
export class CommandQueue {
  readonly registers: QueueRegisters;
  readonly #config: RiscvConfig;
  readonly #ports: CommandQueuePorts;
  /** cqb: the ring. */
  readonly #base: PagePointer;
  readonly #head: Cell;
  readonly #tail: Cell;
  readonly #fetchState: Cell;
  readonly #latch: WordArray;
  /** Requests that the fence at the head waits for: a bit for each walker. */
  readonly #waitsFor: Cell;
  /** An ATS.INVAL has timed out since that was last reported. */
  readonly #timedOut: Cell;
  /** ITags whose completion was dropped. */
  readonly #dropped: BitSet;
  readonly #itags: ItagPool;
  readonly #inFlight: InFlightCommands;
  readonly #fetches: Channel<Extract<TraceEvent, { kind: 'descriptor-fetched' }>>;
  readonly #errors: Channel<Extract<TraceEvent, { kind: 'queue-error' }>>;
  readonly #fences: Channel<Extract<TraceEvent, { kind: 'fence-done' }>>;
  readonly #stores: Channel<Extract<TraceEvent, { kind: 'status-written' }>>;
  readonly #completions: Channel<Extract<TraceEvent, { kind: 'device-tlb-completion' }>>;
  readonly #timeouts: Channel<Extract<TraceEvent, { kind: 'device-tlb-timeout' }>>;

  constructor(arena: Arena, config: RiscvConfig, ring: number, ports: CommandQueuePorts) {
    const { trace } = ports;
    this.#config = config;
    this.#ports = ports;
    this.registers = new QueueRegisters(arena);
    this.#base = new PagePointer(arena, 'riscv.cqb', ring);
    this.#head = new Cell(arena, 'riscv.cqh');
    this.#tail = new Cell(arena, 'riscv.cqt');
    this.#fetchState = new Cell(arena, 'riscv.cq.fetch-state');
    this.#latch = new WordArray(arena, 'riscv.cq.latch', commandWords);
    this.#waitsFor = new Cell(arena, 'riscv.cq.fence-waits-for');
    this.#timedOut = new Cell(arena, 'riscv.cq.timed-out');
    this.#dropped = new BitSet(arena, 'riscv.cq.dropped', config.itags);
    this.#itags = new ItagPool(arena, config.itags);
    this.#inFlight = new InFlightCommands(arena, config, { ...ports, itags: this.#itags });
    this.#fetches = trace.channel('descriptor-fetched');
    this.#errors = trace.channel('queue-error');
    this.#fences = trace.channel('fence-done');
    this.#stores = trace.channel('status-written');
    this.#completions = trace.channel('device-tlb-completion');
    this.#timeouts = trace.channel('device-tlb-timeout');
  }

  get head(): number {
    return this.#head.get();
  }

  get tail(): number {
    return this.#tail.get();
  }

  /** cqb as it is read: the ring's page, and the binary logarithm of its slots less one. */
  get base(): readonly number[] {
    return this.#base.withLowBits(Math.log2(this.#config.cqSlots) - 1);
  }

  /** A write of cqb: of another ring of the same size, while the queue is off. */
  writeBase(words: readonly number[]): void {
    const [low = 0, high = 0] = words;
    if (this.registers.isOn || this.registers.isBusy || 2 ** ((low & 31) + 1) !== this.#config.cqSlots) {
      unmodelled('a write of cqb while the queue is on, or of another size than the machine was built with');
    }
    this.#base.set(((low >>> 10) + high * 2 ** 22) * 4096);
    this.#tail.set(0);
  }

  /** A write of cqt: the doorbell. Bits beyond the size of the ring are 0. */
  writeTail(word: number): void {
    this.#tail.set(word & (this.#config.cqSlots - 1));
    if (this.#config.cmdToRetry === 'reraises' && this.#tail.get() === this.#head.get()) {
      this.#timedOut.set(0);
    }
  }

  /** A write of cqcsr. */
  writeControl(word: number): void {
    if (this.registers.isBusy) {
      unmodelled('a write of cqcsr while it is busy, whose outcome is unspecified');
    }
    this.registers.write(word);
  }

  /** The steps of its engines by name. */
  steps(): readonly (readonly [name: string, body: Operation<void>])[] {
    const { descriptorFetch, invalidation } = this.#config.timing;
    return [
      [
        'command fetch',
        new EngineStep('a command in the queue', descriptorFetch, {
          ready: () => this.#canFetch(),
          work: (context) => this.#fetchHalf(context),
        }),
      ],
      [
        'command execution',
        new EngineStep('a command that may execute', invalidation, {
          ready: () => this.#inFlight.movableCount > 0 || this.#fenceMayGoOn(),
          work: (context) => this.#executeOne(context),
        }),
      ],
      [
        'command queue switch',
        new EngineStep('the queue to be switched', invalidation, {
          ready: () => this.registers.isBusy,
          work: (context) => this.#turn(context),
        }),
      ],
      ...this.#timers(),
    ];
  }

  /** The timers of ITags; none where every function answers and every answer is taken. */
  #timers(): readonly (readonly [name: string, body: Operation<void>])[] {
    const { deviceTlbs } = this.#ports;
    const isNeeded = deviceTlbs.someMayStaySilent || this.#config.completionNeedsEnAts;
    return Array.from({ length: isNeeded ? this.#itags.size : 0 }, (_, itag) => {
      const sid = (): number => this.#itags.sidOf(itag);
      const body = new EngineStep(`the completion timer of ITag ${itag}`, this.#config.timing.deviceTlbTimeout, {
        ready: () => sid() >= 0 && (this.#dropped.has(itag) || deviceTlbs.mayStaySilent(sid(), itag)),
        work: () => this.#timeOut(itag),
      });
      return [`timer of ITag ${itag}`, body] as const;
    });
  }

  /** A request has moved on: a fence that waited for it waits no longer once it has ended. */
  requestMoved(walker: number, phase: WalkPhase): void {
    if (phase === walkPhase.idle) {
      this.#waitsFor.set(this.#waitsFor.get() & ~(1 << walker));
    }
  }

  /** A completion message from a function. */
  completeDeviceTlb(sid: number, itag: number, completionCount: number): void {
    if (this.#config.completionNeedsEnAts && !this.#ports.mayUseAts(sid)) {
      // An unsupported request, by the words of the specification: the invalidation waits for its time-out.
      this.#dropped.set(itag, true);
      return;
    }
    const result = this.#itags.complete(sid, itag, completionCount);
    if (result === 'done') {
      this.#inFlight.answered(itag);
    }
    if (this.#completions.active) {
      this.#completions.emit({ kind: 'device-tlb-completion', sid, itag, result });
    }
  }

  #canFetch(): boolean {
    const isFree = this.#fetchState.get() <= fetched.half && !this.#inFlight.isFull;
    const hasMore = this.#head.get() !== this.#tail.get();
    return isFree && hasMore && this.registers.isOn && !this.registers.isBusy && !this.registers.hasError;
  }

  #fetchHalf(context: StepContext): void {
    const half = this.#fetchState.get();
    const slot = this.#head.get();
    const address = this.#base.get() + slot * commandBytes + half * 8;
    if (!this.#ports.memory.contains(address, 8)) {
      this.#stop(cqcsrBit.cqmf, errorBit.memory, context);
      return;
    }
    for (let i = 0; i < 2; i += 1) {
      this.#latch.set(half * 2 + i, this.#ports.memory.read(address + i * 4));
    }
    if (half === 0) {
      this.#fetchState.set(fetched.half);
      return;
    }
    this.#decode(slot, context);
  }

  #decode(slot: number, context: StepContext): void {
    const { arena, ddtp } = this.#ports;
    const words = Array.from({ length: commandWords }, (_, i) => this.#latch.get(i) >>> 0);
    if (this.#fetches.active) {
      this.#fetches.emit({ kind: 'descriptor-fetched', slot, words });
    }
    const { capabilities } = this.#config;
    const deviceIdBits = ddtp.levels === 0 ? maxDeviceIdBits : ddtp.deviceIdBits;
    const limits = { capabilities, deviceIdBits, wireSignals: false };
    if (isIllegal(arena.words, this.#latch.base, limits)) {
      this.#stop(cqcsrBit.cmdIll, errorBit.illegal, context);
      return;
    }
    if (typeOfCommand(arena.words, this.#latch.base) === commandType.iofence) {
      this.#fetchState.set(fetched.fence);
      return;
    }
    this.#inFlight.add(slot, words);
    this.#moveHead();
  }

  /** The command at the head is dealt with. */
  #moveHead(): void {
    this.#forget();
    this.#head.set((this.#head.get() + 1) % this.#config.cqSlots);
  }

  #forget(): void {
    this.#fetchState.set(fetched.nothing);
    for (let i = 0; i < commandWords; i += 1) {
      this.#latch.set(i, 0);
    }
    this.#waitsFor.set(0);
  }

  #fenceMayGoOn(): boolean {
    switch (this.#fetchState.get()) {
      case fetched.fence:
        return this.#inFlight.isEmpty;
      case fetched.draining:
        return this.#waitsFor.get() === 0;
      default:
        return false;
    }
  }

  #executeOne(context: StepContext): void {
    if (this.#fenceMayGoOn()) {
      this.#goOnWithFence(context);
    } else {
      this.#inFlight.executeOne(context);
    }
  }

  #goOnWithFence(context: StepContext): void {
    const { arena } = this.#ports;
    const operands = fenceOperands(arena.words, this.#latch.base);
    if (this.#fetchState.get() === fetched.fence) {
      if (this.#timedOut.get() === 1) {
        this.#reportTimeout(context);
        return;
      }
      this.#fetchState.set(fetched.draining);
      this.#waitsFor.set(this.#underWay(operands));
    }
    if (this.#waitsFor.get() === 0) {
      this.#completeFence(operands, context);
    }
  }

  /** Requests that PR and PW are about: what has come to the IOMMU and is not in memory. */
  #underWay({ reads, writes }: { readonly reads: boolean; readonly writes: boolean }): number {
    let waitsFor = 0;
    for (const request of this.#ports.requests) {
      const isMeant = request.isWrite.get() === 1 ? writes : reads;
      waitsFor |= isMeant && request.phase !== walkPhase.idle ? 1 << request.walker : 0;
    }
    return waitsFor;
  }

  #completeFence({ store, reads, writes }: ReturnType<typeof fenceOperands>, context: StepContext): void {
    const { memory } = this.#ports;
    if (store !== undefined) {
      if (!memory.contains(store.address, 4)) {
        this.#stop(cqcsrBit.cqmf, errorBit.memory, context);
        return;
      }
      memory.deviceWrite(store.address, [store.data]);
      if (this.#stores.active) {
        this.#stores.emit({ kind: 'status-written', ...store });
      }
    }
    if (this.#fences.active) {
      this.#fences.emit({ kind: 'fence-done', slot: this.#head.get(), reads, writes });
    }
    this.#moveHead();
  }

  /**
   * An earlier ATS.INVAL has timed out: the fence is not complete, and its store is not made (RISC-V IOMMU, ATS
   * commands).
   */
  #reportTimeout(context: StepContext): void {
    if (this.#config.cmdToRetry === 'succeeds') {
      this.#timedOut.set(0);
    }
    this.#stop(cqcsrBit.cmdTo, errorBit.timeout, context);
  }

  /** An error at the head: nothing is fetched until software clears it (RISC-V IOMMU, cqcsr). */
  #stop(bit: number, code: number, context: StepContext): void {
    this.#forget();
    this.registers.raise(bit);
    if (this.#errors.active) {
      this.#errors.emit({ kind: 'queue-error', slot: this.#head.get(), code });
    }
    this.#inFlight.abortSome(context);
  }

  #turn(context: StepContext): void {
    if (this.registers.turn()) {
      this.#head.set(0);
      this.#timedOut.set(0);
      return;
    }
    this.#forget();
    this.#inFlight.abortSome(context);
  }

  #timeOut(itag: number): void {
    const sid = this.#itags.sidOf(itag);
    assert(sid >= 0, 'the request is under way');
    this.#dropped.set(itag, false);
    this.#itags.free(itag);
    this.#timedOut.set(1);
    if (this.#timeouts.active) {
      this.#timeouts.emit({ kind: 'device-tlb-timeout', sid, itag });
    }
    this.#inFlight.timedOut(itag);
  }
}
