import type { Arena } from '../../sim/arena.ts';
import { WordArray } from '../../sim/containers.ts';

const column = { addressAndOne: 0, wordCount: 1, isForwarded: 2 } as const;

/** The place that a CPU has load-reserved, until someone else writes there (RISC-V LR/SC, Armv8 exclusive monitor). */
export class Reservation {
  readonly cpu: number;
  readonly #state: WordArray;
  readonly #isBehindOwnStore: (address: number, wordCount: number) => boolean;

  constructor(arena: Arena, cpu: number, isBehindOwnStore: (address: number, wordCount: number) => boolean) {
    this.cpu = cpu;
    this.#state = new WordArray(arena, `cpu${cpu}.reservation`, 3);
    this.#isBehindOwnStore = isBehindOwnStore;
  }

  /** `isForwarded`: the load took an own store that is still in the store buffer. */
  take(address: number, wordCount: number, isForwarded: boolean): void {
    this.#state.set(column.addressAndOne, address + 1);
    this.#state.set(column.wordCount, wordCount);
    this.#state.set(column.isForwarded, Number(isForwarded));
  }

  drop(): void {
    this.#state.set(column.addressAndOne, 0);
    this.#state.set(column.wordCount, 0);
    this.#state.set(column.isForwarded, 0);
  }

  get isForwarded(): boolean {
    return this.#state.get(column.isForwarded) === 1;
  }

  covers(address: number, wordCount: number): boolean {
    return this.#state.get(column.addressAndOne) === address + 1 && this.#state.get(column.wordCount) >= wordCount;
  }

  /** Somebody writes. What others write before an own store that was read is before the pair as well. */
  written(address: number, wordCount: number, by: number): void {
    const from = this.#state.get(column.addressAndOne) - 1;
    const count = this.#state.get(column.wordCount);
    if (from < 0 || by === this.cpu || from >= address + wordCount * 4 || address >= from + count * 4) {
      return;
    }
    if (!(this.isForwarded && this.#isBehindOwnStore(from, count))) {
      this.drop();
    }
  }
}
