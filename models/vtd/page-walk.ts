import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import type { Flow } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getAddress, getField } from '../entry-layout.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { checkFirstStagePagingEntry, firstStagePagingEntry } from './entries/first-stage-paging-entry.ts';
import {
  checkSecondStagePagingEntry,
  isSecondStagePresent,
  secondStagePagingEntry,
} from './entries/second-stage-paging-entry.ts';
import type { TableReader } from './table-reader.ts';
import type { VtdConfig } from './vtd-config.ts';
import { provenanceSlot } from './walk-state.ts';
import { WalkStep } from './walk-step.ts';

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

/** A fault known at once, or the walk that translates a guest address. */
type SecondStage = (address: number, write: boolean, isTable: boolean) => number | Flow<number>;

/** Page-table walks: one step for each paging entry. The result is an output address, or a negative fault reason. */
export class PageWalk {
  readonly #ports: PageWalkPorts;
  readonly #reader: Pick<TableReader, 'use'>;
  readonly #reads: Channel<Extract<TraceEvent, { kind: 'page-table-read' }>>;
  readonly #step: WalkStep;
  #entryAddress = 0;
  #stage: 'first' | 'second' = 'first';
  #level = 0;
  #write = false;
  #reasons = firstStageReasons;
  #top = false;

  constructor(ports: PageWalkPorts, reader: Pick<TableReader, 'use'>) {
    this.#ports = ports;
    this.#reader = reader;
    this.#reads = ports.trace.channel('page-table-read');
    this.#step = new WalkStep('a page-table entry', ports.config.timing.tableRead, () => this.#readEntry());
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

  *#walk(
    stage: 'first' | 'second',
    reasons: StageReasons,
    request: PageWalkRequest,
    translate?: SecondStage,
  ): Flow<number> {
    let table = request.table;
    for (let level = request.levels; level >= 1; level -= 1) {
      const shift = 2 ** (12 + 9 * (level - 1));
      const index = Math.floor(request.address / shift) % 512;
      let entryAddress = table + index * 8;
      if (translate !== undefined) {
        const translated = translate(entryAddress, false, true);
        entryAddress = typeof translated === 'number' ? translated : ((yield translated) as number);
        if (entryAddress < 0) {
          return entryAddress;
        }
      }
      this.#prepare(entryAddress, { stage, level, write: request.write, reasons, top: level === request.levels });
      const answer = (yield this.#step) as number;
      if (answer < 0) {
        return answer;
      }
      // Bit 0 of the answer says that the entry maps a page rather than a table.
      if (answer % 2 === 1) {
        const output = answer - 1 + (request.address % shift);
        const translated = translate === undefined ? output : translate(output, request.write, false);
        return typeof translated === 'number' ? translated : ((yield translated) as number);
      }
      table = answer;
    }
    return -reasons.reserved;
  }

  /** The step object is shared by all entries of a walk; what it reads is set here, before it is yielded. */
  #prepare(
    entryAddress: number,
    entry: { stage: 'first' | 'second'; level: number; write: boolean; reasons: StageReasons; top: boolean },
  ): void {
    this.#entryAddress = entryAddress;
    this.#stage = entry.stage;
    this.#level = entry.level;
    this.#write = entry.write;
    this.#reasons = entry.reasons;
    this.#top = entry.top;
  }

  #readEntry(): number {
    const { memory, arena } = this.#ports;
    const reasons = this.#reasons;
    if (!memory.contains(this.#entryAddress, 8)) {
      return -(this.#top ? reasons.rootAccess : reasons.tableAccess);
    }
    const index = this.#isCoherent ? memory.cpuIndex(this.#entryAddress) : memory.walkIndex(this.#entryAddress);
    const words = [arena.get(index) >>> 0, arena.get(index + 1) >>> 0];
    if (this.#reads.active) {
      const [stage, level, address] = [this.#stage, this.#level, this.#entryAddress];
      this.#reads.emit({ kind: 'page-table-read', stage, level, address, words });
    }
    const answer = this.#stage === 'first' ? this.#checkFirstStage(words) : this.#checkSecondStage(words);
    if (this.#ports.registry.entryAt(this.#entryAddress) !== -1) {
      this.#noteTracked(words, answer);
    }
    return answer;
  }

  /** A leaf entry that software changes in this run: the translation remembers which version it was built from. */
  #noteTracked(words: readonly number[], answer: number): void {
    const isFirst = this.#stage === 'first';
    const structure = isFirst ? 'first-stage-paging-entry' : 'second-stage-paging-entry';
    const present = isFirst
      ? getField(firstStagePagingEntry.fields.present, words, 0) === 1
      : isSecondStagePresent(words, 0);
    const latched = { structure, address: this.#entryAddress, words, base: 0, wordCount: words.length } as const;
    this.#reader.use({ ...latched, slot: provenanceSlot.leaf }, present, answer < 0 ? -answer : 0);
  }

  #checkFirstStage(words: readonly number[]): number {
    const { fields } = firstStagePagingEntry;
    const reasons = this.#reasons;
    const reason = checkFirstStagePagingEntry(words, 0, this.#ports.config.capabilities);
    if (reason !== 0) {
      return -reason;
    }
    const large = getField(fields.pageSize, words, 0) === 1;
    if (large && this.#level > maxLargePageLevel) {
      return -reasons.reserved;
    }
    if (getField(fields.userSupervisor, words, 0) === 0) {
      return -userAccessReason;
    }
    if (this.#write && getField(fields.readWrite, words, 0) === 0) {
      return -reasons.noWrite;
    }
    const leaf = large || this.#level === 1;
    if (getField(fields.accessed, words, 0) === 0 || (leaf && this.#write && getField(fields.dirty, words, 0) === 0)) {
      unmodelled('setting the accessed or dirty flag of a first-stage paging entry');
    }
    return getAddress(fields.address, words, 0) + (leaf ? 1 : 0);
  }

  #checkSecondStage(words: readonly number[]): number {
    const { fields } = secondStagePagingEntry;
    const reasons = this.#reasons;
    const read = getField(fields.read, words, 0);
    const write = getField(fields.write, words, 0);
    if (read === 0 && write === 0) {
      return -(this.#isLegacy && this.#write ? reasons.noWrite : reasons.notPresent);
    }
    const large = getField(fields.pageSize, words, 0) === 1;
    const isReserved = checkSecondStagePagingEntry(words, 0, this.#ports.config.capabilities) !== 0;
    if (isReserved || (large && this.#level > maxLargePageLevel)) {
      return -reasons.reserved;
    }
    if (this.#write ? write === 0 : read === 0) {
      return -(this.#write ? reasons.noWrite : reasons.noRead);
    }
    return getAddress(fields.address, words, 0) + (large || this.#level === 1 ? 1 : 0);
  }

  /** Scalable-mode page walks snoop by SMPWC and PWSNP, which drivers set, whatever ECAP.C says (VT-d 9.6). */
  get #isCoherent(): boolean {
    return !this.#isLegacy;
  }

  get #isLegacy(): boolean {
    return this.#ports.config.mode === 'legacy';
  }
}
