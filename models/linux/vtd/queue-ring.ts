import type { Arena } from '../../../sim/arena.ts';
import { BitSet, Cell } from '../../../sim/containers.ts';
import {
  decodeDescriptor,
  descriptorBytes,
  descriptorType,
  deviceTlbRequest,
  encodeDescriptor,
  type InvalidationDescriptor,
} from '../../vtd/descriptors.ts';

/** desc_status[] of drivers/iommu/intel/dmar.c; hardware writes `done`. */
export const slotStatus = { free: 0, inUse: 1, done: 2, abort: 3 } as const;

export interface RingPlaces {
  readonly ringAddress: number;
  /** QI_LENGTH. */
  readonly slotCount: number;
  /** desc_status[]: one 32-bit word a slot. */
  readonly statusAddress: number;
}

/** The slots of one submission: its descriptors, then its wait. */
export interface Batch {
  readonly first: number;
  /** Slots with descriptors; the wait is behind them. */
  readonly count: number;
  readonly waitSlot: number;
}

/** q_inval of drivers/iommu/intel/dmar.c: which slots of the ring are whose. Protected by q_lock. */
export class QueueRing {
  readonly #places: RingPlaces;
  readonly #freeHead: Cell;
  readonly #freeTail: Cell;
  readonly #freeCount: Cell;
  /** Slots whose status is not QI_FREE. */
  readonly #inUse: BitSet;
  /** The wait descriptor for each slot, made when first needed: they are constants. */
  readonly #waits: (readonly number[] | undefined)[] = [];

  constructor(arena: Arena, places: RingPlaces) {
    this.#places = places;
    this.#freeHead = new Cell(arena, 'linux.qi.free-head');
    this.#freeTail = new Cell(arena, 'linux.qi.free-tail');
    this.#freeCount = new Cell(arena, 'linux.qi.free-count', places.slotCount);
    this.#inUse = new BitSet(arena, 'linux.qi.in-use', places.slotCount);
  }

  /** Whether there is room for so many descriptors and a wait; one slot always stays free. */
  hasRoomFor(count: number): boolean {
    return this.#freeCount.get() >= count + 2;
  }

  /** Takes slots for so many descriptors and a wait, from the head on. */
  take(count: number): Batch {
    const first = this.#freeHead.get();
    for (let i = 0; i <= count; i += 1) {
      this.#inUse.set(this.slot(first + i), true);
    }
    this.#freeHead.set(this.slot(first + count + 1));
    this.#freeCount.set(this.#freeCount.get() - count - 1);
    return { first, count, waitSlot: this.slot(first + count) };
  }

  /** Slots come back in their order: one that is still in use keeps those behind it. */
  free({ first, count }: Batch): void {
    for (let i = 0; i <= count; i += 1) {
      this.#inUse.set(this.slot(first + i), false);
    }
    let tail = this.#freeTail.get();
    while (this.#freeCount.get() < this.#places.slotCount && !this.#inUse.has(tail)) {
      tail = this.slot(tail + 1);
      this.#freeCount.set(this.#freeCount.get() + 1);
    }
    this.#freeTail.set(tail);
  }

  /** The slot at a distance from slot 0, around the ring in either direction. */
  slot(position: number): number {
    const { slotCount } = this.#places;
    return (position + slotCount) % slotCount;
  }

  /** The slots with descriptors. */
  slotsOf({ first, count }: Batch): readonly number[] {
    return Array.from({ length: count }, (_, i) => this.slot(first + i));
  }

  /** IQT when the last slot written is this one. */
  tailOffset(last: number): number {
    return this.slot(last + 1) * descriptorBytes;
  }

  descriptorAddress(slot: number): number {
    return this.#places.ringAddress + slot * descriptorBytes;
  }

  statusAddress(slot: number): number {
    return this.#places.statusAddress + slot * 4;
  }

  waitDescriptor(slot: number): readonly number[] {
    let words = this.#waits[slot];
    if (words === undefined) {
      words = wordsOfDescriptor({
        kind: 'wait',
        statusAddress: this.statusAddress(slot),
        statusData: slotStatus.done,
        interrupt: false,
        fence: false,
        pageRequestDrain: false,
      });
      this.#waits[slot] = words;
    }
    return words;
  }
}

/** Requester ID of the function that a device-TLB invalidation goes to; undefined for any other descriptor. */
export function functionAsked(words: readonly number[]): number | undefined {
  const type = decodeDescriptor(words, 0);
  return type === descriptorType.deviceTlb || type === descriptorType.pasidDeviceTlb
    ? deviceTlbRequest(words, 0).sid
    : undefined;
}

/** The eight words of a descriptor, or those that a caller gives as they are. */
export function wordsOfDescriptor(descriptor: InvalidationDescriptor | readonly number[]): readonly number[] {
  return 'kind' in descriptor ? Array.from(encodeDescriptor(descriptor)) : descriptor;
}
