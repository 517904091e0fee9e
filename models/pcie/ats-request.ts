import type { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import { provenanceSlots } from '../iommu/translation-cache.ts';
import type { HeldTranslation, TranslationCompletion } from '../iommu/translation-completion.ts';
import { type InvalidatedRange, isInvalidated } from './device-tlb.ts';

/** `asking`: a translation request or its answer is on its way. `using`: DMA by a translation is. */
const phase = { idle: 0, asking: 1, using: 2 } as const;

/** What an answer comes to for the function. */
export const outcome = { none: 0, translated: 1, refused: 2, unsupported: 3 } as const;

/** What a function knows of one request under way. Invalidations look at it, so it is in the arena. */
export class AtsRequest implements HeldTranslation {
  /** Number of the request's source in its function. */
  readonly source: number;
  readonly request: DmaRequest;
  readonly #phase: Cell;
  readonly #stale: Cell;
  readonly #outcome: Cell;
  readonly #frame: WordArray;
  readonly #provenance: WordArray;

  constructor(arena: Arena, name: string, source: number, request: DmaRequest) {
    this.source = source;
    this.request = request;
    this.#phase = new Cell(arena, `${name}.ats-phase`);
    this.#stale = new Cell(arena, `${name}.ats-stale`);
    this.#outcome = new Cell(arena, `${name}.ats-outcome`);
    this.#frame = new WordArray(arena, `${name}.ats-frame`, 2);
    this.#provenance = new WordArray(arena, `${name}.ats-provenance`, provenanceSlots);
  }

  get address(): number {
    return ((this.#frame.get(0) >>> 0) + this.#frame.get(1) * 0x1_0000_0000) * 4096;
  }

  provenance(slot: number): number {
    return this.#provenance.get(slot);
  }

  /** One of {@link outcome}: what the answer that is on its way says. */
  get outcome(): number {
    return this.#outcome.get();
  }

  /** The answer that is on its way, or that has come, was overtaken by an invalidation. */
  get isStale(): boolean {
    return this.#stale.get() === 1;
  }

  get isAsking(): boolean {
    return this.#phase.get() === phase.asking;
  }

  /** Whether DMA by a translation that an invalidation is about is under way. */
  usesAnyOf(range: InvalidatedRange): boolean {
    return this.#phase.get() === phase.using && this.#isIn(range);
  }

  /** Marks the answer stale if the invalidation is about it. */
  overtakeBy(range: InvalidatedRange): void {
    if (this.isAsking && this.#isIn(range)) {
      this.#stale.set(1);
    }
  }

  /** ATS is off: whatever is still to come is of no use. */
  makeStale(): void {
    if (this.isAsking) {
      this.#stale.set(1);
    }
  }

  ask(): void {
    this.#phase.set(phase.asking);
  }

  /** The IOMMU has sent its answer. */
  answer({ status, readable, writable, ...held }: TranslationCompletion): void {
    const isTranslated = status === 'success' && (this.request.write ? writable : readable);
    this.#outcome.set(isTranslated ? outcome.translated : status === 'UR' ? outcome.unsupported : outcome.refused);
    if (isTranslated) {
      this.#hold(held);
    }
  }

  /** DMA begins, by a translation that was found or has just come. */
  use(held?: HeldTranslation): void {
    if (held !== undefined) {
      this.#hold(held);
    }
    this.#outcome.set(outcome.none);
    this.#phase.set(phase.using);
  }

  /** Forgets the request; equal states must be equal words. */
  clear(): void {
    this.#phase.set(phase.idle);
    this.#stale.set(0);
    this.#outcome.set(outcome.none);
    this.#hold({ address: 0, provenance: () => 0 });
  }

  #hold({ address, provenance }: HeldTranslation): void {
    const frame = address / 4096;
    this.#frame.set(0, frame | 0);
    this.#frame.set(1, Math.floor(frame / 0x1_0000_0000));
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      this.#provenance.set(slot, provenance(slot));
    }
  }

  #isIn(range: InvalidatedRange): boolean {
    const { pasid, iova } = this.request;
    return isInvalidated(range, { pasid, page: Math.floor(iova / 4096) });
  }
}
