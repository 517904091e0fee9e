import type { Arena } from '../../sim/arena.ts';
import { WordArray } from '../../sim/containers.ts';

/** A register's PPN: 44 bits, as the address of the page. */
export class PagePointer {
  readonly #words: WordArray;

  constructor(arena: Arena, name: string, initial = 0) {
    this.#words = new WordArray(arena, name, 2);
    this.set(initial);
  }

  /** In bytes. */
  get(): number {
    return ((this.#words.get(0) >>> 0) + this.#words.get(1) * 0x1_0000_0000) * 4096;
  }

  set(address: number): void {
    const page = Math.floor(address / 4096);
    this.#words.set(0, page | 0);
    this.#words.set(1, Math.floor(page / 0x1_0000_0000));
  }

  /** PPN[53:10] of a register whose other bits are below. */
  withLowBits(bits: number): readonly number[] {
    const page = this.get() / 4096;
    return [(((page % 2 ** 22) * 1024) | bits) >>> 0, Math.floor(page / 2 ** 22)];
  }
}
