import type { StepContext } from '../../sim/operation.ts';
import type { CachedTable, Stage, TableCaches } from '../iommu/page-walk.ts';
import { firstForeignSlot, leafSlot, provenanceSlots, type TranslationCache } from '../iommu/translation-cache.ts';
import { latchedDid, latchedPointer, latchedShape } from './latched-translation.ts';
import type { TableReader } from './table-reader.ts';
import { provenanceSlot } from './walk-state.ts';

/** Words of a row: frame of the table in two words, rights of the path, and the tables that the walk began at. */
const payload = { frame: 0, rights: 2, firstRoot: 3, secondRoot: 4 } as const;
export const pagingPayloadWords = 5;

/**
 * The paging-structure caches, as the walks of one request use them (VT-d 6.2.5): intermediate entries by the upper
 * bits of the address, under DID and, for the first stage, PASID. They shorten a walk whatever device filled them.
 */
export class PagingStructures implements TableCaches {
  readonly #reader: TableReader;

  constructor(reader: TableReader) {
    this.#reader = reader;
  }

  has(stage: Stage): boolean {
    const { config } = this.#reader.ports;
    return (stage === 'first' ? config.firstStagePagingEntries : config.secondStagePagingEntries) > 0;
  }

  /** The deepest table known for an address below `levels` levels, if its path gives the right; the request then depends on it. */
  deepest(
    stage: Stage,
    { address, levels, needed }: { address: number; levels: number; needed: number },
  ): CachedTable | undefined {
    const cache = this.#cacheOf(stage);
    const { arena } = this.#reader.ports;
    const tags = this.#tags(stage);
    for (let level = 2; level <= levels; level += 1) {
      const page = coveredPage(address, level);
      const row = cache.find(
        (r) =>
          cache.did(r) === tags.did &&
          cache.pasid(r) === tags.pasid &&
          cache.level(r) === level &&
          cache.page(r) === page &&
          (arena.get(cache.payloadBase(r) + payload.rights) & needed) === needed,
      );
      if (row !== -1) {
        const { sid, iova } = this.#reader.request;
        cache.noteHit(row, iova, sid);
        this.#dependOn(cache, row);
        this.#reader.state.belowCached.set(1);
        const base = cache.payloadBase(row);
        const frame = (arena.get(base + payload.frame) >>> 0) + arena.get(base + payload.frame + 1) * 0x1_0000_0000;
        return { level, address: frame * 4096, rights: arena.get(base + payload.rights) };
      }
    }
    return undefined;
  }

  /** Keeps the table that an intermediate entry leads to, which is there as soon as the entry has been read. */
  fill(step: StepContext, stage: Stage, address: number, table: CachedTable): void {
    const { state, request } = this.#reader;
    if (state.mustNotCache.get() === 1) {
      return;
    }
    const frame = table.address / 4096;
    const [firstRoot, secondRoot] = this.#roots();
    const words = [frame | 0, Math.floor(frame / 0x1_0000_0000), table.rights, firstRoot, secondRoot];
    this.#cacheOf(stage).fill(
      step,
      {
        ...this.#tags(stage),
        sid: request.sid,
        hasPasid: stage === 'first',
        pgtt: 0,
        level: table.level,
        iova: coveredPage(address, table.level) * 4096,
      },
      {
        payload: { length: words.length, word: (i) => words[i] as number },
        pointer: latchedPointer(this.#reader),
        // A leaf met before, in the other stage of a nested walk, is none of the row's.
        provenance: (slot) => (slot === leafSlot ? 0 : state.provenance(slot)),
      },
    );
  }

  #cacheOf(stage: Stage): TranslationCache {
    const { firstStagePaging, secondStagePaging } = this.#reader.ports.caches;
    return stage === 'first' ? firstStagePaging : secondStagePaging;
  }

  /** Second-stage rows have no PASID: every PASID of a domain shares its second stage (VT-d 6.2.1 Table 17). */
  #tags(stage: Stage): { readonly did: number; readonly pasid: number } {
    const pasid = stage === 'first' ? this.#reader.state.pasidTag.get() - 1 : 0;
    return { did: latchedDid(this.#reader), pasid };
  }

  /**
   * A row from below the same tables is what the request would have read itself. Below others, the translation is built
   * from the entry that the row was filled by, on top of its own.
   */
  #dependOn(cache: TranslationCache, row: number): void {
    const { state, ports, isScalable } = this.#reader;
    const base = cache.payloadBase(row);
    const [firstRoot, secondRoot] = this.#roots();
    const isOwn =
      ports.arena.get(base + payload.firstRoot) === firstRoot &&
      ports.arena.get(base + payload.secondRoot) === secondRoot;
    if (!isOwn) {
      const slot = isScalable ? provenanceSlot.pasid : provenanceSlot.context;
      state.addForeignProvenance(cache.provenance(row, slot), provenanceSlot.pasid);
    }
    for (let slot = firstForeignSlot; slot < provenanceSlots; slot += 1) {
      state.addForeignProvenance(cache.provenance(row, slot), provenanceSlot.pasid);
    }
  }

  /** Frames of the tables that the entry in the latch leads to, with their levels, as one word each; 0 for none. */
  #roots(): readonly [number, number] {
    const { pgtt, firstTable, firstLevels, secondTable, secondLevels } = latchedShape(this.#reader);
    const [usesFirst, usesSecond] = [pgtt % 2 === 1, pgtt === 2 || pgtt === 3];
    return [usesFirst ? root(firstTable, firstLevels) : 0, usesSecond ? root(secondTable, secondLevels) : 0];
  }
}

/** Rows lie below tables in RAM, so low bits of the frame are enough; levels are 3 to 5. */
function root(table: number, levels: number): number {
  return ((table / 4096) * 8 + levels) | 0;
}

/** First page number of what one entry of a level covers: an address without the bits that the row does not compare. */
function coveredPage(address: number, level: number): number {
  const pages = 512 ** (level - 1);
  return Math.floor(address / 4096 / pages) * pages;
}
