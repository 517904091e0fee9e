import type { Arena } from '../arena.ts';

/**
 * Which words steps have touched, as one stack of entries (2 * index, plus 1 for a write): a search frees them in the
 * order opposite to that in which it made them. Two steps are independent if neither writes what the other touches.
 */
export class FootprintStack {
  top = 0;
  #entries = new Int32Array(1 << 12);
  /** By word: the comparison in which the present step is known to read and to write it. */
  readonly #readIn: Int32Array;
  readonly #writtenIn: Int32Array;
  #comparison = 0;

  constructor(arena: Arena) {
    this.#readIn = new Int32Array(arena.wordCount);
    this.#writtenIn = new Int32Array(arena.wordCount);
  }

  /** Adds what the arena has recorded. */
  push(arena: Arena): void {
    const { touched, touchedCount } = arena;
    this.#makeRoom(touchedCount);
    for (let i = 0; i < touchedCount; i += 1) {
      this.#entries[this.top + i] = touched[i] as number;
    }
    this.top += touchedCount;
  }

  /** Adds entries that are further down once more. */
  repeat(from: number, to: number): void {
    this.#makeRoom(to - from);
    this.#entries.copyWithin(this.top, from, to);
    this.top += to - from;
  }

  #makeRoom(count: number): void {
    while (this.top + count > this.#entries.length) {
      const larger = new Int32Array(this.#entries.length * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
  }

  /** {@link isIndependent} compares with these entries from here on. */
  select(from: number, to: number): void {
    this.#comparison += 1;
    for (let i = from; i < to; i += 1) {
      const entry = this.#entries[i] as number;
      ((entry & 1) === 1 ? this.#writtenIn : this.#readIn)[entry >>> 1] = this.#comparison;
    }
  }

  /** Whether the entries say that one of the selected words was written. */
  writesSelected(from: number, to: number): boolean {
    for (let i = from; i < to; i += 1) {
      const entry = this.#entries[i] as number;
      if ((entry & 1) === 1 && this.#readIn[entry >>> 1] === this.#comparison) {
        return true;
      }
    }
    return false;
  }

  isIndependent(from: number, to: number): boolean {
    for (let i = from; i < to; i += 1) {
      const entry = this.#entries[i] as number;
      const index = entry >>> 1;
      if (
        this.#writtenIn[index] === this.#comparison ||
        ((entry & 1) === 1 && this.#readIn[index] === this.#comparison)
      ) {
        return false;
      }
    }
    return true;
  }
}
