import type { Arena } from '../../../sim/arena.ts';
import { BitSet, Cell } from '../../../sim/containers.ts';
import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { descriptorBytes, encodeDescriptor, type InvalidationDescriptor } from '../../vtd/descriptors.ts';

/** QI_DONE and QI_IN_USE of drivers/iommu/intel/dmar.c. */
const done = 2;
const inUse = 1;

export interface QueuedInvalidationPlaces {
  readonly ringAddress: number;
  /** QI_LENGTH. */
  readonly slotCount: number;
  /** desc_status[]: one 32-bit word a slot. */
  readonly statusAddress: number;
  readonly lockAddress: number;
  /** Address of the IQT register. */
  readonly tailRegister: number;
}

/**
 * The software side of the invalidation queue: qi_submit_sync of Linux 7.0 (drivers/iommu/intel/dmar.c) on its good
 * path. Descriptors and a wait descriptor are written behind the tail, the tail is moved, and the CPU waits until
 * hardware has written the status.
 */
export class QueuedInvalidation {
  readonly #places: QueuedInvalidationPlaces;
  // q_inval: protected by the lock.
  readonly #freeHead: Cell;
  readonly #freeTail: Cell;
  readonly #freeCount: Cell;
  /** desc_status[] as far as the reclaim needs it: slots whose batch is not complete. */
  readonly #inUse: BitSet;
  /** The wait descriptor for each slot, made when first needed: they are constants. */
  readonly #waits: (readonly number[] | undefined)[] = [];

  constructor(arena: Arena, places: QueuedInvalidationPlaces) {
    this.#places = places;
    this.#freeHead = new Cell(arena, 'linux.qi.free-head');
    this.#freeTail = new Cell(arena, 'linux.qi.free-tail');
    this.#freeCount = new Cell(arena, 'linux.qi.free-count', places.slotCount);
    this.#inUse = new BitSet(arena, 'linux.qi.in-use', places.slotCount);
  }

  /** Submits descriptors (or their eight words as they are) and one wait; returns when the wait is complete. */
  *submitSync(cpu: Cpu, descriptors: readonly (InvalidationDescriptor | readonly number[])[]): Flow {
    const { ringAddress, slotCount, statusAddress, lockAddress, tailRegister } = this.#places;
    // The loop that drops the lock and tries again while there is no room waits for room here.
    const slots = descriptors.length + 1;
    yield cpu.lock(lockAddress, 'q_lock and free slots in the queue', () => this.#freeCount.get() > slots);
    const first = yield* new Note('free_head', () => this.#take(slots));
    const waitSlot = (first + descriptors.length) % slotCount;
    for (const [i, descriptor] of descriptors.entries()) {
      const slot = (first + i) % slotCount;
      yield cpu.storeBlock(ringAddress + slot * descriptorBytes, wordsOfDescriptor(descriptor));
    }
    yield cpu.store32(statusAddress + waitSlot * 4, BigInt(inUse));
    yield cpu.storeBlock(ringAddress + waitSlot * descriptorBytes, this.#waitDescriptor(waitSlot));
    const tail = (waitSlot + 1) % slotCount;
    yield cpu.writeRegister(tailRegister, 32, BigInt(tail * descriptorBytes));
    yield cpu.unlock(lockAddress);
    yield cpu.waitForWord(statusAddress + waitSlot * 4, done, 'the status of its wait descriptor');
    yield new Note('reclaim_free_desc', () => this.#free(first, slots));
  }

  /** Takes slots from the head on; the first one. */
  #take(slots: number): number {
    const first = this.#freeHead.get();
    for (let i = 0; i < slots; i += 1) {
      this.#inUse.set((first + i) % this.#places.slotCount, true);
    }
    this.#freeHead.set((first + slots) % this.#places.slotCount);
    this.#freeCount.set(this.#freeCount.get() - slots);
    return first;
  }

  /** Slots come back in their order: one that is still in use keeps those behind it. */
  #free(first: number, slots: number): void {
    for (let i = 0; i < slots; i += 1) {
      this.#inUse.set((first + i) % this.#places.slotCount, false);
    }
    let tail = this.#freeTail.get();
    while (this.#freeCount.get() < this.#places.slotCount && !this.#inUse.has(tail)) {
      tail = (tail + 1) % this.#places.slotCount;
      this.#freeCount.set(this.#freeCount.get() + 1);
    }
    this.#freeTail.set(tail);
  }

  #waitDescriptor(slot: number): readonly number[] {
    let words = this.#waits[slot];
    if (words === undefined) {
      words = wordsOfDescriptor({
        kind: 'wait',
        statusAddress: this.#places.statusAddress + slot * 4,
        statusData: done,
        interrupt: false,
        fence: false,
        pageRequestDrain: false,
      });
      this.#waits[slot] = words;
    }
    return words;
  }
}

function wordsOfDescriptor(descriptor: InvalidationDescriptor | readonly number[]): readonly number[] {
  return 'kind' in descriptor ? Array.from(encodeDescriptor(descriptor)) : descriptor;
}
