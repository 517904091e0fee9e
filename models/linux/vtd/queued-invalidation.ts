import type { Arena } from '../../../sim/arena.ts';
import { type Flow, Note, Retry } from '../../../sim/operation.ts';
import type { Channel } from '../../../sim/trace.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { SeenRegister } from '../../memory/device-operations.ts';
import type { SystemTrace, TraceEvent } from '../../trace-events.ts';
import type { InvalidationDescriptor } from '../../vtd/descriptors.ts';
import {
  type FaultRegisters,
  QueueFaultCheck,
  type QueueGeneration,
  type QueueResult,
  queueResult,
} from './queue-fault-check.ts';
import { type Batch, functionAsked, QueueRing, type RingPlaces, slotStatus, wordsOfDescriptor } from './queue-ring.ts';

interface QueuedInvalidationPlaces extends RingPlaces {
  readonly lockAddress: number;
  readonly registers: FaultRegisters;
}

export interface QueuedInvalidationPorts {
  readonly places: QueuedInvalidationPlaces;
  readonly generation: QueueGeneration;
  readonly trace: SystemTrace;
  readonly isPresent: (sid: number) => boolean;
}

type Descriptors = readonly (InvalidationDescriptor | readonly number[])[];

/** A store that is one step takes so many words. */
const maxBlockWords = 8;

/**
 * The software side of the invalidation queue: qi_submit_sync of drivers/iommu/intel/dmar.c. Descriptors and a wait are
 * written behind the tail, the tail is moved, and the CPU waits until hardware has written the status of the wait or has
 * reported an error.
 */
export class QueuedInvalidation {
  readonly #ports: QueuedInvalidationPorts;
  readonly #ring: QueueRing;
  readonly #faults: QueueFaultCheck | undefined;
  readonly #submitted: Channel<Extract<TraceEvent, { kind: 'batch-submitted' }>>;
  readonly #ignored: Channel<Extract<TraceEvent, { kind: 'error-ignored' }>>;

  constructor(arena: Arena, ports: QueuedInvalidationPorts) {
    const { places, generation, isPresent } = ports;
    this.#ports = ports;
    this.#ring = new QueueRing(arena, places);
    this.#submitted = ports.trace.channel('batch-submitted');
    this.#ignored = ports.trace.channel('error-ignored');
    this.#faults =
      generation === 'good-path'
        ? undefined
        : new QueueFaultCheck(generation, {
            ring: this.#ring,
            registers: places.registers,
            slotCount: places.slotCount,
            isPresent,
          });
  }

  /**
   * Submits descriptors (or their eight words as they are) and one wait, and returns when the wait is complete or there
   * is an error. As nearly all callers there, this one takes no notice of an error; see {@link trySubmit}.
   */
  *submitSync(cpu: Cpu, descriptors: Descriptors): Flow {
    if (this.#faults === undefined) {
      yield this.#submitOnGoodPath(cpu, descriptors);
      return;
    }
    const { result, slots } = yield* this.#submit(cpu, descriptors, this.#faults);
    if (result !== queueResult.done) {
      yield new Note('the error is ignored', () => {
        if (this.#ignored.active) {
          this.#ignored.emit({ kind: 'error-ignored', slots, error: result });
        }
      });
    }
  }

  /** The same for a caller that looks at what comes back: 0, -EINVAL or -ETIMEDOUT. */
  *trySubmit(cpu: Cpu, descriptors: Descriptors): Flow<QueueResult> {
    if (this.#faults === undefined) {
      yield this.#submitOnGoodPath(cpu, descriptors);
      return queueResult.done;
    }
    const { result } = yield* this.#submit(cpu, descriptors, this.#faults);
    return result;
  }

  *#submitOnGoodPath(cpu: Cpu, descriptors: Descriptors): Flow {
    const { lockAddress, registers } = this.#ports.places;
    const ring = this.#ring;
    const { count, first, waitSlot } = yield* this.#takeSlots(cpu, descriptors.length);
    for (const [i, descriptor] of descriptors.entries()) {
      yield cpu.storeBlock(ring.descriptorAddress(ring.slot(first + i)), wordsOfDescriptor(descriptor));
    }
    yield cpu.store32(ring.statusAddress(waitSlot), BigInt(slotStatus.inUse));
    yield cpu.storeBlock(ring.descriptorAddress(waitSlot), ring.waitDescriptor(waitSlot));
    yield cpu.writeRegister(registers.tail, 32, BigInt(ring.tailOffset(waitSlot)));
    yield cpu.unlock(lockAddress);
    yield cpu.waitForWord(ring.statusAddress(waitSlot), slotStatus.done, 'the status of its wait descriptor');
    yield new Note('reclaim_free_desc', () => ring.free({ first, count, waitSlot }));
  }

  /** Takes q_lock once there is room: the loop that drops it and tries again waits for room here. */
  *#takeSlots(cpu: Cpu, count: number): Flow<Batch> {
    const { lockAddress } = this.#ports.places;
    yield cpu.lock(lockAddress, 'q_lock and free slots in the queue', () => this.#ring.hasRoomFor(count));
    return yield* new Note('free_head', () => this.#ring.take(count));
  }

  /** The whole of qi_submit_sync: a batch that was aborted is submitted again, without a bound. */
  *#submit(
    cpu: Cpu,
    descriptors: Descriptors,
    faults: QueueFaultCheck,
  ): Flow<{ readonly result: QueueResult; readonly slots: readonly number[] }> {
    const functions = descriptors.map(wordsOfDescriptor).flatMap((words) => functionAsked(words) ?? []);
    for (let round = 1; ; round += 1) {
      const batch = yield* this.#takeSlots(cpu, descriptors.length);
      const slots = this.#ring.slotsOf(batch);
      yield this.#write(cpu, batch, descriptors);
      const result = yield* this.#poll(cpu, batch, { faults, functions });
      yield this.#storeStatuses(cpu, batch, slotStatus.free);
      yield new Note('reclaim_free_desc', () => this.#ring.free(batch));
      yield cpu.unlock(this.#ports.places.lockAddress);
      if (result !== queueResult.again) {
        return { result, slots };
      }
      yield new Retry('qi_submit_sync', round);
    }
  }

  *#write(cpu: Cpu, batch: Batch, descriptors: Descriptors): Flow {
    const ring = this.#ring;
    const slots = ring.slotsOf(batch);
    yield new Note('a batch is submitted', () => {
      if (this.#submitted.active) {
        this.#submitted.emit({ kind: 'batch-submitted', slots });
      }
    });
    for (const [i, descriptor] of descriptors.entries()) {
      yield cpu.storeBlock(ring.descriptorAddress(slots[i] as number), wordsOfDescriptor(descriptor));
    }
    yield this.#storeStatuses(cpu, batch, slotStatus.inUse);
    yield cpu.storeBlock(ring.descriptorAddress(batch.waitSlot), ring.waitDescriptor(batch.waitSlot));
    yield cpu.writeRegister(this.#ports.places.registers.tail, 32, BigInt(ring.tailOffset(batch.waitSlot)));
  }

  /**
   * The poll loop. It drops the lock between two looks; a look that came to nothing is not repeated before something it
   * looked at has changed, as it would come to nothing again.
   */
  *#poll(
    cpu: Cpu,
    batch: Batch,
    { faults, functions }: { readonly faults: QueueFaultCheck; readonly functions: readonly number[] },
  ): Flow<QueueResult> {
    const { lockAddress, registers } = this.#ports.places;
    const statusAddress = this.#ring.statusAddress(batch.waitSlot);
    const word = { address: statusAddress, was: slotStatus.inUse };
    let seen: readonly SeenRegister[] = [{ address: registers.status, was: 0n }];
    for (;;) {
      yield cpu.unlock(lockAddress);
      yield cpu.waitForChange('the status of its wait descriptor', { word, registers: seen });
      yield cpu.lock(lockAddress, 'q_lock');
      const status = Number(yield* cpu.load32(statusAddress));
      if (status === slotStatus.done) {
        return queueResult.done;
      }
      if (status === slotStatus.abort) {
        return yield* faults.afterAbort(cpu, functions);
      }
      const look = yield* faults.check(cpu, batch, functions);
      if (look.result !== queueResult.done) {
        return look.result;
      }
      const head = look.head === undefined ? [] : [{ address: registers.head, was: look.head }];
      seen = [{ address: registers.status, was: look.status }, ...head];
    }
  }

  /** Status words of slots that follow each other, as few steps as there are blocks: q_lock keeps everyone else away. */
  *#storeStatuses(cpu: Cpu, batch: Batch, status: number): Flow {
    const slots = [...this.#ring.slotsOf(batch), batch.waitSlot];
    let from = 0;
    while (from < slots.length) {
      let to = from + 1;
      while (to < slots.length && to - from < maxBlockWords && slots[to] !== 0) {
        to += 1;
      }
      const address = this.#ring.statusAddress(slots[from] as number);
      yield cpu.storeBlock(address, new Array<number>(to - from).fill(status));
      from = to;
    }
  }
}
