import { getAddress, getField } from '../entry-layout.ts';
import type { TranslationCache } from '../iommu/translation-cache.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { decodeDescriptor, descriptorType } from './descriptors.ts';
import {
  contextDescriptor,
  granularityCodes,
  interruptEntryDescriptor,
  iotlbDescriptor,
  pageGroupResponseDescriptor,
  pasidCacheDescriptor,
  piotlbDescriptor,
} from './entries/invalidation-descriptors.ts';
import { usesFirstStage } from './entries/pasid-entry.ts';

/** What an invalidation of interrupt entries is about (VT-d 6.5.2.7, 6.5.5). */
interface InterruptEntries {
  /** Drops the cached entries whose index is meant. */
  invalidate(isMeant: (index: number) => boolean): void;
  /** Bit set of the sources with an interrupt on its way by such an entry. */
  onTheWay(isMeant: (index: number) => boolean): number;
}

/** The caches of one unit that requests are translated with. */
export interface TranslationCaches {
  readonly contextCache: TranslationCache;
  readonly pasidCache: TranslationCache;
  readonly iotlb: TranslationCache;
  readonly interruptEntries: InterruptEntries;
  /** Paging-structure caches (VT-d 6.2.5). */
  readonly firstStagePaging: TranslationCache;
  readonly secondStagePaging: TranslationCache;
}

export interface DescriptorWords {
  readonly words: ArrayLike<number>;
  readonly base: number;
  readonly mode: 'legacy' | 'scalable';
  /** Hardware may drop more than it is asked to (VT-d 6.5.2): here, all rows of the caches concerned. */
  readonly dropsAll?: boolean;
}

/** Tags an invalidation is limited to; undefined where it is not. */
export interface InvalidationScope {
  readonly did: number | undefined;
  readonly pasid: number | undefined;
  /** Of a page-selective invalidation: whether a page number is in its range. */
  readonly inRange: PageRange | undefined;
  /** The range is of second-stage addresses, which requests with a first stage cannot be compared with (Table 23). */
  readonly isSecondStageRange: boolean;
}

const anything: InvalidationScope = { did: undefined, pasid: undefined, inRange: undefined, isSecondStageRange: false };

/** What a descriptor is limited to, as far as requests in flight can be told apart by it. */
export function invalidationScope(words: ArrayLike<number>, base: number): InvalidationScope {
  switch (decodeDescriptor(words, base)) {
    case descriptorType.pasidCache: {
      const { fields } = pasidCacheDescriptor;
      const code = getField(fields.granularity, words, base);
      const codes = granularityCodes['pasid-cache'];
      return {
        ...anything,
        did: code === codes.global ? undefined : getField(fields.did, words, base),
        pasid: code === codes.pasid ? getField(fields.pasid, words, base) : undefined,
      };
    }
    case descriptorType.iotlb: {
      const { fields } = iotlbDescriptor;
      const code = getField(fields.granularity, words, base);
      return {
        did: code === granularityCodes.iotlb.global ? undefined : getField(fields.did, words, base),
        pasid: undefined,
        inRange: code === granularityCodes.iotlb.page ? pageRange(words, base) : undefined,
        isSecondStageRange: true,
      };
    }
    case descriptorType.piotlb: {
      const { fields } = piotlbDescriptor;
      const isPage = getField(fields.granularity, words, base) === granularityCodes.piotlb.page;
      return {
        did: getField(fields.did, words, base),
        pasid: getField(fields.pasid, words, base),
        inRange: isPage ? pageRange(words, base) : undefined,
        isSecondStageRange: false,
      };
    }
    default:
      return anything;
  }
}

type Done = Extract<TraceEvent, { kind: 'invalidation-done' }>;
type Report = (done: Omit<Done, 'kind'>) => void;

/** Bits of the requester ID that FM leaves to compare: 1 leaves out bit 2, 2 bits 2:1, 3 bits 2:0 (VT-d 6.5.2.1). */
const comparedSidBits: readonly number[] = [0xffff, 0xfffb, 0xfff9, 0xfff8];

/** Drops what an invalidation descriptor purges, and no more (VT-d 6.5.2.1 to 6.5.2.4, Tables 23 and 24). */
export function applyInvalidation(caches: TranslationCaches, trace: SystemTrace, descriptor: DescriptorWords): void {
  const channel = trace.channel('invalidation-done');
  const report: Report = (done) => {
    if (channel.active) {
      channel.emit({ kind: 'invalidation-done', ...done });
    }
  };
  const type = decodeDescriptor(descriptor.words, descriptor.base);
  if (descriptor.dropsAll === true) {
    for (const cache of cachesOf(caches, type)) {
      cache.invalidate(() => true);
    }
  }
  // What was asked for is reported all the same: software may count on nothing more.
  switch (type) {
    case descriptorType.context:
      applyContext(caches, descriptor, report);
      return;
    case descriptorType.pasidCache:
      applyPasidCache(caches, descriptor, report);
      return;
    case descriptorType.iotlb:
      applyIotlb(caches, descriptor, report);
      return;
    case descriptorType.piotlb:
      applyPiotlb(caches, descriptor, report);
      return;
    case descriptorType.pageGroupResponse:
      applyPageGroupResponse(trace, descriptor);
      return;
    case descriptorType.interruptEntry:
      applyInterruptEntry(caches, trace, descriptor);
      return;
    // No host permission table is cached.
    case descriptorType.hpt:
      return;
  }
}

function cachesOf(caches: TranslationCaches, type: number): readonly TranslationCache[] {
  switch (type) {
    case descriptorType.context:
      return [caches.contextCache];
    case descriptorType.pasidCache:
      return [caches.pasidCache];
    case descriptorType.iotlb:
    case descriptorType.piotlb:
      return [caches.iotlb, caches.firstStagePaging, caches.secondStagePaging];
    default:
      return [];
  }
}

function applyContext(
  { contextCache }: TranslationCaches,
  { words, base, mode }: DescriptorWords,
  report: Report,
): void {
  const { fields } = contextDescriptor;
  const codes = granularityCodes.context;
  const code = getField(fields.granularity, words, base);
  const did = getField(fields.did, words, base);
  const sid = getField(fields.sid, words, base);
  if (code === codes.device) {
    const mask = comparedSidBits[getField(fields.functionMask, words, base)] as number;
    contextCache.invalidate((row) => (contextCache.sid(row) & mask) === (sid & mask));
    report({ invalidation: 'context', granularity: 'device', sid, sidMask: mask, did, pasid: -1, iova: -1 });
  } else if (code === codes.domain && mode === 'legacy') {
    contextCache.invalidate((row) => contextCache.did(row) === did);
    report({ invalidation: 'context', granularity: 'domain', sid, sidMask: 0, did, pasid: -1, iova: -1 });
  } else {
    // Scalable context entries have no DID: domain-selective is treated as global.
    contextCache.invalidate(() => true);
    report({ invalidation: 'context', granularity: 'global', sid, sidMask: 0, did, pasid: -1, iova: -1 });
  }
}

function applyPasidCache({ pasidCache }: TranslationCaches, { words, base }: DescriptorWords, report: Report): void {
  const { fields } = pasidCacheDescriptor;
  const codes = granularityCodes['pasid-cache'];
  const code = getField(fields.granularity, words, base);
  const did = getField(fields.did, words, base);
  const pasid = getField(fields.pasid, words, base);
  // Look-ups use (source, PASID), invalidations (DID, PASID): a row with another DID stays, whatever its source.
  if (code === codes.global) {
    pasidCache.invalidate(() => true);
    report({ invalidation: 'pasid-cache', granularity: 'global', sid: -1, sidMask: 0, did, pasid, iova: -1 });
  } else if (code === codes.domain) {
    pasidCache.invalidate((row) => pasidCache.did(row) === did);
    report({ invalidation: 'pasid-cache', granularity: 'domain', sid: -1, sidMask: 0, did, pasid, iova: -1 });
  } else {
    pasidCache.invalidate((row) => pasidCache.did(row) === did && pasidCache.pasid(row) === pasid);
    report({ invalidation: 'pasid-cache', granularity: 'pasid', sid: -1, sidMask: 0, did, pasid, iova: -1 });
  }
}

function applyIotlb(caches: TranslationCaches, { words, base }: DescriptorWords, report: Report): void {
  const { iotlb, firstStagePaging, secondStagePaging } = caches;
  const { fields } = iotlbDescriptor;
  const codes = granularityCodes.iotlb;
  const code = getField(fields.granularity, words, base);
  const did = getField(fields.did, words, base);
  const iova = getAddress(fields.address, words, base);
  const tags = { invalidation: 'iotlb', sid: -1, sidMask: 0, did, pasid: -1, iova } as const;
  if (code === codes.global) {
    for (const cache of [iotlb, firstStagePaging, secondStagePaging]) {
      cache.invalidate(() => true);
    }
    report({ ...tags, granularity: 'global' });
  } else if (code === codes.domain) {
    for (const cache of [iotlb, firstStagePaging, secondStagePaging]) {
      cache.invalidate((row) => cache.did(row) === did);
    }
    report({ ...tags, granularity: 'domain' });
  } else {
    const inRange = pageRange(words, base);
    // First-stage rows have no second-stage address to compare, so all of the domain go (Table 23).
    iotlb.invalidate((row) => iotlb.did(row) === did && (usesFirstStage(iotlb.space(row)) || inRange(iotlb.page(row))));
    firstStagePaging.invalidate((row) => firstStagePaging.did(row) === did);
    if (getField(fields.hint, words, base) === 0) {
      secondStagePaging.invalidate(
        (row) => secondStagePaging.did(row) === did && coversSome(secondStagePaging, row, inRange),
      );
    }
    report({ ...tags, granularity: 'page' });
  }
}

/** Rows of the second stage that intermediate entries have left stay in every case (Table 24): they have no PASID. */
function applyPiotlb(caches: TranslationCaches, { words, base }: DescriptorWords, report: Report): void {
  const { iotlb, firstStagePaging } = caches;
  const { fields } = piotlbDescriptor;
  const did = getField(fields.did, words, base);
  const pasid = getField(fields.pasid, words, base);
  const iova = getAddress(fields.address, words, base);
  const tags = { invalidation: 'piotlb', sid: -1, sidMask: 0, did, pasid, iova } as const;
  const tagged = (cache: TranslationCache, row: number): boolean =>
    cache.did(row) === did && cache.pasid(row) === pasid;
  if (getField(fields.granularity, words, base) === granularityCodes.piotlb.pasid) {
    for (const cache of [iotlb, firstStagePaging]) {
      cache.invalidate((row) => tagged(cache, row));
    }
    report({ ...tags, granularity: 'pasid' });
  } else {
    const inRange = pageRange(words, base);
    // Page-selective leaves rows without a first stage alone (Table 24).
    iotlb.invalidate((row) => tagged(iotlb, row) && usesFirstStage(iotlb.space(row)) && inRange(iotlb.page(row)));
    if (getField(fields.hint, words, base) === 0) {
      firstStagePaging.invalidate((row) => tagged(firstStagePaging, row) && coversSome(firstStagePaging, row, inRange));
    }
    report({ ...tags, granularity: 'page' });
  }
}

/** Global, or 2^IM interrupt indices (VT-d 6.5.2). */
function applyInterruptEntry(
  { interruptEntries }: TranslationCaches,
  trace: SystemTrace,
  { words, base }: DescriptorWords,
): void {
  interruptEntries.invalidate(interruptScope(words, base));
  const channel = trace.channel('interrupt-entries-invalidated');
  if (channel.active) {
    const { fields } = interruptEntryDescriptor;
    const isGlobal = getField(fields.granularity, words, base) === granularityCodes['interrupt-entry'].global;
    const index = isGlobal ? -1 : getField(fields.index, words, base);
    channel.emit({ kind: 'interrupt-entries-invalidated', index, indexMask: getField(fields.indexMask, words, base) });
  }
}

/** Which interrupt indices a descriptor of type 4 is about. */
export function interruptScope(words: ArrayLike<number>, base: number): (index: number) => boolean {
  const { fields } = interruptEntryDescriptor;
  const isGlobal = getField(fields.granularity, words, base) === granularityCodes['interrupt-entry'].global;
  const first = getField(fields.index, words, base);
  const mask = getField(fields.indexMask, words, base);
  return (index) => isGlobal || index >>> mask === first >>> mask;
}

/** The answer to a page request goes out to its function; nobody here waits for one. */
function applyPageGroupResponse(trace: SystemTrace, { words, base }: DescriptorWords): void {
  const { fields } = pageGroupResponseDescriptor;
  const channel = trace.channel('page-group-response');
  if (channel.active) {
    const hasPasid = getField(fields.hasPasid, words, base) === 1;
    channel.emit({
      kind: 'page-group-response',
      sid: getField(fields.sid, words, base),
      pasid: hasPasid ? getField(fields.pasid, words, base) : -1,
      code: getField(fields.responseCode, words, base),
      group: getField(fields.groupIndex, words, base),
    });
  }
}
/** Whether some page of a range lies below a row of a paging-structure cache. */
function coversSome(cache: TranslationCache, row: number, inRange: PageRange): boolean {
  return inRange(cache.page(row), 512 ** (cache.level(row) - 1));
}

/** Whether any of `pageCount` pages, a power of two and aligned, is in a range; 1 if left out. */
type PageRange = (firstPage: number, pageCount?: number) => boolean;

/** Pages of the aligned range of 2^AM pages that a page-selective descriptor names; types 2 and 6 have it in one place. */
function pageRange(words: ArrayLike<number>, base: number): PageRange {
  const { fields } = iotlbDescriptor;
  const size = 2 ** getField(fields.addressMask, words, base);
  const first = getAddress(fields.address, words, base) / 4096;
  // Both are aligned powers of two: they overlap if they lie in the same block of the greater size.
  return (page, pageCount = 1) => {
    const block = Math.max(size, pageCount);
    return Math.floor(page / block) === Math.floor(first / block);
  };
}
