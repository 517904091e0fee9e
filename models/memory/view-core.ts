import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import { Operation, type StepContext } from '../../sim/operation.ts';
import { accessKind, type Fence } from './access-order.ts';
import type { AcceptsWords, AccessSink, Core, LoadRequest, RmwRequest, StoreRequest } from './memory-model.ts';
import { Reservation } from './reservation.ts';
import type { StoreBufferConfig } from './tso-core.ts';
import { hasRow, join, noView, oneRow, type View, ViewArray } from './views.ts';
import type { HistoryReader, WriteHistory } from './write-history.ts';
import { WriteQueue } from './write-queue.ts';

/** What the architectures differ in. */
export interface ViewMachine {
  /** A load does not take its value from this CPU's own read-modify-write before that has arrived. */
  readonly forwardsRmw: 'never' | 'not-to-acquire' | 'always';
  /** The write of a read-modify-write may arrive after later writes; else it is one event with the read. */
  readonly rmwMayStay: boolean;
  /** What depends on the result of a store-conditional is ordered after its write. */
  readonly statusIsDependency: boolean;
}

/** Numbers of the views a core keeps; registers come behind them. */
const at = {
  /** No later read gives anything older. */
  known: 0,
  /** All reads so far. */
  reads: 1,
  /** Own writes that have arrived, and what they knew. */
  writes: 2,
  /** What branches and addresses depend on. */
  control: 3,
  /** Own RCsc releases that have arrived. */
  rcscReleases: 4,
  /** Reads of device registers. */
  input: 5,
  /** Rows below which reads of their own place cannot go: of even and of odd words. */
  seenEven: 6,
  seenOdd: 7,
  /** Without multi-copy atomicity: what own writes pass on from here. */
  passedOn: 8,
  registers: 9,
} as const;

const phase = { begins: 0, loads: 1, retired: 2 } as const;

/** Without multi-copy atomicity: what all strong fences so far have made known. */
export class StrongFences {
  readonly views: ViewArray;

  constructor(arena: Arena) {
    this.views = new ViewArray(arena, 'strong-fences', 1);
  }
}

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
  readonly #views: ViewArray;
  readonly #reservation: Reservation;
  /** A CPU that has not begun, or loads no more, holds back nothing. */
  readonly #phase: Cell;

  constructor(ports: ViewCorePorts) {
    const { arena, cpu, sink, history, machine, strongFences, cores, buffer, registerCount, mayStillRead } = ports;
    this.cpu = cpu;
    this.#sink = sink;
    this.#history = history;
    this.#machine = machine;
    this.#strongFences = strongFences;
    this.#cores = cores;
    this.#mayStillRead = mayStillRead;
    this.#queue = new WriteQueue(arena, `cpu${cpu}.store-buffer`, buffer.entryCount);
    this.#views = new ViewArray(arena, `cpu${cpu}.views`, at.registers + registerCount);
    this.#reservation = new Reservation(arena, cpu);
    this.#phase = new Cell(arena, `cpu${cpu}.phase`);
    this.drain = new Drain(this, buffer.maxNs);
    history.addReader(this, this.#reservation);
  }

  get known(): View {
    return this.#views.get(at.known);
  }

  seen(address: number): View {
    return this.#views.get((address & 4) === 0 ? at.seenEven : at.seenOdd);
  }

  mayRead(address: number, wordCount: number): boolean {
    return this.#phase.get() === phase.loads && this.#mayStillRead?.(address, wordCount) !== false;
  }

  removeRow(row: number): void {
    this.#views.removeRow(row);
    this.#queue.removeRow(row);
    if (this.cpu === this.#cores[0]?.cpu) {
      this.#strongFences.views.removeRow(row);
    }
  }

  begin(): void {
    if (this.#phase.get() === phase.begins) {
      this.#phase.set(phase.loads);
      this.#views.set(at.known, this.#history.all);
    }
  }

  hasRoom(): boolean {
    return !this.#queue.isFull;
  }

  write({ access, order, addressFrom, dataFrom }: StoreRequest): void {
    const address = this.#viewOf(addressFrom);
    this.#queue.push({
      access,
      isRelease: order !== 'relaxed',
      isRcsc: order === 'release-rcsc',
      isRmw: false,
      view: join(address, this.#viewOf(dataFrom)),
      released: order === 'relaxed' ? noView : this.#everythingKnown,
      status: -1,
    });
    this.#views.add(at.control, address);
  }

  canRead(request: LoadRequest, accepts?: AcceptsWords): boolean {
    const { address, wordCount, order } = request;
    if (!this.knows(request.addressFrom) || this.#queue.blocksLoads) {
      return false;
    }
    if (order === 'acquire-rcsc' && this.#queue.hasRcsc) {
      return false;
    }
    const newest = this.#queue.newestAt(address, wordCount);
    if (newest !== -1 && !(this.#queue.contains(newest, address, wordCount) && this.#forwards(newest, order))) {
      return false;
    }
    return accepts === undefined || this.#versions(request, accepts).length > 0;
  }

  #forwards(row: number, order: LoadRequest['order']): boolean {
    const { forwardsRmw } = this.#machine;
    return (
      !this.#queue.isRmw(row) || forwardsRmw === 'always' || (forwardsRmw === 'not-to-acquire' && order === 'relaxed')
    );
  }

  read(request: LoadRequest, context: Pick<StepContext, 'choose'>, accepts?: AcceptsWords): readonly number[] {
    if (this.#queue.newestAt(request.address, request.wordCount) !== -1) {
      return this.#forward(request);
    }
    const versions = this.#versions(request, accepts);
    const picked = versions.length === 1 ? 0 : context.choose('value seen', versions.length);
    return this.#see(request, versions[picked] as number);
  }

  /** What the load may give: -1 for the newest, else memory as it was before a row was written; newest first. */
  #versions(request: LoadRequest, accepts: AcceptsWords | undefined): readonly number[] {
    const { address, wordCount } = request;
    const queued = this.#queue.newestAt(address, wordCount);
    const all = queued === -1 ? [-1, ...this.#olderVersions(request)] : [-1];
    if (accepts === undefined) {
      return all;
    }
    return all.filter((before) => {
      const words: number[] = [];
      for (let word = address; word < address + wordCount * 4; word += 4) {
        words.push(queued === -1 ? this.#wordAt(word, before) : this.#queue.word(queued, word));
      }
      return accepts(words);
    });
  }

  #forward(request: LoadRequest): readonly number[] {
    const { address, wordCount } = request;
    const row = this.#queue.newestAt(address, wordCount);
    const words: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      words.push(this.#queue.word(row, address + i * 4));
    }
    if (request.reserves === true) {
      this.#reservation.take(address, wordCount);
    }
    this.#afterRead(request, this.#queue.view(row));
    return words;
  }

  /** Rows before which the load may see memory, newest first. */
  #olderVersions(request: LoadRequest): readonly number[] {
    const { address, wordCount } = request;
    const rows: number[] = [];
    if (!this.mayRead(address, wordCount)) {
      return rows;
    }
    const bound = this.#lowerBound(request);
    for (let row = this.#history.rowCount - 1; row >= 0; row -= 1) {
      if (this.#history.overlaps(row, address, wordCount)) {
        if (hasRow(bound, row) || this.#hasSeen(row, address, wordCount)) {
          break;
        }
        rows.push(row);
      }
    }
    return rows;
  }

  #lowerBound({ addressFrom, order }: LoadRequest): View {
    const bound = join(this.known, this.#viewOf(addressFrom));
    return order === 'acquire-rcsc' ? join(bound, this.#views.get(at.rcscReleases)) : bound;
  }

  #hasSeen(row: number, address: number, wordCount: number): boolean {
    for (let i = 0; i < wordCount; i += 1) {
      const word = address + i * 4;
      if (this.#history.overlaps(row, word, 1) && hasRow(this.seen(word), row)) {
        return true;
      }
    }
    return false;
  }

  #wordAt(address: number, before: number): number {
    let word = this.#sink.readWord(address);
    if (before >= 0) {
      for (let row = this.#history.rowCount - 1; row >= before; row -= 1) {
        word = this.#history.wordBefore(row, address, word);
      }
    }
    return word >>> 0;
  }

  /** The load gives what memory held before a row was written; -1: what it holds now. */
  #see(request: LoadRequest, before: number): readonly number[] {
    const { address, wordCount, order } = request;
    const end = before === -1 ? this.#history.rowCount : before;
    const words: number[] = [];
    let view = noView;
    const asOthers = this.#machine.forwardsRmw === 'never' || order !== 'relaxed';
    for (let i = 0; i < wordCount; i += 1) {
      const word = address + i * 4;
      words.push(this.#wordAt(word, before));
      for (let row = end - 1, isNewest = true; row >= 0; row -= 1) {
        if (this.#history.overlaps(row, word, 1)) {
          this.#views.add((word & 4) === 0 ? at.seenEven : at.seenOdd, oneRow(row));
          if (isNewest) {
            view = join(view, this.#history.viewOf(row, this.cpu, asOthers));
            isNewest = false;
          }
        }
      }
    }
    if (request.reserves === true) {
      if (before === -1) {
        this.#reservation.take(address, wordCount);
      } else {
        this.#reservation.drop();
      }
    }
    this.#afterRead(request, view);
    return words;
  }

  #afterRead(request: LoadRequest, view: View): void {
    const { order, addressFrom, into } = request;
    const after = join(this.#lowerBound(request), view);
    this.#views.add(at.reads, after);
    this.#views.add(at.control, this.#viewOf(addressFrom));
    if (order !== 'relaxed') {
      this.#views.add(at.known, after);
    }
    this.#setRegister(into, after);
    this.#history.collect();
  }

  peekWord(address: number): number {
    const row = this.#queue.newestAt(address, 1);
    return row === -1 ? this.#sink.readWord(address) : this.#queue.word(row, address);
  }

  canReadRegister(): boolean {
    return !this.#queue.hasRegister && !this.#queue.blocksInput;
  }

  registerRead(): void {
    this.#views.add(at.input, this.#history.all);
  }

  isDrained(): boolean {
    return this.#queue.length === 0;
  }

  canModify(request: RmwRequest): boolean {
    const { address, wordCount, order, addressFrom, dataFrom } = request;
    if (order.isFull || order.store !== 'relaxed') {
      // A full one comes after every earlier write, and so does a release.
      return this.isDrained() && !this.#isHeldByAnother(address, wordCount);
    }
    return this.knows(addressFrom | dataFrom) && this.#canWriteNow(address, wordCount, order.load);
  }

  /** Nothing of this CPU has to arrive before a write here, and nobody else holds the place. */
  #canWriteNow(address: number, wordCount: number, load: LoadRequest['order']): boolean {
    return (
      !this.#queue.blocksLoads &&
      !(load === 'acquire-rcsc' && this.#queue.hasRcsc) &&
      this.#queue.newestAt(address, wordCount) === -1 &&
      !this.#queue.isFenced(this.#queue.length, 'store') &&
      !this.#isHeldByAnother(address, wordCount) &&
      this.hasRoom()
    );
  }

  modify(request: RmwRequest, change: (old: readonly number[]) => readonly number[] | undefined): readonly number[] {
    const { address, wordCount, order, addressFrom, dataFrom, into } = request;
    if (order.isFull) {
      this.#strongFence();
    }
    const old = this.#see({ address, wordCount, order: order.load, addressFrom, dataFrom: 0, into }, -1);
    const words = change(old);
    if (words === undefined) {
      return old;
    }
    const isRelease = order.isFull || order.store !== 'relaxed';
    const write = {
      access: { kind: 'store', address, words },
      isRelease,
      isRcsc: order.store === 'release-rcsc',
      isRmw: true,
      view: join(this.#viewOf(addressFrom), this.#viewOf(dataFrom)),
      released: isRelease ? this.#everythingKnown : noView,
      status: -1,
    } as const;
    if (this.#machine.rmwMayStay && !order.isFull) {
      this.#queue.push(write);
      return old;
    }
    const view = this.#arrive(write);
    if (!this.#machine.rmwMayStay || order.isFull) {
      // One event: whoever has read by it has written by it too.
      this.#addToRegister(into, view);
      this.#views.add(at.reads, view);
      if (order.load !== 'relaxed' || order.isFull) {
        this.#views.add(at.known, view);
      }
    }
    if (order.isFull) {
      this.#strongFence();
    }
    this.#history.collect();
    return old;
  }

  canSucceed({ access, order, addressFrom, dataFrom }: StoreRequest): boolean {
    const { address, words } = access;
    return (
      this.#reservation.covers(address, words.length) &&
      this.knows(addressFrom | dataFrom) &&
      (order === 'relaxed' || this.isDrained()) &&
      this.#canWriteNow(address, words.length, 'relaxed')
    );
  }

  storeConditional(request: StoreRequest, succeeds: boolean): void {
    const { access, order, addressFrom, dataFrom, into } = request;
    this.#reservation.drop();
    const address = this.#viewOf(addressFrom);
    this.#views.add(at.control, address);
    if (succeeds) {
      this.#queue.push({
        access,
        isRelease: order !== 'relaxed',
        isRcsc: order === 'release-rcsc',
        isRmw: true,
        view: join(address, this.#viewOf(dataFrom)),
        released: order === 'relaxed' ? noView : this.#everythingKnown,
        status: this.#machine.statusIsDependency ? into : -1,
      });
    }
    this.#setRegister(into, noView);
    this.#history.collect();
  }

  waitsAt(fence: Fence): boolean {
    return !this.#history.isMultiCopyAtomic && isStrong(fence);
  }

  fence(fence: Fence): void {
    const views = this.#views;
    if ((fence.read & accessKind.read) !== 0) {
      views.add(at.known, views.get(at.reads));
    }
    if ((fence.input & accessKind.read) !== 0) {
      views.add(at.known, views.get(at.input));
    }
    if ((fence.write & accessKind.read) !== 0) {
      views.add(at.known, views.get(at.writes));
    }
    this.#queue.fence(fence);
    if (!this.#history.isMultiCopyAtomic) {
      if ((fence.write & accessKind.write) !== 0 && this.isDrained()) {
        views.add(at.passedOn, views.get(at.writes));
      }
      if (isStrong(fence)) {
        this.#strongFence();
      }
    }
    this.#history.collect();
  }

  /** Without multi-copy atomicity: all that is known here is known to all who pass such a fence later. */
  #strongFence(): void {
    if (this.#history.isMultiCopyAtomic) {
      this.#views.add(at.known, join(this.#views.get(at.reads), this.#views.get(at.writes)));
      return;
    }
    const views = this.#views;
    const strong = this.#strongFences.views;
    views.add(at.known, strong.get(0));
    views.add(at.known, this.#everythingKnown);
    views.add(at.passedOn, this.known);
    strong.add(0, this.known);
  }

  get #everythingKnown(): View {
    if (this.#history.isMultiCopyAtomic) {
      return noView;
    }
    const views = this.#views;
    return join(join(views.get(at.known), views.get(at.reads)), views.get(at.writes));
  }

  combine(into: number, from: number): void {
    this.#setRegister(into, this.#viewOf(from));
  }

  branch(from: number): void {
    this.#views.add(at.control, this.#viewOf(from));
  }

  contextSync(): void {
    this.#views.add(at.known, this.#views.get(at.control));
    this.#history.collect();
  }

  knows(registers: number): boolean {
    return registers === 0 || !this.#queue.isAwaited(registers);
  }

  forget(registers: number): void {
    for (let register = 0; register < this.#views.length - at.registers; register += 1) {
      if ((registers & (1 << register)) !== 0) {
        this.#views.set(at.registers + register, noView);
      }
    }
    this.#history.collect();
  }

  retire(): void {
    this.#phase.set(phase.retired);
    this.#reservation.drop();
    this.#clearIfDone();
    this.#history.collect();
  }

  /** Views of one who loads no more are for nobody, but where others learn what its writes knew. */
  #clearIfDone(): void {
    if (this.#phase.get() === phase.retired && (this.#history.isMultiCopyAtomic || this.isDrained())) {
      this.#views.clear();
    }
  }

  /** Rows of the buffer that may arrive now. */
  leaving(): readonly number[] {
    return this.#queue.length === 0
      ? []
      : this.#queue.leaving((address, wordCount) => this.#isHeldByAnother(address, wordCount));
  }

  letLeave(row: number): void {
    this.#arrive(this.#queue.take(row));
    this.#clearIfDone();
    this.#history.collect();
  }

  #arrive(write: ReturnType<WriteQueue['take']>): View {
    const { access, view, released, isRmw, isRcsc, status, blocksLoads, endsFence } = write;
    this.#sink.apply(access);
    if (access.kind !== 'store') {
      return noView;
    }
    const row = this.#history.rowCount - 1;
    const passedOn = this.#history.isMultiCopyAtomic ? noView : join(released, this.#views.get(at.passedOn));
    this.#history.describeLast({ own: view, released: passedOn, isRmw });
    const arrived = this.#history.viewOfOthers(row);
    const views = this.#views;
    if (this.#phase.get() === phase.retired && this.#history.isMultiCopyAtomic) {
      return arrived;
    }
    for (let word = 0; word < access.words.length; word += 1) {
      const address = access.address + word * 4;
      for (let earlier = 0; earlier <= row; earlier += 1) {
        if (this.#history.overlaps(earlier, address, 1)) {
          views.add((address & 4) === 0 ? at.seenEven : at.seenOdd, oneRow(earlier));
        }
      }
    }
    views.add(at.writes, arrived);
    if (endsFence === true && !this.#history.isMultiCopyAtomic) {
      views.add(at.passedOn, views.get(at.writes));
    }
    if (blocksLoads === true) {
      views.add(at.known, arrived);
    }
    if (isRcsc) {
      views.add(at.rcscReleases, arrived);
    }
    if (status >= 0) {
      this.#addToRegister(status, arrived);
    }
    return arrived;
  }

  #isHeldByAnother(address: number, wordCount: number): boolean {
    return this.#cores.some((core) => core !== this && core.#queue.holds(address, wordCount));
  }

  #viewOf(registers: number): View {
    let view = noView;
    for (let bits = registers; bits !== 0; bits &= bits - 1) {
      view = join(view, this.#views.get(at.registers + 31 - Math.clz32(bits & -bits)));
    }
    return view;
  }

  #setRegister(register: number, view: View): void {
    if (register >= 0) {
      this.#views.set(at.registers + register, view);
    }
  }

  #addToRegister(register: number, view: View): void {
    if (register >= 0) {
      this.#views.add(at.registers + register, view);
    }
  }
}

function isStrong({ read, write }: Fence): boolean {
  const both = accessKind.read | accessKind.write;
  return (read & both) === both && (write & both) === both;
}

class Drain extends Operation<void> {
  readonly label = 'store buffer drains';
  override get guarded(): boolean {
    return true;
  }

  readonly #core: ViewCore;

  constructor(core: ViewCore, maxNs: number) {
    super(0, maxNs);
    this.#core = core;
  }

  override ready(): boolean {
    return this.#core.leaving().length > 0;
  }

  execute(context: StepContext): void {
    const rows = this.#core.leaving();
    this.#core.letLeave(rows[context.choose('store that leaves the buffer', rows.length)] as number);
  }
}
