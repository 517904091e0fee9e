import type { FieldNames, Trace } from '../sim/trace.ts';

export type VtdStructure =
  | 'root-entry'
  | 'scalable-root-entry'
  | 'context-entry'
  | 'scalable-context-entry'
  | 'pasid-directory-entry'
  | 'pasid-entry'
  | 'interrupt-remapping-entry'
  | 'first-stage-paging-entry'
  | 'second-stage-paging-entry';

export type RiscvStructure =
  | 'riscv-ddt-entry'
  | 'riscv-device-context'
  | 'riscv-pdt-entry'
  | 'riscv-process-context'
  | 'riscv-first-stage-pte'
  | 'riscv-second-stage-pte';

/** A software-owned table entry that hardware reads; see EntryRegistry. */
export type Structure = VtdStructure | RiscvStructure;

/** Of events of the interrupt entry cache `pasid` is the interrupt index. */
export type CacheName =
  | 'context-cache'
  | 'pasid-cache'
  | 'iotlb'
  | 'first-stage-paging'
  | 'second-stage-paging'
  | 'device-tlb'
  | 'interrupt-entry-cache'
  | 'ddt-cache'
  | 'pdt-cache'
  | 'ioatc';

/**
 * What an invalidation asked for: a descriptor (VT-d 6.5.2.1 to 6.5.2.8), or of a RISC-V IOMMU the commands
 * IODIR.INVAL_DDT and INVAL_PDT, IOTINVAL.VMA and GVMA (RISC-V IOMMU, Command-queue).
 */
export type InvalidationKind =
  | 'context'
  | 'pasid-cache'
  | 'iotlb'
  | 'piotlb'
  | 'device-tlb'
  | 'pasid-device-tlb'
  | 'ddt'
  | 'pdt'
  | 'vma'
  | 'gvma';

/**
 * Everything that can be seen in a run. Checkers, pictures and logs know a run only by these. Addresses are physical
 * byte addresses; `words` are 32-bit words, lowest first; `entry` is an id of the entry registry or -1; a `version` is
 * the number of a declared configuration of an entry, 0 when it equals none; `provenance` lists the entries a
 * translation was built from, see {@link provenanceOf}.
 */
export type TraceEvent =
  | { readonly kind: 'store-buffered'; readonly address: number; readonly words: readonly number[] }
  | { readonly kind: 'store'; readonly address: number; readonly words: readonly number[]; readonly cpu: number }
  | { readonly kind: 'load'; readonly address: number; readonly words: readonly number[] }
  /** The load before has given `words`, though memory has `newest` by now. */
  | {
      readonly kind: 'older-value-seen';
      readonly address: number;
      readonly words: readonly number[];
      readonly newest: readonly number[];
    }
  /** A task written as steps has read a value under a name, `task.value`. */
  | { readonly kind: 'value-read'; readonly name: string; readonly words: readonly number[] }
  | { readonly kind: 'barrier'; readonly name: string }
  | { readonly kind: 'line-flushed'; readonly address: number }
  | { readonly kind: 'line-evicted'; readonly address: number }
  | { readonly kind: 'write-buffer-flushed'; readonly lines: number }
  | { readonly kind: 'register-written'; readonly register: string; readonly words: readonly number[] }
  | { readonly kind: 'register-read'; readonly register: string; readonly words: readonly number[] }
  | {
      readonly kind: 'entry-declared';
      readonly structure: Structure;
      readonly entry: number;
      readonly version: number;
      readonly words: readonly number[];
    }
  | { readonly kind: 'update-begin'; readonly entry: number; readonly hitless: boolean; readonly legal: number }
  | { readonly kind: 'update-end'; readonly entry: number; readonly legal: number }
  | {
      readonly kind: 'entry-changed';
      readonly structure: Structure;
      readonly entry: number;
      readonly versionBefore: number;
      readonly version: number;
      readonly before: readonly number[];
      readonly words: readonly number[];
    }
  | {
      readonly kind: 'entry-read';
      readonly structure: Structure;
      readonly entry: number;
      readonly address: number;
      readonly quantum: number;
      readonly words: readonly number[];
    }
  | {
      readonly kind: 'entry-used';
      readonly structure: Structure;
      readonly entry: number;
      readonly address: number;
      readonly present: boolean;
      readonly version: number;
      readonly reason: number;
      readonly words: readonly number[];
    }
  | {
      readonly kind: 'cache-hit';
      readonly cache: CacheName;
      readonly sid: number;
      readonly pasid: number;
      readonly did: number;
      readonly iova: number;
    }
  | { readonly kind: 'prefetch'; readonly sid: number; readonly pasid: number; readonly iova: number }
  | {
      readonly kind: 'cached-fault';
      readonly cache: CacheName;
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly reason: number;
      readonly provenance: readonly number[];
    }
  | {
      readonly kind: 'cache-filled';
      readonly cache: CacheName;
      readonly sid: number;
      readonly pasid: number;
      readonly did: number;
      readonly pointer: number;
      readonly iova: number;
      readonly provenance: readonly number[];
    }
  | {
      readonly kind: 'cache-dropped';
      readonly cache: CacheName;
      readonly sid: number;
      readonly pasid: number;
      readonly did: number;
      readonly evicted: boolean;
    }
  | {
      readonly kind: 'page-table-read';
      readonly stage: 'first' | 'second';
      readonly level: number;
      readonly address: number;
      readonly words: readonly number[];
    }
  | {
      readonly kind: 'request';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly write: boolean;
    }
  | {
      readonly kind: 'fault';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly reason: number;
      /** FPD did not keep it back; see `fault-overflow` for where that leaves it. */
      readonly recorded: boolean;
      readonly provenance: readonly number[];
    }
  | { readonly kind: 'fault-overflow'; readonly sid: number; readonly reason: number }
  | {
      readonly kind: 'dma';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly address: number;
      readonly write: boolean;
      readonly provenance: readonly number[];
    }
  | { readonly kind: 'interrupt-request'; readonly sid: number; readonly index: number }
  | {
      /** A message to a CPU: a remapped interrupt, or (without provenance) the notification of a posted one. */
      readonly kind: 'interrupt';
      readonly sid: number;
      readonly index: number;
      readonly vector: number;
      readonly destination: number;
      readonly provenance: readonly number[];
    }
  | {
      readonly kind: 'interrupt-posted';
      readonly sid: number;
      readonly index: number;
      /** Address of the posted-interrupt descriptor. */
      readonly descriptor: number;
      readonly vector: number;
      /** ON was set: a notification follows. */
      readonly notifies: boolean;
      readonly provenance: readonly number[];
    }
  | {
      readonly kind: 'interrupt-blocked';
      readonly sid: number;
      readonly index: number;
      readonly reason: number;
      readonly recorded: boolean;
      readonly provenance: readonly number[];
    }
  | {
      /** A function with ATS asks for a translation (PCIe ATS, AT = 01). */
      readonly kind: 'translation-request';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly write: boolean;
    }
  | {
      /** The IOMMU has sent the answer; neither permission: the function may ask for the page. */
      readonly kind: 'translation-completion';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly status: 'success' | 'UR' | 'CA';
      readonly readable: boolean;
      readonly writable: boolean;
      readonly address: number;
    }
  /** The function threw an answer away, as an invalidation had come while it was on its way. */
  | { readonly kind: 'translation-discarded'; readonly sid: number; readonly pasid: number; readonly iova: number }
  | {
      /** DMA by a translation the function has (AT = 10). */
      readonly kind: 'translated-request';
      readonly sid: number;
      readonly pasid: number;
      readonly iova: number;
      readonly address: number;
      readonly write: boolean;
    }
  | {
      /** A posted message that waits on the link to a function, or comes off it; `itag` -1: a write of a CPU. */
      readonly kind: 'link-message';
      readonly sid: number;
      readonly itag: number;
      readonly state: 'waits' | 'arrives';
      /** The foremost message is a request for which the function has no room: nothing passes it. */
      readonly blocked: boolean;
    }
  /** The function begins with an ATS invalidation request, and drops what it is about. */
  | { readonly kind: 'ats-invalidation-received'; readonly sid: number; readonly itag: number }
  | { readonly kind: 'ats-disabled'; readonly sid: number }
  /** Of a RISC-V IOMMU the words are those of a command, 4 of them. */
  | { readonly kind: 'descriptor-fetched'; readonly slot: number; readonly words: readonly number[] }
  | {
      readonly kind: 'invalidation-done';
      readonly invalidation: InvalidationKind;
      /**
       * 'global' and 'domain' everywhere; 'device' for context; 'pasid' and 'page' where the descriptor has them. Of a
       * device TLB, 'global' is every page of every PASID, 'pasid' every page of one (-1: of requests without).
       */
      readonly granularity: 'global' | 'domain' | 'device' | 'pasid' | 'page';
      readonly sid: number;
      /** Bits of the requester ID that were compared. */
      readonly sidMask: number;
      readonly did: number;
      readonly pasid: number;
      readonly iova: number;
    }
  /** IOFENCE.C: all commands before it are done, and `reads` and `writes` that have come there are in memory. */
  | { readonly kind: 'fence-done'; readonly slot: number; readonly reads: boolean; readonly writes: boolean }
  | { readonly kind: 'status-written'; readonly address: number; readonly data: number }
  /** `code`: IQEI of VT-d; of a RISC-V IOMMU the bit of cqcsr. */
  | { readonly kind: 'queue-error'; readonly slot: number; readonly code: number }
  /** A page of memory that software has given back, and that it has taken again. */
  | { readonly kind: 'page-freed'; readonly address: number }
  | { readonly kind: 'page-allocated'; readonly address: number }
  /** A domain ID that software begins to use for a domain, and that it is done with. */
  | { readonly kind: 'tag-allocated'; readonly did: number }
  | { readonly kind: 'tag-released'; readonly did: number }
  | {
      readonly kind: 'device-tlb-request';
      readonly sid: number;
      readonly pasid: number;
      /** Entries of every PASID. */
      readonly global: boolean;
      /** The first 4 KB page, and how many; 0 is every page. */
      readonly page: number;
      readonly pages: number;
      readonly itag: number;
    }
  | {
      readonly kind: 'device-tlb-completion';
      readonly sid: number;
      readonly itag: number;
      /** `done`: the request is answered; `open`: more completions are to come; `unknown`: nothing was asked. */
      readonly result: 'done' | 'open' | 'unknown';
    }
  | { readonly kind: 'device-tlb-timeout'; readonly sid: number; readonly itag: number }
  /** Hardware has fetched it and will not complete it. */
  | { readonly kind: 'descriptor-lost'; readonly slot: number; readonly words: readonly number[] }
  /** Interrupt indices that agree with `index` but for the low `indexMask` bits; index -1: all. */
  | { readonly kind: 'interrupt-entries-invalidated'; readonly index: number; readonly indexMask: number }
  | {
      readonly kind: 'page-group-response';
      readonly sid: number;
      readonly pasid: number;
      readonly code: number;
      readonly group: number;
    }
  /** Software has written descriptors to these slots, and takes what they ask for as not done yet. */
  | { readonly kind: 'batch-submitted'; readonly slots: readonly number[] }
  /** Software was told of an error (a negative errno) and goes on as if the descriptors of these slots were done. */
  | { readonly kind: 'error-ignored'; readonly slots: readonly number[]; readonly error: number }
  | { readonly kind: 'flow-note'; readonly text: string }
  | { readonly kind: 'violation'; readonly rule: string; readonly message: string; readonly source: string };

/** `pointer` of a cache row whose tag stands with no table: it passes addresses through. */
export const noPointer = -1;

const versionsPerEntry = 256;

/** One entry that a translation was built from, and the declared configuration it was read as. */
export function provenanceOf(entry: number, version: number): number {
  return entry * versionsPerEntry + version;
}

export function provenanceEntry(provenance: number): number {
  return Math.floor(provenance / versionsPerEntry);
}

export function provenanceVersion(provenance: number): number {
  return provenance % versionsPerEntry;
}

export type SystemTrace = Trace<TraceEvent>;

/** Field order of each event, for digests and logs. */
export const traceEventFields: FieldNames<TraceEvent> = {
  'store-buffered': ['address', 'words'],
  'older-value-seen': ['address', 'words', 'newest'],
  'value-read': ['name', 'words'],
  store: ['address', 'words', 'cpu'],
  load: ['address', 'words'],
  barrier: ['name'],
  'line-flushed': ['address'],
  'line-evicted': ['address'],
  'write-buffer-flushed': ['lines'],
  'register-written': ['register', 'words'],
  'register-read': ['register', 'words'],
  'entry-declared': ['structure', 'entry', 'version', 'words'],
  'update-begin': ['entry', 'hitless', 'legal'],
  'update-end': ['entry', 'legal'],
  'entry-changed': ['structure', 'entry', 'versionBefore', 'version', 'before', 'words'],
  'entry-read': ['structure', 'entry', 'address', 'quantum', 'words'],
  'entry-used': ['structure', 'entry', 'address', 'present', 'version', 'reason', 'words'],
  'cache-hit': ['cache', 'sid', 'pasid', 'did', 'iova'],
  prefetch: ['sid', 'pasid', 'iova'],
  'cached-fault': ['cache', 'sid', 'pasid', 'iova', 'reason', 'provenance'],
  'cache-filled': ['cache', 'sid', 'pasid', 'did', 'pointer', 'iova', 'provenance'],
  'cache-dropped': ['cache', 'sid', 'pasid', 'did', 'evicted'],
  'page-table-read': ['stage', 'level', 'address', 'words'],
  request: ['sid', 'pasid', 'iova', 'write'],
  fault: ['sid', 'pasid', 'iova', 'reason', 'recorded', 'provenance'],
  'fault-overflow': ['sid', 'reason'],
  dma: ['sid', 'pasid', 'iova', 'address', 'write', 'provenance'],
  'interrupt-request': ['sid', 'index'],
  interrupt: ['sid', 'index', 'vector', 'destination', 'provenance'],
  'interrupt-posted': ['sid', 'index', 'descriptor', 'vector', 'notifies', 'provenance'],
  'interrupt-blocked': ['sid', 'index', 'reason', 'recorded', 'provenance'],
  'translation-request': ['sid', 'pasid', 'iova', 'write'],
  'translation-completion': ['sid', 'pasid', 'iova', 'status', 'readable', 'writable', 'address'],
  'translation-discarded': ['sid', 'pasid', 'iova'],
  'translated-request': ['sid', 'pasid', 'iova', 'address', 'write'],
  'link-message': ['sid', 'itag', 'state', 'blocked'],
  'ats-invalidation-received': ['sid', 'itag'],
  'ats-disabled': ['sid'],
  'descriptor-fetched': ['slot', 'words'],
  'invalidation-done': ['invalidation', 'granularity', 'sid', 'sidMask', 'did', 'pasid', 'iova'],
  'fence-done': ['slot', 'reads', 'writes'],
  'status-written': ['address', 'data'],
  'queue-error': ['slot', 'code'],
  'page-freed': ['address'],
  'page-allocated': ['address'],
  'tag-allocated': ['did'],
  'tag-released': ['did'],
  'device-tlb-request': ['sid', 'pasid', 'global', 'page', 'pages', 'itag'],
  'device-tlb-completion': ['sid', 'itag', 'result'],
  'device-tlb-timeout': ['sid', 'itag'],
  'descriptor-lost': ['slot', 'words'],
  'interrupt-entries-invalidated': ['index', 'indexMask'],
  'page-group-response': ['sid', 'pasid', 'code', 'group'],
  'batch-submitted': ['slots'],
  'error-ignored': ['slots', 'error'],
  'flow-note': ['text'],
  violation: ['rule', 'message', 'source'],
};
