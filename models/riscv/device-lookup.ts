import { unmodelled } from '../../sim/assert.ts';
import { type Flow, Note, type StepContext } from '../../sim/operation.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { hit, miss, WalkStep } from '../iommu/walk-step.ts';
import { noPointer } from '../trace-events.ts';
import { type ContextReader, isValid } from './context-reader.ts';
import {
  checkDeviceContext,
  deviceContext,
  deviceContextBytes,
  extendedDeviceContext,
} from './entries/device-context.ts';
import { firstStageMode, secondStageMode } from './entries/translation-modes.ts';
import { cause } from './fault-causes.ts';
import { provenanceSlot } from './request-state.ts';

const ddtCauses = { load: cause.ddtLoad, notValid: cause.ddtNotValid, misconfigured: cause.ddtMisconfigured };
const { fields } = deviceContext;

/**
 * Finds the device context of a request: DDT cache, or the device directory table (RISC-V IOMMU, Device directory
 * table, Process to locate the Device-context).
 */
export class DeviceLookup {
  readonly #reader: ContextReader;
  readonly #root: Note<number>;
  readonly #readEntry: WalkStep;
  readonly #firstWord: WalkStep;
  readonly #nextWord: WalkStep;
  /** What the steps above read; set before they are yielded. */
  #address = 0;
  #level = 0;

  constructor(reader: ContextReader) {
    this.#reader = reader;
    const { tableRead, quantumGap } = reader.ports.config.timing;
    const readWord = (step: StepContext): number => this.#readWord(step);
    this.#root = new Note('the root of the device directory', () => reader.ports.ddtp.table + reader.ports.ddtp.levels);
    this.#readEntry = new WalkStep('a DDT entry', tableRead, () => this.#readDdtEntry());
    this.#firstWord = new WalkStep('the device context', tableRead, readWord);
    this.#nextWord = new WalkStep('the next doubleword of the device context', quantumGap, readWord);
  }

  /** Part of the step in which a request arrives: whether the DDT cache has the context, which is then in the latch. */
  lookUp(): typeof hit | typeof miss {
    const { state, ports, request } = this.#reader;
    const { ddt } = ports.caches;
    const row = ddt.find((r) => ddt.sid(r) === request.sid);
    if (row === -1) {
      return miss;
    }
    ddt.noteHit(row, request.iova);
    const { device } = state;
    for (let i = 0; i < device.length; i += 1) {
      device.set(i, ports.arena.get(ddt.payloadBase(row) + i));
    }
    for (const slot of [...provenanceSlot.ddt, provenanceSlot.device]) {
      state.setProvenance(slot, ddt.provenance(row, slot));
    }
    this.#latched();
    return hit;
  }

  /** Walks the directory: 0 with the context in the latch, or a negative cause. */
  *walk(deviceId: number): Flow<number> {
    const { ddtp } = this.#reader.ports;
    const root = (yield this.#root) as number;
    const levels = root % 4096;
    let table = root - levels;
    for (let level = levels - 1; level > 0; level -= 1) {
      this.#address = table + ddtp.offsetOf(deviceId, level);
      this.#level = level;
      table = (yield this.#readEntry) as number;
      if (table < 0) {
        return table;
      }
    }
    const address = table + ddtp.offsetOf(deviceId, 0);
    this.#address = address;
    let answer = (yield this.#firstWord) as number;
    while (answer === moreWords) {
      this.#address = address;
      answer = (yield this.#nextWord) as number;
    }
    return answer;
  }

  #readDdtEntry(): number {
    const slot = provenanceSlot.ddt[this.#level - 1] as number;
    return this.#reader.readDirectoryEntry('riscv-ddt-entry', this.#address, { slot, causes: ddtCauses });
  }

  #readWord(step: StepContext): number {
    const { state, ports, words } = this.#reader;
    const { deviceContext: format, capabilities } = ports.config;
    const byteCount = deviceContextBytes[format];
    const address = this.#address;
    if (!ports.memory.contains(address, byteCount)) {
      return -cause.ddtLoad;
    }
    if (state.wordsLeft.get() === 0) {
      state.wordsLeft.set((1 << (byteCount / 8)) - 1);
    }
    const word = this.#reader.takeWord(step);
    this.#reader.read('riscv-device-context', address, word, state.device);
    const { base } = state.device;
    const mustGoOn = word !== 0 || isValid(words, base);
    if (state.wordsLeft.get() !== 0 && mustGoOn) {
      return moreWords;
    }
    state.wordsLeft.set(0);
    const present = isValid(words, base);
    const reason = checkDeviceContext(words, base, { format, capabilities });
    const wordCount = byteCount / 4;
    const slot = provenanceSlot.device;
    this.#reader.use({ structure: 'riscv-device-context', address, words, base, wordCount, slot }, present, reason);
    if (reason !== 0) {
      return -reason;
    }
    if (format === 'extended' && getField(extendedDeviceContext.fields.msiMode, words, base) !== 0) {
      unmodelled('translation of MSIs (msiptp.MODE)');
    }
    this.#fill(step);
    this.#latched();
    return 0;
  }

  /** What is not valid is never cached (RISC-V IOMMU, Caching in-memory data structures). */
  #fill(step: StepContext): void {
    const { state, ports, request } = this.#reader;
    if (state.mustNotCache.get() === 1) {
      return;
    }
    const { device } = state;
    ports.caches.ddt.fill(
      step,
      { sid: request.sid, pasid: -1, hasPasid: false, did: this.#pscid(), space: 0, iova: 0 },
      {
        payload: { length: device.length, word: (i) => device.get(i) },
        pointer: this.#pointer(),
        provenance: (slot) => state.provenance(slot),
      },
    );
  }

  #pscid(): number {
    const { words, state } = this.#reader;
    return getField(fields.pscid, words, state.device.base);
  }

  /** The table that the context's tags stand with. */
  #pointer(): number {
    const { words, state } = this.#reader;
    const { base } = state.device;
    if (getField(fields.firstMode, words, base) !== firstStageMode.bare) {
      return getAddress(fields.firstTable, words, base);
    }
    const isBare = getField(fields.secondMode, words, base) === secondStageMode.bare;
    return isBare ? noPointer : getAddress(fields.secondTable, words, base);
  }

  /** The context is known: invalidations of directories are about this request's tables from here. */
  #latched(): void {
    const { state, words } = this.#reader;
    const { base } = state.device;
    const hasSecond = getField(fields.secondMode, words, base) !== secondStageMode.bare;
    state.gscidTag.set(hasSecond ? getField(fields.gscid, words, base) + 1 : -1);
    const hasDirectory = getField(fields.processDirectory, words, base) === 1;
    if (!hasDirectory) {
      const isBare = getField(fields.firstMode, words, base) === firstStageMode.bare;
      state.pscidTag.set(isBare ? -1 : this.#pscid() + 1);
    }
    state.moveTo(hasDirectory ? walkPhase.pasid : walkPhase.pageWalk);
  }
}

/** A context has doublewords that are not read yet. */
export const moreWords = 1;
