import type { Arena } from '../../sim/arena.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { DeviceTlbInvalidation } from '../iommu/device-tlb-port.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import { accessOf } from '../iommu/dma-request.ts';
import { TranslationCache } from '../iommu/translation-cache.ts';
import type { HeldTranslation } from '../iommu/translation-completion.ts';
import type { SystemTrace } from '../trace-events.ts';
import { noPointer } from '../trace-events.ts';

/** Which pages of which requests an invalidation is about, without its ITag. */
export type InvalidatedRange = Omit<DeviceTlbInvalidation, 'sid' | 'itag'>;

/**
 * Whether an invalidation is about a page of requests with a PASID, or without one (-1). Type 3 is about requests
 * without PASID alone, type 8 about those with its PASID, with GI about those with any (VT-d 6.5.2.5, 6.5.2.6).
 */
export function isInvalidated(range: InvalidatedRange, { pasid, page }: { pasid: number; page: number }): boolean {
  const samePasid = range.global ? pasid >= 0 : pasid === range.pasid;
  return samePasid && page >= range.firstPage && page < range.firstPage + range.pageCount;
}

/**
 * The address translation cache (ATC) of a function: pages by address, with or without PASID, each for the kind of
 * access it was asked for. It is filled by answers to translation requests and by nothing else (PCIe ATS 10.1.1).
 */
export class DeviceTlb {
  readonly #arena: Arena;
  readonly #cache: TranslationCache;

  constructor(arena: Arena, trace: SystemTrace, entryCount: number) {
    this.#arena = arena;
    this.#cache = new TranslationCache(arena, trace, {
      name: 'device-tlb',
      entryCount,
      payloadWords: 3,
      lookupTags: ['sid', 'pasid', 'hasPasid', 'page'],
    });
  }

  /** Row for a request, or -1. */
  find({ pasid, iova, write }: DmaRequest): number {
    const page = Math.floor(iova / 4096);
    const row = this.#cache.find((r) => this.#pasid(r) === pasid && this.#cache.page(r) === page);
    if (row === -1 || this.#arena.get(this.#cache.payloadBase(row) + 2) !== accessOf({ write })) {
      return -1;
    }
    this.#cache.noteHit(row, iova);
    return row;
  }

  /** What a row holds. */
  translation(row: number): HeldTranslation {
    const payload = this.#cache.payloadBase(row);
    const frame = (this.#arena.get(payload) >>> 0) + this.#arena.get(payload + 1) * 0x1_0000_0000;
    return { address: frame * 4096, provenance: (slot) => this.#cache.provenance(row, slot) };
  }

  fill(step: StepContext, { sid, pasid, iova, write }: DmaRequest, held: HeldTranslation): void {
    const frame = held.address / 4096;
    const payload = [frame | 0, Math.floor(frame / 0x1_0000_0000), accessOf({ write })];
    this.#cache.fill(
      step,
      { sid, pasid: Math.max(0, pasid), hasPasid: pasid >= 0, did: 0, space: 0, iova },
      {
        payload: { length: payload.length, word: (i) => payload[i] as number },
        pointer: noPointer,
        provenance: (slot) => held.provenance(slot),
      },
    );
  }

  invalidate(range: InvalidatedRange): void {
    this.#cache.invalidate((row) => isInvalidated(range, { pasid: this.#pasid(row), page: this.#cache.page(row) }));
  }

  /** ATS is off: nothing may be left. */
  clear(): void {
    this.#cache.invalidate(() => true);
  }

  #pasid(row: number): number {
    return this.#cache.hasPasid(row) ? this.#cache.pasid(row) : -1;
  }
}
