import { type Flow, Note, Retry } from '../../../sim/operation.ts';
import type { Channel } from '../../../sim/trace.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { SystemTrace, TraceEvent } from '../../trace-events.ts';
import { type Command, fence } from './commands.ts';

/** Offsets of the registers that the queue has, in the page of the IOMMU's registers. */
export const queueRegister = { head: 32, tail: 36, control: 72, pending: 84 } as const;
/** cqcsr: cqmf, cmd_to and cmd_ill. */
export const queueErrors = 0x700;
const illegalCommand = 0x400;
/** ipsr.cip. */
export const commandQueueInterrupt = 1;
const commandBytes = 16;

/**
 * What riscv_iommu_queue_wait does about an error of the queue. `ignores`: takes it for success (7.0); `head-only`: never
 * looks at cqcsr (6.12); `resubmits`: whoever waits sends again what it has sent since its last fence.
 */
export const errorHandlings = ['ignores', 'head-only', 'resubmits'] as const;
export type ErrorHandling = (typeof errorHandlings)[number];

export interface CommandQueuePlaces {
  /** Where the registers of its IOMMU are. */
  readonly registers: number;
  readonly ringAddress: number;
  /** A power of two. */
  readonly slotCount: number;
  /** q->prod, q->head and q->tail, 4 bytes each. */
  readonly prod: number;
  readonly head: number;
  readonly tail: number;
  /** Where errors are counted, and who handles one: see `resubmits`. */
  readonly errorCount: number;
  readonly errorLock: number;
}

export interface CommandQueueOptions {
  readonly onError: ErrorHandling;
  /** Commands are ordered before the doorbell that tells of them: dma_wmb. */
  readonly ordersDoorbell: boolean;
  /**
   * Between the doorbell and the turn of the next CPU. mmiowb is nothing on Armv8, where another CPU's doorbell could
   * then arrive first: a driver for that needs mb.
   */
  readonly afterDoorbell: 'mmiowb' | 'mb';
  /** The command that riscv_iommu_cmd_sync sends. */
  readonly fence: Command;
}

/** What a caller has sent since its last fence, and how many errors there had been before. */
export interface SentSinceFence {
  readonly commands: readonly Command[];
  readonly errors: bigint;
}

/** The software side of the command queue of one IOMMU: riscv_iommu_queue_send and riscv_iommu_queue_wait. */
export class CommandQueue {
  readonly places: CommandQueuePlaces;
  readonly #options: CommandQueueOptions;
  readonly #mask: number;
  readonly #submitted: Channel<Extract<TraceEvent, { kind: 'batch-submitted' }>>;
  readonly #ignored: Channel<Extract<TraceEvent, { kind: 'error-ignored' }>>;

  constructor(places: CommandQueuePlaces, options: CommandQueueOptions, trace: SystemTrace) {
    this.places = places;
    this.#options = options;
    this.#mask = places.slotCount - 1;
    this.#submitted = trace.channel('batch-submitted');
    this.#ignored = trace.channel('error-ignored');
  }

  /** riscv_iommu_cmd_send: takes a slot, writes the command, and rings when all before it have; gives its index. */
  *send(cpu: Cpu, command: Command): Flow<number> {
    const { ringAddress, prod: prodAddress, head: headAddress, tail, registers } = this.places;
    const prod = Number(yield* cpu.fetchAdd(prodAddress, { widthBits: 32, value: 1n, order: 'full' }));
    const slot = prod & this.#mask;
    yield this.#note([slot]);
    // Until the ring has been filled once the head makes no difference, wherever it is: that load is left out.
    if (prod >= this.#mask) {
      const head = Number(yield* cpu.load32(headAddress));
      if (prod - head >= this.#mask) {
        yield this.#waitForRoom(cpu, prod, head);
      }
    }
    yield cpu.storeBlock(ringAddress + slot * commandBytes, command);
    yield cpu.waitForWord(tail, prod, 'its turn to ring the doorbell');
    if (this.#options.ordersDoorbell) {
      yield cpu.barrier('dma_wmb');
    }
    yield cpu.writeRegisterRelaxed(registers + queueRegister.tail, 32, BigInt((prod + 1) & this.#mask));
    yield cpu.barrier(this.#options.afterDoorbell);
    yield cpu.fetchAdd(tail, { widthBits: 32, value: 1n, order: 'relaxed' });
    return prod;
  }

  /**
   * riscv_iommu_cmd_sync: an IOFENCE.C behind the commands that this caller has sent since its last one, and the wait
   * for it. What it returns in the kernel nobody looks at.
   */
  *sync(cpu: Cpu, since: SentSinceFence | undefined): Flow {
    const commands = since?.commands ?? [];
    let errors = since?.errors ?? (yield* this.errorsSoFar(cpu));
    for (let round = 1; ; round += 1) {
      const index = yield* this.send(cpu, this.#options.fence);
      if (!(yield* this.#wait(cpu, index, errors))) {
        return;
      }
      if (this.#options.onError !== 'resubmits') {
        yield this.#ignore(index, commands.length);
        return;
      }
      errors = yield* this.#recover(cpu, errors);
      for (const command of commands) {
        yield* this.send(cpu, command);
      }
      yield new Retry('riscv_iommu_cmd_sync', round);
    }
  }

  /** The wait for a command of any kind, of software that looks at how it ended: true with an error of the queue. */
  *hasFailed(cpu: Cpu, index: number): Flow<boolean> {
    return yield* this.#wait(cpu, index, yield* this.errorsSoFar(cpu));
  }

  /** The wait alone, for a command of any kind. */
  *waitFor(cpu: Cpu, index: number): Flow {
    if (yield* this.#wait(cpu, index, yield* this.errorsSoFar(cpu))) {
      yield this.#ignore(index, 0);
    }
  }

  /** How many errors there have been: what {@link sync} compares with. */
  *errorsSoFar(cpu: Cpu): Flow<bigint> {
    return this.#options.onError === 'resubmits' ? yield* cpu.load32(this.places.errorCount) : 0n;
  }

  /** riscv_iommu_queue_wait; whether it was an error that ended it. */
  *#wait(cpu: Cpu, index: number, errorsBefore: bigint): Flow<boolean> {
    const { registers, head, errorCount } = this.places;
    const { onError } = this.#options;
    const headRegister = registers + queueRegister.head;
    const control = registers + queueRegister.control;
    const watched = onError === 'head-only' ? [headRegister] : [headRegister, control];
    const isPassed = (shadow: number, cqh: number): boolean =>
      ((shadow + ((cqh - shadow) & this.#mask) - index) | 0) > 0;
    const words = onError === 'resubmits' ? [head, errorCount] : [head];
    const seen = yield* cpu.poll({
      label: 'cqh to pass its fence',
      polled: { words, registers: watched },
      isDone: ({ words: [shadow = 0, errors = 0], registers: [cqh = 0, cqcsr = 0] }) =>
        isPassed(shadow, cqh) ||
        (onError !== 'head-only' && (cqcsr & queueErrors) !== 0) ||
        (onError === 'resubmits' && errors !== Number(errorsBefore)),
    });
    const [shadow = 0, errors = 0] = seen.words;
    const [cqh = 0] = seen.registers;
    return !isPassed(shadow, cqh) || (onError === 'resubmits' && errors !== Number(errorsBefore));
  }

  /** Clears the error, once, whoever sees it first; gives how many there have been now. */
  *#recover(cpu: Cpu, errorsBefore: bigint): Flow<bigint> {
    const { registers, ringAddress, errorCount, errorLock } = this.places;
    const control = registers + queueRegister.control;
    yield cpu.lock(errorLock, 'the lock of queue errors');
    let errors = yield* cpu.load32(errorCount);
    if (errors === errorsBefore) {
      const cqcsr = Number(yield* cpu.readRegister(control, 32));
      const cqh = Number(yield* cpu.readRegister(registers + queueRegister.head, 32));
      if ((cqcsr & illegalCommand) !== 0) {
        // Hardware would come back to it: a fence that orders nothing takes its place.
        yield cpu.storeBlock(ringAddress + cqh * commandBytes, fence({ reads: false, writes: false }));
      }
      errors += 1n;
      yield cpu.store32(errorCount, errors);
      yield cpu.barrier('dma_wmb');
      yield cpu.writeRegister(control, 32, BigInt(cqcsr));
    }
    yield cpu.unlock(errorLock);
    return errors;
  }

  /** riscv_iommu_cmdq_process: clears what there is of errors, and the interrupt; nothing is sent again. */
  *clearErrors(cpu: Cpu): Flow {
    const { registers } = this.places;
    const cqcsr = yield* cpu.readRegister(registers + queueRegister.control, 32);
    yield cpu.writeRegister(registers + queueRegister.control, 32, cqcsr);
    yield cpu.writeRegister(registers + queueRegister.pending, 32, BigInt(commandQueueInterrupt));
  }

  /** The ring is full: with the head that the driver knows, or with the one that hardware has. */
  *#waitForRoom(cpu: Cpu, prod: number, headSeen: number): Flow {
    const { registers, head: headAddress } = this.places;
    let head = headSeen;
    while (prod - head > this.#mask) {
      yield cpu.waitForChange('room in the command queue', {
        word: { address: headAddress, was: head },
        registers: [],
      });
      head = Number(yield* cpu.load32(headAddress));
    }
    if (prod - head === this.#mask) {
      const last = head & this.#mask;
      const seen = yield* cpu.poll({
        label: 'room in the command queue',
        polled: { words: [], registers: [registers + queueRegister.head] },
        isDone: ({ registers: [cqh] }) => cqh !== last,
      });
      const freed = ((seen.registers[0] as number) - last) & this.#mask;
      yield cpu.fetchAdd(headAddress, { widthBits: 32, value: BigInt(freed), order: 'relaxed' });
    }
  }

  #note(slots: readonly number[]): Note {
    return new Note('a command is submitted', () => {
      if (this.#submitted.active) {
        this.#submitted.emit({ kind: 'batch-submitted', slots });
      }
    });
  }

  #ignore(index: number, commandCount: number): Note {
    return new Note('the error is ignored', () => {
      if (this.#ignored.active) {
        const slots = Array.from({ length: commandCount + 1 }, (_, i) => (index - i) & this.#mask);
        this.#ignored.emit({ kind: 'error-ignored', slots, error: 0 });
      }
    });
  }
}
