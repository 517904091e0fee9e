import type { Arena } from '../../sim/arena.ts';
import type { WordArray } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getAddress, getField } from '../entry-layout.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import type { LatchedEntry } from '../iommu/latched-entry.ts';
import { type PhysicalMemory, wordsOf } from '../memory/physical-memory.ts';
import { provenanceOf, type Structure, type SystemTrace, type TraceEvent } from '../trace-events.ts';
import type { RiscvCaches } from './caches.ts';
import type { DirectoryPointer } from './directory-pointer.ts';
import { ddtEntry } from './entries/directory-entry.ts';
import type { RequestState } from './request-state.ts';
import type { RiscvConfig } from './riscv-config.ts';

export interface RiscvWalkPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly config: RiscvConfig;
  readonly caches: RiscvCaches;
  readonly ddtp: DirectoryPointer;
}

/** Causes of what can be wrong with a non-leaf directory entry. */
interface DirectoryCauses {
  readonly load: number;
  readonly notValid: number;
  readonly misconfigured: number;
}

/** Reads directories in the grain of hardware, a doubleword at a time, and says what became of each entry. */
export class ContextReader {
  readonly ports: RiscvWalkPorts;
  readonly state: RequestState;
  /** The request under way; set before its first step. */
  request: DmaRequest = { sid: 0, pasid: -1, iova: 0, write: false };
  readonly #reads: Channel<Extract<TraceEvent, { kind: 'entry-read' }>>;
  readonly #used: Channel<Extract<TraceEvent, { kind: 'entry-used' }>>;

  constructor(ports: RiscvWalkPorts, state: RequestState) {
    this.ports = ports;
    this.state = state;
    this.#reads = ports.trace.channel('entry-read');
    this.#used = ports.trace.channel('entry-used');
  }

  /** All arena words, for layouts; the latches are at {@link RequestState}'s bases. */
  get words(): Int32Array {
    return this.ports.arena.words;
  }

  /** Reads doubleword `quantum` of an entry into its latch, at once. */
  read(structure: Structure, entryAddress: number, quantum: number, latch: WordArray): void {
    const words = this.#doubleword(structure, entryAddress, quantum);
    latch.set(quantum * 2, words[0]);
    latch.set(quantum * 2 + 1, words[1]);
  }

  /** Address of the table that a non-leaf entry leads to, or a negative cause. */
  readDirectoryEntry(
    structure: 'riscv-ddt-entry' | 'riscv-pdt-entry',
    address: number,
    { slot, causes }: { slot: number; causes: DirectoryCauses },
  ): number {
    if (!this.ports.memory.contains(address, 8)) {
      return -causes.load;
    }
    const words = this.#doubleword(structure, address, 0);
    const present = (words[0] & 1) === 1;
    const isClean = (words[0] & ~0xffff_fc01) === 0 && (words[1] & ~0x003f_ffff) === 0;
    const reason = !present ? causes.notValid : isClean ? 0 : causes.misconfigured;
    this.use({ structure, address, words, base: 0, wordCount: 2, slot }, present, reason);
    return reason === 0 ? getAddress(ddtEntry.fields.table, words, 0) : -reason;
  }

  /** Which doubleword comes next of `wordsLeft`, those not read yet; doubleword 0 has V. */
  takeWord(step: StepContext): number {
    const left = this.state.wordsLeft.get();
    const word = this.#pick(step, left);
    this.state.wordsLeft.set(left & ~(1 << word));
    return word;
  }

  /** Says that hardware has the whole entry and uses it, with the cause its check gave. */
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

  #doubleword(structure: Structure, entryAddress: number, quantum: number): readonly [number, number] {
    const { memory, arena, registry } = this.ports;
    const index = memory.walkIndex(entryAddress + quantum * 8);
    const words = [arena.get(index), arena.get(index + 1)] as const;
    if (this.#reads.active) {
      const entry = registry.entryAt(entryAddress);
      const read = words.map((word) => word >>> 0);
      this.#reads.emit({ kind: 'entry-read', structure, entry, address: entryAddress, quantum, words: read });
    }
    return words;
  }

  #pick(step: StepContext, left: number): number {
    const last = 31 - Math.clz32(left);
    const lowest = 31 - Math.clz32(left & -left);
    switch (this.ports.config.dcReadOrder) {
      case 'tc-first':
        return lowest;
      case 'tc-last':
        // The others in ascending order, then the one with V.
        return left === 1 || (left & 1) === 0 ? lowest : nthBit(left & ~1, 0);
      case 'any':
        return left === 1 << last ? last : nthBit(left, step.choose('read order', countBits(left)));
    }
  }
}

function nthBit(word: number, rank: number): number {
  let rest = word;
  for (let left = rank; left > 0; left -= 1) {
    rest &= rest - 1;
  }
  return 31 - Math.clz32(rest & -rest);
}

function countBits(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}

/** Whether the entry in a latch is present by its valid bit. */
export function isValid(words: ArrayLike<number>, base: number): boolean {
  return getField(ddtEntry.fields.valid, words, base) === 1;
}
