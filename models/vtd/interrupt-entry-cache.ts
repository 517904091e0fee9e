import type { Arena } from '../../sim/arena.ts';
import { Table } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';

export const interruptEntryWords = 4;
const column = { valid: 0, index: 1, provenance: 2, words: 3 } as const;
const name = 'interrupt-entry-cache';

/**
 * The interrupt entry cache: whole IRTEs, looked up and invalidated by interrupt index (VT-d 6.2.7). A full cache
 * replaces a row of the scheduler's choice, because hardware may evict any.
 */
export class InterruptEntryCache {
  readonly #table: Table;
  readonly #filled: Channel<Extract<TraceEvent, { kind: 'cache-filled' }>>;
  readonly #dropped: Channel<Extract<TraceEvent, { kind: 'cache-dropped' }>>;
  readonly #hits: Channel<Extract<TraceEvent, { kind: 'cache-hit' }>>;

  constructor(arena: Arena, trace: SystemTrace, entryCount: number) {
    this.#table = new Table(arena, name, entryCount, column.words + interruptEntryWords);
    this.#filled = trace.channel('cache-filled');
    this.#dropped = trace.channel('cache-dropped');
    this.#hits = trace.channel('cache-hit');
  }

  /** The row for an index, or -1. */
  find(index: number): number {
    for (let row = 0; row < this.#table.rows; row += 1) {
      if (this.#isValid(row) && this.#index(row) === index) {
        return row;
      }
    }
    return -1;
  }

  word(row: number, position: number): number {
    return this.#table.get(row, column.words + position);
  }

  provenance(row: number): number {
    return this.#table.get(row, column.provenance);
  }

  noteHit(row: number, sid: number): void {
    if (this.#hits.active) {
      this.#hits.emit({ kind: 'cache-hit', ...tagsOf(sid, this.#index(row)), iova: 0 });
    }
  }

  /** Keeps an entry that was read for the requester, unless the cache has no rows at all. */
  fill(
    context: StepContext,
    { sid, index }: { readonly sid: number; readonly index: number },
    entry: { readonly words: ArrayLike<number>; readonly base: number; readonly provenance: number },
  ): void {
    if (this.#table.rows === 0) {
      return;
    }
    const row = this.#rowToFill(context, index);
    this.#table.set(row, column.valid, 1);
    this.#table.set(row, column.index, index);
    this.#table.set(row, column.provenance, entry.provenance);
    for (let i = 0; i < interruptEntryWords; i += 1) {
      this.#table.set(row, column.words + i, entry.words[entry.base + i] as number);
    }
    if (this.#filled.active) {
      this.#filled.emit({
        kind: 'cache-filled',
        ...tagsOf(sid, index),
        pointer: 0,
        iova: 0,
        provenance: [entry.provenance],
      });
    }
  }

  /** Drops the rows of all indices that are meant. */
  invalidate(isMeant: (index: number) => boolean): void {
    for (let row = 0; row < this.#table.rows; row += 1) {
      if (this.#isValid(row) && isMeant(this.#index(row))) {
        this.#drop(row, false);
      }
    }
  }

  #rowToFill(context: StepContext, index: number): number {
    const same = this.find(index);
    if (same !== -1) {
      return same;
    }
    for (let row = 0; row < this.#table.rows; row += 1) {
      if (!this.#isValid(row)) {
        return row;
      }
    }
    const victim = context.choose(`${name} eviction`, this.#table.rows);
    this.#drop(victim, true);
    return victim;
  }

  #drop(row: number, evicted: boolean): void {
    if (this.#dropped.active) {
      this.#dropped.emit({ kind: 'cache-dropped', ...tagsOf(-1, this.#index(row)), evicted });
    }
    this.#table.clearRow(row);
  }

  #isValid(row: number): boolean {
    return this.#table.get(row, column.valid) === 1;
  }

  #index(row: number): number {
    return this.#table.get(row, column.index);
  }
}

/** Of a cache event: the index stands where translations have their PASID. */
function tagsOf(sid: number, index: number) {
  return { cache: name, sid, pasid: index, did: 0 } as const;
}
