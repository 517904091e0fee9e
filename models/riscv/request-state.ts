import type { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { clearArray, type PhaseListener, RequestLatch } from '../iommu/request-latch.ts';
import { leafSlot } from '../iommu/translation-cache.ts';

/**
 * Position of an entry in a translation's provenance: at most two non-leaf DDT entries, the device context, at most two
 * non-leaf PDT entries, the process context, a leaf page-table entry that is tracked, and one entry of another device
 * or of an earlier time that a cache has brought in.
 */
export const provenanceSlot = { ddt: [0, 5], device: 1, pdt: [2, 6], process: 3, leaf: leafSlot, foreign: 7 } as const;

/** The latches of one request in flight: contexts as they come in, and what the walk found. */
export class RequestState extends RequestLatch {
  readonly device: WordArray;
  readonly process: WordArray;
  /** Bit set of the doublewords of a context not read yet. */
  readonly wordsLeft: Cell;
  /** 1 when the request reads a process context: its tables and PSCID are there. */
  readonly hasProcess: Cell;
  /** 1 for a write, as long as the request is in flight: fences tell reads and writes apart. */
  readonly isWrite: Cell;
  /** Rights of the leaf entries met so far, see `right` of the page walk; 0 before the first. */
  readonly leafRights: Cell;
  /** 1 when the first-stage leaf entry is global. */
  readonly isGlobal: Cell;
  /** PSCID and GSCID of the request plus 1, as far as they are known; 0: not yet; -1: it has none. */
  readonly pscidTag: Cell;
  readonly gscidTag: Cell;
  /** Device ID plus 1; 0 between requests. */
  readonly deviceTag: Cell;

  constructor(arena: Arena, walker: number, name: string, listener: PhaseListener) {
    super(arena, name, { walker, firstForeignSlot: provenanceSlot.foreign, listener });
    this.device = new WordArray(arena, `${name}.device-context`, 16);
    this.process = new WordArray(arena, `${name}.process-context`, 4);
    this.wordsLeft = new Cell(arena, `${name}.words-left`);
    this.hasProcess = new Cell(arena, `${name}.has-process`);
    this.isWrite = new Cell(arena, `${name}.is-write`);
    this.leafRights = new Cell(arena, `${name}.leaf-rights`);
    this.isGlobal = new Cell(arena, `${name}.is-global`);
    this.pscidTag = new Cell(arena, `${name}.pscid-tag`);
    this.gscidTag = new Cell(arena, `${name}.gscid-tag`);
    this.deviceTag = new Cell(arena, `${name}.device-tag`);
  }

  override clear(): void {
    this.forgetContexts();
    this.isWrite.set(0);
    this.leafRights.set(0);
    this.deviceTag.set(0);
    super.clear();
  }

  /** Forgets what is of no use once output address and rights are known: equal states should be equal words. */
  forgetContexts(): void {
    clearArray(this.device);
    clearArray(this.process);
    for (const cell of [this.wordsLeft, this.hasProcess, this.isGlobal, this.pscidTag, this.gscidTag]) {
      cell.set(0);
    }
  }

  /** Whether the request may have to do with a tag: it does until it is known that it does not. */
  mayHavePscid(pscid: number): boolean {
    return this.pscidTag.get() === 0 || this.pscidTag.get() === pscid + 1;
  }

  mayHaveGscid(gscid: number): boolean {
    return this.gscidTag.get() === 0 || this.gscidTag.get() === gscid + 1;
  }
}
