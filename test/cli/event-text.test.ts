import { describe, expect, it } from 'vitest';
import { eventText } from '../../cli/event-text.ts';
import { iommuWords } from '../../cli/iommu-words.ts';
import { createNameBook } from '../../cli/name-book.ts';
import { atsInval, atsPrgr, iodirInvalDdt, iodirInvalPdt, iofence, iotinval } from '../../models/riscv/commands.ts';
import { type TraceEvent, traceEventFields } from '../../models/trace-events.ts';
import { encodeDescriptor } from '../../models/vtd/descriptors.ts';
import { encodeContextEntry } from '../../models/vtd/entries/context-entry.ts';
import { encodePasidEntry } from '../../models/vtd/entries/pasid-entry.ts';
import {
  attached,
  entry,
  entryAddress,
  quantumOf,
  readQuantum,
  runRecord,
  storeQword,
  useEntry,
} from './run-record.ts';

const book = createNameBook(runRecord([['fetcher', readQuantum(0)]]));
const tags = { sid: 0x0a8d, pasid: 1, did: 5, iova: 0x1000 } as const;
const pasidEntry = { structure: 'pasid-entry', entry } as const;
const waitWords = encodeDescriptor({
  kind: 'wait',
  statusAddress: 0x1400,
  statusData: 2,
  interrupt: false,
  fence: false,
  pageRequestDrain: false,
});

const completion = {
  kind: 'translation-completion',
  sid: 0x10,
  pasid: 1,
  iova: 0x1000,
  status: 'success',
  readable: true,
  writable: false,
  address: 0x5000,
} as const;
const deviceTlbDone = {
  kind: 'invalidation-done',
  invalidation: 'pasid-device-tlb',
  granularity: 'pasid',
  sidMask: 0xffff,
  ...tags,
} as const;

const texts: readonly (readonly [TraceEvent, string])[] = [
  [{ kind: 'store-buffered', address: entryAddress, words: [0, 0] }, 'store nic.pasid[1] q0 = 0 (buffered)'],
  [storeQword(0), 'store nic.pasid[1] q0 = 0'],
  [storeQword(0, attached.slice(0, 2)), 'store nic.pasid[1] q0: P=1 first-stage'],
  [storeQword(1, attached.slice(2, 4)), 'store nic.pasid[1] q1: DID=5'],
  [storeQword(3, [7, 1]), 'store nic.pasid[1] q3 = 0x100000007'],
  [{ kind: 'store', address: entryAddress + 4, words: [1], cpu: 0 }, 'store nic.pasid[1]+0x4 = 0x1'],
  [{ kind: 'store', address: 0x1020, words: [1, 0], cpu: 0 }, 'store invalidation queue+0x20 = 0x1'],
  [{ kind: 'store', address: 0x9_0000, words: [1], cpu: 0 }, 'store 0x90000 = 0x1'],
  [
    { kind: 'store', address: entryAddress, words: attached, cpu: 0 },
    'store nic.pasid[1]: P=1 DID=5 first-stage FSPTPTR=0x8000',
  ],
  [{ kind: 'load', address: entryAddress, words: [0x41, 0] }, 'load nic.pasid[1] q0 = 0x41'],
  [{ kind: 'barrier', name: 'dma_wmb' }, 'dma_wmb'],
  [
    { kind: 'older-value-seen', address: entryAddress, words: [0, 0], newest: [5, 0] },
    'load nic.pasid[1] q0 = 0, where memory has 0x5',
  ],
  [{ kind: 'value-read', name: 'inv.r0', words: [1, 0] }, 'inv.r0 = 0x1'],
  [{ kind: 'line-flushed', address: entryAddress }, 'clflush nic.pasid[1]'],
  [{ kind: 'line-evicted', address: entryAddress }, 'write back nic.pasid[1] (eviction)'],
  [{ kind: 'prefetch', sid: 0x10, pasid: 1, iova: 0x1000 }, 'prefetch for 00:02.0 PASID 1: 0x1000'],
  [{ kind: 'write-buffer-flushed', lines: 2 }, 'flush the write buffer: 2 lines'],
  [
    { kind: 'cached-fault', cache: 'pasid-cache', sid: 0x10, pasid: 1, iova: 0x1000, reason: 0x59, provenance: [] },
    'PASID cache keeps an entry that faults: 59h',
  ],
  [{ kind: 'register-written', register: 'IQT', words: [0x40] }, 'write IQT = 0x40'],
  [
    { kind: 'entry-declared', ...pasidEntry, version: 2, words: attached },
    'declare nic.pasid[1] version 2: P=1 DID=5 first-stage FSPTPTR=0x8000',
  ],
  [{ kind: 'update-begin', entry, hitless: false, legal: 3 }, 'begin update of nic.pasid[1]'],
  [{ kind: 'update-begin', entry, hitless: true, legal: 3 }, 'begin hitless update of nic.pasid[1]'],
  [{ kind: 'update-end', entry: 7, legal: 3 }, 'end update of entry 7'],
  [
    {
      kind: 'entry-changed',
      ...pasidEntry,
      versionBefore: 1,
      version: 2,
      before: attached,
      words: new Array<number>(16).fill(0),
    },
    'nic.pasid[1] is now P=0 DID=0 PGTT=0',
  ],
  [readQuantum(0), 'read nic.pasid[1] q0-1: P=1 DID=5 first-stage'],
  [readQuantum(1), 'read nic.pasid[1] q2-3: FSPTPTR=0x8000'],
  [readQuantum(2), 'read nic.pasid[1] q4-5 = 0'],
  [
    readQuantum(
      0,
      quantumOf([...encodePasidEntry({ present: 1, pgtt: 3, domainId: 7, secondStagePointer: 0xc000 })], 0),
    ),
    'read nic.pasid[1] q0-1: P=1 DID=7 nested SSPTPTR=0xc000',
  ],
  [
    {
      kind: 'entry-read',
      structure: 'context-entry',
      entry: -1,
      address: 0x5040,
      quantum: 0,
      words: [...encodeContextEntry({ present: 1, domainId: 9, addressWidth: 2, secondStagePointer: 0xd000 })],
    },
    'read context-entry at page1+0x40 q0-1: P=1 DID=9 AW=2 second-stage SSPTPTR=0xd000',
  ],
  [
    {
      kind: 'entry-read',
      structure: 'pasid-directory-entry',
      entry: -1,
      address: 0x9_0000,
      quantum: 0,
      words: [0x6001, 0],
    },
    'read pasid-directory-entry at 0x90000 q0: P=1 SMPTBLPTR=0x6000',
  ],
  [useEntry(attached), 'use nic.pasid[1]: P=1 DID=5 first-stage FSPTPTR=0x8000'],
  [
    {
      kind: 'entry-used',
      ...pasidEntry,
      address: 0,
      present: false,
      version: 0,
      reason: 0x59,
      words: new Array<number>(16).fill(0),
    },
    'use nic.pasid[1]: P=0 DID=0 PGTT=0 (fault 59h)',
  ],
  [{ kind: 'cache-hit', cache: 'pasid-cache', ...tags }, 'hit in PASID cache: 0a:11.5, DID 5, PASID 1'],
  [{ kind: 'cache-filled', cache: 'iotlb', ...tags, pointer: 0, provenance: [] }, 'fill IOTLB: DID 5, PASID 1'],
  [
    { kind: 'cache-dropped', cache: 'context-cache', ...tags, evicted: false },
    'drop from context cache: 0a:11.5, DID 5',
  ],
  [{ kind: 'cache-dropped', cache: 'iotlb', ...tags, pasid: -1, evicted: true }, 'evict from IOTLB: DID 5'],
  [
    { kind: 'page-table-read', stage: 'first', level: 4, address: 0x5008, words: [0x7003, 0] },
    'read first-stage level 4 at page1+0x8 = 0x7003',
  ],
  [{ kind: 'request', sid: 0x10, pasid: 1, iova: 0x1000, write: true }, 'request of 00:02.0 PASID 1: write to 0x1000'],
  [{ kind: 'request', sid: 0x10, pasid: -1, iova: 0, write: false }, 'request of 00:02.0: read of 0'],
  [
    { kind: 'fault', sid: 0x10, pasid: 1, iova: 0, reason: 0x59, recorded: true, provenance: [] },
    'fault 59h: SM: present bit in PASID entry is clear',
  ],
  [
    { kind: 'fault', sid: 0x10, pasid: 1, iova: 0, reason: 0xff, recorded: false, provenance: [] },
    'fault FFh: a reason without a name (not reported)',
  ],
  [{ kind: 'fault-overflow', sid: 0x10, reason: 0x59 }, 'no fault record left for 00:02.0, 59h: set FSTS.PFO'],
  [{ kind: 'dma', ...tags, address: 0x5010, write: true, provenance: [] }, 'DMA to 0x5010 (page1+0x10)'],
  [{ kind: 'dma', ...tags, address: 0x9_0000, write: false, provenance: [] }, 'DMA from 0x90000'],
  [{ kind: 'interrupt-request', sid: 0x10, index: 3 }, 'request of 00:02.0: interrupt 3'],
  [
    { kind: 'interrupt', sid: 0x10, index: 3, vector: 0x41, destination: 1, provenance: [] },
    '00:02.0 interrupt 3 -> vector 0x41, CPU 1',
  ],
  [
    {
      kind: 'interrupt-posted',
      sid: 0x10,
      index: 3,
      descriptor: 0x1_0000_1000,
      vector: 0x31,
      notifies: true,
      provenance: [],
    },
    '00:02.0 interrupt 3 -> vector 0x31 posted at 0x100001000, ON=1',
  ],
  [
    {
      kind: 'interrupt-posted',
      sid: 0x10,
      index: 3,
      descriptor: 0x5000,
      vector: 0x31,
      notifies: false,
      provenance: [],
    },
    '00:02.0 interrupt 3 -> vector 0x31 posted at page1',
  ],
  [
    { kind: 'interrupt-blocked', sid: 0x10, index: 3, reason: 0x26, recorded: false, provenance: [] },
    '00:02.0 interrupt 3 blocked: fault 26h: IR: source-id verification failed (not reported)',
  ],
  [
    { kind: 'cache-hit', cache: 'interrupt-entry-cache', sid: 0x10, pasid: 3, did: 0, iova: 0 },
    'hit in interrupt entry cache: interrupt 3',
  ],
  [{ kind: 'translation-request', sid: 0x10, pasid: 1, iova: 0x1000, write: false }, 'ask for PASID 1 0x1000'],
  [{ kind: 'translation-request', sid: 0x10, pasid: -1, iova: 0x1000, write: true }, 'ask for 0x1000 to write'],
  [completion, 'answer: read of 0x5000 (page1)'],
  [{ ...completion, readable: false, writable: true }, 'answer: write to 0x5000 (page1)'],
  [{ ...completion, readable: false, address: 0 }, 'answer: no access (R=W=0)'],
  [{ ...completion, readable: false, status: 'UR', address: 0 }, 'answer: UR'],
  [{ kind: 'translation-discarded', sid: 0x10, pasid: -1, iova: 0x1000 }, 'discard an overtaken answer: 0x1000'],
  [
    { kind: 'translated-request', sid: 0x10, pasid: 1, iova: 0x1010, address: 0x5010, write: true },
    'translated request: write to 0x5010 (page1+0x10)',
  ],
  [
    { kind: 'link-message', sid: 0x10, itag: 3, state: 'waits', blocked: true },
    'queue of 00:02.0 is full: request with ITag 3 waits on the link',
  ],
  [
    { kind: 'link-message', sid: 0x10, itag: -1, state: 'waits', blocked: true },
    'queue of 00:02.0 is full: write waits on the link',
  ],
  [{ kind: 'link-message', sid: 0x10, itag: -1, state: 'waits', blocked: false }, 'write to 00:02.0 is on the link'],
  [
    { kind: 'link-message', sid: 0x10, itag: 3, state: 'arrives', blocked: true },
    'request with ITag 3 comes off the link',
  ],
  [{ kind: 'ats-invalidation-received', sid: 0x10, itag: 3 }, 'invalidation request, ITag 3'],
  [{ kind: 'ats-disabled', sid: 0x10 }, 'ATS off: a translation request was unsupported'],
  [
    { kind: 'cache-filled', cache: 'device-tlb', ...tags, iova: 0x1010, pointer: -1, provenance: [] },
    'fill device TLB: 0x1000',
  ],
  [
    { kind: 'cache-dropped', cache: 'device-tlb', sid: 0x0a8d, pasid: 1, did: 0, evicted: false },
    'drop from device TLB: a page of 0a:11.5',
  ],
  [deviceTlbDone, 'invalidate device TLB: PASID 1'],
  [{ ...deviceTlbDone, granularity: 'global' }, 'invalidate device TLB: all PASIDs'],
  [
    { ...deviceTlbDone, invalidation: 'device-tlb', pasid: -1, granularity: 'page' },
    'invalidate device TLB: no PASID, page 0x1000',
  ],
  [{ kind: 'descriptor-fetched', slot: 1, words: [...waitWords] }, 'fetch descriptor 1: wait'],
  [{ kind: 'descriptor-fetched', slot: 1, words: [15, 0, 0, 0, 0, 0, 0, 0] }, 'fetch descriptor 1: other'],
  [{ kind: 'descriptor-fetched', slot: 1, words: [0x7f, 0, 0, 0] }, 'fetch command 1: no command'],
  ...(
    [
      [iotinval('vma', {}), 'IOTINVAL.VMA all'],
      [iotinval('vma', { pscid: 5, pages: { firstPage: 2, pageCount: 1 } }), 'IOTINVAL.VMA PSCID 5, page 0x2000'],
      [
        iotinval('gvma', { gscid: 3, pages: { firstPage: 16, pageCount: 16 } }),
        'IOTINVAL.GVMA GSCID 3, 16 pages at 0x10000',
      ],
      [iofence({ reads: true, writes: true, store: { address: 0x1000, data: 1 } }), 'IOFENCE.C PR PW AV'],
      [iofence({ reads: false, writes: false }), 'IOFENCE.C'],
      [iodirInvalDdt(), 'IODIR.INVAL_DDT all'],
      [iodirInvalDdt(0x10), 'IODIR.INVAL_DDT 00:02.0'],
      [iodirInvalPdt(0x10, 7), 'IODIR.INVAL_PDT 00:02.0, process 7'],
      [atsInval({ sid: 0x10, pasid: 7, global: false, firstPage: 1, pageCount: 1 }), 'ATS.INVAL 00:02.0, PASID 7'],
      [atsInval({ sid: 0x10, pasid: -1, global: false, firstPage: 1, pageCount: 1 }), 'ATS.INVAL 00:02.0'],
      [atsPrgr({ sid: 0x10, pasid: -1, group: 1, response: 0 }), 'ATS.PRGR'],
    ] as const
  ).map(([words, text]): [TraceEvent, string] => [
    { kind: 'descriptor-fetched', slot: 1, words: [...words] },
    `fetch command 1: ${text}`,
  ]),
  [
    { kind: 'invalidation-done', invalidation: 'ddt', granularity: 'device', sidMask: 0xffff, ...tags },
    'invalidate DDT cache: 0a:11.5',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'pdt', granularity: 'pasid', sidMask: 0xffff, ...tags },
    'invalidate PDT cache: 0a:11.5, process 1',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'vma', granularity: 'domain', sidMask: 0xffff, ...tags },
    'invalidate first-stage translations: PSCID 5',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'vma', granularity: 'page', sidMask: 0xffff, ...tags, did: -1 },
    'invalidate first-stage translations: page 0x1000',
  ],
  [{ kind: 'cache-hit', cache: 'ioatc', ...tags, pasid: -1, iova: 0x1010 }, 'hit in IOATC: PSCID 5'],
  [{ kind: 'cache-hit', cache: 'ddt-cache', ...tags, pasid: -1, iova: 0x1010 }, 'hit in DDT cache: 0a:11.5, PSCID 5'],
  [{ kind: 'fence-done', slot: 3, reads: true, writes: false }, 'IOFENCE.C in slot 3 is complete'],
  [{ kind: 'fence-done', slot: 3, reads: true, writes: true }, 'IOFENCE.C in slot 3 is complete, writes are in memory'],
  [
    { kind: 'invalidation-done', invalidation: 'pasid-cache', granularity: 'pasid', sidMask: 0xffff, ...tags },
    'invalidate PASID cache: DID 5, PASID 1',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'context', granularity: 'device', sidMask: 0xffff, ...tags },
    'invalidate context cache: DID 5, 0a:11.5',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'context', granularity: 'global', sidMask: 0xffff, ...tags },
    'invalidate context cache: all',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'iotlb', granularity: 'domain', sidMask: 0xffff, ...tags },
    'invalidate IOTLB: DID 5',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'iotlb', granularity: 'page', sidMask: 0xffff, ...tags },
    'invalidate IOTLB: DID 5, page 0x1000',
  ],
  [
    { kind: 'invalidation-done', invalidation: 'piotlb', granularity: 'page', sidMask: 0xffff, ...tags },
    'invalidate PASID-based IOTLB: DID 5, PASID 1, page 0x1000',
  ],
  [{ kind: 'status-written', address: 0x1400, data: 2 }, 'write status: done'],
  [{ kind: 'status-written', address: 0x1400, data: 3 }, 'write status: 0x3'],
  [{ kind: 'queue-error', slot: 3, code: 4 }, 'queue error 4 at descriptor 3'],
  [{ kind: 'page-freed', address: 0x40_0000 }, 'free 0x400000'],
  [{ kind: 'page-allocated', address: 0x40_0000 }, 'allocate 0x400000'],
  [{ kind: 'tag-allocated', did: 2 }, 'allocate DID 2'],
  [{ kind: 'tag-released', did: 2 }, 'free DID 2'],
  [{ kind: 'register-read', register: 'FSTS', words: [0x40] }, 'read FSTS = 0x40'],
  [
    { kind: 'device-tlb-request', sid: 0x10, pasid: 3, global: false, page: 4, pages: 1, itag: 0 },
    'ask 00:02.0 to invalidate PASID 3: page 0x4000 (ITag 0)',
  ],
  [
    { kind: 'device-tlb-request', sid: 0x10, pasid: -1, global: false, page: 0, pages: 0, itag: 1 },
    'ask 00:02.0 to invalidate: all (ITag 1)',
  ],
  [
    { kind: 'device-tlb-request', sid: 0x10, pasid: 0, global: true, page: 4, pages: 2, itag: 1 },
    'ask 00:02.0 to invalidate every PASID: 2 pages at 0x4000 (ITag 1)',
  ],
  [{ kind: 'device-tlb-completion', sid: 0x10, itag: 1, result: 'done' }, 'answer of 00:02.0 to ITag 1'],
  [{ kind: 'device-tlb-completion', sid: 0x10, itag: 1, result: 'open' }, 'answer of 00:02.0 to ITag 1, more to come'],
  [
    { kind: 'device-tlb-completion', sid: 0x10, itag: 1, result: 'unknown' },
    'answer of 00:02.0 to ITag 1, which is not its: ICE',
  ],
  [{ kind: 'device-tlb-timeout', sid: 0x10, itag: 1 }, 'time-out of ITag 1: ITE'],
  [{ kind: 'descriptor-lost', slot: 2, words: [...waitWords] }, 'drop descriptor 2: wait'],
  [{ kind: 'batch-submitted', slots: [3] }, 'submit descriptor 3'],
  [{ kind: 'batch-submitted', slots: [127, 0] }, 'submit descriptors 127, 0'],
  [{ kind: 'error-ignored', slots: [3], error: -110 }, 'ignore -ETIMEDOUT of descriptor 3 and go on'],
  [{ kind: 'error-ignored', slots: [3], error: -22 }, 'ignore -EINVAL of descriptor 3 and go on'],
  [{ kind: 'interrupt-entries-invalidated', index: 5, indexMask: 0 }, 'invalidate interrupt entries: 5'],
  [{ kind: 'interrupt-entries-invalidated', index: 4, indexMask: 2 }, 'invalidate interrupt entries: 4 from 4'],
  [{ kind: 'interrupt-entries-invalidated', index: -1, indexMask: 0 }, 'invalidate interrupt entries: all'],
  [
    { kind: 'page-group-response', sid: 0x10, pasid: 3, code: 0, group: 7 },
    'answer page request group 7 of 00:02.0 PASID 3',
  ],
  [{ kind: 'page-group-response', sid: 0x10, pasid: -1, code: 0, group: 7 }, 'answer page request group 7 of 00:02.0'],
  [{ kind: 'flow-note', text: 'the entry is ours' }, 'the entry is ours'],
  [{ kind: 'violation', rule: 'stuck', message: 'nothing moves', source: '-' }, '< stuck: nothing moves >'],
];

describe('the text of an event', () => {
  it.each(texts.map(([event, text]) => ({ event, text })))('$event.kind: $text', ({ event, text }) => {
    expect(eventText(event, book)).toBe(text);
  });

  it.each<[TraceEvent, string]>([
    [{ kind: 'queue-error', slot: 3, code: 9 }, 'cmd_to (time-out) at command 3'],
    [{ kind: 'queue-error', slot: 3, code: 10 }, 'cmd_ill (illegal command) at command 3'],
    [{ kind: 'device-tlb-timeout', sid: 0x10, itag: 1 }, 'time-out of ITag 1'],
  ])('is in the words of a RISC-V IOMMU where there is one: %j', (event, text) => {
    expect(eventText(event, { ...book, words: iommuWords.riscv })).toBe(text);
  });

  it('is tried for every kind', () => {
    expect(new Set(texts.map(([event]) => event.kind))).toEqual(new Set(Object.keys(traceEventFields)));
  });

  it('is refused for a kind that is not declared', () => {
    expect(() => eventText({ kind: 'unheard-of' } as unknown as TraceEvent, book)).toThrow('unreachable');
  });
});
