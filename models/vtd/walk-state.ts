import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { firstForeignSlot, leafSlot, provenanceSlots } from '../iommu/translation-cache.ts';
import { usesFirstStage } from './entries/pasid-entry.ts';

/** How far a request has come: what an invalidation that waits for it looks at. */
export const walkPhase = { idle: 0, context: 1, pasid: 2, pageWalk: 3, access: 4 } as const;
export type WalkPhase = (typeof walkPhase)[keyof typeof walkPhase];

/** Position of an entry in a translation's provenance. A leaf paging entry is there only if it is tracked. */
export const provenanceSlot = { root: 0, context: 1, directory: 2, pasid: 3, leaf: leafSlot } as const;

/** Told when a request moves on; invalidations in flight listen. */
export type PhaseListener = (walker: number, phase: WalkPhase) => void;

/**
 * The latches of one request in flight: quanta as they come in, what the walk found, and its provenance. They are arena
 * words because other agents (invalidations) and fingerprints depend on them.
 */
export class WalkState {
  readonly walker: number;
  readonly context: WordArray;
  readonly pasid: WordArray;
  /** Bit set of the quanta not read yet. */
  readonly quantaLeft: Cell;
  /** 1 when an entry on the way has fault processing disabled (FPD). */
  readonly faultsDisabled: Cell;
  /** PASID and DID of the request plus 1, as far as they are known; 0: not yet. Invalidations wait by them. */
  readonly pasidTag: Cell;
  readonly didTag: Cell;
  /** PGTT plus 1, 0: not known yet; 1 in legacy mode, which has none. */
  readonly pgttTag: Cell;
  /** 1 when the page walk began below a row of a paging-structure cache. */
  readonly belowCached: Cell;
  /** 1 when an invalidation has overtaken the page walk: what it has read may be old and must not be cached. */
  readonly mustNotCache: Cell;
  /** Page number of the request's address, in two words. */
  readonly #page: WordArray;
  readonly #provenance: WordArray;
  readonly #phase: Cell;
  readonly #listener: PhaseListener;

  constructor(arena: Arena, walker: number, name: string, listener: PhaseListener) {
    this.walker = walker;
    this.context = new WordArray(arena, `${name}.context`, 8);
    this.pasid = new WordArray(arena, `${name}.pasid`, 16);
    this.quantaLeft = new Cell(arena, `${name}.quanta-left`);
    this.faultsDisabled = new Cell(arena, `${name}.fpd`);
    this.pasidTag = new Cell(arena, `${name}.pasid-tag`);
    this.didTag = new Cell(arena, `${name}.did-tag`);
    this.pgttTag = new Cell(arena, `${name}.pgtt-tag`);
    this.belowCached = new Cell(arena, `${name}.below-cached`);
    this.mustNotCache = new Cell(arena, `${name}.must-not-cache`);
    this.#page = new WordArray(arena, `${name}.page`, 2);
    this.#provenance = new WordArray(arena, `${name}.provenance`, provenanceSlots);
    this.#phase = new Cell(arena, `${name}.phase`);
    this.#listener = listener;
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
    clearArray(this.context);
    clearArray(this.pasid);
    clearArray(this.#page);
    clearArray(this.#provenance);
    this.quantaLeft.set(0);
    this.faultsDisabled.set(0);
    this.pasidTag.set(0);
    this.didTag.set(0);
    this.pgttTag.set(0);
    this.belowCached.set(0);
    this.mustNotCache.set(0);
    this.moveTo(walkPhase.idle);
  }

  /** The request is of no domain: translated requests are drained by their function, not here (VT-d 6.5.4). */
  leaveDomains(): void {
    this.didTag.set(-1);
  }

  /** Whether the request may have to do with a tag: it does until it is known that it does not. */
  mayHavePasid(pasid: number): boolean {
    return this.pasidTag.get() === 0 || this.pasidTag.get() === pasid + 1;
  }

  mayHaveDid(did: number): boolean {
    return this.didTag.get() === 0 || this.didTag.get() === did + 1;
  }

  /** Whether the request's address may go through first-stage tables. */
  get mayUseFirstStage(): boolean {
    const pgtt = this.pgttTag.get() - 1;
    return pgtt === -1 || usesFirstStage(pgtt);
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

  /** Adds an entry that a cache shared between devices has brought in. */
  addForeignProvenance(provenance: number): void {
    if (provenance === 0 || provenance === this.provenance(provenanceSlot.pasid)) {
      return;
    }
    for (let slot = firstForeignSlot; slot < provenanceSlots; slot += 1) {
      const present = this.provenance(slot);
      if (present === provenance || present === 0) {
        this.setProvenance(slot, provenance);
        return;
      }
    }
    unmodelled(
      `a translation by paging-structure cache rows of more than ${provenanceSlots - firstForeignSlot} others`,
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

function clearArray(array: WordArray): void {
  for (let i = 0; i < array.length; i += 1) {
    array.set(i, 0);
  }
}
