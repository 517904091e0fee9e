import type { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { clearArray, type PhaseListener, RequestLatch } from '../iommu/request-latch.ts';
import { firstForeignSlot, leafSlot } from '../iommu/translation-cache.ts';
import { usesFirstStage } from './entries/pasid-entry.ts';

/** Position of an entry in a translation's provenance. A leaf paging entry is there only if it is tracked. */
export const provenanceSlot = { root: 0, context: 1, directory: 2, pasid: 3, leaf: leafSlot } as const;

/** The latches of one request in flight: quanta as they come in, and what the walk found. */
export class WalkState extends RequestLatch {
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

  constructor(arena: Arena, walker: number, name: string, listener: PhaseListener) {
    super(arena, name, { walker, firstForeignSlot, listener });
    this.context = new WordArray(arena, `${name}.context`, 8);
    this.pasid = new WordArray(arena, `${name}.pasid`, 16);
    this.quantaLeft = new Cell(arena, `${name}.quanta-left`);
    this.faultsDisabled = new Cell(arena, `${name}.fpd`);
    this.pasidTag = new Cell(arena, `${name}.pasid-tag`);
    this.didTag = new Cell(arena, `${name}.did-tag`);
    this.pgttTag = new Cell(arena, `${name}.pgtt-tag`);
    this.belowCached = new Cell(arena, `${name}.below-cached`);
  }

  /** Forgets the request; equal states must be equal words, so nothing stale may stay in the latches. */
  override clear(): void {
    clearArray(this.context);
    clearArray(this.pasid);
    this.quantaLeft.set(0);
    this.faultsDisabled.set(0);
    this.pasidTag.set(0);
    this.didTag.set(0);
    this.pgttTag.set(0);
    this.belowCached.set(0);
    super.clear();
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
}
