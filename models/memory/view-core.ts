import type { Arena } from '../../sim/arena.ts';
import type { Operation, StepContext } from '../../sim/operation.ts';
import { EngineStep } from '../engine-step.ts';
import { accessKind, type Fence } from './access-order.ts';
import { CpuKnowledge, type StrongFences } from './cpu-knowledge.ts';
import type { AcceptsWords, AccessSink, Core, LoadRequest, RmwRequest, StoreRequest } from './memory-model.ts';
import { Reservation } from './reservation.ts';
import type { StoreBufferConfig } from './tso-core.ts';
import { ViewLoads } from './view-loads.ts';
import type { ViewMachine } from './view-machines.ts';
import { join, noView, type View } from './views.ts';
import type { HistoryReader, WriteHistory } from './write-history.ts';
import { type QueuedWrite, WriteQueue } from './write-queue.ts';

export interface ViewCorePorts {
  readonly arena: Arena;
  readonly cpu: number;
  readonly sink: AccessSink;
  readonly history: WriteHistory;
  readonly machine: ViewMachine;
  readonly strongFences: StrongFences;
  readonly buffer: StoreBufferConfig;
  /** Registers whose dependencies matter. */
  readonly registerCount: number;
  /** Whether its code has an ISB. */
  readonly hasContextSync: boolean;
  /** Every core of the machine, this one too, when runs begin. */
  readonly cores: readonly ViewCore[];
  /** Whether code that this CPU has left may load from a place; left out: it may until {@link Core.retire}. */
  readonly mayStillRead?: (address: number, wordCount: number) => boolean;
}

/**
 * A CPU of a weak memory model in operational form, by views and an out-of-order store buffer (after Pulte et al., PLDI
 * 2019, without promises): everything but load buffering, that is, stores that overtake earlier loads of their own CPU.
 * Instructions happen in program order. A store waits in the buffer and leaves it when fences let it; a load sees the
 * newest value, or one that was overwritten since, unless what this CPU knows forbids that: then the CPU has, in truth,
 * loaded it earlier. Rules: docs/memory-models.md.
 */
export class ViewCore implements Core, HistoryReader {
  readonly cpu: number;
  readonly drain: Operation<void>;
  readonly #sink: AccessSink;
  readonly #history: WriteHistory;
  readonly #machine: ViewMachine;
  readonly #strongFences: StrongFences;
  readonly #cores: readonly ViewCore[];
  readonly #mayStillRead: ((address: number, wordCount: number) => boolean) | undefined;
  readonly #queue: WriteQueue;
  readonly #knowledge: CpuKnowledge;
  readonly #loads: ViewLoads;
  readonly #reservation: Reservation;

  constructor(ports: ViewCorePorts) {
    const { arena, cpu, sink, history, machine, strongFences, cores, buffer, mayStillRead } = ports;
    this.cpu = cpu;
    this.#sink = sink;
    this.#history = history;
    this.#machine = machine;
    this.#strongFences = strongFences;
    this.#cores = cores;
    this.#mayStillRead = mayStillRead;
    this.#queue = new WriteQueue(arena, `cpu${cpu}.store-buffer`, buffer.entryCount);
    const knowledge = new CpuKnowledge(arena, `cpu${cpu}`, { ...ports, keepsReserved: machine.rmwMayStay });
    this.#knowledge = knowledge;
    this.#reservation = new Reservation(
      arena,
      cpu,
      (address, wordCount) => this.#queue.newestAt(address, wordCount) !== -1,
    );
    this.#loads = new ViewLoads({
      cpu,
      sink,
      history,
      machine,
      knowledge,
      queue: this.#queue,
      reservation: this.#reservation,
      mayBeOlder: (address, wordCount) => this.mayRead(address, wordCount),
    });
    this.drain = new EngineStep(
      'store buffer drains',
      { minNs: 0, maxNs: buffer.maxNs },
      {
        ready: () => this.#leaving().length > 0,
        work: (context) => this.#drainOne(context),
      },
    );
    history.addReader(this, this.#reservation);
  }

  get known(): View {
    return this.#knowledge.known;
  }

  seen(address: number): View {
    return this.#knowledge.seen(address);
  }

  mayRead(address: number, wordCount: number): boolean {
    return this.#knowledge.loads && this.#mayStillRead?.(address, wordCount) !== false;
  }

  removeRow(row: number): void {
    this.#knowledge.removeRow(row);
    this.#queue.removeRow(row);
    if (this.cpu === this.#cores[0]?.cpu) {
      this.#strongFences.removeRow(row);
    }
  }

  begin(): void {
    this.#knowledge.begin();
  }

  hasRoom(): boolean {
    return !this.#queue.isFull;
  }

  write({ access, order, addressFrom, dataFrom }: StoreRequest): void {
    this.#queue.push({
      access,
      isRelease: order !== 'relaxed',
      isRcsc: order === 'release-rcsc',
      isRmw: false,
      view: this.#knowledge.viewOf(addressFrom | dataFrom),
      read: noView,
      released: order === 'relaxed' ? noView : this.#knowledge.released,
      status: -1,
    });
    this.#knowledge.controlledBy(addressFrom);
  }

  canRead(request: LoadRequest, accepts?: AcceptsWords): boolean {
    return this.knows(request.addressFrom) && this.#loads.canRead(request, accepts);
  }

  read(request: LoadRequest, context: Pick<StepContext, 'choose'>, accepts?: AcceptsWords): readonly number[] {
    const words = this.#loads.read(request, context, accepts);
    this.#history.collect();
    return words;
  }

  peekWord(address: number): number {
    const row = this.#queue.newestAt(address, 1);
    return row === -1 ? this.#sink.readWord(address) : this.#queue.word(row, address);
  }

  canReadRegister(): boolean {
    return !this.#queue.hasRegister && !this.#queue.blocksInput;
  }

  registerRead(): void {
    this.#knowledge.registerRead();
  }

  isDrained(): boolean {
    return this.#queue.length === 0;
  }

  canModify({ address, wordCount, order, addressFrom, dataFrom }: RmwRequest): boolean {
    const hasToDrain = order.isFull || order.store !== 'relaxed';
    if (!this.knows(addressFrom | dataFrom) || (hasToDrain && !this.isDrained())) {
      return false;
    }
    const queued = this.#queue.newestAt(address, wordCount);
    return queued === -1
      ? this.#canWriteNow(address, wordCount, order.load)
      : this.#machine.rmwMayStay && this.#canWriteBehind(queued, { address, wordCount, order: order.load });
  }

  /** Nothing of this CPU has to arrive before a write here, and nobody else holds the place. */
  #canWriteNow(address: number, wordCount: number, load: LoadRequest['order']): boolean {
    return this.#loads.mayRead(load) && this.#canQueue() && !this.#isHeldByAnother(address, wordCount);
  }

  /** The read takes the own store that is in the buffer, and the write goes behind it. */
  #canWriteBehind(
    row: number,
    { address, wordCount, order }: Pick<LoadRequest, 'address' | 'wordCount' | 'order'>,
  ): boolean {
    const isWhole = this.#queue.contains(row, address, wordCount);
    return isWhole && this.#loads.mayRead(order) && this.#canQueue() && this.#loads.forwards(row, order);
  }

  #canQueue(): boolean {
    return !this.#queue.isFenced(this.#queue.length, 'store') && this.hasRoom();
  }

  modify(request: RmwRequest, change: (old: readonly number[]) => readonly number[] | undefined): readonly number[] {
    const { address, order, addressFrom, dataFrom, into } = request;
    const knowledge = this.#knowledge;
    if (order.isFull) {
      knowledge.strongFence();
    }
    // What it depends on is needed still when its result is in the register.
    const view = knowledge.viewOf(addressFrom | dataFrom);
    const queued = this.#queue.newestAt(address, request.wordCount);
    const load = { ...request, order: order.load, dataFrom: 0 };
    const passed = this.#passedOnTo(request, queued);
    const { words: old, known: read } = this.#loads.readNewest(load);
    const words = change(old);
    if (words === undefined) {
      this.#history.collect();
      return old;
    }
    const isRelease = order.isFull || order.store !== 'relaxed';
    const write: QueuedWrite = {
      access: { kind: 'store', address, words },
      isRelease,
      isRcsc: order.store === 'release-rcsc',
      isRmw: true,
      passesWritten: !this.#history.isMultiCopyAtomic && queued !== -1 && this.#queue.passesWritten(queued),
      view,
      read,
      released: join(passed, isRelease ? knowledge.released : noView),
      status: -1,
    };
    if (this.#machine.rmwMayStay && !order.isFull) {
      this.#queue.push(write);
      this.#history.collect();
      return old;
    }
    const arrived = this.#arrive(write);
    knowledge.addToRegister(into, arrived);
    knowledge.modified(arrived, order.isFull || order.load !== 'relaxed');
    if (order.isFull) {
      knowledge.strongFence();
    }
    this.#history.collect();
    return old;
  }

  /** Without multi-copy atomicity: a read-modify-write passes on what the write passed on that it read (LKMM: rmw-sequence). */
  #passedOnTo({ address }: RmwRequest, queued: number): View {
    if (this.#history.isMultiCopyAtomic) {
      return noView;
    }
    if (queued !== -1) {
      return this.#queue.releasedBy(queued);
    }
    const row = this.#history.newestAt(address);
    return row === -1 ? noView : this.#history.viewOfOthers(row);
  }

  canSucceed({ access, order, addressFrom, dataFrom }: StoreRequest): boolean {
    const { address, words } = access;
    if (
      !this.#reservation.covers(address, words.length) ||
      !this.knows(addressFrom | dataFrom) ||
      (order !== 'relaxed' && !this.isDrained())
    ) {
      return false;
    }
    // A load-reserved may have taken an own store from the buffer; the pair then is behind that store.
    return this.#queue.newestAt(address, words.length) === -1
      ? this.#canQueue() && !this.#isHeldByAnother(address, words.length)
      : this.#canQueue() && this.#reservation.isForwarded;
  }

  storeConditional(request: StoreRequest, succeeds: boolean): void {
    const { access, order, addressFrom, dataFrom, into } = request;
    this.#reservation.drop();
    const view = this.#knowledge.viewOf(addressFrom | dataFrom);
    const reserved = this.#knowledge.takeReserved();
    this.#knowledge.controlledBy(addressFrom);
    if (succeeds) {
      this.#queue.push({
        access,
        isRelease: order !== 'relaxed',
        isRcsc: order === 'release-rcsc',
        isRmw: true,
        view,
        read: reserved,
        released: order === 'relaxed' ? noView : this.#knowledge.released,
        status: this.#machine.statusIsDependency ? into : -1,
      });
    }
    this.#knowledge.setRegister(into, noView);
    this.#history.collect();
  }

  /** Loads wait at a fence, and fences keep writes apart in the buffer; so a CPU waits only where other CPUs have to know. */
  waitsAt(fence: Fence): boolean {
    return !this.#history.isMultiCopyAtomic && isStrong(fence);
  }

  fence(fence: Fence): void {
    this.#knowledge.fence(fence);
    this.#queue.fence(fence);
    if (!this.#history.isMultiCopyAtomic) {
      if ((fence.write & accessKind.write) !== 0 && this.isDrained()) {
        this.#knowledge.passOnWrites();
      }
      if (isStrong(fence)) {
        this.#knowledge.strongFence();
      }
    }
    this.#history.collect();
  }

  combine(into: number, from: number): void {
    this.#knowledge.setRegister(into, this.#knowledge.viewOf(from));
  }

  branch(from: number): void {
    this.#knowledge.controlledBy(from);
  }

  contextSync(): void {
    this.#knowledge.contextSync();
    this.#history.collect();
  }

  knows(registers: number): boolean {
    return registers === 0 || !this.#queue.isAwaited(registers);
  }

  forget(registers: number): void {
    this.#knowledge.forget(registers);
    this.#history.collect();
  }

  retire(): void {
    this.#knowledge.retire();
    this.#reservation.drop();
    this.#clearIfDone();
    this.#history.collect();
  }

  /** What one knows who loads no more is for nobody, but where others learn it by its writes. */
  #clearIfDone(): void {
    if (this.#knowledge.isRetired && (this.#history.isMultiCopyAtomic || this.isDrained())) {
      this.#knowledge.clear();
    }
  }

  #leaving(): readonly number[] {
    return this.#queue.length === 0
      ? []
      : this.#queue.leaving((address, wordCount) => this.#isHeldByAnother(address, wordCount));
  }

  #drainOne(context: StepContext): void {
    const rows = this.#leaving();
    const row = rows[context.choose('store that leaves the buffer', rows.length)] as number;
    this.#arrive(this.#queue.take(row));
    this.#clearIfDone();
    this.#history.collect();
  }

  #arrive(write: QueuedWrite): View {
    const { access, view, read, isRmw, isRcsc, status, blocksLoads = false, endsFence } = write;
    const knowledge = this.#knowledge;
    const isMultiCopyAtomic = this.#history.isMultiCopyAtomic;
    this.#sink.apply(access);
    if (access.kind !== 'store') {
      return noView;
    }
    const row = this.#history.rowCount - 1;
    const passedOn = isMultiCopyAtomic ? noView : this.#passedOnBy(write);
    this.#history.describeLast({ own: view, read, released: passedOn, isRmw });
    const arrived = this.#history.viewOfOthers(row);
    if (knowledge.isRetired && isMultiCopyAtomic) {
      return arrived;
    }
    for (let word = 0; word < access.words.length; word += 1) {
      knowledge.see(access.address + word * 4, row);
    }
    knowledge.arrived(arrived, { blocksLoads, isRcsc });
    if (endsFence === true && !isMultiCopyAtomic) {
      knowledge.passOnWrites();
    }
    if (status >= 0) {
      knowledge.addToRegister(status, arrived);
    }
    return arrived;
  }

  /** A release passes on what was known when it was issued, and the own writes before it, which have all arrived. */
  #passedOnBy({ isRelease, passesWritten, released }: QueuedWrite): View {
    const { passedOn, written } = this.#knowledge;
    return join(join(released, passedOn), isRelease || passesWritten === true ? written : noView);
  }

  #isHeldByAnother(address: number, wordCount: number): boolean {
    return this.#cores.some((core) => core !== this && core.#queue.holds(address, wordCount));
  }
}

function isStrong({ read, write }: Fence): boolean {
  const both = accessKind.read | accessKind.write;
  return (read & both) === both && (write & both) === both;
}
