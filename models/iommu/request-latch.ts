import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { provenanceSlots } from './translation-cache.ts';

/** How far a request has come: what an invalidation that waits for it looks at. */
export const walkPhase = { idle: 0, context: 1, pasid: 2, pageWalk: 3, access: 4 } as const;
export type WalkPhase = (typeof walkPhase)[keyof typeof walkPhase];

/** Told when a request moves on; invalidations in flight listen. */
export type PhaseListener = (walker: number, phase: WalkPhase) => void;

/**
 * What every unit keeps of one request in flight: how far it is, and the provenance of its translation. They are arena
 * words because other agents (invalidations) and fingerprints depend on them.
 */
export class RequestLatch {
  readonly walker: number;
  /** 1 when an invalidation has overtaken the walk: what it has read may be old and must not be cached. */
  readonly mustNotCache: Cell;
  /** Page number of the request's address, in two words. */
  readonly #page: WordArray;
  readonly #provenance: WordArray;
  readonly #phase: Cell;
  readonly #listener: PhaseListener;
  /** Slots from here on are for entries that a cache shared between devices has brought in. */
  readonly firstForeignSlot: number;

  constructor(
    arena: Arena,
    name: string,
    is: { readonly walker: number; readonly firstForeignSlot: number; readonly listener: PhaseListener },
  ) {
    this.walker = is.walker;
    this.mustNotCache = new Cell(arena, `${name}.must-not-cache`);
    this.#page = new WordArray(arena, `${name}.page`, 2);
    this.#provenance = new WordArray(arena, `${name}.provenance`, provenanceSlots);
    this.#phase = new Cell(arena, `${name}.phase`);
    this.#listener = is.listener;
    this.firstForeignSlot = is.firstForeignSlot;
  }

  get phase(): WalkPhase {
    return this.#phase.get() as WalkPhase;
  }

  moveTo(phase: WalkPhase): void {
    this.#phase.set(phase);
    this.#listener(this.walker, phase);
  }

  /** Forgets the request; equal states must be equal words, so nothing stale may stay in the latches. */
  clear(): void {
    clearArray(this.#page);
    clearArray(this.#provenance);
    this.mustNotCache.set(0);
    this.moveTo(walkPhase.idle);
  }

  /** Page number (address / 4096) of the request. */
  get page(): number {
    return (this.#page.get(0) >>> 0) + this.#page.get(1) * 0x1_0000_0000;
  }

  set page(page: number) {
    this.#page.set(0, page | 0);
    this.#page.set(1, Math.floor(page / 0x1_0000_0000));
  }

  provenance(slot: number): number {
    return this.#provenance.get(slot);
  }

  setProvenance(slot: number, provenance: number): void {
    this.#provenance.set(slot, provenance);
  }

  /**
   * Adds an entry that a cache shared between devices has brought in; `own`: the slot where it would be the request's
   * own.
   */
  addForeignProvenance(provenance: number, own: number): void {
    if (provenance === 0 || provenance === this.provenance(own)) {
      return;
    }
    for (let slot = this.firstForeignSlot; slot < provenanceSlots; slot += 1) {
      const present = this.provenance(slot);
      if (present === provenance || present === 0) {
        this.setProvenance(slot, provenance);
        return;
      }
    }
    unmodelled(
      `a translation by paging-structure cache rows of more than ${provenanceSlots - this.firstForeignSlot} others`,
    );
  }

  /** Provenance as a list, without the slots that are not used. */
  provenanceList(): readonly number[] {
    const list: number[] = [];
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      const provenance = this.#provenance.get(slot);
      if (provenance !== 0) {
        list.push(provenance);
      }
    }
    return list;
  }
}

export function clearArray(array: WordArray): void {
  for (let i = 0; i < array.length; i += 1) {
    array.set(i, 0);
  }
}
