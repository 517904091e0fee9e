import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Fifo } from '../../sim/containers.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { DeviceTlbPort } from '../iommu/device-tlb-port.ts';
import type { ItagPool } from '../iommu/itag-pool.ts';
import { type WalkPhase, walkPhase } from '../iommu/request-latch.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { type DescriptorOrder, descriptorOrder } from './descriptor-order.ts';
import { descriptorBytes, descriptorType, deviceTlbRequest, waitFields } from './descriptors.ts';
import { applyInvalidation, interruptScope, invalidationScope, type TranslationCaches } from './invalidations.ts';
import type { VtdConfig } from './vtd-config.ts';
import type { WalkState } from './walk-state.ts';

export const descriptorWords = descriptorBytes / 4;

const column = { type: 0, stage: 1, waitsFor: 2, slot: 3, itag: 4, words: 5 } as const;

/**
 * `fetched`: waits for earlier descriptors. `waiting`: waits for the requests that can still fill its cache from the old
 * state. `draining`: its rows are gone; waits for the requests that were translated by them meanwhile. `answering`: an
 * endpoint has been asked.
 */
const stage = { fetched: 0, waiting: 1, draining: 2, answering: 3 } as const;
const inFlightCapacity = 8;

/** Requests that have not passed this phase can still fill the cache that the invalidation is about. */
const passedPhase: Readonly<Record<number, WalkPhase>> = {
  [descriptorType.context]: walkPhase.context,
  [descriptorType.pasidCache]: walkPhase.pasid,
  [descriptorType.iotlb]: walkPhase.access,
  [descriptorType.piotlb]: walkPhase.access,
};

export interface InFlightPorts {
  readonly memory: PhysicalMemory;
  readonly caches: TranslationCaches;
  readonly trace: SystemTrace;
  /** Every walker's request. */
  readonly walks: readonly WalkState[];
  readonly deviceTlbs: DeviceTlbPort;
  readonly itags: ItagPool;
  /** Every invalidation of translation caches flushes the chipset's write buffer, if there is one (VT-d 6.8). */
  readonly flushWriteBuffer: () => void;
  /** A wait with IF = 1 is complete. */
  readonly interrupt: () => void;
}

/**
 * The descriptors that have been fetched and are not complete, oldest first. They go on in any order that section
 * 6.5.2.12 leaves open.
 */
export class InFlightInvalidations {
  readonly #arena: Arena;
  readonly #config: VtdConfig;
  readonly #ports: InFlightPorts;
  readonly #order: DescriptorOrder;
  readonly #rows: Fifo;
  readonly #status: Channel<Extract<TraceEvent, { kind: 'status-written' }>>;
  readonly #sent: Channel<Extract<TraceEvent, { kind: 'device-tlb-request' }>>;
  readonly #lost: Channel<Extract<TraceEvent, { kind: 'descriptor-lost' }>>;

  constructor(arena: Arena, config: VtdConfig, ports: InFlightPorts) {
    this.#arena = arena;
    this.#config = config;
    this.#ports = ports;
    this.#order = descriptorOrder(config.deviceTlbWaitsForPiotlb);
    this.#rows = new Fifo(arena, 'vtd.in-flight', inFlightCapacity, column.words + descriptorWords);
    this.#status = ports.trace.channel('status-written');
    this.#sent = ports.trace.channel('device-tlb-request');
    this.#lost = ports.trace.channel('descriptor-lost');
  }

  get isFull(): boolean {
    return this.#rows.isFull;
  }

  /** Takes a descriptor that the queue has fetched from a slot and found valid. */
  add(type: number, slot: number, words: readonly number[]): void {
    const row = this.#rows.push();
    this.#rows.set(row, column.type, type);
    this.#rows.set(row, column.slot, slot);
    for (let i = 0; i < descriptorWords; i += 1) {
      this.#rows.set(row, column.words + i, words[i] as number);
    }
  }

  /** How many could go on now. */
  get movableCount(): number {
    let count = 0;
    for (let row = 0; row < this.#rows.length; row += 1) {
      count += this.#isMovable(row) ? 1 : 0;
    }
    return count;
  }

  /** Takes one of those that can go on as far as it can go in one step. */
  moveOne(context: StepContext): void {
    let rank = context.choose('invalidation order', this.movableCount);
    for (let row = 0; row < this.#rows.length; row += 1) {
      if (this.#isMovable(row)) {
        if (rank === 0) {
          this.#move(row, context);
          return;
        }
        rank -= 1;
      }
    }
  }

  /** A request moved on: invalidations that waited for it wait no longer. */
  walkerMoved(walker: number, phase: WalkPhase): void {
    for (let row = 0; row < this.#rows.length; row += 1) {
      const waitsFor = this.#rows.get(row, column.waitsFor);
      const passed = phase === walkPhase.idle || phase > this.#passedPhase(row);
      if (waitsFor !== 0 && passed) {
        this.#rows.set(row, column.waitsFor, waitsFor & ~(1 << walker));
      }
    }
  }

  /** The endpoint has answered in full. */
  answered(itag: number): void {
    this.#rows.remove(this.#rowOf(itag));
  }

  /**
   * An endpoint has not answered in time (VT-d 6.5.2.11): no wait here is ever completed, and what was fetched from the
   * oldest device-TLB invalidation on may or may not be executed. Requests already sent are at their endpoints.
   */
  timedOut(itag: number, context: StepContext): void {
    let oldest = 0;
    while (!this.#goesToEndpoint(oldest)) {
      oldest += 1;
    }
    this.#lose(this.#rowOf(itag));
    for (let row = this.#rows.length - 1; row >= 0; row -= 1) {
      const isWait = this.#rows.get(row, column.type) === descriptorType.wait;
      const isInDoubt = row >= oldest && this.#rows.get(row, column.stage) !== stage.answering;
      if (isWait || (isInDoubt && context.choose('execution after a time-out', 2) === 1)) {
        this.#lose(row);
      }
    }
  }

  #lose(row: number): void {
    if (this.#lost.active) {
      this.#lost.emit({ kind: 'descriptor-lost', slot: this.#rows.get(row, column.slot), words: this.#words(row) });
    }
    this.#rows.remove(row);
  }

  #rowOf(itag: number): number {
    let row = 0;
    while (this.#rows.get(row, column.stage) !== stage.answering || this.#rows.get(row, column.itag) !== itag) {
      row += 1;
    }
    return row;
  }

  #goesToEndpoint(row: number): boolean {
    const type = this.#rows.get(row, column.type);
    return type === descriptorType.deviceTlb || type === descriptorType.pasidDeviceTlb;
  }

  #isMovable(row: number): boolean {
    switch (this.#rows.get(row, column.stage)) {
      case stage.fetched:
        return this.#mayStart(row) && (!this.#goesToEndpoint(row) || this.#ports.itags.hasFree);
      case stage.answering:
        return false;
      default:
        return this.#rows.get(row, column.waitsFor) === 0;
    }
  }

  #mayStart(row: number): boolean {
    const type = this.#rows.get(row, column.type);
    const waitsForTypes = this.#order[type];
    // A wait covers at least what was submitted since the wait before it.
    let sinceWait = true;
    for (let earlier = row - 1; earlier >= 0; earlier -= 1) {
      const earlierType = this.#rows.get(earlier, column.type);
      if (earlierType === descriptorType.wait) {
        sinceWait = false;
        if (waitFields.fence(this.#arena.words, this.#wordsBase(earlier))) {
          return false;
        }
      } else if (type === descriptorType.wait ? sinceWait : waitsForTypes?.includes(earlierType) === true) {
        return false;
      }
    }
    return true;
  }

  #move(row: number, context: StepContext): void {
    if (this.#rows.get(row, column.type) === descriptorType.wait) {
      this.#completeWait(row);
      return;
    }
    if (this.#goesToEndpoint(row)) {
      this.#askEndpoint(row);
      return;
    }
    if (this.#rows.get(row, column.stage) === stage.fetched) {
      // Before any walk is let go by: what begins from here reads what software has stored.
      this.#ports.flushWriteBuffer();
      // An IOTLB invalidation drains what is translated or being walked for (VT-d 6.5.4); that it, or any other, waits
      // for table entries being fetched is UNVERIFIED.
      const { invalidationWaitsForFetch: waits } = this.#config;
      const drains = this.#drains(row);
      const concerns = (phase: WalkPhase): boolean => waits || (drains && phase >= walkPhase.pageWalk);
      this.#waitFor(row, stage.waiting, (phase) => phase <= this.#passedPhase(row) && concerns(phase));
    }
    if (this.#rows.get(row, column.stage) === stage.waiting && this.#rows.get(row, column.waitsFor) === 0) {
      applyInvalidation(this.#ports.caches, this.#ports.trace, {
        words: this.#arena.words,
        base: this.#wordsBase(row),
        mode: this.#config.mode,
        dropsAll: this.#config.invalidationScope === 'coarser' && context.choose('invalidation scope', 2) === 1,
      });
      // A request may have found a row that a request waited for had filled just before: it is on its way to memory, or
      // walks below that row, and has to arrive before software is told (VT-d 6.5.4). Only the IOTLB is followed by
      // nothing that would wait.
      const drains = this.#drains(row);
      if (drains) {
        this.#keepFromCaching(row);
      }
      this.#waitFor(
        row,
        stage.draining,
        (phase, walk) =>
          drains && (phase === walkPhase.access || (phase === walkPhase.pageWalk && walk.belowCached.get() === 1)),
      );
      if (this.#rows.get(row, column.type) === descriptorType.interruptEntry) {
        // Interrupts that old entries have remapped are drained as well (VT-d 6.5.5).
        const isMeant = interruptScope(this.#arena.words, this.#wordsBase(row));
        this.#rows.set(row, column.waitsFor, this.#ports.caches.interruptEntries.onTheWay(isMeant));
      }
    }
    if (this.#rows.get(row, column.stage) === stage.draining && this.#rows.get(row, column.waitsFor) === 0) {
      this.#rows.remove(row);
    }
  }

  #askEndpoint(row: number): void {
    const { itags, deviceTlbs } = this.#ports;
    const request = deviceTlbRequest(this.#arena.words, this.#wordsBase(row));
    const { sid, pasid, global, firstPage, pageCount } = request;
    const itag = itags.take(sid);
    this.#rows.set(row, column.stage, stage.answering);
    this.#rows.set(row, column.itag, itag);
    if (this.#sent.active) {
      const pages = Number.isFinite(pageCount) ? pageCount : 0;
      this.#sent.emit({ kind: 'device-tlb-request', sid, pasid, global, page: firstPage, pages, itag });
    }
    deviceTlbs.send({ ...request, itag });
    if (!deviceTlbs.someMayStaySilent && deviceTlbs.mayStaySilent(sid, itag)) {
      unmodelled(`a device-TLB invalidation to requester 0x${sid.toString(16)}, which has no device TLB`);
    }
  }

  #drains(row: number): boolean {
    const type = this.#rows.get(row, column.type);
    return type === descriptorType.iotlb || type === descriptorType.piotlb;
  }

  /** Only requests that the invalidation is about are waited for: "only that domain, only that range" (VT-d 6.5.4). */
  #waitFor(row: number, next: number, concerns: (phase: WalkPhase, walk: WalkState) => boolean): void {
    const scope = invalidationScope(this.#arena.words, this.#wordsBase(row));
    const inRange = this.#config.pageInvalidationDrains === 'range' ? scope.inRange : undefined;
    const mayBeInRange = (walk: WalkState): boolean =>
      inRange === undefined || inRange(walk.page) || (scope.isSecondStageRange && walk.mayUseFirstStage);
    let waitsFor = 0;
    for (const walk of this.#ports.walks) {
      const { phase } = walk;
      const isMeant =
        (scope.did === undefined || walk.mayHaveDid(scope.did)) &&
        (scope.pasid === undefined || walk.mayHavePasid(scope.pasid)) &&
        mayBeInRange(walk);
      waitsFor |= phase !== walkPhase.idle && isMeant && concerns(phase, walk) ? 1 << walk.walker : 0;
    }
    this.#rows.set(row, column.stage, next);
    this.#rows.set(row, column.waitsFor, waitsFor);
  }

  /** A walk under way may hold intermediate entries that are gone from the caches now; it must not bring them back. */
  #keepFromCaching(row: number): void {
    const { firstStagePagingEntries, secondStagePagingEntries } = this.#config;
    if (firstStagePagingEntries + secondStagePagingEntries === 0) {
      return;
    }
    const { did, pasid } = invalidationScope(this.#arena.words, this.#wordsBase(row));
    for (const walk of this.#ports.walks) {
      const isMeant = (did === undefined || walk.mayHaveDid(did)) && (pasid === undefined || walk.mayHavePasid(pasid));
      if (walk.phase === walkPhase.pageWalk && isMeant) {
        walk.mustNotCache.set(1);
      }
    }
  }

  #completeWait(row: number): void {
    const base = this.#wordsBase(row);
    if (waitFields.statusWrite(this.#arena.words, base)) {
      const address = waitFields.statusAddress(this.#arena.words, base);
      if (!this.#ports.memory.contains(address, 4)) {
        unmodelled(`an invalidation wait status write to 0x${address.toString(16)}, which is not RAM`);
      }
      const data = waitFields.statusData(this.#arena.words, base);
      this.#ports.memory.deviceWrite(address, [data]);
      if (this.#status.active) {
        this.#status.emit({ kind: 'status-written', address, data });
      }
    }
    // The interrupt pushes the status write (VT-d 6.5.2.10).
    if (waitFields.interrupt(this.#arena.words, base)) {
      this.#ports.interrupt();
    }
    this.#rows.remove(row);
  }

  #passedPhase(row: number): WalkPhase {
    return passedPhase[this.#rows.get(row, column.type)] ?? walkPhase.idle;
  }

  #wordsBase(row: number): number {
    return this.#rows.indexOf(row, column.words);
  }

  #words(row: number): readonly number[] {
    return Array.from({ length: descriptorWords }, (_, i) => this.#rows.get(row, column.words + i) >>> 0);
  }
}
