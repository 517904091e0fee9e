import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Cell, Fifo } from '../../sim/containers.ts';
import type { Operation, StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { EngineStep } from '../engine-step.ts';
import type { DeviceTlbInvalidation } from '../iommu/device-tlb-port.ts';
import type { DmaRequest } from '../iommu/dma-request.ts';
import type { Window } from '../iommu/window.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { type AtsConfig, maxQueueDepth } from './ats-config.ts';
import { AtsRequest } from './ats-request.ts';
import { DeviceTlb, type InvalidatedRange } from './device-tlb.ts';
import { PostedLink } from './posted-link.ts';

/** A size in pages is a power of two, as in the request itself; this one stands for every page. */
const everyPageBits = 52;
const everyPageCount = 2 ** everyPageBits;

const column = {
  stage: 0,
  waitsFor: 1,
  itag: 2,
  /** -1: entries without PASID. */
  pasid: 3,
  global: 4,
  /** Number of the first page, in two words. */
  page: 5,
  sizeBits: 7,
} as const;
const columnCount = 8;

/** ITags are numbers of 0 to 31 (PCIe ATS 10.3.2): in their place, what stands for a write of a CPU on the link. */
const ofWrite = -1;

/** `received`: nothing is done yet. `draining`: rows are gone; waits for DMA that was translated by them. */
const stage = { received: 0, draining: 1 } as const;

export interface AtsEndpointPorts {
  readonly arena: Arena;
  readonly trace: SystemTrace;
  /** From one end of the link to the other. */
  readonly link: Window;
  /** Sends the answer to an invalidation request to the IOMMU. */
  readonly answer: (itag: number) => void;
}

/**
 * The ATS side of one PCIe function: its device TLB, the requests it has under way, and the engine that serves
 * invalidation requests (PCIe ATS 10.3; VT-d 4.3).
 */
export class AtsEndpoint {
  readonly name: string;
  readonly sid: number;
  readonly deviceTlb: DeviceTlb;
  readonly #config: AtsConfig;
  readonly #ports: AtsEndpointPorts;
  readonly #requests: AtsRequest[] = [];
  /** Requests that the function has: no more than its Invalidate Queue Depth. */
  readonly #invalidations: Fifo;
  readonly #link: PostedLink;
  /** 1 once software has written to a function that waits for that. */
  readonly #rung: Cell;
  /** Invalidation requests taken, as long as that matters. */
  readonly #taken: Cell;
  /** 1 once a translation request was answered with UR (PCIe ATS 10.2.3). */
  readonly #off: Cell;
  readonly #moved: Channel<Extract<TraceEvent, { kind: 'link-message' }>>;
  readonly #received: Channel<Extract<TraceEvent, { kind: 'ats-invalidation-received' }>>;
  readonly #done: Channel<Extract<TraceEvent, { kind: 'invalidation-done' }>>;
  readonly #disabled: Channel<Extract<TraceEvent, { kind: 'ats-disabled' }>>;

  constructor(function_: { readonly name: string; readonly sid: number }, config: AtsConfig, ports: AtsEndpointPorts) {
    const { arena, trace } = ports;
    this.name = function_.name;
    this.sid = function_.sid;
    this.#config = config;
    this.#ports = ports;
    this.deviceTlb = new DeviceTlb(arena, trace, config.entries);
    this.#invalidations = new Fifo(arena, `${this.name}.ats-invalidations`, config.queueDepth, columnCount);
    this.#link = new PostedLink(arena, this.name, columnCount);
    this.#rung = new Cell(arena, `${this.name}.rung`);
    this.#taken = new Cell(arena, `${this.name}.ats-taken`);
    this.#off = new Cell(arena, `${this.name}.ats-off`);
    this.#moved = trace.channel('link-message');
    this.#received = trace.channel('ats-invalidation-received');
    this.#done = trace.channel('invalidation-done');
    this.#disabled = trace.channel('ats-disabled');
  }

  /** Whether an invalidation request may ever stay without an answer. */
  get canBeSilent(): boolean {
    const { present, answers, answersAfterDoorbell } = this.#config;
    return !present || answers !== 'always' || answersAfterDoorbell;
  }

  /**
   * Whether the invalidation request with this ITag stays without an answer: it was not taken, or the write that the
   * function waits for is behind requests for which it has no room. A write is sure to be made: scenarios see to that.
   */
  mayStaySilent(itag: number): boolean {
    if (!this.canBeSilent) {
      return false;
    }
    const isThere = hasItag(this.#invalidations, itag) || hasItag(this.#link.messages, itag);
    return !isThere || (!this.#serves && this.#isBlocked);
  }

  /** Whether messages to the function are ever on its link for longer than the step that sends them. */
  get usesLink(): boolean {
    const { queueDepth, answersAfterDoorbell } = this.#config;
    return this.#link.isUsed || answersAfterDoorbell || queueDepth < maxQueueDepth;
  }

  get isEnabled(): boolean {
    return this.#off.get() === 0;
  }

  /** A source of requests of the function. */
  addRequest(name: string, request: DmaRequest): AtsRequest {
    const added = new AtsRequest(this.#ports.arena, name, this.#requests.length, request);
    this.#requests.push(added);
    return added;
  }

  /** Software writes to the function in this machine; before its processes are made. */
  expectWrites(): void {
    this.#link.isUsed = true;
  }

  /** A posted write of a CPU to the function: it goes onto the link, behind all that is there. */
  write(): void {
    if (this.#config.present) {
      this.#link.messages.set(this.#link.push(), column.itag, ofWrite);
      this.#note(ofWrite, 'waits');
    }
  }

  /** An invalidation request comes, or waits on the link if there is no room, or anything before it. */
  receive(request: DeviceTlbInvalidation): void {
    if (this.#link.messages.length === 0 && this.#takesNoNotice) {
      return;
    }
    if (this.#link.messages.length === 0 && !this.#invalidations.isFull) {
      this.#countTaken();
      this.#fill(this.#invalidations, this.#invalidations.push(), request);
    } else if (this.usesLink) {
      this.#fill(this.#link.messages, this.#link.push(), request);
      this.#note(request.itag, 'waits');
    } else {
      unmodelled(`more than ${maxQueueDepth} ATS invalidation requests at one function`);
    }
  }

  /** The step of the link: its foremost message reaches the function. No posted message passes another (PCIe 2.4.1). */
  linkStep(): Operation<void> {
    return new EngineStep('a message that the function has room for', this.#ports.link, {
      ready: () => this.#link.messages.length > 0 && !this.#isBlocked,
      work: () => this.#deliver(),
    });
  }

  #fill(rows: Fifo, row: number, { pasid, global, firstPage, pageCount, itag }: DeviceTlbInvalidation): void {
    const sizeBits = pageCount < everyPageCount ? Math.log2(pageCount) : everyPageBits;
    const values = { itag, pasid, global: Number(global), page: firstPage | 0, sizeBits };
    for (const [key, value] of Object.entries(values)) {
      rows.set(row, column[key as keyof typeof values], value);
    }
    rows.set(row, column.page + 1, Math.floor(firstPage / 0x1_0000_0000));
  }

  /** A function that is gone, hangs, or has had the last request that it answers. */
  get #takesNoNotice(): boolean {
    const { present, answers } = this.#config;
    return !present || answers === 'never' || this.#taken.get() === answers;
  }

  #countTaken(): void {
    if (this.#config.answers !== 'always') {
      this.#taken.set(this.#taken.get() + 1);
    }
  }

  /** Whether the function serves invalidation requests. */
  get #serves(): boolean {
    return !this.#config.answersAfterDoorbell || this.#rung.get() === 1;
  }

  /** The foremost message on the link is a request for which there is no room. */
  get #isBlocked(): boolean {
    const { messages } = this.#link;
    const isRequest = messages.length > 0 && messages.get(0, column.itag) !== ofWrite;
    return isRequest && this.#invalidations.isFull && !this.#takesNoNotice;
  }

  #deliver(): void {
    const itag = this.#link.messages.get(0, column.itag);
    if (itag === ofWrite) {
      this.#rung.set(Number(this.#config.answersAfterDoorbell));
      this.#link.drop();
    } else if (this.#takesNoNotice) {
      this.#link.drop();
    } else {
      this.#countTaken();
      this.#link.moveTo(this.#invalidations);
    }
    this.#note(itag, 'arrives');
  }

  #note(itag: number, state: 'waits' | 'arrives'): void {
    if (this.#moved.active) {
      this.#moved.emit({ kind: 'link-message', sid: this.sid, itag, state, blocked: this.#isBlocked });
    }
  }

  /** The step of the engine that serves invalidation requests, in any order: nothing orders their answers. */
  invalidationStep(): Operation<void> {
    return new EngineStep('an ATS invalidation request', this.#ports.link, {
      ready: () => this.#movableCount() > 0,
      work: (context) => this.#serveOne(context),
    });
  }

  /** DMA by a translation has reached memory, or a fault. */
  dmaDone(request: AtsRequest): void {
    request.clear();
    for (let row = 0; row < this.#invalidations.length; row += 1) {
      const waitsFor = this.#invalidations.get(row, column.waitsFor);
      if (waitsFor !== 0) {
        this.#invalidations.set(row, column.waitsFor, waitsFor & ~(1 << request.source));
      }
    }
  }

  /** A translation request was unsupported: no more of them until software enables ATS again (PCIe ATS 10.2.3). */
  disable(): void {
    this.#off.set(1);
    this.deviceTlb.clear();
    for (const request of this.#requests) {
      request.makeStale();
    }
    if (this.#disabled.active) {
      this.#disabled.emit({ kind: 'ats-disabled', sid: this.sid });
    }
  }

  #movableCount(): number {
    let count = 0;
    for (let row = 0; row < this.#invalidations.length; row += 1) {
      count += this.#isMovable(row) ? 1 : 0;
    }
    return count;
  }

  #isMovable(row: number): boolean {
    return this.#serves && this.#invalidations.get(row, column.waitsFor) === 0;
  }

  #serveOne(context: StepContext): void {
    let rank = context.choose(`${this.name} invalidation order`, this.#movableCount());
    for (let row = 0; row < this.#invalidations.length; row += 1) {
      if (this.#isMovable(row)) {
        if (rank === 0) {
          this.#serve(row);
          return;
        }
        rank -= 1;
      }
    }
  }

  #serve(row: number): void {
    if (this.#invalidations.get(row, column.stage) === stage.received) {
      this.#begin(row);
    }
    if (this.#isMovable(row)) {
      this.#answer(row);
    }
  }

  #begin(row: number): void {
    const range = this.#rangeOf(row);
    if (this.#received.active) {
      const itag = this.#invalidations.get(row, column.itag);
      this.#received.emit({ kind: 'ats-invalidation-received', sid: this.sid, itag });
    }
    let waitsFor = 0;
    for (const request of this.#requests) {
      if (this.#config.marksInFlight) {
        request.overtakeBy(range);
      }
      waitsFor |= this.#config.waitsForDma && request.usesAnyOf(range) ? 1 << request.source : 0;
    }
    this.deviceTlb.invalidate(range);
    this.#invalidations.set(row, column.stage, stage.draining);
    this.#invalidations.set(row, column.waitsFor, waitsFor);
  }

  #answer(row: number): void {
    const itag = this.#invalidations.get(row, column.itag);
    if (this.#done.active) {
      this.#noteDone(this.#rangeOf(row));
    }
    this.#invalidations.remove(row);
    this.#ports.answer(itag);
  }

  #noteDone({ pasid, global, firstPage, pageCount }: InvalidatedRange): void {
    const invalidation = pasid < 0 ? 'device-tlb' : 'pasid-device-tlb';
    const granularity = pageCount < everyPageCount ? 'page' : global ? 'global' : 'pasid';
    const tags = { sid: this.sid, sidMask: 0xffff, did: -1, pasid, iova: firstPage * 4096 };
    this.#done.emit({ kind: 'invalidation-done', invalidation, granularity, ...tags });
  }

  #rangeOf(row: number): InvalidatedRange {
    const at = (which: number): number => this.#invalidations.get(row, which);
    return {
      pasid: at(column.pasid),
      global: at(column.global) === 1,
      firstPage: (at(column.page) >>> 0) + at(column.page + 1) * 0x1_0000_0000,
      pageCount: 2 ** at(column.sizeBits),
    };
  }
}

function hasItag(rows: Fifo, itag: number): boolean {
  for (let row = 0; row < rows.length; row += 1) {
    if (rows.get(row, column.itag) === itag) {
      return true;
    }
  }
  return false;
}
