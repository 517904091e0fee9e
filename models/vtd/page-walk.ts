import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import type { Flow, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getAddress, getField } from '../entry-layout.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { checkFirstStagePagingEntry, firstStagePagingEntry } from './entries/first-stage-paging-entry.ts';
import {
  checkSecondStagePagingEntry,
  isSecondStagePresent,
  secondStagePagingEntry,
} from './entries/second-stage-paging-entry.ts';
import { type CachedTable, type PagingStructures, right, type Stage } from './paging-structures.ts';
import type { TableReader } from './table-reader.ts';
import type { VtdConfig } from './vtd-config.ts';
import { provenanceSlot } from './walk-state.ts';

/** Fault reasons a stage can give (VT-d 7.1.3 Table 30); legacy mode has codes of its own. */
interface StageReasons {
  readonly rootAccess: number;
  readonly tableAccess: number;
  readonly notPresent: number;
  readonly reserved: number;
  readonly noWrite: number;
  readonly noRead: number;
}

const firstStageReasons: StageReasons = {
  rootAccess: 0x73,
  tableAccess: 0x70,
  notPresent: 0x71,
  reserved: 0x72,
  noWrite: 0x85,
  noRead: 0x86,
};
const secondStageReasons: StageReasons = {
  rootAccess: 0x7b,
  tableAccess: 0x78,
  notPresent: 0x79,
  reserved: 0x7a,
  noWrite: 0x85,
  noRead: 0x86,
};
const legacyReasons: StageReasons = {
  // SSPTPTR that leads nowhere is invalid programming of the context entry (LCT.4).
  rootAccess: 0x3,
  tableAccess: 0x7,
  notPresent: 0x6,
  reserved: 0xc,
  noWrite: 0x5,
  noRead: 0x6,
};
/** Second stage of a nested walk, where it translates the address of a first-stage table (75h, 76h in one). */
const nestedTableReasons: StageReasons = { ...secondStageReasons, noRead: 0x75 };
const guestAddressTooWide = 0x74;
const userAccessReason = 0x81;
/** 1 GB pages; whether a unit has them is not modelled apart. */
const maxLargePageLevel = 3;

export interface PageWalkPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly config: VtdConfig;
}

export interface PageWalkRequest {
  readonly address: number;
  readonly write: boolean;
  /** Physical address of the top table; guest-physical for the first stage of a nested walk. */
  readonly table: number;
  readonly levels: number;
}

/** One entry to read, as a step needs it. */
interface EntryRead extends PageWalkRequest {
  readonly stage: Stage;
  readonly entryAddress: number;
  readonly level: number;
  /** Rights that the entries above give. */
  readonly rights: number;
  readonly reasons: StageReasons;
  /** Whether a cached table may take the place of this one. */
  readonly mayStartBelow: boolean;
}

const noEntry: EntryRead = {
  address: 0,
  write: false,
  table: 0,
  levels: 0,
  stage: 'first',
  entryAddress: 0,
  level: 0,
  rights: 0,
  reasons: firstStageReasons,
  mayStartBelow: false,
};

/** What an entry leads to, as the answer of the step that read it: an address, and in its low bits what comes next. */
interface Below {
  /** Level of the entries in that table; of a leaf that would be there. */
  readonly level: number;
  readonly rights: number;
  readonly leaf: boolean;
}

function encode(address: number, { level, rights, leaf }: Below): number {
  return address + (leaf ? 1 : 0) + level * 2 + rights * 16;
}

function decode(answer: number): Below & { readonly table: number } {
  const low = answer % 4096;
  return { table: answer - low, leaf: low % 2 === 1, level: (low >>> 1) & 7, rights: low >>> 4 };
}

function entryAddressOf(table: number, address: number, level: number): number {
  return table + (Math.floor(address / coveredBytes(level)) % 512) * 8;
}

const coverage: readonly number[] = [1, 2, 3, 4, 5, 6].map((level) => 2 ** (12 + 9 * (level - 1)));

/** Bytes that one entry of a level maps. */
function coveredBytes(level: number): number {
  return coverage[level - 1] as number;
}

/** A fault known at once, or the walk that translates a guest address. */
type SecondStage = (address: number, write: boolean, isTable: boolean) => number | Flow<number>;

/** Page-table walks: one step for each paging entry. The result is an output address, or a negative fault reason. */
export class PageWalk {
  readonly #ports: PageWalkPorts;
  readonly #reader: Pick<TableReader, 'use'>;
  readonly #reads: Channel<Extract<TraceEvent, { kind: 'page-table-read' }>>;
  readonly #structures: PagingStructures;
  readonly #step: WalkStep;
  readonly #lookUp: WalkStep;
  /** What the steps above read; set right before they are yielded. */
  #entry: EntryRead = noEntry;

  constructor(ports: PageWalkPorts, structures: PagingStructures, reader: Pick<TableReader, 'use'>) {
    this.#ports = ports;
    this.#structures = structures;
    this.#reader = reader;
    this.#reads = ports.trace.channel('page-table-read');
    this.#step = new WalkStep('a page-table entry', ports.config.timing.tableRead, (step) => this.#readEntry(step));
    const lookup = ports.config.timing.lookup;
    this.#lookUp = new WalkStep('the paging-structure caches', lookup, () => this.#startBelow());
  }

  /** Second stage alone, legacy or scalable. */
  secondStage(request: PageWalkRequest): Flow<number> {
    const reasons = this.#ports.config.mode === 'legacy' ? legacyReasons : secondStageReasons;
    return this.#walk('second', reasons, request);
  }

  firstStage(request: PageWalkRequest): Flow<number> {
    return this.#walk('first', firstStageReasons, request);
  }

  /** First stage on top of second stage: every first-stage table address and the result go through the second. */
  nested(request: PageWalkRequest, secondStage: { table: number; levels: number }): Flow<number> {
    const limit = 2 ** Math.min(this.#ports.config.capabilities.MGAW, 12 + 9 * secondStage.levels);
    const translate: SecondStage = (address, write, isTable) =>
      address >= limit
        ? -guestAddressTooWide
        : this.#walk('second', isTable ? nestedTableReasons : secondStageReasons, { address, write, ...secondStage });
    return this.#walk('first', firstStageReasons, request, translate);
  }

  *#walk(stage: Stage, reasons: StageReasons, request: PageWalkRequest, translate?: SecondStage): Flow<number> {
    const { address, write, levels } = request;
    let next = { table: request.table, level: levels, rights: right.read | right.write };
    if (translate !== undefined && this.#structures.has(stage)) {
      // The table of a nested first stage has to be translated before an entry of it can be read.
      this.#entry = { ...request, ...next, stage, entryAddress: 0, reasons, mayStartBelow: false };
      const cached = (yield this.#lookUp) as number;
      next = cached === 0 ? next : decode(cached);
    }
    while (next.level >= 1) {
      let entryAddress = entryAddressOf(next.table, address, next.level);
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
        stage,
        entryAddress,
        level: at,
        rights: given,
        reasons,
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
    return -reasons.reserved;
  }

  /** Where the walk of a nested first stage goes on after a look-up: 0 for its top table. */
  #startBelow(): number {
    const found = this.#deepest(this.#entry);
    return found === undefined
      ? 0
      : encode(found.address, { level: found.level - 1, rights: found.rights, leaf: false });
  }

  #deepest({ stage, address, levels, write }: EntryRead): CachedTable | undefined {
    return this.#structures.has(stage)
      ? this.#structures.deepest(stage, { address, levels, needed: write ? right.write : right.read })
      : undefined;
  }

  /** Reads one entry, the first of a walk below the deepest table that is cached: the look-up takes no time of its own. */
  #readEntry(step: StepContext): number {
    const entry = this.#entry;
    const cached = entry.mayStartBelow ? this.#deepest(entry) : undefined;
    return cached === undefined
      ? this.#readAt(step, entry)
      : this.#readAt(step, {
          ...entry,
          entryAddress: entryAddressOf(cached.address, entry.address, cached.level - 1),
          level: cached.level - 1,
          rights: cached.rights,
        });
  }

  #readAt(step: StepContext, entry: EntryRead): number {
    const { memory, arena } = this.#ports;
    const { stage, level, entryAddress, reasons } = entry;
    if (!memory.contains(entryAddress, 8)) {
      return -(level === entry.levels ? reasons.rootAccess : reasons.tableAccess);
    }
    const index = this.#isCoherent ? memory.cpuIndex(entryAddress) : memory.walkIndex(entryAddress);
    const words = [arena.get(index) >>> 0, arena.get(index + 1) >>> 0];
    if (this.#reads.active) {
      this.#reads.emit({ kind: 'page-table-read', stage, level, address: entryAddress, words });
    }
    const answer = stage === 'first' ? this.#checkFirstStage(words, entry) : this.#checkSecondStage(words, entry);
    if (answer >= 0 && this.#structures.has(stage)) {
      const { table, rights, leaf } = decode(answer);
      if (!leaf) {
        this.#structures.fill(step, stage, entry.address, { level, address: table, rights });
      }
    }
    if (this.#ports.registry.entryAt(entryAddress) !== -1) {
      this.#noteTracked(entry, words, answer);
    }
    return answer;
  }

  /** A leaf entry that software changes in this run: the translation remembers which version it was built from. */
  #noteTracked({ stage, entryAddress }: EntryRead, words: readonly number[], answer: number): void {
    const [structure, present] =
      stage === 'first'
        ? (['first-stage-paging-entry', getField(firstStagePagingEntry.fields.present, words, 0) === 1] as const)
        : (['second-stage-paging-entry', isSecondStagePresent(words, 0)] as const);
    const latched = { structure, address: entryAddress, words, base: 0, wordCount: words.length };
    this.#reader.use({ ...latched, slot: provenanceSlot.leaf }, present, answer < 0 ? -answer : 0);
  }

  #checkFirstStage(words: readonly number[], { reasons, level, write, rights }: EntryRead): number {
    const { fields } = firstStagePagingEntry;
    const reason = checkFirstStagePagingEntry(words, 0, this.#ports.config.capabilities);
    if (reason !== 0) {
      return -reason;
    }
    const large = getField(fields.pageSize, words, 0) === 1;
    if (large && level > maxLargePageLevel) {
      return -reasons.reserved;
    }
    if (getField(fields.userSupervisor, words, 0) === 0) {
      return -userAccessReason;
    }
    const writable = getField(fields.readWrite, words, 0);
    if (write && writable === 0) {
      return -reasons.noWrite;
    }
    const leaf = large || level === 1;
    if (getField(fields.accessed, words, 0) === 0 || (leaf && write && getField(fields.dirty, words, 0) === 0)) {
      unmodelled('setting the accessed or dirty flag of a first-stage paging entry');
    }
    const given = right.read + right.write * writable;
    return encode(getAddress(fields.address, words, 0), { level: level - 1, rights: rights & given, leaf });
  }

  #checkSecondStage(words: readonly number[], { reasons, level, write, rights }: EntryRead): number {
    const { fields } = secondStagePagingEntry;
    const readable = getField(fields.read, words, 0);
    const writable = getField(fields.write, words, 0);
    if (readable === 0 && writable === 0) {
      return -(this.#isLegacy && write ? reasons.noWrite : reasons.notPresent);
    }
    const large = getField(fields.pageSize, words, 0) === 1;
    const isReserved = checkSecondStagePagingEntry(words, 0, this.#ports.config.capabilities) !== 0;
    if (isReserved || (large && level > maxLargePageLevel)) {
      return -reasons.reserved;
    }
    if (write ? writable === 0 : readable === 0) {
      return -(write ? reasons.noWrite : reasons.noRead);
    }
    const given = right.read * readable + right.write * writable;
    const leaf = large || level === 1;
    return encode(getAddress(fields.address, words, 0), { level: level - 1, rights: rights & given, leaf });
  }

  /** Scalable-mode page walks snoop by SMPWC and PWSNP, which drivers set, whatever ECAP.C says (VT-d 9.6). */
  get #isCoherent(): boolean {
    return !this.#isLegacy && this.#ports.config.capabilities.RWBF === 0;
  }

  get #isLegacy(): boolean {
    return this.#ports.config.mode === 'legacy';
  }
}
