import { type Flow, Note, type StepContext } from '../../sim/operation.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { PageWalk, right, type SecondStage } from '../iommu/page-walk.ts';
import { PagingStructures, rootWord } from '../iommu/paging-structures.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { leafSlot, provenanceSlots } from '../iommu/translation-cache.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import { noPointer } from '../trace-events.ts';
import { ioatcPayload as payload, stageBit } from './caches.ts';
import type { ContextReader } from './context-reader.ts';
import { deviceContext } from './entries/device-context.ts';
import { processContext } from './entries/process-context.ts';
import { pagingLevels } from './entries/translation-modes.ts';
import { pageFault, type RiscvPagingFormats, riscvPagingFormats } from './paging-formats.ts';
import { provenanceSlot } from './request-state.ts';

/** The page tables that the contexts in the latches lead to; 0 levels: the stage is Bare. */
export interface TranslationShape {
  readonly firstTable: number;
  readonly firstLevels: number;
  readonly secondTable: number;
  readonly secondLevels: number;
}

/** No address and no fault: the tables have to say. */
const notTranslated = -0xffff;

/**
 * From contexts to an output address: IOATC, first stage, second stage, both or none (RISC-V IOMMU, Process to
 * translate an IOVA, Caching in-memory data structures).
 */
export class Translation {
  readonly #reader: ContextReader;
  readonly #pageWalk: PageWalk;
  readonly #formats: RiscvPagingFormats;
  readonly #shape: Note<TranslationShape>;
  readonly #lookUp: WalkStep;
  readonly #passThrough: Note;
  readonly #fill: WalkStep;
  /** Output address of the walk, in bytes; set before the step that keeps it is yielded. */
  #output = 0;

  constructor(reader: ContextReader) {
    this.#reader = reader;
    const { arena, memory, registry, trace, config } = reader.ports;
    const indexOf = (address: number): number => memory.walkIndex(address);
    const ports = { arena, memory, registry, trace, timing: config.timing, indexOf };
    this.#pageWalk = new PageWalk(ports, this.#pagingStructures(), (entry, present, reason) =>
      reader.use(entry, present, reason),
    );
    this.#formats = riscvPagingFormats(reader);
    this.#shape = new Note('the stages of the translation', () => this.#latchedShape());
    this.#lookUp = new WalkStep('the IOATC', config.timing.lookup, () => this.#find());
    this.#passThrough = new Note('no translation', () => {
      reader.state.leafRights.set(right.read | right.write);
      reader.state.forgetContexts();
      reader.state.moveTo(walkPhase.access);
    });
    this.#fill = new WalkStep('the IOATC fill', config.timing.lookup, (step) => this.#install(step));
  }

  /** The shape, for whoever needs the second stage before the first is known. */
  get shape(): Note<TranslationShape> {
    return this.#shape;
  }

  /** Address of a table that the device context has as a guest address: at once without a second stage. */
  throughSecond({
    secondTable: table,
    secondLevels: levels,
  }: TranslationShape): (address: number) => number | Flow<number> {
    const { request } = this.#reader;
    return (address) =>
      levels === 0 ? address : this.#secondStage({ address, write: false, table, levels }, true, request.write);
  }

  /** Output address, or a negative cause. */
  *translate({ iova: address, write }: { readonly iova: number; readonly write: boolean }): Flow<number> {
    const shape = (yield this.#shape) as TranslationShape;
    const { firstTable, firstLevels, secondTable, secondLevels } = shape;
    if (firstLevels === 0 && secondLevels === 0) {
      yield this.#passThrough;
      return address;
    }
    if (this.#reader.ports.config.iotlbEntries > 0) {
      const found = (yield this.#lookUp) as number;
      if (found !== notTranslated) {
        return found;
      }
    }
    const second = { table: secondTable, levels: secondLevels };
    let output: number;
    if (firstLevels === 0) {
      output = (yield this.#flowOf(this.#secondStage({ address, write, ...second }, false, write))) as number;
    } else if (address >= 2 ** (12 + 9 * firstLevels - 1)) {
      // Addresses here are below 2^53, so only the lower half of the canonical range can be meant.
      output = -pageFault('first', write);
    } else {
      const first = { address, write, table: firstTable, levels: firstLevels };
      const through: SecondStage | undefined =
        secondLevels === 0
          ? undefined
          : (guest, toWrite, isTable) =>
              this.#secondStage({ address: guest, write: toWrite, ...second }, isTable, write);
      output = (yield this.#pageWalk.walk(this.#formats.first, first, through)) as number;
    }
    if (output >= 0 && this.#reader.ports.config.iotlbEntries > 0) {
      this.#output = output;
      yield this.#fill;
    }
    return output;
  }

  *#flowOf(known: number | Flow<number>): Flow<number> {
    return typeof known === 'number' ? known : ((yield known) as number);
  }

  /** Guest addresses of a second stage have two bits more than those of a first one. */
  #secondStage(
    request: { address: number; write: boolean; table: number; levels: number },
    isTable: boolean,
    ofWrite: boolean,
  ): number | Flow<number> {
    if (request.address >= 2 ** (12 + 9 * request.levels + 2)) {
      return -pageFault('second', ofWrite);
    }
    return this.#pageWalk.walk(isTable ? this.#formats.nestedTable : this.#formats.second, request);
  }

  #latchedShape(): TranslationShape {
    const { words, state } = this.#reader;
    const { fields } = deviceContext;
    const { base } = state.device;
    const second = {
      secondTable: getAddress(fields.secondTable, words, base),
      secondLevels: pagingLevels(getField(fields.secondMode, words, base)),
    };
    if (state.hasProcess.get() === 1) {
      const process = state.process.base;
      return {
        firstTable: getAddress(processContext.fields.table, words, process),
        firstLevels: pagingLevels(getField(processContext.fields.mode, words, process)),
        ...second,
      };
    }
    // With a process directory but no process the first stage is Bare; MODE is then not one of these.
    const hasDirectory = getField(fields.processDirectory, words, base) === 1;
    return {
      firstTable: getAddress(fields.firstTable, words, base),
      firstLevels: hasDirectory ? 0 : pagingLevels(getField(fields.firstMode, words, base)),
      ...second,
    };
  }

  /** PSCID of a first stage, 0 without one; and whether it is of a guest, and of which. */
  get #tags(): { readonly did: number; readonly space: number } {
    const { state } = this.#reader;
    return { did: Math.max(0, state.pscidTag.get() - 1), space: Math.max(0, state.gscidTag.get()) };
  }

  /** Position in the provenance of the context that leads to the tables. */
  get #ownSlot(): number {
    return this.#reader.state.hasProcess.get() === 1 ? provenanceSlot.process : provenanceSlot.device;
  }

  get #roots(): readonly [number, number] {
    const { firstTable, firstLevels, secondTable, secondLevels } = this.#latchedShape();
    return [
      firstLevels === 0 ? 0 : rootWord(firstTable, firstLevels),
      secondLevels === 0 ? 0 : rootWord(secondTable, secondLevels),
    ];
  }

  get #pointer(): number {
    const { firstTable, firstLevels, secondTable, secondLevels } = this.#latchedShape();
    return firstLevels > 0 ? firstTable : secondLevels > 0 ? secondTable : noPointer;
  }

  #pagingStructures(): PagingStructures {
    const reader = this.#reader;
    const { arena, caches, config } = reader.ports;
    return new PagingStructures({
      arena,
      latch: reader.state,
      caches: { first: caches.firstStagePaging, second: caches.secondStagePaging },
      entryCounts: { first: config.firstStagePagingEntries, second: config.secondStagePagingEntries },
      request: () => reader.request,
      // Second-stage rows have no PSCID: every process of a guest shares its second stage (RISC-V IOMMU, Caching
      // in-memory data structures).
      tags: (stage) => ({ ...this.#tags, ...(stage === 'second' ? { did: 0 } : {}), pasid: -1, hasPasid: false }),
      pointer: () => this.#pointer,
      roots: () => this.#roots,
      ownSlot: () => this.#ownSlot,
      beginBelow: () => {},
    });
  }

  /**
   * Output address on a hit; the row has to be of this address space, and of the stages that the request goes through.
   */
  #find(): number {
    const { ports, state, request } = this.#reader;
    const { arena, caches } = ports;
    const { ioatc } = caches;
    const { did, space } = this.#tags;
    const page = Math.floor(request.iova / 4096);
    const needed = request.write ? right.write : right.read;
    const stages = this.#stages;
    const row = ioatc.find((r) => {
      const base = ioatc.payloadBase(r);
      const isOfSpace = ioatc.did(r) === did || arena.get(base + payload.isGlobal) === 1;
      return (
        isOfSpace && ioatc.space(r) === space && ioatc.page(r) === page && arena.get(base + payload.stages) === stages
      );
    });
    if (row === -1) {
      return notTranslated;
    }
    const base = ioatc.payloadBase(row);
    const rights = arena.get(base + payload.rights);
    if ((rights & needed) === 0) {
      // Software may have added the permission since, which needs no invalidation: the walk decides.
      return notTranslated;
    }
    ioatc.noteHit(row, request.iova, request.sid);
    this.#dependOn(row);
    state.leafRights.set(rights);
    state.forgetContexts();
    state.moveTo(walkPhase.access);
    const frame = (arena.get(base + payload.frame) >>> 0) + arena.get(base + payload.frame + 1) * 0x1_0000_0000;
    return frame * 4096 + (request.iova % 4096);
  }

  /**
   * A row of the same tables is what the request would have walked itself; another adds the context it was filled by.
   */
  #dependOn(row: number): void {
    const { ports, state } = this.#reader;
    const { arena, caches } = ports;
    const { ioatc } = caches;
    const base = ioatc.payloadBase(row);
    const [firstRoot, secondRoot] = this.#roots;
    const ownSlot = this.#ownSlot;
    const isOwn =
      arena.get(base + payload.firstRoot) === firstRoot && arena.get(base + payload.secondRoot) === secondRoot;
    if (!isOwn) {
      state.addForeignProvenance(ioatc.provenance(row, ownSlot), ownSlot);
    }
    for (let slot = state.firstForeignSlot; slot < provenanceSlots; slot += 1) {
      state.addForeignProvenance(ioatc.provenance(row, slot), ownSlot);
    }
    state.setProvenance(leafSlot, ioatc.provenance(row, leafSlot));
  }

  get #stages(): number {
    const { firstLevels, secondLevels } = this.#latchedShape();
    return (firstLevels > 0 ? stageBit.first : 0) | (secondLevels > 0 ? stageBit.second : 0);
  }

  #install(step: StepContext): number {
    const { ports, state, request } = this.#reader;
    state.moveTo(walkPhase.access);
    if (state.mustNotCache.get() === 1) {
      state.forgetContexts();
      return 0;
    }
    const frame = Math.floor(this.#output / 4096);
    const [firstRoot, secondRoot] = this.#roots;
    const words = [
      frame | 0,
      Math.floor(frame / 0x1_0000_0000),
      state.leafRights.get(),
      state.isGlobal.get(),
      this.#stages,
      firstRoot,
      secondRoot,
    ];
    ports.caches.ioatc.fill(
      step,
      { ...this.#tags, sid: request.sid, pasid: request.pasid, hasPasid: request.pasid >= 0, iova: request.iova },
      {
        payload: { length: words.length, word: (i) => words[i] as number },
        pointer: this.#pointer,
        provenance: (slot) => state.provenance(slot),
      },
    );
    state.forgetContexts();
    return 0;
  }
}
