import type { Arena } from '../../sim/arena.ts';
import { Cell, Table } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { CacheName, SystemTrace, TraceEvent } from '../trace-events.ts';

/**
 * Entries a translation can be built from: those that lead from the root to the tables of a request; the leaf paging
 * entry, if software changes it; and more of either, those of other devices or of earlier times among them that a
 * paging-structure cache has brought in.
 */
export const leafSlot = 4;
export const firstForeignSlot = 5;
export const provenanceSlots = 8;

const column = {
  valid: 0,
  sid: 1,
  pasid: 2,
  hasPasid: 3,
  did: 4,
  space: 5,
  /** Page number of the address, in two words. */
  page: 6,
  level: 8,
  provenance: 9,
  payload: 9 + provenanceSlots,
} as const;

/** Tags of a cache entry. Look-ups use some of them, invalidations others (VT-d 6.2.1 Table 17). */
export interface CacheTags {
  readonly sid: number;
  readonly pasid: number;
  readonly hasPasid: boolean;
  readonly did: number;
  /** Kind of address space that translations are of: PGTT of VT-d; 0 or GSCID + 1 of RISC-V. */
  readonly space: number;
  readonly iova: number;
  /** Of a paging-structure cache: level of the entry that was cached. */
  readonly level?: number;
}

/** Tags that a look-up compares; where one does not exist it is the same in every row. */
type LookupTag = 'sid' | 'pasid' | 'hasPasid' | 'did' | 'space' | 'level' | 'page';

export interface CacheShape {
  readonly name: CacheName;
  readonly entryCount: number;
  readonly payloadWords: number;
  /** One look-up has one answer: a row with the same of these replaces the one before. */
  readonly lookupTags: readonly LookupTag[];
}

/**
 * One translation cache: rows with look-up tags, invalidation tags, payload and provenance. A full cache replaces a row
 * of the scheduler's choice, because hardware may evict any.
 */
export class TranslationCache {
  readonly name: CacheName;
  readonly #arena: Arena;
  readonly #lookupTags: readonly LookupTag[];
  readonly #table: Table;
  readonly #used: Cell;
  readonly #filled: Channel<Extract<TraceEvent, { kind: 'cache-filled' }>>;
  readonly #dropped: Channel<Extract<TraceEvent, { kind: 'cache-dropped' }>>;
  readonly #hits: Channel<Extract<TraceEvent, { kind: 'cache-hit' }>>;

  constructor(arena: Arena, trace: SystemTrace, shape: CacheShape) {
    this.name = shape.name;
    this.#arena = arena;
    this.#lookupTags = shape.lookupTags;
    this.#table = new Table(arena, shape.name, shape.entryCount, column.payload + shape.payloadWords);
    this.#used = new Cell(arena, `${shape.name}.used`);
    this.#filled = trace.channel('cache-filled');
    this.#dropped = trace.channel('cache-dropped');
    this.#hits = trace.channel('cache-hit');
  }

  /** The first row `matches` accepts, or -1. */
  find(matches: (row: number) => boolean): number {
    // Most look-ups find an empty cache or its first row.
    for (let row = 0; row < this.#table.rows && this.#used.get() > 0; row += 1) {
      if (this.#table.get(row, column.valid) === 1 && matches(row)) {
        return row;
      }
    }
    return -1;
  }

  sid(row: number): number {
    return this.#table.get(row, column.sid);
  }

  pasid(row: number): number {
    return this.#table.get(row, column.pasid);
  }

  hasPasid(row: number): boolean {
    return this.#table.get(row, column.hasPasid) === 1;
  }

  did(row: number): number {
    return this.#table.get(row, column.did);
  }

  space(row: number): number {
    return this.#table.get(row, column.space);
  }

  /** Page number (address / 4096). */
  page(row: number): number {
    return (this.#table.get(row, column.page) >>> 0) + this.#table.get(row, column.page + 1) * 0x1_0000_0000;
  }

  level(row: number): number {
    return this.#table.get(row, column.level);
  }

  provenance(row: number, slot: number): number {
    return this.#table.get(row, column.provenance + slot);
  }

  /** Arena index of the payload. */
  payloadBase(row: number): number {
    return this.#table.rowBase(row) + column.payload;
  }

  /** `sid` is that of the request where rows are shared between devices. */
  noteHit(row: number, iova: number, sid = this.sid(row)): void {
    if (this.#hits.active) {
      const [pasid, did] = [this.pasid(row), this.did(row)];
      this.#hits.emit({ kind: 'cache-hit', cache: this.name, sid, pasid, did, iova });
    }
  }

  /** Adds a row unless the cache has no entries at all; `pointer` is for observers only. */
  fill(context: StepContext, tags: CacheTags, source: CacheFill): void {
    if (this.#table.rows === 0) {
      return;
    }
    const row = this.#rowToFill(context, tags);
    this.#table.set(row, column.valid, 1);
    this.#table.set(row, column.sid, tags.sid);
    this.#table.set(row, column.pasid, tags.pasid);
    this.#table.set(row, column.hasPasid, tags.hasPasid ? 1 : 0);
    this.#table.set(row, column.did, tags.did);
    this.#table.set(row, column.space, tags.space);
    this.#table.set(row, column.level, tags.level ?? 0);
    const page = Math.floor(tags.iova / 4096);
    this.#table.set(row, column.page, page);
    this.#table.set(row, column.page + 1, Math.floor(page / 0x1_0000_0000));
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      this.#table.set(row, column.provenance + slot, source.provenance(slot));
    }
    for (let i = 0; i < source.payload.length; i += 1) {
      this.#arena.put(this.payloadBase(row) + i, source.payload.word(i));
    }
    if (this.#filled.active) {
      const { sid, pasid, did, iova } = tags;
      const used = source.provenance(leafSlot) === 0 ? leafSlot : firstForeignSlot;
      const length = hasForeign(source) ? provenanceSlots : used;
      const provenance = Array.from({ length }, (_, slot) => source.provenance(slot));
      const { pointer } = source;
      this.#filled.emit({ kind: 'cache-filled', cache: this.name, sid, pasid, did, pointer, iova, provenance });
    }
  }

  /** Drops every row `matches` accepts. */
  invalidate(matches: (row: number) => boolean): void {
    for (let row = 0; row < this.#table.rows && this.#used.get() > 0; row += 1) {
      if (this.#table.get(row, column.valid) === 1 && matches(row)) {
        this.#drop(row, false);
      }
    }
  }

  #rowToFill(context: StepContext, tags: CacheTags): number {
    const same = this.find((row) => this.#lookupTags.every((tag) => this.#hasTag(row, tag, tags)));
    if (same !== -1) {
      this.#noteDrop(same, false);
      return same;
    }
    for (let row = 0; row < this.#table.rows; row += 1) {
      if (this.#table.get(row, column.valid) === 0) {
        this.#used.set(this.#used.get() + 1);
        return row;
      }
    }
    const victim = context.choose(`${this.name} eviction`, this.#table.rows);
    this.#drop(victim, true);
    this.#used.set(this.#used.get() + 1);
    return victim;
  }

  #hasTag(row: number, tag: LookupTag, tags: CacheTags): boolean {
    switch (tag) {
      case 'page':
        return this.page(row) === Math.floor(tags.iova / 4096);
      case 'level':
        return this.level(row) === (tags.level ?? 0);
      default:
        return this[tag](row) === tags[tag];
    }
  }

  #noteDrop(row: number, evicted: boolean): void {
    if (this.#dropped.active) {
      const [sid, pasid, did] = [this.sid(row), this.pasid(row), this.did(row)];
      this.#dropped.emit({ kind: 'cache-dropped', cache: this.name, sid, pasid, did, evicted });
    }
  }

  #drop(row: number, evicted: boolean): void {
    this.#noteDrop(row, evicted);
    this.#table.clearRow(row);
    this.#used.set(this.#used.get() - 1);
  }
}

/** Where the contents of a new row come from. */
export interface CacheFill {
  readonly payload: { readonly length: number; word(position: number): number };
  readonly pointer: number;
  provenance(slot: number): number;
}

function hasForeign(source: CacheFill): boolean {
  for (let slot = firstForeignSlot; slot < provenanceSlots; slot += 1) {
    if (source.provenance(slot) !== 0) {
      return true;
    }
  }
  return false;
}
