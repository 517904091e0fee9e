import type { Arena } from './arena.ts';
import { assert } from './assert.ts';

/** One 32-bit word of state. */
export class Cell {
  readonly #arena: Arena;
  readonly index: number;

  constructor(arena: Arena, name: string, initial = 0) {
    this.#arena = arena;
    this.index = arena.allocate(name, 1);
    arena.put(this.index, initial);
  }

  get(): number {
    return this.#arena.get(this.index);
  }

  set(value: number): void {
    this.#arena.put(this.index, value);
  }
}

/** A fixed number of words, addressed by position. */
export class WordArray {
  readonly #arena: Arena;
  readonly base: number;
  readonly length: number;

  constructor(arena: Arena, name: string, length: number) {
    this.#arena = arena;
    this.length = length;
    this.base = arena.allocate(name, length);
  }

  get(position: number): number {
    return this.#arena.get(this.base + position);
  }

  set(position: number, value: number): void {
    this.#arena.put(this.base + position, value);
  }
}

/** Rows of a fixed number of columns, as a hardware structure of fixed capacity is. */
export class Table {
  readonly #arena: Arena;
  readonly base: number;
  readonly rows: number;
  readonly columns: number;

  constructor(arena: Arena, name: string, rows: number, columns: number) {
    this.#arena = arena;
    this.rows = rows;
    this.columns = columns;
    this.base = arena.allocate(name, rows * columns);
  }

  /** Arena index of the first word of a row. */
  rowBase(row: number): number {
    return this.base + row * this.columns;
  }

  get(row: number, column: number): number {
    return this.#arena.get(this.base + row * this.columns + column);
  }

  set(row: number, column: number, value: number): void {
    this.#arena.put(this.base + row * this.columns + column, value);
  }

  clearRow(row: number): void {
    for (let column = 0; column < this.columns; column += 1) {
      this.set(row, column, 0);
    }
  }
}

/**
 * A queue of records. Contents always start at slot 0 and free slots are 0, so that two queues with equal contents are
 * equal words whatever happened before; capacities are small, so moving up costs little.
 */
export class Fifo {
  readonly #table: Table;
  readonly #length: Cell;

  constructor(arena: Arena, name: string, capacity: number, columns: number) {
    this.#length = new Cell(arena, `${name}.length`);
    this.#table = new Table(arena, name, capacity, columns);
  }

  get length(): number {
    return this.#length.get();
  }

  get capacity(): number {
    return this.#table.rows;
  }

  get isFull(): boolean {
    return this.length === this.capacity;
  }

  /** Adds a record of zeros at the end and returns its row. */
  push(): number {
    const row = this.length;
    assert(row < this.capacity, 'the queue has room');
    this.#length.set(row + 1);
    return row;
  }

  get(row: number, column: number): number {
    return this.#table.get(row, column);
  }

  set(row: number, column: number, value: number): void {
    this.#table.set(row, column, value);
  }

  /** Arena index of a column of a record. */
  indexOf(row: number, column: number): number {
    return this.#table.rowBase(row) + column;
  }

  /** Takes out one record; those behind it move up. */
  remove(row: number): void {
    const last = this.length - 1;
    assert(row <= last, 'the record exists');
    for (let r = row; r < last; r += 1) {
      for (let column = 0; column < this.#table.columns; column += 1) {
        this.#table.set(r, column, this.#table.get(r + 1, column));
      }
    }
    this.#table.clearRow(last);
    this.#length.set(last);
  }
}

/** Bits 0 to `length - 1`. */
export class BitSet {
  readonly #words: WordArray;

  constructor(arena: Arena, name: string, length: number) {
    this.#words = new WordArray(arena, name, Math.ceil(length / 32));
  }

  has(bit: number): boolean {
    return (this.#words.get(bit >>> 5) & (1 << (bit & 31))) !== 0;
  }

  set(bit: number, on: boolean): void {
    const word = this.#words.get(bit >>> 5);
    this.#words.set(bit >>> 5, on ? word | (1 << (bit & 31)) : word & ~(1 << (bit & 31)));
  }

  get count(): number {
    let count = 0;
    for (let i = 0; i < this.#words.length; i += 1) {
      for (let word = this.#words.get(i); word !== 0; word &= word - 1) {
        count += 1;
      }
    }
    return count;
  }

  /** The `rank`-th bit that is set, counted from 0. */
  nth(rank: number): number {
    let left = rank;
    for (let i = 0; i < this.#words.length; i += 1) {
      for (let word = this.#words.get(i); word !== 0; word &= word - 1) {
        if (left === 0) {
          return i * 32 + (31 - Math.clz32(word & -word));
        }
        left -= 1;
      }
    }
    throw new RangeError(`the set has no bit of rank ${rank}`);
  }
}
