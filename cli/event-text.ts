import type { CacheName, InvalidationKind, TraceEvent } from '../models/trace-events.ts';
import { decodeDescriptor, descriptorType } from '../models/vtd/descriptors.ts';
import { unreachable } from '../sim/assert.ts';
import { fieldsText } from './entry-text.ts';
import { memoryText, type NameBook, qwordsText } from './name-book.ts';
import { commandText, isCommand } from './queue-command-text.ts';
import { requesterText } from './requester-text.ts';

type Of<Kind extends TraceEvent['kind']> = Extract<TraceEvent, { kind: Kind }>;

/** One event in words, for pictures and full traces: `read nic.pasid[1] q0-1: P=1 DID=5 first-stage`. */
export function eventText(event: TraceEvent, book: NameBook): string {
  switch (event.kind) {
    case 'store-buffered':
      return `${storeText(event, book)} (buffered)`;
    case 'store':
      return storeText(event, book);
    case 'load':
      return `load ${memoryText(book, event.address, event.words.length * 4)} = ${wordsText(event.words)}`;
    case 'older-value-seen':
      return `load ${memoryText(book, event.address, event.words.length * 4)} = ${wordsText(event.words)}, where memory has ${wordsText(event.newest)}`;
    case 'value-read':
      return `${event.name} = ${wordsText(event.words)}`;
    case 'barrier':
      return event.name;
    case 'line-flushed':
      return `clflush ${memoryText(book, event.address, 0)}`;
    case 'line-evicted':
      return `write back ${memoryText(book, event.address, 0)} (eviction)`;
    case 'write-buffer-flushed':
      return `flush the write buffer: ${event.lines} ${event.lines === 1 ? 'line' : 'lines'}`;
    case 'register-written':
      return `write ${event.register} = ${wordsText(event.words)}`;
    case 'register-read':
      return `read ${event.register} = ${wordsText(event.words)}`;
    case 'entry-declared':
      return `declare ${entryName(event.entry, book)} version ${event.version}: ${wholeEntry(event)}`;
    case 'update-begin':
      return `begin ${event.hitless ? 'hitless ' : ''}update of ${entryName(event.entry, book)}`;
    case 'update-end':
      return `end update of ${entryName(event.entry, book)}`;
    case 'entry-changed':
      return `${entryName(event.entry, book)} is now ${wholeEntry(event)}`;
    case 'entry-read':
      return entryReadText(event, book);
    case 'entry-used':
      return entryUsedText(event, book);
    case 'cache-hit':
      return `hit in ${cacheNames[event.cache]}: ${tagsText(event)}`;
    case 'prefetch':
      return `prefetch for ${requesterText(event.sid)}${pasidText(event.pasid)}: ${hex(event.iova)}`;
    case 'cached-fault':
      return `${cacheNames[event.cache]} keeps an entry that faults: ${book.words.faultCode(event.reason)}`;
    case 'cache-filled':
      return `fill ${cacheNames[event.cache]}: ${tagsText(event)}`;
    case 'cache-dropped':
      return `${event.evicted ? 'evict' : 'drop'} from ${cacheNames[event.cache]}: ${tagsText(event)}`;
    case 'page-table-read':
      return pageTableReadText(event, book);
    case 'request':
      return `request of ${requesterText(event.sid)}${pasidText(event.pasid)}: ${access(event)} ${hex(event.iova)}`;
    case 'fault':
      return faultText(event, book);
    case 'fault-overflow':
      return `no fault record left for ${requesterText(event.sid)}, ${book.words.faultCode(event.reason)}: set FSTS.PFO`;
    case 'dma':
      return `DMA ${event.write ? 'to' : 'from'} ${hex(event.address)}${placeNote(event.address, book)}`;
    case 'interrupt-request':
      return `request of ${requesterText(event.sid)}: interrupt ${event.index}`;
    case 'interrupt':
      return `${requesterText(event.sid)} interrupt ${event.index} -> vector ${hex(event.vector)}, CPU ${event.destination}`;
    case 'interrupt-posted':
      return interruptPostedText(event, book);
    case 'interrupt-blocked':
      return `${requesterText(event.sid)} interrupt ${event.index} blocked: ${faultText(event, book)}`;
    case 'translation-request':
      return `ask for${pasidText(event.pasid)} ${hex(event.iova)}${event.write ? ' to write' : ''}`;
    case 'translation-completion':
      return `answer: ${answerText(event, book)}`;
    case 'translation-discarded':
      return `discard an overtaken answer:${pasidText(event.pasid)} ${hex(event.iova)}`;
    case 'translated-request':
      return `translated request: ${access(event)} ${hex(event.address)}${placeNote(event.address, book)}`;
    case 'link-message':
      return linkText(event);
    case 'ats-invalidation-received':
      return `invalidation request, ITag ${event.itag}`;
    case 'ats-disabled':
      return 'ATS off: a translation request was unsupported';
    case 'descriptor-fetched':
      return `fetch ${slotText(event)}`;
    case 'invalidation-done':
      return invalidationText(event);
    case 'status-written':
      return `write status: ${event.data === statusDone ? 'done' : hex(event.data)}`;
    case 'queue-error':
      return book.words.queueErrorText(event.code, event.slot);
    case 'page-freed':
      return `free ${memoryText(book, event.address, 0)}`;
    case 'page-allocated':
      return `allocate ${memoryText(book, event.address, 0)}`;
    case 'tag-allocated':
      return `allocate DID ${event.did}`;
    case 'tag-released':
      return `free DID ${event.did}`;
    case 'device-tlb-request':
      return `ask ${requesterText(event.sid)} to invalidate${requestText(event)} (ITag ${event.itag})`;
    case 'device-tlb-completion':
      return `answer of ${requesterText(event.sid)} to ITag ${event.itag}${completionNotes[event.result]}`;
    case 'device-tlb-timeout':
      return `time-out of ITag ${event.itag}${book.words.timeoutText}`;
    case 'descriptor-lost':
      return `drop ${slotText(event)}`;
    case 'fence-done':
      return `IOFENCE.C in slot ${event.slot} is complete${event.writes ? ', writes are in memory' : ''}`;
    case 'interrupt-entries-invalidated':
      return `invalidate interrupt entries: ${interruptEntriesText(event)}`;
    case 'page-group-response':
      return `answer page request group ${event.group} of ${requesterText(event.sid)}${pasidText(event.pasid)}`;
    case 'batch-submitted':
      return `submit ${slotsText(event.slots)}`;
    case 'error-ignored':
      return `ignore ${errorNames.get(event.error) ?? event.error} of ${slotsText(event.slots)} and go on`;
    case 'flow-note':
      return event.text;
    case 'violation':
      return `< ${event.rule}: ${event.message} >`;
    default:
      return unreachable(event);
  }
}

/** The value of a store as a reader follows it: `= 0`, `: P=1 DID=5 first-stage`, `= 0x1f`. */
export function storedText(event: Of<'store' | 'store-buffered'>, book: NameBook): string {
  const at = book.entryAt(event.address);
  const structure = at === undefined ? undefined : book.entry(at.id)?.structure;
  const isZero = event.words.every((word) => word === 0);
  const fields =
    isZero || at === undefined || structure === undefined ? '' : fieldsText(structure, at.offset / 4, event.words);
  return fields === '' ? ` = ${wordsText(event.words)}` : `: ${fields}`;
}

/** QI_DONE of drivers/iommu/intel/dmar.c, the only status software asks for. */
const statusDone = 2;

const cacheNames: Readonly<Record<CacheName, string>> = {
  'context-cache': 'context cache',
  'pasid-cache': 'PASID cache',
  iotlb: 'IOTLB',
  'interrupt-entry-cache': 'interrupt entry cache',
  'device-tlb': 'device TLB',
  'first-stage-paging': 'first-stage paging-structure cache',
  'second-stage-paging': 'second-stage paging-structure cache',
  'ddt-cache': 'DDT cache',
  'pdt-cache': 'PDT cache',
  ioatc: 'IOATC',
};

const invalidationNames: Readonly<Record<InvalidationKind, string>> = {
  context: 'context cache',
  'pasid-cache': 'PASID cache',
  iotlb: 'IOTLB',
  piotlb: 'PASID-based IOTLB',
  'device-tlb': 'device TLB',
  'pasid-device-tlb': 'device TLB',
  ddt: 'DDT cache',
  pdt: 'PDT cache',
  vma: 'first-stage translations',
  gvma: 'second-stage translations',
};

/** Invalidations and caches of a RISC-V IOMMU, whose tags are PSCIDs. */
const riscvNames: readonly string[] = ['ddt', 'pdt', 'vma', 'gvma', 'ddt-cache', 'pdt-cache', 'ioatc'];

function tagName(of: CacheName | InvalidationKind): string {
  return riscvNames.includes(of) ? 'PSCID' : 'DID';
}

const descriptorNames: ReadonlyMap<number, string> = new Map([
  [descriptorType.context, 'context cache'],
  [descriptorType.iotlb, 'IOTLB'],
  [descriptorType.wait, 'wait'],
  [descriptorType.piotlb, 'PASID-based IOTLB'],
  [descriptorType.pasidCache, 'PASID cache'],
  [descriptorType.deviceTlb, 'device TLB'],
  [descriptorType.pasidDeviceTlb, 'PASID-based device TLB'],
  [descriptorType.interruptEntry, 'interrupt entry cache'],
  [descriptorType.pageGroupResponse, 'page group response'],
  [descriptorType.hpt, 'HPT cache'],
]);

function slotText({ slot, words }: Of<'descriptor-fetched' | 'descriptor-lost'>): string {
  return isCommand(words)
    ? `command ${slot}: ${commandText(words)}`
    : `descriptor ${slot}: ${descriptorNames.get(decodeDescriptor(words, 0)) ?? 'other'}`;
}

function storeText(event: Of<'store' | 'store-buffered'>, book: NameBook): string {
  return `store ${memoryText(book, event.address, event.words.length * 4)}${storedText(event, book)}`;
}

function entryReadText(event: Of<'entry-read'>, book: NameBook): string {
  // A quantum is as much as is read at once; drivers number the quadwords of an entry.
  const count = Math.ceil(event.words.length / 2);
  const fields = fieldsText(event.structure, event.quantum * event.words.length, event.words);
  const value = fields === '' ? ` = ${wordsText(event.words)}` : `: ${fields}`;
  const place = qwordsText((event.quantum * event.words.length) / 2, count, book.words.letter);
  return `read ${nameOf(event, book)} ${place}${value}`;
}

function entryUsedText(event: Of<'entry-used'>, book: NameBook): string {
  const fields = fieldsText(event.structure, 0, event.words);
  const fault = event.reason === 0 ? '' : ` (fault ${book.words.faultCode(event.reason)})`;
  return `use ${nameOf(event, book)}: ${fields}${fault}`;
}

function wholeEntry(event: Of<'entry-declared' | 'entry-changed'>): string {
  return fieldsText(event.structure, 0, event.words);
}

function entryName(id: number, book: NameBook): string {
  return book.entry(id)?.name ?? `entry ${id}`;
}

/** Entries that no one declared have no id; a place or the address says which one it is. */
function nameOf(event: Of<'entry-read' | 'entry-used'>, book: NameBook): string {
  return book.entry(event.entry)?.name ?? `${event.structure} at ${memoryText(book, event.address, 0)}`;
}

function pageTableReadText(event: Of<'page-table-read'>, book: NameBook): string {
  const place = memoryText(book, event.address, event.words.length * 4);
  return `read ${event.stage}-stage level ${event.level} at ${place} = ${wordsText(event.words)}`;
}

function interruptPostedText(event: Of<'interrupt-posted'>, book: NameBook): string {
  const { sid, index, vector, descriptor, notifies } = event;
  const place = memoryText(book, descriptor, 64);
  const notified = notifies ? ', ON=1' : '';
  return `${requesterText(sid)} interrupt ${index} -> vector ${hex(vector)} posted at ${place}${notified}`;
}

function faultText(event: Pick<Of<'fault'>, 'reason' | 'recorded'>, { words }: NameBook): string {
  const text = words.faultText(event.reason);
  return `fault ${words.faultCode(event.reason)}: ${text}${event.recorded ? '' : ' (not reported)'}`;
}

function answerText(event: Of<'translation-completion'>, book: NameBook): string {
  if (event.status !== 'success') {
    return event.status;
  }
  const allowed = event.writable ? 'write to' : 'read of';
  const isAllowed = event.readable || event.writable;
  return isAllowed ? `${allowed} ${hex(event.address)}${placeNote(event.address, book)}` : 'no access (R=W=0)';
}

function invalidationText(event: Of<'invalidation-done'>): string {
  const name = `invalidate ${invalidationNames[event.invalidation]}`;
  if (event.invalidation === 'device-tlb' || event.invalidation === 'pasid-device-tlb') {
    const pasid = event.granularity === 'global' ? 'all PASIDs' : pasidText(event.pasid).trim() || 'no PASID';
    const page = event.granularity === 'page' ? `, page ${hex(event.iova)}` : '';
    return `${name}: ${pasid}${page}`;
  }
  const tag = `${tagName(event.invalidation)} ${event.did}`;
  switch (event.granularity) {
    case 'global':
      return `${name}: all`;
    case 'domain':
      return `${name}: ${tag}`;
    case 'device':
      return event.invalidation === 'ddt'
        ? `${name}: ${requesterText(event.sid)}`
        : `${name}: ${tag}, ${requesterText(event.sid)}`;
    case 'pasid':
      return event.invalidation === 'pdt'
        ? `${name}: ${requesterText(event.sid)}, process ${event.pasid}`
        : `${name}: ${tag}, PASID ${event.pasid}`;
    case 'page': {
      const pasid = event.invalidation === 'piotlb' ? `, PASID ${event.pasid}` : '';
      const space = event.did < 0 ? '' : `${tag}${pasid}, `;
      return `${name}: ${space}page ${hex(event.iova)}`;
    }
    default:
      return unreachable(event.granularity);
  }
}

const completionNotes: Readonly<Record<Of<'device-tlb-completion'>['result'], string>> = {
  done: '',
  open: ', more to come',
  unknown: ', which is not its: ICE',
};

/** Values of errno that qi_submit_sync returns. */
const errorNames: ReadonlyMap<number, string> = new Map([
  [-22, '-EINVAL'],
  [-110, '-ETIMEDOUT'],
]);

function slotsText(slots: readonly number[]): string {
  return slots.length === 1 ? `descriptor ${slots[0]}` : `descriptors ${slots.join(', ')}`;
}

function interruptEntriesText({ index, indexMask }: Of<'interrupt-entries-invalidated'>): string {
  if (index < 0) {
    return 'all';
  }
  return indexMask === 0 ? `${index}` : `${2 ** indexMask} from ${index}`;
}

function requestText({ pasid, global, page, pages }: Of<'device-tlb-request'>): string {
  const tag = global ? ' every PASID' : pasidText(pasid);
  if (pages === 0) {
    return `${tag}: all`;
  }
  return pages === 1 ? `${tag}: page ${hex(page * 4096)}` : `${tag}: ${pages} pages at ${hex(page * 4096)}`;
}

function tagsText(event: Of<'cache-hit' | 'cache-filled' | 'cache-dropped'>): string {
  if (event.cache === 'interrupt-entry-cache') {
    return `interrupt ${event.pasid}`;
  }
  if (event.cache === 'device-tlb') {
    return 'iova' in event ? hex(event.iova - (event.iova % 4096)) : `a page of ${requesterText(event.sid)}`;
  }
  const device = ['context-cache', 'pasid-cache', 'ddt-cache', 'pdt-cache'].includes(event.cache)
    ? `${requesterText(event.sid)}, `
    : '';
  const hasPasid = !['context-cache', 'second-stage-paging'].includes(event.cache);
  const pasid = hasPasid && event.pasid >= 0 ? `, PASID ${event.pasid}` : '';
  return `${device}${tagName(event.cache)} ${event.did}${pasid}`;
}

function access(event: Of<'request' | 'translated-request'>): string {
  return event.write ? 'write to' : 'read of';
}

function placeNote(address: number, book: NameBook): string {
  return book.placeAt(address) === undefined ? '' : ` (${memoryText(book, address, 0)})`;
}

function pasidText(pasid: number): string {
  return pasid < 0 ? '' : ` PASID ${pasid}`;
}

function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

/** Words, lowest first, as one number: exact, however wide. */
function wordsText(words: readonly number[]): string {
  let value = 0n;
  for (const word of words.toReversed()) {
    value = (value << 32n) | BigInt(word >>> 0);
  }
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

function linkText({ sid, itag, state, blocked }: Extract<TraceEvent, { kind: 'link-message' }>): string {
  const message = itag < 0 ? 'write' : `request with ITag ${itag}`;
  if (state === 'arrives') {
    return `${message} comes off the link`;
  }
  return blocked
    ? `queue of ${requesterText(sid)} is full: ${message} waits on the link`
    : `${message} to ${requesterText(sid)} is on the link`;
}
