import type { Arena } from '../../sim/arena.ts';
import { pagingPayloadWords } from '../iommu/paging-structures.ts';
import { TranslationCache } from '../iommu/translation-cache.ts';
import type { SystemTrace } from '../trace-events.ts';
import type { RiscvConfig } from './riscv-config.ts';

/**
 * The caches of one IOMMU (RISC-V IOMMU, Caching in-memory data structures). Rows of translations and page-table
 * entries have the PSCID as `did`, and as `space` 0 in the host's or GSCID + 1 in a guest's address spaces.
 */
export interface RiscvCaches {
  /** Device contexts by device ID. */
  readonly ddt: TranslationCache;
  /** Process contexts by device and process ID. */
  readonly pdt: TranslationCache;
  readonly ioatc: TranslationCache;
  /** Non-leaf page-table entries. */
  readonly firstStagePaging: TranslationCache;
  readonly secondStagePaging: TranslationCache;
}

/**
 * Words of a row of the IOATC: frame in two words, rights, whether it is global, and the stages and tables it is of.
 */
export const ioatcPayload = { frame: 0, rights: 2, isGlobal: 3, stages: 4, firstRoot: 5, secondRoot: 6 } as const;
const ioatcPayloadWords = 7;
/** Bits of `stages`. */
export const stageBit = { first: 1, second: 2 } as const;

export function makeCaches(arena: Arena, trace: SystemTrace, config: RiscvConfig): RiscvCaches {
  const page = ['did', 'space', 'level', 'page'] as const;
  return {
    ddt: new TranslationCache(arena, trace, {
      name: 'ddt-cache',
      entryCount: config.ddtCacheEntries,
      payloadWords: 16,
      lookupTags: ['sid'],
    }),
    pdt: new TranslationCache(arena, trace, {
      name: 'pdt-cache',
      entryCount: config.pdtCacheEntries,
      payloadWords: 4,
      lookupTags: ['sid', 'pasid'],
    }),
    ioatc: new TranslationCache(arena, trace, {
      name: 'ioatc',
      entryCount: config.iotlbEntries,
      payloadWords: ioatcPayloadWords,
      lookupTags: ['did', 'space', 'page'],
    }),
    firstStagePaging: new TranslationCache(arena, trace, {
      name: 'first-stage-paging',
      entryCount: config.firstStagePagingEntries,
      payloadWords: pagingPayloadWords,
      lookupTags: page,
    }),
    secondStagePaging: new TranslationCache(arena, trace, {
      name: 'second-stage-paging',
      entryCount: config.secondStagePagingEntries,
      payloadWords: pagingPayloadWords,
      lookupTags: page,
    }),
  };
}
