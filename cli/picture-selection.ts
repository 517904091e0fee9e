import type { TraceEvent } from '../models/trace-events.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { fieldsText } from './entry-text.ts';
import { entriesOf, type NameBook } from './name-book.ts';

/** A walk of one process: the records from its request to where it ends or the picture does. */
interface Walk {
  readonly processId: number;
  readonly from: number;
  readonly to: number;
}

/** What the picture of a run is about. */
interface Focus {
  /** Index of the last record that can matter. */
  readonly end: number;
  readonly hasViolation: boolean;
  /** The rule is about what CPUs have read, not about an entry. */
  readonly isAmongCpus: boolean;
  readonly entries: ReadonlySet<number>;
  /** Walks whose reads made the violation; undefined: there is none, so all walks count. */
  readonly walks: readonly Walk[] | undefined;
  /** By the index of a cache hit: the fill it was served from, if that has to do with the entries. */
  readonly fills: ReadonlyMap<number, number>;
  /** Steps in which a rule was broken. */
  readonly brokenSteps: ReadonlySet<number>;
  /** Index of the first store to an entry of the focus. */
  readonly firstStore: number;
  /** By process: index of its first and last store to an entry of the focus. */
  readonly storing: ReadonlyMap<number, { readonly first: number; readonly last: number }>;
}

const lineBytes = 64;

/**
 * Indices of the records that have to do with the violation, or with the updates of the run if it has none: stores to
 * the entries involved, the reads that made the translation, the invalidations between, and what came of it.
 */
export function selectRecords(record: RunRecord, book: NameBook): readonly number[] {
  const focus = findFocus(record, book);
  const selected: number[] = [];
  for (let index = 0; index <= focus.end; index += 1) {
    if (isRelevant({ record, book, focus }, index)) {
      selected.push(index);
    }
  }
  return selected;
}

interface Scene {
  readonly record: RunRecord;
  readonly book: NameBook;
  readonly focus: Focus;
}

function isRelevant({ record, book, focus }: Scene, index: number): boolean {
  const item = record.records[index];
  if (item === undefined) {
    return false;
  }
  const { event, processId, stepNumber } = item;
  const isBroken = focus.brokenSteps.has(stepNumber);
  switch (event.kind) {
    case 'violation':
    case 'flow-note':
    case 'queue-error':
    case 'device-tlb-timeout':
    case 'descriptor-lost':
    case 'error-ignored':
      return true;
    // A load that gives what memory no longer has is half of a race between CPUs.
    case 'older-value-seen':
      return true;
    case 'load':
      return focus.isAmongCpus && record.records[index + 1]?.event.kind !== 'older-value-seen';
    case 'store':
    case 'store-buffered':
      return focus.isAmongCpus || touchesFocus(event.address, event.words.length * 4, { book, focus });
    case 'line-flushed':
    case 'line-evicted':
      return touchesFocus(event.address - (event.address % lineBytes), lineBytes, { book, focus });
    case 'barrier': {
      const stores = focus.storing.get(processId);
      return focus.isAmongCpus || (stores !== undefined && stores.first < index && index < stores.last);
    }
    case 'page-freed':
    case 'register-written':
    case 'interrupt-entries-invalidated':
    case 'invalidation-done':
    case 'ats-disabled':
    case 'link-message':
    case 'status-written':
    case 'fence-done':
    case 'write-buffer-flushed':
      return index > focus.firstStore;
    // An invalidation request that was answered shows as what the function did.
    case 'device-tlb-request':
      return index > focus.firstStore && !isAnswered(record, index, event);
    case 'device-tlb-completion':
      return index > focus.firstStore && event.result !== 'done';
    case 'translation-request':
    case 'translation-completion':
    case 'translation-discarded':
    case 'prefetch':
    case 'cached-fault':
      return isInWalk(focus, processId, index);
    case 'entry-read': {
      const says =
        fieldsText(event.structure, event.quantum * event.words.length, event.words) !== '' ||
        event.words.some(Boolean);
      return says && focus.entries.has(event.entry) && isInWalk(focus, processId, index);
    }
    case 'cache-filled':
      return isAboutFocus(event, focus) && isInWalk(focus, processId, index);
    case 'cache-hit':
      return isInWalk(focus, processId, index) && focus.fills.has(index);
    case 'entry-used':
      return isBroken && focus.entries.has(event.entry);
    case 'dma':
    case 'fault':
    case 'fault-overflow':
    case 'interrupt':
    case 'interrupt-posted':
    case 'interrupt-blocked':
      return isBroken || !focus.hasViolation;
    default:
      return false;
  }
}

function isAnswered({ records }: RunRecord, index: number, { sid, itag }: { sid: number; itag: number }): boolean {
  const answer = records.slice(index).find(({ event }) => {
    const isOver = event.kind === 'device-tlb-completion' || event.kind === 'device-tlb-timeout';
    return isOver && event.sid === sid && event.itag === itag;
  });
  return answer?.event.kind === 'device-tlb-completion';
}

function findFocus(record: RunRecord, book: NameBook): Focus {
  const broken = indicesOf(record, 'violation');
  const end = broken.at(-1) ?? record.records.length - 1;
  const brokenSteps = new Set(broken.map((index) => record.records[index]?.stepNumber ?? -1));
  const entries = focusEntries({ record, book }, { end, brokenSteps });
  const isStore = (index: number): boolean => {
    const event = record.records[index]?.event;
    return event !== undefined && entries.has(storedEntry(event, book) ?? -1);
  };
  const stores = record.records.slice(0, end + 1).flatMap((_, index) => (isStore(index) ? index : []));
  const storing = new Map<number, { first: number; last: number }>();
  for (const index of stores) {
    const processId = record.records[index]?.processId ?? -1;
    storing.set(processId, { first: storing.get(processId)?.first ?? index, last: index });
  }
  const fills = fillsBehind(record, entries);
  const walks = broken.flatMap((index) => walksBehind(record, index, fills));
  return {
    end,
    hasViolation: broken.length > 0,
    isAmongCpus: record.records.some(({ event }) => event.kind === 'violation' && event.rule === 'forbidden-outcome'),
    entries,
    walks: broken.length > 0 ? walks : undefined,
    fills,
    brokenSteps,
    firstStore: stores[0] ?? -1,
    storing,
  };
}

/** Entries of the steps in which a rule was broken; of a translation's many, those that software changed. */
function focusEntries(
  { record, book }: Pick<Scene, 'record' | 'book'>,
  { end, brokenSteps }: { readonly end: number; readonly brokenSteps: ReadonlySet<number> },
): ReadonlySet<number> {
  const changed = new Set<number>();
  const used = new Set<number>();
  const built = new Set<number>();
  for (const { event, stepNumber } of record.records.slice(0, end + 1)) {
    const into = isOutcome(event) ? built : used;
    const stored = storedEntry(event, book);
    if (stored !== undefined) changed.add(stored);
    for (const entry of brokenSteps.has(stepNumber) ? entriesOf(event) : []) {
      into.add(entry);
    }
  }
  const changedOfBuilt = [...built].filter((entry) => changed.has(entry));
  // What software changed on the way to the entry is part of the story: a directory entry that led there too early.
  const onTheWay = entriesOnTheWay(record, brokenSteps).filter((entry) => changed.has(entry));
  const focus = new Set([...used, ...onTheWay, ...(changedOfBuilt.length > 0 ? changedOfBuilt : built)]);
  return focus.size > 0 ? focus : changed;
}

/** What comes of all entries on the way together. */
function isOutcome({ kind }: TraceEvent): boolean {
  switch (kind) {
    case 'dma':
    case 'fault':
    case 'cached-fault':
    case 'cache-filled':
    case 'interrupt':
    case 'interrupt-posted':
    case 'interrupt-blocked':
      return true;
    default:
      return false;
  }
}

/** Entries that the walks which end in a broken rule used before. */
function entriesOnTheWay(record: RunRecord, brokenSteps: ReadonlySet<number>): readonly number[] {
  const used = new Map<number, number[]>();
  const found: number[] = [];
  for (const { event, processId, stepNumber } of record.records) {
    if (beginsWalk(event)) used.set(processId, []);
    if (event.kind === 'entry-used') used.get(processId)?.push(event.entry);
    if (event.kind === 'violation' && brokenSteps.has(stepNumber)) found.push(...(used.get(processId) ?? []));
  }
  return found;
}

/** The entry that a store goes to, seen by others or not. */
function storedEntry(event: TraceEvent, book: NameBook): number | undefined {
  return event.kind === 'store' || event.kind === 'store-buffered' ? book.entryAt(event.address)?.id : undefined;
}

/** The walk that a record ends, and those that filled the caches it was served from. */
function walksBehind(record: RunRecord, to: number, fills: ReadonlyMap<number, number>): readonly Walk[] {
  const walks: Walk[] = [];
  const ends = [to];
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    const walk = walkEndingAt(record, end);
    if (walk === undefined || walks.some((each) => each.to === walk.to && each.processId === walk.processId)) {
      continue;
    }
    walks.push(walk);
    for (let index = walk.from; index <= walk.to; index += 1) {
      const fill = record.records[index]?.processId === walk.processId ? fills.get(index) : undefined;
      if (fill !== undefined) ends.push(fill);
    }
  }
  return walks;
}

function walkEndingAt(record: RunRecord, to: number): Walk | undefined {
  const processId = record.records[to]?.processId ?? -1;
  for (let from = to; from >= 0; from -= 1) {
    const item = record.records[from];
    if (item?.processId === processId && beginsWalk(item.event)) {
      return { processId, from, to };
    }
  }
  return undefined;
}

/**
 * A translated request goes by a hit in the device TLB, or by the answer to a translation request before it; a prefetch
 * has no request.
 */
function beginsWalk(event: TraceEvent): boolean {
  const isHit = event.kind === 'cache-hit' && event.cache === 'device-tlb';
  return ['request', 'translation-request', 'interrupt-request', 'prefetch'].includes(event.kind) || isHit;
}

/** By the index of each cache hit, that of the fill it was served from, where the fill is about the entries. */
function fillsBehind(record: RunRecord, entries: ReadonlySet<number>): ReadonlyMap<number, number> {
  const latest = new Map<string, { readonly index: number; readonly isAbout: boolean }>();
  const fills = new Map<number, number>();
  for (const [index, { event }] of record.records.entries()) {
    if (event.kind !== 'cache-filled' && event.kind !== 'cache-hit') {
      continue;
    }
    // Neither the IOTLB, as it is told of here, nor rows that devices share have a requester among their tags.
    const sid = ['context-cache', 'pasid-cache', 'device-tlb'].includes(event.cache) ? event.sid : '';
    const key = `${event.cache} ${sid} ${event.did} ${event.pasid}`;
    if (event.kind === 'cache-filled') {
      latest.set(key, { index, isAbout: entriesOf(event).some((entry) => entries.has(entry)) });
      continue;
    }
    const fill = latest.get(key);
    if (fill?.isAbout) fills.set(index, fill.index);
  }
  return fills;
}

function isInWalk({ walks }: Focus, processId: number, index: number): boolean {
  return walks?.some((walk) => walk.processId === processId && walk.from <= index && index <= walk.to) ?? true;
}

function isAboutFocus(event: TraceEvent, { entries }: Focus): boolean {
  return entriesOf(event).some((entry) => entries.has(entry));
}

function touchesFocus(
  address: number,
  byteCount: number,
  { book, focus }: { readonly book: NameBook; readonly focus: Focus },
): boolean {
  for (const entry of focus.entries) {
    const range = book.entry(entry)?.range;
    if (range !== undefined && address < range.address + range.byteCount && range.address < address + byteCount) {
      return true;
    }
  }
  return false;
}

function indicesOf(record: RunRecord, kind: TraceEvent['kind']): readonly number[] {
  return record.records.flatMap(({ event }, index) => (event.kind === kind ? index : []));
}
