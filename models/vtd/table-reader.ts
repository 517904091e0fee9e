import type { Arena } from '../../sim/arena.ts';
import type { WordArray } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import type { LatchedEntry } from '../iommu/latched-entry.ts';
import { type PhysicalMemory, wordsOf } from '../memory/physical-memory.ts';
import { type CacheName, provenanceOf, type Structure, type SystemTrace, type TraceEvent } from '../trace-events.ts';
import type { FaultRecords } from './fault-records.ts';
import type { TranslationCaches } from './invalidations.ts';
import type { VtdConfig } from './vtd-config.ts';
import type { WalkState } from './walk-state.ts';

export interface WalkPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly caches: TranslationCaches;
  readonly trace: SystemTrace;
  readonly config: VtdConfig;
  readonly faultRecords: FaultRecords;
  /** RTADDR: physical address of the root table. */
  readonly rootTable: number;
}

/** Reads tables in the grain of hardware, into the latches of one request, and says what became of each entry. */
export class TableReader {
  readonly ports: WalkPorts;
  readonly state: WalkState;
  readonly #reads: Channel<Extract<TraceEvent, { kind: 'entry-read' }>>;
  readonly #used: Channel<Extract<TraceEvent, { kind: 'entry-used' }>>;
  readonly #cachedFaults: Channel<Extract<TraceEvent, { kind: 'cached-fault' }>>;
  /** The request under way; set before its first step. */
  request: DmaRequest = { sid: 0, pasid: -1, iova: 0, write: false };

  constructor(ports: WalkPorts, state: WalkState) {
    this.ports = ports;
    this.state = state;
    this.#reads = ports.trace.channel('entry-read');
    this.#used = ports.trace.channel('entry-used');
    this.#cachedFaults = ports.trace.channel('cached-fault');
  }

  /** All arena words, for layouts; the latches are at {@link WalkState}'s bases. */
  get words(): Int32Array {
    return this.ports.arena.words;
  }

  get isScalable(): boolean {
    return this.ports.config.mode === 'scalable';
  }

  /** Reads `latch.length` words or less at once and puts them into the latch. */
  read(
    structure: Structure,
    entryAddress: number,
    quantum: number,
    latch: { into: WordArray; wordCount: number },
  ): void {
    const { memory, arena, registry } = this.ports;
    const index = memory.walkIndex(entryAddress + quantum * 16);
    const offset = quantum * 4;
    for (let i = 0; i < latch.wordCount; i += 1) {
      latch.into.set(offset + i, arena.get(index + i));
    }
    if (this.#reads.active) {
      const entry = registry.entryAt(entryAddress);
      const words = wordsOf(this.words, latch.into.base + offset, latch.wordCount);
      this.#reads.emit({ kind: 'entry-read', structure, entry, address: entryAddress, quantum, words });
    }
  }

  /** Which quantum comes next: `quantaLeft` holds those not read yet. */
  takeQuantum(step: StepContext): number {
    const left = this.state.quantaLeft.get();
    const quantum = this.#pick(step, left);
    this.state.quantaLeft.set(left & ~(1 << quantum));
    return quantum;
  }

  /** Says that hardware has the whole entry and uses it, with the fault reason its check gave. */
  use(entry: LatchedEntry, present: boolean, reason: number): void {
    const { registry } = this.ports;
    const id = registry.entryAt(entry.address);
    const version = registry.match(id, entry.words, entry.base);
    this.state.setProvenance(entry.slot, id === -1 ? 0 : provenanceOf(id, version));
    if (this.#used.active) {
      const { structure, address } = entry;
      const words = wordsOf(entry.words, entry.base, entry.wordCount);
      this.#used.emit({ kind: 'entry-used', structure, entry: id, address, present, version, reason, words });
    }
  }

  /** Says that a cache has answered a request with an entry that faults, as it does with CM = 1. */
  noteCachedFault(cache: CacheName, reason: number): void {
    if (this.#cachedFaults.active) {
      const { sid, pasid, iova } = this.request;
      const provenance = this.state.provenanceList();
      this.#cachedFaults.emit({ kind: 'cached-fault', cache, sid, pasid, iova, reason, provenance });
    }
  }

  #pick(step: StepContext, left: number): number {
    const lowest = 31 - Math.clz32(left & -left);
    switch (this.ports.config.fetchOrder) {
      case 'ascending':
        return lowest;
      case 'descending':
        return 31 - Math.clz32(left);
      case 'any': {
        let rank = step.choose('fetch order', countBits(left));
        let rest = left;
        while (rank > 0) {
          rest &= rest - 1;
          rank -= 1;
        }
        return 31 - Math.clz32(rest & -rest);
      }
    }
  }
}

function countBits(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}
