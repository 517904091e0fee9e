import type { Arena } from '../../sim/arena.ts';
import { Table } from '../../sim/containers.ts';

/** What somebody knows of the write history: a bit for each of its rows. */
export interface View {
  readonly low: number;
  readonly high: number;
}

export const noView: View = { low: 0, high: 0 };

export function join(a: View, b: View): View {
  if ((b.low & ~a.low) === 0 && (b.high & ~a.high) === 0) {
    return a;
  }
  return { low: a.low | b.low, high: a.high | b.high };
}

export function inBoth(a: View, b: View): View {
  return { low: a.low & b.low, high: a.high & b.high };
}

/** Rows 0 to `count - 1`. */
export function firstRows(count: number): View {
  if (count >= 32) {
    return { low: -1, high: count === 64 ? -1 : (1 << (count - 32)) - 1 };
  }
  return { low: (1 << count) - 1, high: 0 };
}

export function oneRow(row: number): View {
  return row < 32 ? { low: 1 << row, high: 0 } : { low: 0, high: 1 << (row - 32) };
}

export function hasRow(view: View, row: number): boolean {
  return ((row < 32 ? view.low >>> row : view.high >>> (row - 32)) & 1) === 1;
}

/** The same after a row has been taken out of the history: those above it move down. */
export function withoutRow({ low, high }: View, row: number): View {
  if (row >= 32) {
    const below = (1 << (row - 32)) - 1;
    return { low, high: (high & below) | ((high >>> 1) & ~below) };
  }
  const below = (1 << row) - 1;
  const shifted = (low & below) | ((low >>> 1) & ~below);
  return { low: (shifted & 0x7fff_ffff) | ((high & 1) << 31), high: high >>> 1 };
}

/** Views that are kept, by number. */
export class ViewArray {
  readonly #table: Table;

  constructor(arena: Arena, name: string, count: number) {
    this.#table = new Table(arena, name, count, 2);
  }

  get length(): number {
    return this.#table.rows;
  }

  get(at: number): View {
    const low = this.#table.get(at, 0);
    const high = this.#table.get(at, 1);
    return low === 0 && high === 0 ? noView : { low, high };
  }

  set(at: number, view: View): void {
    this.#table.set(at, 0, view.low);
    this.#table.set(at, 1, view.high);
  }

  add(at: number, view: View): void {
    this.set(at, join(this.get(at), view));
  }

  removeRow(row: number): void {
    for (let at = 0; at < this.length; at += 1) {
      const view = this.get(at);
      if (view !== noView) {
        this.set(at, withoutRow(view, row));
      }
    }
  }

  clear(): void {
    for (let at = 0; at < this.length; at += 1) {
      this.set(at, noView);
    }
  }
}
