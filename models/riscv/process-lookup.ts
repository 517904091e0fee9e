import { type Flow, Note, type StepContext } from '../../sim/operation.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { hit, miss, WalkStep } from '../iommu/walk-step.ts';
import { noPointer } from '../trace-events.ts';
import { type ContextReader, isValid } from './context-reader.ts';
import { moreWords } from './device-lookup.ts';
import { deviceContext } from './entries/device-context.ts';
import { checkProcessContext, processContext } from './entries/process-context.ts';
import { firstStageMode, processDirectoryMode } from './entries/translation-modes.ts';
import { cause } from './fault-causes.ts';
import { provenanceSlot } from './request-state.ts';

const pdtCauses = { load: cause.pdtLoad, notValid: cause.pdtNotValid, misconfigured: cause.pdtMisconfigured };
const contextBytes = 16;
/** Bits of a process ID that index a table of each level; level 0 has the contexts. */
const indexBits = [8, 9, 3] as const;

/** Address of a directory entry as the second stage gives it: at once, or by a walk; negative: a fault. */
type ThroughSecondStage = (address: number) => number | Flow<number>;

/**
 * Finds the process context of a request: PDT cache, or the process directory (RISC-V IOMMU, Process directory table,
 * Process to locate the Process-context).
 */
export class ProcessLookup {
  readonly #reader: ContextReader;
  readonly #lookUp: WalkStep;
  readonly #process: Note<number>;
  readonly #root: Note<number>;
  readonly #readEntry: WalkStep;
  readonly #firstWord: WalkStep;
  readonly #nextWord: WalkStep;
  /** What the steps above read; set before they are yielded. */
  #address = 0;
  #level = 0;

  constructor(reader: ContextReader) {
    this.#reader = reader;
    const { lookup, tableRead, quantumGap } = reader.ports.config.timing;
    const readWord = (step: StepContext): number => this.#readWord(step);
    this.#lookUp = new WalkStep('the PDT cache', lookup, () => this.#lookUpCache());
    this.#process = new Note('which process', () => this.#processId());
    this.#root = new Note('the root of the process directory', () => this.#latchedRoot());
    this.#readEntry = new WalkStep('a PDT entry', tableRead, () => this.#readPdtEntry());
    this.#firstWord = new WalkStep('the process context', tableRead, readWord);
    this.#nextWord = new WalkStep('the next doubleword of the process context', quantumGap, readWord);
  }

  /** 0 with all that the request has of contexts in the latches, or a negative cause. */
  *find(through: ThroughSecondStage): Flow<number> {
    const processId = (yield this.#process) as number;
    if (processId === noProcess) {
      return 0;
    }
    if (processId < 0) {
      return processId;
    }
    if (this.#reader.ports.config.pdtCacheEntries > 0 && ((yield this.#lookUp) as number) === hit) {
      return 0;
    }
    const root = (yield this.#root) as number;
    const levels = root % 4096;
    let table = root - levels;
    for (let level = levels - 1; level > 0; level -= 1) {
      const address = (yield translated(through, table + indexOf(processId, level) * 8)) as number;
      if (address < 0) {
        return address;
      }
      this.#address = address;
      this.#level = level;
      table = (yield this.#readEntry) as number;
      if (table < 0) {
        return table;
      }
    }
    const address = (yield translated(through, table + indexOf(processId, 0) * contextBytes)) as number;
    if (address < 0) {
      return address;
    }
    this.#address = address;
    let answer = (yield this.#firstWord) as number;
    while (answer === moreWords) {
      this.#address = address;
      answer = (yield this.#nextWord) as number;
    }
    return answer;
  }

  /**
   * Which process context is wanted: {@link noProcess}, a process ID, or a negative cause (RISC-V IOMMU, Process to
   * translate an IOVA, steps 6 to 8).
   */
  #processId(): number {
    const { request, words, state } = this.#reader;
    const { base } = state.device;
    const { fields } = deviceContext;
    if (getField(fields.processDirectory, words, base) === 0) {
      return request.pasid >= 0 ? -cause.typeDisallowed : noProcess;
    }
    const mode = getField(fields.firstMode, words, base);
    const isDefault = getField(fields.defaultProcess, words, base) === 1;
    if (mode === processDirectoryMode.bare || (request.pasid < 0 && !isDefault)) {
      state.pscidTag.set(-1);
      state.moveTo(walkPhase.pageWalk);
      return noProcess;
    }
    const processId = Math.max(0, request.pasid);
    const bits = indexBits.slice(0, mode).reduce((sum, width) => sum + width, 0);
    return processId < 2 ** bits ? processId : -cause.typeDisallowed;
  }

  #latchedRoot(): number {
    const { words, state } = this.#reader;
    const { fields } = deviceContext;
    const { base } = state.device;
    return getAddress(fields.firstTable, words, base) + getField(fields.firstMode, words, base);
  }

  #lookUpCache(): number {
    const { state, ports, request } = this.#reader;
    const { pdt } = ports.caches;
    const pid = Math.max(0, request.pasid);
    const row = pdt.find((r) => pdt.sid(r) === request.sid && pdt.pasid(r) === pid);
    if (row === -1) {
      return miss;
    }
    pdt.noteHit(row, request.iova);
    for (let i = 0; i < state.process.length; i += 1) {
      state.process.set(i, ports.arena.get(pdt.payloadBase(row) + i));
    }
    for (const slot of [...provenanceSlot.pdt, provenanceSlot.process]) {
      state.setProvenance(slot, pdt.provenance(row, slot));
    }
    this.#latched();
    return hit;
  }

  #readPdtEntry(): number {
    const slot = provenanceSlot.pdt[this.#level - 1] as number;
    return this.#reader.readDirectoryEntry('riscv-pdt-entry', this.#address, { slot, causes: pdtCauses });
  }

  #readWord(step: StepContext): number {
    const { state, ports, words } = this.#reader;
    const address = this.#address;
    if (!ports.memory.contains(address, contextBytes)) {
      return -cause.pdtLoad;
    }
    if (state.wordsLeft.get() === 0) {
      state.wordsLeft.set(0b11);
    }
    const word = this.#reader.takeWord(step);
    this.#reader.read('riscv-process-context', address, word, state.process);
    const { base } = state.process;
    if (state.wordsLeft.get() !== 0 && (word !== 0 || isValid(words, base))) {
      return moreWords;
    }
    state.wordsLeft.set(0);
    const reason = checkProcessContext(words, base, ports.config.capabilities);
    const slot = provenanceSlot.process;
    const latched = { structure: 'riscv-process-context', address, words, base, wordCount: 4, slot } as const;
    this.#reader.use(latched, isValid(words, base), reason);
    if (reason !== 0) {
      return -reason;
    }
    this.#fill(step);
    this.#latched();
    return 0;
  }

  #fill(step: StepContext): void {
    const { state, ports, request, words } = this.#reader;
    if (state.mustNotCache.get() === 1) {
      return;
    }
    const { process } = state;
    const { fields } = processContext;
    const isBare = getField(fields.mode, words, process.base) === firstStageMode.bare;
    ports.caches.pdt.fill(
      step,
      {
        sid: request.sid,
        pasid: Math.max(0, request.pasid),
        hasPasid: true,
        did: getField(fields.pscid, words, process.base),
        space: 0,
        iova: 0,
      },
      {
        payload: { length: process.length, word: (i) => process.get(i) },
        pointer: isBare ? noPointer : getAddress(fields.table, words, process.base),
        provenance: (slot) => state.provenance(slot),
      },
    );
  }

  #latched(): void {
    const { state, words } = this.#reader;
    const { fields } = processContext;
    const { base } = state.process;
    const isBare = getField(fields.mode, words, base) === firstStageMode.bare;
    state.hasProcess.set(1);
    state.pscidTag.set(isBare ? -1 : getField(fields.pscid, words, base) + 1);
    state.moveTo(walkPhase.pageWalk);
  }
}

function* translated(through: ThroughSecondStage, address: number): Flow<number> {
  const known = through(address);
  return typeof known === 'number' ? known : ((yield known) as number);
}

/** The request has no process context: the device context says all. */
const noProcess = 2 ** 20;

function indexOf(processId: number, level: number): number {
  const shift = indexBits.slice(0, level).reduce((sum, width) => sum + width, 0);
  return (processId >>> shift) & ((1 << (indexBits[level] as number)) - 1);
}
