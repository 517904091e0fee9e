import type { Flow, StepContext } from '../../sim/operation.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { hit, miss, WalkStep } from '../iommu/walk-step.ts';
import { noPointer } from '../trace-events.ts';
import { checkContextEntry, contextEntry } from './entries/context-entry.ts';
import { checkRootEntry, rootEntry } from './entries/root-entry.ts';
import { checkScalableContextEntry, scalableContextEntry } from './entries/scalable-context-entry.ts';
import { checkScalableRootHalf, scalableRootHalf } from './entries/scalable-root-entry.ts';
import { taggedContextPointer } from './entries/tagged-pointer.ts';
import type { TableReader } from './table-reader.ts';
import { provenanceSlot } from './walk-state.ts';

/** Finds the context entry of a request: context cache, or root and context table (VT-d 3.4.3, 9.1 to 9.4). */
export class ContextLookup {
  readonly #reader: TableReader;
  readonly #lookUp: WalkStep;
  readonly #arrive: WalkStep;
  readonly #readRoot: WalkStep;
  readonly #firstQuantum: WalkStep;
  readonly #nextQuantum: WalkStep;
  /** Address the steps above read at; set before they are yielded. */
  #entryAddress = 0;

  constructor(reader: TableReader) {
    this.#reader = reader;
    const { lookup, tableRead, quantumGap } = reader.ports.config.timing;
    const readQuantum = (step: StepContext): number => this.#readContextQuantum(step);
    this.#lookUp = new WalkStep('the context cache', lookup, () => this.#lookUpCache());
    this.#arrive = new WalkStep('the context cache', lookup, () => {
      reader.state.moveTo(walkPhase.context);
      return this.#lookUpCache();
    });
    this.#readRoot = new WalkStep('the root entry', tableRead, () => this.#readRootEntry());
    this.#firstQuantum = new WalkStep('the context entry', tableRead, readQuantum);
    this.#nextQuantum = new WalkStep('the next quantum of the context entry', quantumGap, readQuantum);
  }

  /**
   * 0 with the entry in the latch, or a negative fault reason. `arrives`: the request comes to the unit with this
   * look-up; invalidations have nothing to wait for before.
   */
  *find(arrives = false): Flow<number> {
    const found = (yield arrives ? this.#arrive : this.#lookUp) as number;
    if (found !== miss) {
      return found === hit ? 0 : found;
    }
    const address = (yield this.#readRoot) as number;
    if (address < 0) {
      return address;
    }
    this.#entryAddress = address;
    // A legacy context entry is 128 bits and read at once; a scalable one is 256 bits and may be split (VT-d 9.4).
    let answer = (yield this.#firstQuantum) as number;
    if (answer === 0 && this.#isScalable) {
      answer = (yield this.#nextQuantum) as number;
    }
    return answer;
  }

  get #isScalable(): boolean {
    return this.#reader.ports.config.mode === 'scalable';
  }

  #lookUpCache(): number {
    const { state, ports, request } = this.#reader;
    const { contextCache } = ports.caches;
    const row = contextCache.find((r) => contextCache.sid(r) === request.sid);
    if (row === -1) {
      return miss;
    }
    contextCache.noteHit(row, request.iova);
    for (let i = 0; i < state.context.length; i += 1) {
      state.context.set(i, ports.arena.get(contextCache.payloadBase(row) + i));
    }
    state.setProvenance(provenanceSlot.root, contextCache.provenance(row, provenanceSlot.root));
    state.setProvenance(provenanceSlot.context, contextCache.provenance(row, provenanceSlot.context));
    const reason = ports.config.capabilities.CM === 0 ? 0 : this.#check();
    if (reason !== 0) {
      this.#noteFaultProcessing();
      this.#reader.noteCachedFault('context-cache', reason);
      return -reason;
    }
    this.#latched();
    return hit;
  }

  /** Address of the context entry, or a fault. */
  #readRootEntry(): number {
    const { state, ports, request } = this.#reader;
    const { config, memory } = ports;
    const address = ports.rootTable + (request.sid >>> 8) * 16;
    const devfn = request.sid & 0xff;
    if (!memory.contains(address, 16)) {
      return this.#isScalable ? -0x38 : -0x8;
    }
    state.quantaLeft.set(this.#isScalable ? 0b11 : 0b1);
    const { base } = state.context;
    const slot = provenanceSlot.root;
    if (!this.#isScalable) {
      this.#reader.read('root-entry', address, 0, { into: state.context, wordCount: 4 });
      const { words } = this.#reader;
      const reason = checkRootEntry(words, base, config.capabilities);
      const present = getField(rootEntry.fields.present, words, base) === 1;
      this.#reader.use({ structure: 'root-entry', address, words, base, wordCount: 4, slot }, present, reason);
      return reason === 0 ? getAddress(rootEntry.fields.contextTablePointer, words, base) + devfn * 16 : -reason;
    }
    // Both halves come in one read, but they have present bits of their own: a request uses one of them (VT-d 9.2).
    const half = address + (devfn >= 0x80 ? 8 : 0);
    this.#reader.read('scalable-root-entry', half, 0, { into: state.context, wordCount: 2 });
    const { words } = this.#reader;
    const reason = checkScalableRootHalf(words, base, config.capabilities);
    const present = getField(scalableRootHalf.fields.present, words, base) === 1;
    this.#reader.use(
      { structure: 'scalable-root-entry', address: half, words, base, wordCount: 2, slot },
      present,
      reason,
    );
    const table = getAddress(scalableRootHalf.fields.contextTablePointer, words, base);
    return reason === 0 ? table + (devfn & 0x7f) * 32 : -reason;
  }

  #readContextQuantum(step: StepContext): number {
    const { state, ports } = this.#reader;
    const address = this.#entryAddress;
    const wordCount = this.#isScalable ? 8 : 4;
    const structure = this.#isScalable ? 'scalable-context-entry' : 'context-entry';
    if (!ports.memory.contains(address, wordCount * 4)) {
      return this.#isScalable ? -0x40 : -0x9;
    }
    const quantum = this.#reader.takeQuantum(step);
    this.#reader.read(structure, address, quantum, { into: state.context, wordCount: 4 });
    if (state.quantaLeft.get() !== 0) {
      return 0;
    }
    const { base } = state.context;
    const { words } = this.#reader;
    const reason = this.#check();
    const present = getField(contextEntry.fields.present, words, base) === 1;
    const slot = provenanceSlot.context;
    this.#reader.use({ structure, address, words, base, wordCount, slot }, present, reason);
    this.#noteFaultProcessing();
    if (reason === 0 || ports.config.capabilities.CM === 1) {
      this.#fillCache(step, wordCount, reason === 0);
    }
    if (reason !== 0) {
      return -reason;
    }
    this.#latched();
    return 0;
  }

  #check(): number {
    const { state, words, ports } = this.#reader;
    const check = this.#isScalable ? checkScalableContextEntry : checkContextEntry;
    return check(words, state.context.base, ports.config.capabilities);
  }

  /** With CM = 0 nothing that faults is cached; with CM = 1 it is, in legacy mode under DID 0 (VT-d 6.1, 6.2.2). */
  #fillCache(step: StepContext, wordCount: number, isGood: boolean): void {
    const { state, ports, request } = this.#reader;
    const { base } = state.context;
    const { words } = this.#reader;
    // Only legacy entries have a DID; a scalable context cache has no DID tag (VT-d 6.2.1 Table 17).
    const did = this.#isScalable || !isGood ? 0 : getField(contextEntry.fields.domainId, words, base);
    const pointer = this.#isScalable
      ? getAddress(scalableContextEntry.fields.pasidDirectoryPointer, words, base)
      : taggedContextPointer(words, base);
    ports.caches.contextCache.fill(
      step,
      { sid: request.sid, pasid: 0, hasPasid: false, did, space: 0, iova: 0 },
      {
        payload: { length: wordCount, word: (i) => state.context.get(i) },
        pointer: isGood ? pointer : noPointer,
        provenance: (slot) => state.provenance(slot),
      },
    );
  }

  /** The context entry is known: invalidations of the context cache need not wait for this request any more. */
  #latched(): void {
    this.#noteFaultProcessing();
    const { state, words, request } = this.#reader;
    const { base } = state.context;
    if (this.#isScalable) {
      const ridPasid = getField(scalableContextEntry.fields.ridPasid, words, base);
      state.pasidTag.set((request.pasid >= 0 ? request.pasid : ridPasid) + 1);
    } else {
      state.didTag.set(getField(contextEntry.fields.domainId, words, base) + 1);
      state.pgttTag.set(1);
    }
    state.moveTo(this.#isScalable ? walkPhase.pasid : walkPhase.pageWalk);
  }

  #noteFaultProcessing(): void {
    const { state, words } = this.#reader;
    if (getField(contextEntry.fields.faultProcessingDisable, words, state.context.base) === 1) {
      state.faultsDisabled.set(1);
    }
  }
}
