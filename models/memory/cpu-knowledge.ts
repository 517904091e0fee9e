import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import { accessKind, type Fence } from './access-order.ts';
import type { LoadRequest } from './memory-model.ts';
import { inBoth, join, noView, oneRow, type View, ViewArray } from './views.ts';
import type { WriteHistory } from './write-history.ts';

/** Numbers of the views that are kept; registers come behind them. */
const at = {
  /** No later read gives anything older. */
  known: 0,
  /** All reads so far. */
  reads: 1,
  /** Own writes that have arrived. */
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
  /** What the last load-reserved knew. */
  reserved: 9,
  registers: 10,
} as const;

/** A CPU that has not begun, or loads no more, holds back nothing. */
const phase = { begins: 0, loads: 1, retired: 2 } as const;

/** Without multi-copy atomicity: what all strong fences so far have made known. */
export class StrongFences extends ViewArray {
  constructor(arena: Arena) {
    super(arena, 'strong-fences', 1);
  }
}

/** What one CPU knows of the write history: the thread state of the model, without the store buffer. */
export class CpuKnowledge {
  readonly #history: WriteHistory;
  readonly #strongFences: StrongFences;
  readonly #hasContextSync: boolean;
  /** Own read-modify-writes that are read back tell what their read knew. */
  readonly #keepsReserved: boolean;
  readonly #views: ViewArray;
  readonly #phase: Cell;

  constructor(
    arena: Arena,
    name: string,
    parts: {
      history: WriteHistory;
      strongFences: StrongFences;
      registerCount: number;
      hasContextSync: boolean;
      keepsReserved: boolean;
    },
  ) {
    this.#history = parts.history;
    this.#strongFences = parts.strongFences;
    this.#hasContextSync = parts.hasContextSync;
    this.#keepsReserved = parts.keepsReserved;
    this.#views = new ViewArray(arena, `${name}.views`, at.registers + parts.registerCount);
    this.#phase = new Cell(arena, `${name}.phase`);
  }

  /** Code of this CPU is under way and has loads. */
  get loads(): boolean {
    return this.#phase.get() === phase.loads;
  }

  get isRetired(): boolean {
    return this.#phase.get() === phase.retired;
  }

  get known(): View {
    return this.#views.get(at.known);
  }

  seen(address: number): View {
    return this.#views.get(seenAt(address));
  }

  begin(): void {
    if (this.#phase.get() === phase.begins) {
      this.#phase.set(phase.loads);
      this.#views.set(at.known, this.#history.all);
    }
  }

  retire(): void {
    this.#phase.set(phase.retired);
  }

  clear(): void {
    this.#views.clear();
  }

  removeRow(row: number): void {
    this.#views.removeRow(row);
  }

  /** Join of what registers depend on, given as bits. */
  viewOf(registers: number): View {
    let view = noView;
    for (let bits = registers; bits !== 0; bits &= bits - 1) {
      view = join(view, this.#views.get(at.registers + 31 - Math.clz32(bits & -bits)));
    }
    return view;
  }

  setRegister(register: number, view: View): void {
    if (register >= 0) {
      this.#views.set(at.registers + register, view);
    }
  }

  addToRegister(register: number, view: View): void {
    if (register >= 0) {
      this.#views.add(at.registers + register, view);
    }
  }

  forget(registers: number): void {
    for (let register = 0; register < this.#views.length - at.registers; register += 1) {
      if ((registers & (1 << register)) !== 0) {
        this.#views.set(at.registers + register, noView);
      }
    }
  }

  /** What a load cannot give anything older than, its own place left aside. */
  lowerBound({ addressFrom, order }: LoadRequest): View {
    const bound = join(this.known, this.viewOf(addressFrom));
    return order === 'acquire-rcsc' ? join(bound, this.#views.get(at.rcscReleases)) : bound;
  }

  /** Whether this CPU has read or written the word at or after the row. */
  hasSeen(row: number, word: number): boolean {
    const view = this.seen(word);
    return ((row < 32 ? view.low >>> row : view.high >>> (row - 32)) & 1) === 1;
  }

  /** Reads or writes a word at a row. */
  see(word: number, row: number): void {
    for (let earlier = row; earlier >= 0; earlier -= 1) {
      if (this.#history.overlaps(earlier, word, 1)) {
        this.#views.add(seenAt(word), oneRow(earlier));
      }
    }
  }

  /** A load has given a value that knows `view`. Gives what is known by the load: all it could not be older than, and what its value told. */
  loaded(request: LoadRequest, view: View): View {
    const { order, addressFrom, into } = request;
    const after = join(this.lowerBound(request), view);
    if (request.givesNothing !== true) {
      this.#views.add(at.reads, after);
    }
    if (!this.#history.isMultiCopyAtomic) {
      // What a strong fence has made known stays known along any chain of reads and writes behind it (LKMM: pb).
      this.#views.add(at.passedOn, inBoth(after, this.#strongFences.get(0)));
      if (order === 'acquire-rcsc') {
        // A lock: writes behind it come with those before the unlock that it follows, on whichever CPU that was.
        this.#views.add(at.passedOn, join(view, this.#views.get(at.writes)));
      }
    }
    this.controlledBy(addressFrom);
    if (order !== 'relaxed') {
      this.#views.add(at.known, after);
    }
    this.setRegister(into, after);
    if (request.reserves === true && this.#keepsReserved) {
      this.#views.set(at.reserved, after);
    }
    return after;
  }

  /** What the load-reserved of a pair knew; its store-conditional asks once. */
  takeReserved(): View {
    const view = this.#views.get(at.reserved);
    this.#views.set(at.reserved, noView);
    return view;
  }

  /** An address, or a branch, depends on these registers. */
  controlledBy(registers: number): void {
    if (this.#hasContextSync) {
      this.#views.add(at.control, this.viewOf(registers));
    }
  }

  contextSync(): void {
    this.#views.add(at.known, this.#views.get(at.control));
  }

  registerRead(): void {
    this.#views.add(at.input, this.#history.all);
  }

  /** An own write has arrived as the last row; `view` is what others read by it. */
  arrived(view: View, { blocksLoads, isRcsc }: { readonly blocksLoads: boolean; readonly isRcsc: boolean }): void {
    this.#views.add(at.writes, view);
    if (blocksLoads) {
      this.#views.add(at.known, view);
    }
    if (isRcsc) {
      this.#views.add(at.rcscReleases, view);
    }
  }

  /** A read-modify-write that is one event: whoever has read by it has written by it too. */
  modified(view: View, isAcquire: boolean): void {
    this.#views.add(at.reads, view);
    if (isAcquire) {
      this.#views.add(at.known, view);
    }
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
  }

  /** Without multi-copy atomicity: later writes pass on the own ones that have arrived. */
  passOnWrites(): void {
    this.#views.add(at.passedOn, this.#views.get(at.writes));
  }

  /** Own writes that have arrived, and what they passed on. */
  get written(): View {
    return this.#views.get(at.writes);
  }

  /** What the next write tells those who read it, besides itself: nothing where that is a prefix of the history anyway. */
  get passedOn(): View {
    return this.#views.get(at.passedOn);
  }

  /** The same for a release. */
  get released(): View {
    return this.#history.isMultiCopyAtomic ? noView : this.#everything;
  }

  /**
   * Everything read and written is known from here on. Without multi-copy atomicity it is known besides to all who pass
   * such a fence later (the kernel's model: strong-fence, cumulative and for all CPUs).
   */
  strongFence(): void {
    const views = this.#views;
    views.add(at.known, this.#everything);
    if (!this.#history.isMultiCopyAtomic) {
      views.add(at.known, this.#strongFences.get(0));
      views.add(at.passedOn, this.known);
      this.#strongFences.add(0, this.known);
    }
  }

  get #everything(): View {
    const views = this.#views;
    return join(join(views.get(at.known), views.get(at.reads)), views.get(at.writes));
  }
}

function seenAt(word: number): number {
  return (word & 4) === 0 ? at.seenEven : at.seenOdd;
}
