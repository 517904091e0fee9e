import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import { Checkpoint, type Flow, Note, type Operation, WaitUntil } from '../../sim/operation.ts';
import { anyTime, EngineStep } from '../engine-step.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import type { Walker } from './walker.ts';

/**
 * Walks ahead of requests, at any moment and for no reason, as hardware may (VT-d 6.5.3.6): at most `limit` times a run,
 * to keep worlds finite.
 */
export class PrefetchBudget {
  readonly #left: Cell;

  constructor(arena: Arena, limit: number) {
    this.#left = new Cell(arena, 'prefetch.left', limit);
  }

  get isSpent(): boolean {
    return this.#left.get() === 0;
  }

  take(): void {
    this.#left.set(this.#left.get() - 1);
  }
}

/** Prefetches what one source of DMA asks for. */
export class Prefetcher {
  readonly #budget: PrefetchBudget;
  readonly #walker: Walker;
  readonly #request: DmaRequest;
  /** 1 from the decision to walk to the end of the walk. */
  readonly #walking: Cell;

  constructor(arena: Arena, name: string, walk: { budget: PrefetchBudget; walker: Walker; request: DmaRequest }) {
    this.#budget = walk.budget;
    this.#walker = walk.walker;
    this.#request = walk.request;
    this.#walking = new Cell(arena, `${name}.walking`);
  }

  /** The decision, which hardware is free to take: the step of an optional process. */
  decisionStep(): Operation<void> {
    return new EngineStep('a prefetch', anyTime, {
      ready: () => !this.#budget.isSpent && this.#walking.get() === 0,
      work: () => {
        this.#budget.take();
        this.#walking.set(1);
      },
    });
  }

  /** The walks, which go on to their end: an engine. */
  *walks(): Flow {
    for (;;) {
      // What earlier walks met is in the caches, or forgotten.
      yield new Checkpoint(0, () => this.walks());
      yield new WaitUntil('a prefetch', () => this.#walking.get() === 1);
      yield this.#walker.prefetch(this.#request);
      yield new Note('the end of a prefetch', () => this.#walking.set(0));
    }
  }
}
