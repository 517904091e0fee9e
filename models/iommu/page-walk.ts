import type { Arena } from '../../sim/arena.ts';
import type { Flow, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { Structure, SystemTrace, TraceEvent } from '../trace-events.ts';
import type { LatchedEntry } from './latched-entry.ts';
import { leafSlot } from './translation-cache.ts';
import { WalkStep } from './walk-step.ts';
import type { Window } from './window.ts';

export type Stage = 'first' | 'second';

/** Rights that every entry of a path gives: the sum of these. */
export const right = { read: 1, write: 2 } as const;

/** A table that a walk may go on at, as a row of a paging-structure cache has it. */
export interface CachedTable {
  /** Level of the entry that leads to it. */
  readonly level: number;
  /** As that entry has it: guest-physical for the first stage of a nested walk. */
  readonly address: number;
  readonly rights: number;
}

/** The tables that walks may begin at, below the top one. */
export interface TableCaches {
  has(stage: Stage): boolean;
  /** The deepest table known for an address below `levels` levels, if its path gives the rights needed. */
  deepest(stage: Stage, wanted: { address: number; levels: number; needed: number }): CachedTable | undefined;
  /** Keeps the table that an intermediate entry leads to. */
  fill(step: StepContext, stage: Stage, address: number, table: CachedTable): void;
}

/** What a page-table entry is asked. */
export interface EntryCheck {
  readonly level: number;
  readonly write: boolean;
  /** Rights that the entries above give. */
  readonly rights: number;
}

/** The radix tables of one stage: entries of 64 bits that are read at once, 512 of them in a table but the top one. */
export interface PagingFormat {
  readonly stage: Stage;
  readonly structure: Structure;
  /** Entries of the top table. */
  readonly rootEntries: number;
  /** Fault reasons of a top table, and of another, that is not in RAM. */
  readonly rootAccess: number;
  readonly tableAccess: number;
  /** Fault reason of a path that leads to no leaf. */
  readonly noLeaf: number;
  isPresent(words: readonly number[]): boolean;
  /** What an entry leads to, see {@link encodeBelow}, or a negative fault reason. */
  check(words: readonly number[], entry: EntryCheck): number;
}

export interface PageWalkPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  /** One read of an entry, and a look-up of {@link TableCaches}. */
  readonly timing: { readonly tableRead: Window; readonly lookup: Window };
  /** Arena index of an address, as walks see it. */
  readonly indexOf: (address: number) => number;
}

export interface PageWalkRequest {
  readonly address: number;
  readonly write: boolean;
  /** Physical address of the top table; guest-physical for the first stage of a nested walk. */
  readonly table: number;
  readonly levels: number;
}

/** One entry to read, as a step needs it. */
interface EntryRead extends PageWalkRequest, EntryCheck {
  readonly format: PagingFormat;
  readonly entryAddress: number;
  /** Whether a cached table may take the place of this one. */
  readonly mayStartBelow: boolean;
}

/** What an entry leads to. */
interface Below {
  /** Level of the entries in that table; of a leaf that would be there. */
  readonly level: number;
  readonly rights: number;
  readonly leaf: boolean;
}

/** The same as the answer of the step that read the entry: an address, and in its low bits what comes next. */
export function encodeBelow(address: number, { level, rights, leaf }: Below): number {
  return address + (leaf ? 1 : 0) + level * 2 + rights * 16;
}

function decode(answer: number): Below & { readonly table: number } {
  const low = answer % 4096;
  return { table: answer - low, leaf: low % 2 === 1, level: (low >>> 1) & 7, rights: low >>> 4 };
}

function entryAddressOf(table: number, address: number, level: number, entries: number): number {
  return table + (Math.floor(address / coveredBytes(level)) % entries) * 8;
}

const coverage: readonly number[] = [1, 2, 3, 4, 5, 6].map((level) => 2 ** (12 + 9 * (level - 1)));

/** Bytes that one entry of a level maps. */
export function coveredBytes(level: number): number {
  return coverage[level - 1] as number;
}

/** A fault known at once, or the walk that translates a guest address; `isTable`: where a first-stage entry is. */
export type SecondStage = (address: number, write: boolean, isTable: boolean) => number | Flow<number>;

/** Page-table walks: one step for each paging entry. The result is an output address, or a negative fault reason. */
export class PageWalk {
  readonly #ports: PageWalkPorts;
  readonly #use: (entry: LatchedEntry, present: boolean, reason: number) => void;
  readonly #reads: Channel<Extract<TraceEvent, { kind: 'page-table-read' }>>;
  readonly #structures: TableCaches;
  readonly #step: WalkStep;
  readonly #lookUp: WalkStep;
  /** What the steps above read; set right before they are yielded. */
  #entry: EntryRead | undefined;

  /** `use` is told of leaf entries that software changes in this run. */
  constructor(
    ports: PageWalkPorts,
    structures: TableCaches,
    use: (entry: LatchedEntry, present: boolean, reason: number) => void,
  ) {
    this.#ports = ports;
    this.#structures = structures;
    this.#use = use;
    this.#reads = ports.trace.channel('page-table-read');
    this.#step = new WalkStep('a page-table entry', ports.timing.tableRead, (step) => this.#readEntry(step));
    this.#lookUp = new WalkStep('the paging-structure caches', ports.timing.lookup, () => this.#startBelow());
  }

  /** One stage; with `translate` the first on top of a second: table addresses and the result go through that. */
  *walk(format: PagingFormat, request: PageWalkRequest, translate?: SecondStage): Flow<number> {
    const { address, write, levels } = request;
    let next = { table: request.table, level: levels, rights: right.read | right.write };
    if (translate !== undefined && this.#structures.has(format.stage)) {
      // The table of a nested first stage has to be translated before an entry of it can be read.
      this.#entry = { ...request, ...next, format, entryAddress: 0, mayStartBelow: false };
      const cached = (yield this.#lookUp) as number;
      next = cached === 0 ? next : decode(cached);
    }
    while (next.level >= 1) {
      const entries = next.level === levels ? format.rootEntries : 512;
      let entryAddress = entryAddressOf(next.table, address, next.level, entries);
      if (translate !== undefined) {
        const translated = translate(entryAddress, false, true);
        entryAddress = typeof translated === 'number' ? translated : ((yield translated) as number);
        if (entryAddress < 0) {
          return entryAddress;
        }
      }
      // The step object is shared by all entries of a walk; what it reads is set right before it is yielded.
      const mayStartBelow = next.level === levels && translate === undefined;
      const { table: from, level: at, rights: given } = next;
      // Spelt out: to spread two objects for each entry read took a tenth of a run.
      this.#entry = {
        address,
        write,
        table: from,
        levels,
        format,
        entryAddress,
        level: at,
        rights: given,
        mayStartBelow,
      };
      const answer = (yield this.#step) as number;
      if (answer < 0) {
        return answer;
      }
      const { table, level, rights, leaf } = decode(answer);
      if (leaf) {
        const output = table + (address % coveredBytes(level + 1));
        const translated = translate === undefined ? output : translate(output, write, false);
        return typeof translated === 'number' ? translated : ((yield translated) as number);
      }
      next = { table, level, rights };
    }
    return -format.noLeaf;
  }

  /** Where the walk of a nested first stage goes on after a look-up: 0 for its top table. */
  #startBelow(): number {
    const found = this.#deepest(this.#entry as EntryRead);
    return found === undefined
      ? 0
      : encodeBelow(found.address, { level: found.level - 1, rights: found.rights, leaf: false });
  }

  #deepest({ format, address, levels, write }: EntryRead): CachedTable | undefined {
    const { stage } = format;
    return this.#structures.has(stage)
      ? this.#structures.deepest(stage, { address, levels, needed: write ? right.write : right.read })
      : undefined;
  }

  /**
   * Reads one entry, the first of a walk below the deepest table that is cached: the look-up takes no time of its own.
   */
  #readEntry(step: StepContext): number {
    const entry = this.#entry as EntryRead;
    const cached = entry.mayStartBelow ? this.#deepest(entry) : undefined;
    return cached === undefined
      ? this.#readAt(step, entry)
      : this.#readAt(step, {
          ...entry,
          entryAddress: entryAddressOf(cached.address, entry.address, cached.level - 1, 512),
          level: cached.level - 1,
          rights: cached.rights,
        });
  }

  #readAt(step: StepContext, entry: EntryRead): number {
    const { memory, arena, indexOf } = this.#ports;
    const { format, level, entryAddress } = entry;
    const { stage } = format;
    if (!memory.contains(entryAddress, 8)) {
      return -(level === entry.levels ? format.rootAccess : format.tableAccess);
    }
    const index = indexOf(entryAddress);
    const words = [arena.get(index) >>> 0, arena.get(index + 1) >>> 0];
    if (this.#reads.active) {
      this.#reads.emit({ kind: 'page-table-read', stage, level, address: entryAddress, words });
    }
    const answer = format.check(words, entry);
    if (answer >= 0 && this.#structures.has(stage)) {
      const { table, rights, leaf } = decode(answer);
      if (!leaf) {
        this.#structures.fill(step, stage, entry.address, { level, address: table, rights });
      }
    }
    if (this.#ports.registry.entryAt(entryAddress) !== -1) {
      // A leaf entry that software changes in this run: the translation remembers which version it was built from.
      const { structure } = format;
      const latched = { structure, address: entryAddress, words, base: 0, wordCount: words.length, slot: leafSlot };
      this.#use(latched, format.isPresent(words), answer < 0 ? -answer : 0);
    }
    return answer;
  }
}
