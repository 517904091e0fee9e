import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import type { Operation, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { anyTime, EngineStep } from '../engine-step.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import type { PhysicalMemory } from './physical-memory.ts';

/** Writes back any dirty line at any time, as caches do; at most `limit` times a run, to keep worlds finite. */
export class CacheEviction {
  readonly #memory: PhysicalMemory;
  readonly #left: Cell;
  readonly #evicted: Channel<Extract<TraceEvent, { kind: 'line-evicted' }>>;

  constructor(arena: Arena, memory: PhysicalMemory, trace: SystemTrace, limit: number) {
    this.#memory = memory;
    this.#left = new Cell(arena, 'cache-eviction.left', limit);
    this.#evicted = trace.channel('line-evicted');
  }

  /** The step of an optional process. */
  evictStep(): Operation<void> {
    return new EngineStep('a dirty line to evict', anyTime, {
      ready: () => this.#left.get() > 0 && this.#memory.dirtyLineCount > 0,
      work: (context) => this.#evictOne(context),
    });
  }

  #evictOne(context: StepContext): void {
    const address = this.#memory.dirtyLine(context.choose('evicted line', this.#memory.dirtyLineCount));
    this.#left.set(this.#left.get() - 1);
    this.#memory.writeBack(address);
    if (this.#evicted.active) {
      this.#evicted.emit({ kind: 'line-evicted', address });
    }
  }
}
