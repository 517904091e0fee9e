import type { Flow, StepContext } from '../../sim/operation.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { hit, miss, WalkStep } from '../iommu/walk-step.ts';
import { noPointer } from '../trace-events.ts';
import { checkPasidDirectoryEntry, pasidDirectoryEntry } from './entries/pasid-directory-entry.ts';
import { checkPasidEntry, pasidEntry } from './entries/pasid-entry.ts';
import { scalableContextEntry } from './entries/scalable-context-entry.ts';
import { taggedPointer } from './entries/tagged-pointer.ts';
import type { TableReader } from './table-reader.ts';
import { provenanceSlot } from './walk-state.ts';

/**
 * Finds the PASID entry of a request: PASID cache, or directory and table (VT-d 3.4.3, 9.5, 9.6). The 512-bit entry is
 * four reads of 128 bits, so a store between two of them tears it.
 */
export class PasidLookup {
  readonly #reader: TableReader;
  readonly #lookUp: WalkStep;
  readonly #readDirectory: WalkStep;
  readonly #firstQuantum: WalkStep;
  readonly #nextQuantum: WalkStep;
  /** Address the steps above read at; set before they are yielded. */
  #entryAddress = 0;

  constructor(reader: TableReader) {
    this.#reader = reader;
    const { lookup, tableRead, quantumGap } = reader.ports.config.timing;
    const readQuantum = (step: StepContext): number => this.#readPasidQuantum(step);
    this.#lookUp = new WalkStep('the PASID cache', lookup, () => this.#lookUpCache());
    this.#readDirectory = new WalkStep('the PASID directory entry', tableRead, () => this.#readDirectoryEntry());
    this.#firstQuantum = new WalkStep('the PASID entry', tableRead, readQuantum);
    this.#nextQuantum = new WalkStep('the next quantum of the PASID entry', quantumGap, readQuantum);
  }

  /** PASID the tables are looked up with: the request's, or RID_PASID. */
  get pasid(): number {
    const { request, state, words } = this.#reader;
    return request.pasid >= 0
      ? request.pasid
      : getField(scalableContextEntry.fields.ridPasid, words, state.context.base);
  }

  /** 0 with the entry in the latch, or a negative fault reason. */
  *find(): Flow<number> {
    const found = (yield this.#lookUp) as number;
    if (found !== miss) {
      return found === hit ? 0 : found;
    }
    const address = (yield this.#readDirectory) as number;
    if (address < 0) {
      return address;
    }
    this.#entryAddress = address;
    let answer = (yield this.#firstQuantum) as number;
    for (let quantum = 1; quantum < this.#reader.ports.config.fetchedQuanta && answer === 0; quantum += 1) {
      answer = (yield this.#nextQuantum) as number;
    }
    return answer;
  }

  #lookUpCache(): number {
    const { state, ports, request } = this.#reader;
    const refused = this.#refusedByContext();
    if (refused !== 0) {
      return -refused;
    }
    const { pasidCache } = ports.caches;
    const { pasid } = this;
    const row = pasidCache.find((r) => pasidCache.sid(r) === request.sid && pasidCache.pasid(r) === pasid);
    if (row === -1) {
      return miss;
    }
    pasidCache.noteHit(row, request.iova);
    for (let i = 0; i < state.pasid.length; i += 1) {
      state.pasid.set(i, ports.arena.get(pasidCache.payloadBase(row) + i));
    }
    if (ports.arena.get(pasidCache.payloadBase(row) + state.pasid.length) === 1) {
      state.faultsDisabled.set(1);
    }
    state.didTag.set(pasidCache.did(row) + 1);
    state.pgttTag.set(pasidCache.space(row) + 1);
    for (const slot of Object.values(provenanceSlot)) {
      state.setProvenance(slot, pasidCache.provenance(row, slot));
    }
    const { capabilities } = ports.config;
    const reason = capabilities.CM === 0 ? 0 : checkPasidEntry(this.#reader.words, state.pasid.base, capabilities);
    if (reason !== 0) {
      this.#reader.noteCachedFault('pasid-cache', reason);
      return -reason;
    }
    state.moveTo(walkPhase.pageWalk);
    return hit;
  }

  /** What the context entry says about the request's PASID (VT-d 7.1.3 Table 30: 45h, 46h, 48h). */
  #refusedByContext(): number {
    const { state, words, request } = this.#reader;
    const { base } = state.context;
    const { fields } = scalableContextEntry;
    if (request.pasid >= 0 && getField(fields.pasidEnable, words, base) === 0) {
      return 0x45;
    }
    if (request.pasid >= 0 && request.pasid === getField(fields.ridPasid, words, base)) {
      return 0x48;
    }
    const directoryEntries = 2 ** (getField(fields.pasidDirectorySize, words, base) + 7);
    return this.pasid >>> 6 >= directoryEntries ? 0x46 : 0;
  }

  /** Address of the PASID entry, or a fault. */
  #readDirectoryEntry(): number {
    const { state, ports } = this.#reader;
    const directory = getAddress(
      scalableContextEntry.fields.pasidDirectoryPointer,
      this.#reader.words,
      state.context.base,
    );
    const { pasid } = this;
    const address = directory + (pasid >>> 6) * 8;
    if (!ports.memory.contains(address, 8)) {
      return -0x50;
    }
    // The PASID latch is free until the entry itself comes.
    this.#reader.read('pasid-directory-entry', address, 0, { into: state.pasid, wordCount: 2 });
    const { base } = state.pasid;
    const { words } = this.#reader;
    const { fields } = pasidDirectoryEntry;
    const reason = checkPasidDirectoryEntry(words, base, ports.config.capabilities);
    const present = getField(fields.present, words, base) === 1;
    const slot = provenanceSlot.directory;
    this.#reader.use({ structure: 'pasid-directory-entry', address, words, base, wordCount: 2, slot }, present, reason);
    if (getField(fields.faultProcessingDisable, words, base) === 1) {
      state.faultsDisabled.set(1);
    }
    const table = getAddress(fields.pasidTablePointer, words, base);
    state.pasid.set(0, 0);
    state.pasid.set(1, 0);
    state.quantaLeft.set((1 << ports.config.fetchedQuanta) - 1);
    return reason === 0 ? table + (pasid & 63) * 64 : -reason;
  }

  #readPasidQuantum(step: StepContext): number {
    const { state, ports } = this.#reader;
    const address = this.#entryAddress;
    if (!ports.memory.contains(address, 64)) {
      return -0x58;
    }
    const quantum = this.#reader.takeQuantum(step);
    this.#reader.read('pasid-entry', address, quantum, { into: state.pasid, wordCount: 4 });
    // With CM=1 the tag is known only once it is known whether the entry faults.
    if (quantum === 0 && ports.config.capabilities.CM === 0) {
      state.didTag.set(getField(pasidEntry.fields.domainId, this.#reader.words, state.pasid.base) + 1);
      state.pgttTag.set(getField(pasidEntry.fields.pgtt, this.#reader.words, state.pasid.base) + 1);
    }
    if (state.quantaLeft.get() !== 0) {
      return 0;
    }
    const { base } = state.pasid;
    const { words } = this.#reader;
    const reason = checkPasidEntry(words, base, ports.config.capabilities);
    const present = getField(pasidEntry.fields.present, words, base) === 1;
    const slot = provenanceSlot.pasid;
    this.#reader.use({ structure: 'pasid-entry', address, words, base, wordCount: 16, slot }, present, reason);
    if (getField(pasidEntry.fields.faultProcessingDisable, words, base) === 1) {
      state.faultsDisabled.set(1);
    }
    if (reason === 0 || ports.config.capabilities.CM === 1) {
      this.#fillCache(step, reason === 0);
    }
    if (reason !== 0) {
      return -reason;
    }
    state.moveTo(walkPhase.pageWalk);
    return 0;
  }

  /** With CM = 0 nothing that faults is cached; with CM = 1 it is, under DID 0 (VT-d 6.1, 6.2.3). */
  #fillCache(step: StepContext, isGood: boolean): void {
    const { state, ports, request, words } = this.#reader;
    const { base } = state.pasid;
    const did = isGood ? getField(pasidEntry.fields.domainId, words, base) : 0;
    state.didTag.set(did + 1);
    const pgtt = getField(pasidEntry.fields.pgtt, words, base);
    ports.caches.pasidCache.fill(
      step,
      { sid: request.sid, pasid: this.pasid, hasPasid: true, did, space: pgtt, iova: 0 },
      {
        // With the entry go the FPD bits met on the way: later requests do not read the directory again.
        payload: {
          length: state.pasid.length + 1,
          word: (i) => (i < state.pasid.length ? state.pasid.get(i) : state.faultsDisabled.get()),
        },
        pointer: isGood ? taggedPointer(words, base) : noPointer,
        provenance: (slot) => state.provenance(slot),
      },
    );
  }
}
