import type { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { Fifo } from '../../sim/containers.ts';
import { accessKind, type Fence } from './access-order.ts';
import type { Access } from './memory-model.ts';
import { lineBytes } from './physical-memory.ts';
import { noView, type View, withoutRow } from './views.ts';

const kinds = ['store', 'register', 'flush', 'fence'] as const;
const kindOf = { store: 0, register: 1, flush: 2, fence: 3 } as const;
const column = {
  kind: 0,
  address: 1,
  wordCount: 2,
  flags: 3,
  view: 4,
  released: 6,
  read: 8,
  /** Of a fence: what waits for writes and for device output, a byte each. Of a store-conditional: its status register plus 1. */
  extra: 10,
  firstWord: 11,
} as const;
const maxWords = 16;

/** `passesWritten`: see QueuedWrite. `isRmw`: the place is this CPU's until the write has arrived. `blocksLoads`, `blocksInput`: a fence came after it. */
const flag = { release: 1, rcsc: 2, rmw: 4, blocksLoads: 8, blocksInput: 16, passesWritten: 32 } as const;

export interface QueuedWrite {
  readonly access: Access;
  readonly isRelease: boolean;
  readonly isRcsc: boolean;
  readonly isRmw: boolean;
  /** Without multi-copy atomicity: it passes on what a release passes on, as it has read one from this buffer. */
  readonly passesWritten?: boolean;
  readonly view: View;
  /** Of a read-modify-write: what its read knew. */
  readonly read: View;
  readonly released: View;
  /** Register that is not known until a store-conditional has arrived, or -1. */
  readonly status: number;
  /** A fence has made later loads wait for it. */
  readonly blocksLoads?: boolean;
  /** It was the last that a fence before later writes waited for. */
  readonly endsFence?: boolean;
}

/**
 * The writes of one CPU that have not arrived yet, in program order, with the fences between them. They may leave in
 * any order that places, fences and releases allow.
 */
export class WriteQueue {
  readonly #entries: Fifo;
  readonly #capacity: number;

  constructor(arena: Arena, name: string, capacity: number) {
    this.#capacity = capacity;
    // Before and behind each write there is at most one fence.
    this.#entries = new Fifo(arena, name, 2 * capacity + 1, column.firstWord + maxWords);
  }

  get length(): number {
    return this.#entries.length;
  }

  get isFull(): boolean {
    let writes = 0;
    for (let row = 0; row < this.length; row += 1) {
      writes += this.#kind(row) === 'fence' ? 0 : 1;
    }
    return writes >= this.#capacity;
  }

  push(write: QueuedWrite): void {
    const { access, isRelease, isRcsc, isRmw, passesWritten, view, read, released, status } = write;
    const { kind, address, words } = access;
    assert(words.length <= maxWords, 'a store fits an entry of the store buffer');
    const entries = this.#entries;
    const row = entries.push();
    entries.set(row, column.kind, kindOf[kind]);
    entries.set(row, column.address, address);
    entries.set(row, column.wordCount, words.length);
    const flags =
      (isRelease ? flag.release : 0) |
      (isRcsc ? flag.rcsc : 0) |
      (isRmw ? flag.rmw : 0) |
      (passesWritten === true ? flag.passesWritten : 0);
    entries.set(row, column.flags, flags);
    this.#setView(row, column.view, view);
    this.#setView(row, column.released, released);
    this.#setView(row, column.read, read);
    entries.set(row, column.extra, status + 1);
    for (let i = 0; i < words.length; i += 1) {
      entries.set(row, column.firstWord + i, words[i] as number);
    }
  }

  /** Later writes wait for those that are here, as the fence says; loads and device input may too. */
  fence(fence: Fence): void {
    const entries = this.#entries;
    for (let row = 0; row < this.length; row += 1) {
      const after = this.#afterOf(row, fence);
      const blocks =
        ((after & accessKind.read) === 0 ? 0 : flag.blocksLoads) |
        ((after & accessKind.input) === 0 ? 0 : flag.blocksInput);
      entries.set(row, column.flags, entries.get(row, column.flags) | blocks);
    }
    const writes = accessKind.write | accessKind.output;
    const bits = (fence.write & writes) | ((fence.output & writes) << 8);
    if (bits === 0 || !this.#hasBefore(this.length, bits)) {
      return;
    }
    const last = this.length - 1;
    const row = this.#kind(last) === 'fence' ? last : entries.push();
    entries.set(row, column.kind, kindOf.fence);
    entries.set(row, column.extra, entries.get(row, column.extra) | bits);
  }

  #afterOf(row: number, fence: Fence): number {
    switch (this.#kind(row)) {
      case 'fence':
        return 0;
      case 'register':
        return fence.output;
      default:
        return fence.write;
    }
  }

  /** A real write before `row` that a fence with these bits speaks of. */
  #hasBefore(row: number, bits: number): boolean {
    for (let before = 0; before < row; before += 1) {
      const kind = this.#kind(before);
      if (kind !== 'fence' && (kind === 'register' ? bits >>> 8 : bits & 0xff) !== 0) {
        return true;
      }
    }
    return false;
  }

  /** Whether a write of this kind, put at `row`, has to wait for one before it because of a fence. */
  isFenced(row: number, kind: 'store' | 'register' | 'flush'): boolean {
    const after = kind === 'register' ? accessKind.output : accessKind.write;
    for (let fence = 0; fence < row; fence += 1) {
      if (this.#kind(fence) === 'fence') {
        const bits = this.#entries.get(fence, column.extra);
        const relevant = (((bits >>> 8) & after) << 8) | (bits & after);
        if (relevant !== 0 && this.#hasBefore(fence, relevant)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Rows that may leave now; `isLocked` asks for places that other CPUs hold. */
  leaving(isLocked: (address: number, wordCount: number) => boolean): readonly number[] {
    const rows: number[] = [];
    for (let row = 0; row < this.length; row += 1) {
      if (this.#mayLeave(row, isLocked)) {
        rows.push(row);
      }
    }
    return rows;
  }

  #mayLeave(row: number, isLocked: (address: number, wordCount: number) => boolean): boolean {
    const kind = this.#kind(row);
    if (kind === 'fence' || (row > 0 && (this.#flags(row) & flag.release) !== 0)) {
      return false;
    }
    for (let before = 0; before < row; before += 1) {
      if (this.#samePlace(before, row)) {
        return false;
      }
    }
    return !this.isFenced(row, kind) && !(kind === 'store' && isLocked(this.address(row), this.wordCount(row)));
  }

  #samePlace(before: number, row: number): boolean {
    const kind = this.#kind(row);
    const other = this.#kind(before);
    if (kind === 'register' || other === 'register') {
      return kind === other;
    }
    if (kind === 'flush' || other === 'flush') {
      return (
        other !== 'fence' && Math.floor(this.address(row) / lineBytes) === Math.floor(this.address(before) / lineBytes)
      );
    }
    return other !== 'fence' && this.overlaps(before, this.address(row), this.wordCount(row));
  }

  /** Takes a write out, and fences with nothing left to keep back. */
  take(row: number): QueuedWrite {
    const entries = this.#entries;
    const words: number[] = [];
    for (let i = 0; i < this.wordCount(row); i += 1) {
      words.push(entries.get(row, column.firstWord + i) >>> 0);
    }
    const kind = this.#kind(row);
    assert(kind !== 'fence', 'a write leaves the buffer');
    const flags = this.#flags(row);
    const taken = {
      access: { kind, address: this.address(row), words },
      isRelease: (flags & flag.release) !== 0,
      isRcsc: (flags & flag.rcsc) !== 0,
      isRmw: (flags & flag.rmw) !== 0,
      passesWritten: (flags & flag.passesWritten) !== 0,
      view: this.view(row),
      read: this.readOf(row),
      released: this.#view(row, column.released),
      status: entries.get(row, column.extra) - 1,
      blocksLoads: (flags & flag.blocksLoads) !== 0,
    };
    entries.remove(row);
    let endsFence = false;
    for (let fence = 0; fence < this.length; ) {
      if (this.#kind(fence) === 'fence' && !this.#hasBefore(fence, entries.get(fence, column.extra))) {
        entries.remove(fence);
        endsFence = true;
      } else {
        fence += 1;
      }
    }
    return { ...taken, endsFence };
  }

  /** The last write that overlaps a place, or -1. */
  newestAt(address: number, wordCount: number): number {
    for (let row = this.length - 1; row >= 0; row -= 1) {
      if (this.#kind(row) === 'store' && this.overlaps(row, address, wordCount)) {
        return row;
      }
    }
    return -1;
  }

  overlaps(row: number, address: number, wordCount: number): boolean {
    const from = this.address(row);
    return this.#kind(row) === 'store' && from < address + wordCount * 4 && address < from + this.wordCount(row) * 4;
  }

  contains(row: number, address: number, wordCount: number): boolean {
    const from = this.address(row);
    return from <= address && address + wordCount * 4 <= from + this.wordCount(row) * 4;
  }

  address(row: number): number {
    return this.#entries.get(row, column.address) >>> 0;
  }

  wordCount(row: number): number {
    return this.#entries.get(row, column.wordCount);
  }

  word(row: number, address: number): number {
    return this.#entries.get(row, column.firstWord + ((address - this.address(row)) >>> 2)) >>> 0;
  }

  words(row: number, address: number, wordCount: number): readonly number[] {
    const words: number[] = [];
    for (let word = address; word < address + wordCount * 4; word += 4) {
      words.push(this.word(row, word));
    }
    return words;
  }

  view(row: number): View {
    return this.#view(row, column.view);
  }

  /** Of a read-modify-write: what its read knew. */
  readOf(row: number): View {
    return this.#view(row, column.read);
  }

  /** A release, or what passes on as one does. */
  passesWritten(row: number): boolean {
    return (this.#flags(row) & (flag.release | flag.passesWritten)) !== 0;
  }

  releasedBy(row: number): View {
    return this.#view(row, column.released);
  }

  isRmw(row: number): boolean {
    return (this.#flags(row) & flag.rmw) !== 0;
  }

  /** Whether a write with one of these properties is here. */
  get blocksLoads(): boolean {
    return this.#hasFlag(flag.blocksLoads);
  }

  get blocksInput(): boolean {
    return this.#hasFlag(flag.blocksInput);
  }

  get hasRcsc(): boolean {
    return this.#hasFlag(flag.rcsc);
  }

  get hasRegister(): boolean {
    for (let row = 0; row < this.length; row += 1) {
      if (this.#kind(row) === 'register') {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether this CPU holds a place until a read-modify-write has arrived. Behind an own store to the place it need not:
   * what others write before that store is before the read as well.
   */
  holds(address: number, wordCount: number): boolean {
    for (let row = 0; row < this.length; row += 1) {
      if (this.isRmw(row) && this.overlaps(row, address, wordCount) && !this.#hasStoreBefore(row)) {
        return true;
      }
    }
    return false;
  }

  #hasStoreBefore(row: number): boolean {
    for (let before = 0; before < row; before += 1) {
      if (this.overlaps(before, this.address(row), this.wordCount(row))) {
        return true;
      }
    }
    return false;
  }

  /** Whether a store-conditional has not arrived that one of these registers gets its result from. */
  isAwaited(registers: number): boolean {
    for (let row = 0; row < this.length; row += 1) {
      const status = this.#kind(row) === 'store' ? this.#entries.get(row, column.extra) - 1 : -1;
      if (status >= 0 && (registers & (1 << status)) !== 0) {
        return true;
      }
    }
    return false;
  }

  removeRow(historyRow: number): void {
    for (let row = 0; row < this.length; row += 1) {
      this.#setView(row, column.view, withoutRow(this.view(row), historyRow));
      this.#setView(row, column.released, withoutRow(this.#view(row, column.released), historyRow));
      this.#setView(row, column.read, withoutRow(this.#view(row, column.read), historyRow));
    }
  }

  #kind(row: number): (typeof kinds)[number] {
    return kinds[this.#entries.get(row, column.kind)] as (typeof kinds)[number];
  }

  #flags(row: number): number {
    return this.#entries.get(row, column.flags);
  }

  #hasFlag(bit: number): boolean {
    for (let row = 0; row < this.length; row += 1) {
      if ((this.#flags(row) & bit) !== 0) {
        return true;
      }
    }
    return false;
  }

  #view(row: number, at: number): View {
    const low = this.#entries.get(row, at);
    const high = this.#entries.get(row, at + 1);
    return low === 0 && high === 0 ? noView : { low, high };
  }

  #setView(row: number, at: number, view: View): void {
    this.#entries.set(row, at, view.low);
    this.#entries.set(row, at + 1, view.high);
  }
}
