import type { Place } from '../models/system.ts';
import type { Structure, TraceEvent } from '../models/trace-events.ts';
import { provenanceEntry } from '../models/trace-events.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { unreachable } from '../sim/assert.ts';
import { entryByteCount } from './entry-text.ts';
import { type IommuWords, iommuWords } from './iommu-words.ts';

/** A table entry of a run: where it is and what it is, as far as the trace tells. */
interface NamedEntry {
  readonly name: string;
  readonly structure: Structure | undefined;
  /** undefined: no event and no place tells where the entry is. */
  readonly range: { readonly address: number; readonly byteCount: number } | undefined;
}

/** Names for the addresses and ids in the events of one run. */
export interface NameBook {
  readonly words: IommuWords;
  entry(id: number): NamedEntry | undefined;
  /** The entry at an address, and how far into it the address is. */
  entryAt(address: number): { readonly id: number; readonly offset: number } | undefined;
  placeAt(address: number): Place | undefined;
}

export const qwordBytes = 8;
/** Up to the widest table entry, positions are said in quadwords, as drivers number them; beyond it in bytes. */
const entryPlaceBytes = 64;

export function createNameBook(record: Pick<RunRecord, 'records' | 'places' | 'entryNames' | 'iommu'>): NameBook {
  const seen = seenEntries(record);
  const entries = record.entryNames.map((name, id) => {
    const place = record.places.find((each) => each.name === name);
    const { structure, address } = seen.get(id) ?? {};
    const known = address !== undefined && structure !== undefined;
    const range = known ? { address, byteCount: entryByteCount(structure) } : place;
    return { name, structure, range };
  });
  const places: Place[] = [
    ...entries.flatMap(({ name, range }) => (range === undefined ? [] : [{ name, ...range }])),
    ...record.places,
  ];
  // The smallest place says most: a lock before the page it is in.
  places.sort((a, b) => a.byteCount - b.byteCount);
  return {
    words: iommuWords[record.iommu],
    entry: (id) => entries[id],
    entryAt: (address) => {
      const id = entries.findIndex(({ range }) => range !== undefined && contains(range, address));
      const start = entries[id]?.range?.address;
      return start === undefined ? undefined : { id, offset: address - start };
    },
    placeAt: (address) => places.find((place) => contains(place, address)),
  };
}

/** `nic.pasid[1] q0-1`, `desc_status+0x4`, or the bare address. */
export function memoryText(book: NameBook, address: number, byteCount: number): string {
  const place = book.placeAt(address);
  if (place === undefined) {
    return `0x${address.toString(16)}`;
  }
  const offset = address - place.address;
  if (offset === 0 && byteCount >= place.byteCount) {
    return place.name;
  }
  const isQwords = offset % qwordBytes === 0 && byteCount > 0 && byteCount % qwordBytes === 0;
  if (place.byteCount <= entryPlaceBytes && isQwords) {
    return `${place.name} ${qwordsText(offset / qwordBytes, byteCount / qwordBytes, book.words.letter)}`;
  }
  return offset === 0 ? place.name : `${place.name}+0x${offset.toString(16)}`;
}

/** One access: `q0`, or `q0-1` when it takes two quadwords at once. */
export function qwordsText(first: number, count: number, letter: string): string {
  return count === 1 ? `${letter}${first}` : `${letter}${first}-${first + count - 1}`;
}

function contains(range: { readonly address: number; readonly byteCount: number }, address: number): boolean {
  return address >= range.address && address < range.address + range.byteCount;
}

interface SeenEntry {
  readonly structure?: Structure;
  readonly address?: number;
}

function seenEntries(record: Pick<RunRecord, 'records'>): ReadonlyMap<number, SeenEntry> {
  const seen = new Map<number, SeenEntry>();
  for (const { event } of record.records) {
    if ('structure' in event && event.entry >= 0) {
      const address = 'address' in event ? { address: event.address } : {};
      seen.set(event.entry, { ...seen.get(event.entry), structure: event.structure, ...address });
    }
  }
  return seen;
}

/** Ids of the entries an event is about; a translation is about all entries it was built from. */
export function entriesOf(event: TraceEvent): readonly number[] {
  switch (event.kind) {
    case 'entry-declared':
    case 'update-begin':
    case 'update-end':
    case 'entry-changed':
    case 'entry-read':
    case 'entry-used':
      return event.entry >= 0 ? [event.entry] : [];
    case 'cache-filled':
    case 'cached-fault':
    case 'fault':
    case 'dma':
    case 'interrupt':
    case 'interrupt-posted':
    case 'interrupt-blocked':
      // 0 stands for a table the translation did not go through.
      return event.provenance.filter((each) => each !== 0).map(provenanceEntry);
    case 'store-buffered':
    case 'store':
    case 'load':
    case 'older-value-seen':
    case 'value-read':
    case 'barrier':
    case 'line-flushed':
    case 'line-evicted':
    case 'prefetch':
    case 'write-buffer-flushed':
    case 'register-written':
    case 'register-read':
    case 'cache-hit':
    case 'cache-dropped':
    case 'page-table-read':
    case 'fault-overflow':
    case 'request':
    case 'interrupt-request':
    case 'translation-request':
    case 'translation-completion':
    case 'translation-discarded':
    case 'translated-request':
    case 'link-message':
    case 'ats-invalidation-received':
    case 'ats-disabled':
    case 'descriptor-fetched':
    case 'invalidation-done':
    case 'status-written':
    case 'fence-done':
    case 'queue-error':
    case 'page-freed':
    case 'page-allocated':
    case 'tag-allocated':
    case 'tag-released':
    case 'device-tlb-request':
    case 'device-tlb-completion':
    case 'device-tlb-timeout':
    case 'descriptor-lost':
    case 'interrupt-entries-invalidated':
    case 'page-group-response':
    case 'batch-submitted':
    case 'error-ignored':
    case 'flow-note':
    case 'violation':
      return [];
    default:
      return unreachable(event);
  }
}
