import type { Arena } from '../../sim/arena.ts';
import { WordArray } from '../../sim/containers.ts';

/** The place that a CPU has load-reserved, until someone else writes there (RISC-V LR/SC, Armv8 exclusive monitor). */
export class Reservation {
  readonly cpu: number;
  /** Address plus 1, 0 for none; words. */
  readonly #state: WordArray;

  constructor(arena: Arena, cpu: number) {
    this.cpu = cpu;
    this.#state = new WordArray(arena, `cpu${cpu}.reservation`, 2);
  }

  take(address: number, wordCount: number): void {
    this.#state.set(0, address + 1);
    this.#state.set(1, wordCount);
  }

  drop(): void {
    this.#state.set(0, 0);
    this.#state.set(1, 0);
  }

  covers(address: number, wordCount: number): boolean {
    return this.#state.get(0) === address + 1 && this.#state.get(1) >= wordCount;
  }

  /** Somebody writes. */
  written(address: number, wordCount: number, by: number): void {
    const from = this.#state.get(0) - 1;
    if (from >= 0 && by !== this.cpu && from < address + wordCount * 4 && address < from + this.#state.get(1) * 4) {
      this.drop();
    }
  }
}
