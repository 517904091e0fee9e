import type { Arena } from '../../sim/arena.ts';
import { Cell, Table } from '../../sim/containers.ts';
import { LimitReached } from '../../sim/stepper.ts';
import type { PhysicalMemory, WriteObserver } from './physical-memory.ts';
import type { Reservation } from './reservation.ts';
import { firstRows, hasRow, join, noView, oneRow, type View, withoutRow } from './views.ts';

/** Writes that somebody may still see as not done; more of them at once end the run. */
const maxRows = 64;
const maxWords = 16;
const column = { address: 0, wordCount: 1, by: 2, isRmw: 3, own: 4, released: 6, read: 8, old: 10 } as const;

/** How a CPU takes its own read-modify-write that it reads back. */
export type OwnRmw = 'as-others' | 'with-read' | 'as-store';

/** Who may see older values. */
export interface HistoryReader {
  readonly cpu: number;
  /** What is true of every write: this reader sees it, or what came after it. */
  readonly known: View;
  /** Rows below which no load of `address` can go, whatever `known` says; a word at a time. */
  seen(address: number): View;
  /** Whether a load of this place may still come. */
  mayRead(address: number, wordCount: number): boolean;
  removeRow(row: number): void;
}

/**
 * The last writes to memory in the order in which they happened, each with what it overwrote: what loads of the weak
 * memory models may still see. Memory itself has the newest values. Rows that make no difference to anyone are taken
 * out, so that states which go on alike are equal; a view is a bit for each row that is left.
 */
export class WriteHistory implements WriteObserver {
  readonly #memory: PhysicalMemory;
  readonly #rows: Table;
  readonly #count: Cell;
  readonly #readers: HistoryReader[] = [];
  readonly #reservations: Reservation[] = [];
  /** A write is known to everyone once one of them knows it (multi-copy atomicity). */
  readonly isMultiCopyAtomic: boolean;

  constructor(arena: Arena, memory: PhysicalMemory, isMultiCopyAtomic: boolean) {
    this.#memory = memory;
    this.isMultiCopyAtomic = isMultiCopyAtomic;
    this.#rows = new Table(arena, 'write-history', maxRows, column.old + maxWords);
    this.#count = new Cell(arena, 'write-history.count');
    memory.writeObserver = this;
  }

  addReader(reader: HistoryReader, reservation: Reservation): void {
    this.#readers.push(reader);
    this.#reservations.push(reservation);
  }

  get rowCount(): number {
    return this.#count.get();
  }

  /** All writes so far. */
  get all(): View {
    return firstRows(this.rowCount);
  }

  beforeWrite(address: number, wordCount: number, by: number): void {
    for (const reservation of this.#reservations) {
      reservation.written(address, wordCount, by);
    }
    const row = this.rowCount;
    if (row === maxRows) {
      throw new LimitReached(`${maxRows} writes that a CPU may still see as not done`);
    }
    this.#count.set(row + 1);
    const rows = this.#rows;
    rows.set(row, column.address, address);
    rows.set(row, column.wordCount, wordCount);
    rows.set(row, column.by, by + 1);
    for (let i = 0; i < wordCount; i += 1) {
      rows.set(row, column.old + i, this.#memory.read(address + i * 4));
    }
  }

  /** What a CPU says of the write it has just done: what it passes on to its own loads, and to those of others. */
  describeLast(write: {
    readonly own: View;
    readonly read: View;
    readonly released: View;
    readonly isRmw: boolean;
  }): void {
    const row = this.rowCount - 1;
    this.#rows.set(row, column.isRmw, Number(write.isRmw));
    this.#setView(row, column.own, write.own);
    this.#setView(row, column.read, write.read);
    this.#setView(row, column.released, write.released);
  }

  /** The row whose write a word of memory has now, or -1: older than all rows. */
  newestAt(address: number): number {
    for (let row = this.rowCount - 1; row >= 0; row -= 1) {
      if (this.overlaps(row, address, 1)) {
        return row;
      }
    }
    return -1;
  }

  overlaps(row: number, address: number, wordCount: number): boolean {
    const from = this.#rows.get(row, column.address);
    return from < address + wordCount * 4 && address < from + this.#rows.get(row, column.wordCount) * 4;
  }

  /** Replaces a word by what it was before the row, if the row wrote it. */
  wordBefore(row: number, address: number, word: number): number {
    return this.overlaps(row, address, 1)
      ? this.#rows.get(row, column.old + ((address - this.#rows.get(row, column.address)) >>> 2))
      : word;
  }

  /** What someone who reads what the row wrote knows from then on. */
  viewOf(row: number, reader: number, ownRmw: OwnRmw): View {
    if (this.#rows.get(row, column.by) !== reader + 1) {
      return this.viewOfOthers(row);
    }
    const own = this.#view(row, column.own);
    if (this.#rows.get(row, column.isRmw) === 0 || ownRmw === 'as-store') {
      return own;
    }
    return ownRmw === 'as-others' ? this.viewOfOthers(row) : join(own, this.#view(row, column.read));
  }

  viewOfOthers(row: number): View {
    if (this.isMultiCopyAtomic) {
      return firstRows(row + 1);
    }
    return join(this.#view(row, column.released), this.#coveredBy(row));
  }

  /** The row, and those before it whose place it has overwritten: whoever knows of it sees none of them again. */
  #coveredBy(row: number): View {
    let view = oneRow(row);
    for (let earlier = 0; earlier < row; earlier += 1) {
      if (this.#covers(row, earlier)) {
        view = join(view, oneRow(earlier));
      }
    }
    return view;
  }

  #covers(row: number, earlier: number): boolean {
    const rows = this.#rows;
    const [from, earlierFrom] = [rows.get(row, column.address), rows.get(earlier, column.address)];
    const end = from + rows.get(row, column.wordCount) * 4;
    return from <= earlierFrom && earlierFrom + rows.get(earlier, column.wordCount) * 4 <= end;
  }

  /** Takes out what makes no difference any more. */
  collect(): void {
    for (let row = 0; row < this.rowCount; ) {
      if (this.#isSettled(row) && (this.#tellsNothing(row) || this.#isSuperseded(row))) {
        this.#remove(row);
      } else {
        row += 1;
      }
    }
    for (let row = 0; row < this.rowCount; row += 1) {
      this.#forgetDetails(row);
    }
  }

  /** No load can give what was there before the row. */
  #isSettled(row: number): boolean {
    return this.#readers.every((reader) => this.#isSettledFor(reader, row));
  }

  #isSettledFor(reader: HistoryReader, row: number): boolean {
    const address = this.#rows.get(row, column.address);
    const wordCount = this.#rows.get(row, column.wordCount);
    if (!reader.mayRead(address, wordCount) || hasRow(reader.known, row)) {
      return true;
    }
    for (let i = 0; i < wordCount; i += 1) {
      if (!hasRow(reader.seen(address + i * 4), row) && reader.mayRead(address + i * 4, 1)) {
        return false;
      }
    }
    return true;
  }

  /** Who reads what the row wrote learns nothing by it. */
  #tellsNothing(row: number): boolean {
    const address = this.#rows.get(row, column.address);
    const wordCount = this.#rows.get(row, column.wordCount);
    const view = withoutOne(this.viewOfOthers(row), row);
    return this.#readers.every((reader) => {
      if (!reader.mayRead(address, wordCount)) {
        return true;
      }
      // What a writer keeps for itself was there before the write, so where views are prefixes it adds nothing.
      const own = this.isMultiCopyAtomic ? noView : this.viewOf(row, reader.cpu, 'with-read');
      return isWithin(view, reader.known) && isWithin(withoutOne(own, row), reader.known);
    });
  }

  #isSuperseded(row: number): boolean {
    for (let later = row + 1; later < this.rowCount; later += 1) {
      if (this.#covers(later, row) && this.#isSettled(later)) {
        return true;
      }
    }
    return false;
  }

  #remove(row: number): void {
    const last = this.rowCount - 1;
    for (let r = row; r < last; r += 1) {
      for (let i = 0; i < this.#rows.columns; i += 1) {
        this.#rows.set(r, i, this.#rows.get(r + 1, i));
      }
    }
    this.#rows.clearRow(last);
    this.#count.set(last);
    for (let r = 0; r < last; r += 1) {
      this.#setView(r, column.own, withoutRow(this.#view(r, column.own), row));
      this.#setView(r, column.released, withoutRow(this.#view(r, column.released), row));
      this.#setView(r, column.read, withoutRow(this.#view(r, column.read), row));
    }
    for (const reader of this.#readers) {
      reader.removeRow(row);
    }
  }

  /** Of a row that stays for what it tells: old values that no one can see, and words for a writer that reads no more. */
  #forgetDetails(row: number): void {
    const rows = this.#rows;
    if (this.#isSettled(row)) {
      for (let i = 0; i < maxWords; i += 1) {
        rows.set(row, column.old + i, 0);
      }
    }
    const writer = this.#readers.find(({ cpu }) => cpu + 1 === rows.get(row, column.by));
    if (writer?.mayRead(rows.get(row, column.address), rows.get(row, column.wordCount)) !== true) {
      rows.set(row, column.by, 0);
      rows.set(row, column.isRmw, 0);
      this.#setView(row, column.own, noView);
      this.#setView(row, column.read, noView);
    }
  }

  #view(row: number, at: number): View {
    const low = this.#rows.get(row, at);
    const high = this.#rows.get(row, at + 1);
    return low === 0 && high === 0 ? noView : { low, high };
  }

  #setView(row: number, at: number, view: View): void {
    this.#rows.set(row, at, view.low);
    this.#rows.set(row, at + 1, view.high);
  }
}

function isWithin(view: View, whole: View): boolean {
  return (view.low & ~whole.low) === 0 && (view.high & ~whole.high) === 0;
}

function withoutOne(view: View, row: number): View {
  const one = oneRow(row);
  return { low: view.low & ~one.low, high: view.high & ~one.high };
}
