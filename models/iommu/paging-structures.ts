import type { Arena } from '../../sim/arena.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { DmaRequest } from './dma-request.ts';
import type { CachedTable, Stage, TableCaches } from './page-walk.ts';
import type { RequestLatch } from './request-latch.ts';
import { leafSlot, provenanceSlots, type TranslationCache } from './translation-cache.ts';

/** Words of a row: frame of the table in two words, rights of the path, and the tables that the walk began at. */
const payload = { frame: 0, rights: 2, firstRoot: 3, secondRoot: 4 } as const;
export const pagingPayloadWords = 5;

/** What the rows of one stage are found and invalidated by, beside level and address. */
interface PagingTags {
  readonly did: number;
  readonly pasid: number;
  readonly hasPasid: boolean;
  readonly space: number;
}

/** The request whose walks use the caches. */
export interface PagingStructurePorts {
  readonly arena: Arena;
  readonly latch: RequestLatch;
  readonly caches: Readonly<Record<Stage, TranslationCache>>;
  readonly entryCounts: Readonly<Record<Stage, number>>;
  request(): DmaRequest;
  tags(stage: Stage): PagingTags;
  /** See `cache-filled`. */
  pointer(): number;
  /** The tables that the request's walks begin at, see {@link rootWord}; 0 for none. */
  roots(): readonly [number, number];
  /** Position in the provenance of the entry that leads to those tables. */
  ownSlot(): number;
  /** The walk begins below a row. */
  beginBelow(): void;
}

/**
 * The paging-structure caches, as the walks of one request use them (VT-d 6.2.5; RISC-V IOMMU, Caching in-memory data
 * structures): intermediate entries by the upper bits of the address, under the tags of the address space. They shorten
 * a walk whatever device filled them.
 */
export class PagingStructures implements TableCaches {
  readonly #ports: PagingStructurePorts;

  constructor(ports: PagingStructurePorts) {
    this.#ports = ports;
  }

  has(stage: Stage): boolean {
    return this.#ports.entryCounts[stage] > 0;
  }

  /**
   * The deepest table known for an address below `levels` levels, if its path gives the right; the request then depends
   * on it.
   */
  deepest(
    stage: Stage,
    { address, levels, needed }: { address: number; levels: number; needed: number },
  ): CachedTable | undefined {
    const { arena, caches } = this.#ports;
    const cache = caches[stage];
    const tags = this.#ports.tags(stage);
    for (let level = 2; level <= levels; level += 1) {
      const page = coveredPage(address, level);
      const row = cache.find(
        (r) =>
          cache.did(r) === tags.did &&
          cache.pasid(r) === tags.pasid &&
          cache.space(r) === tags.space &&
          cache.level(r) === level &&
          cache.page(r) === page &&
          (arena.get(cache.payloadBase(r) + payload.rights) & needed) === needed,
      );
      if (row !== -1) {
        const { sid, iova } = this.#ports.request();
        cache.noteHit(row, iova, sid);
        this.#dependOn(cache, row);
        this.#ports.beginBelow();
        const base = cache.payloadBase(row);
        const frame = (arena.get(base + payload.frame) >>> 0) + arena.get(base + payload.frame + 1) * 0x1_0000_0000;
        return { level, address: frame * 4096, rights: arena.get(base + payload.rights) };
      }
    }
    return undefined;
  }

  /** Keeps the table that an intermediate entry leads to, which is there as soon as the entry has been read. */
  fill(step: StepContext, stage: Stage, address: number, table: CachedTable): void {
    const { latch, caches } = this.#ports;
    if (latch.mustNotCache.get() === 1) {
      return;
    }
    const frame = table.address / 4096;
    const [firstRoot, secondRoot] = this.#ports.roots();
    const words = [frame | 0, Math.floor(frame / 0x1_0000_0000), table.rights, firstRoot, secondRoot];
    caches[stage].fill(
      step,
      {
        ...this.#ports.tags(stage),
        sid: this.#ports.request().sid,
        level: table.level,
        iova: coveredPage(address, table.level) * 4096,
      },
      {
        payload: { length: words.length, word: (i) => words[i] as number },
        pointer: this.#ports.pointer(),
        // A leaf met before, in the other stage of a nested walk, is none of the row's.
        provenance: (slot) => (slot === leafSlot ? 0 : latch.provenance(slot)),
      },
    );
  }

  /**
   * A row from below the same tables is what the request would have read itself. Below others, the translation is built
   * from the entry that the row was filled by, on top of its own.
   */
  #dependOn(cache: TranslationCache, row: number): void {
    const { arena, latch } = this.#ports;
    const base = cache.payloadBase(row);
    const [firstRoot, secondRoot] = this.#ports.roots();
    const ownSlot = this.#ports.ownSlot();
    const isOwn =
      arena.get(base + payload.firstRoot) === firstRoot && arena.get(base + payload.secondRoot) === secondRoot;
    if (!isOwn) {
      latch.addForeignProvenance(cache.provenance(row, ownSlot), ownSlot);
    }
    for (let slot = latch.firstForeignSlot; slot < provenanceSlots; slot += 1) {
      latch.addForeignProvenance(cache.provenance(row, slot), ownSlot);
    }
  }
}

/**
 * Frame and levels of a table that walks begin at, as one word: rows lie below tables in RAM, so low bits are enough.
 */
export function rootWord(table: number, levels: number): number {
  return ((table / 4096) * 8 + levels) | 0;
}

/** First page number of what one entry of a level covers: an address without the bits that the row does not compare. */
function coveredPage(address: number, level: number): number {
  const pages = 512 ** (level - 1);
  return Math.floor(address / 4096 / pages) * pages;
}
