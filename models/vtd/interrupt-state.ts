import type { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { interruptEntryWords } from './interrupt-entry-cache.ts';

/** The latches of one interrupt in flight. They are arena words, as invalidations and fingerprints depend on them. */
export class InterruptState {
  readonly source: number;
  readonly entry: WordArray;
  readonly provenance: Cell;
  /** Index of the interrupt that is on its way by a latched entry, plus 1; 0: there is none. */
  readonly #onTheWay: Cell;

  constructor(arena: Arena, source: number, name: string) {
    this.source = source;
    this.entry = new WordArray(arena, `${name}.entry`, interruptEntryWords);
    this.provenance = new Cell(arena, `${name}.provenance`);
    this.#onTheWay = new Cell(arena, `${name}.on-the-way`);
  }

  sendOff(index: number): void {
    this.#onTheWay.set(index + 1);
  }

  isOnTheWay(isMeant: (index: number) => boolean): boolean {
    return this.#onTheWay.get() !== 0 && isMeant(this.#onTheWay.get() - 1);
  }

  /** Forgets the interrupt: equal states must be equal words. */
  clear(): void {
    for (let i = 0; i < this.entry.length; i += 1) {
      this.entry.set(i, 0);
    }
    this.provenance.set(0);
    this.#onTheWay.set(0);
  }
}
