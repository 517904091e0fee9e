import { mixHigh, mixLow } from '../hash.ts';
import type { Stepper } from '../stepper.ts';
import type { ProcessHistories } from './process-histories.ts';

/** Farther than any time of a run; stands for "no latest moment". */
const farNs = 2 ** 52;

/**
 * The fingerprint of the state a search is in: all arena words and where bodies stand, both kept up to date by those who
 * have them, and where the search keeps the windows, what is left of each: an earliest moment that is past is as good as now.
 */
export class StateKey {
  low = 0;
  high = 0;
  readonly #stepper: Stepper;
  readonly #keepsWindows: boolean;

  readonly #histories: ProcessHistories;

  constructor(stepper: Stepper, histories: ProcessHistories, keepsWindows: boolean) {
    this.#stepper = stepper;
    this.#histories = histories;
    this.#keepsWindows = keepsWindows;
  }

  /** Takes the present state; `extra` is what a search knows of it besides. */
  take(extra: number): void {
    const { arena } = this.#stepper;
    this.low = arena.hashLow ^ this.#histories.low;
    this.high = arena.hashHigh ^ this.#histories.high;
    if (this.#keepsWindows) {
      this.#windows((position, value) => this.#mix(arena.wordCount + position, value));
    }
    if (extra !== -1) {
      this.#mix(-1, extra);
    }
  }

  /** The same as text, with nothing hashed. */
  exact(extra: number): string {
    const words = [extra, ...this.#stepper.arena.differences()];
    if (this.#keepsWindows) {
      this.#windows((_, value) => words.push(value));
    }
    return `${words.join(' ')} ${this.#histories.exactKey()}`;
  }

  #windows(each: (position: number, value: number) => void): void {
    const { nowNs } = this.#stepper;
    const { isPending, earliestNs, latestNs, count } = this.#stepper.processes;
    for (let id = 0; id < count; id += 1) {
      if (isPending[id] === 1) {
        const fromNs = Math.max(0, (earliestNs[id] as number) - nowNs);
        const toNs = Math.min((latestNs[id] as number) - nowNs, farNs);
        each(4 * id, fromNs | 0);
        each(4 * id + 1, Math.floor(fromNs / 0x1_0000_0000));
        each(4 * id + 2, toNs | 0);
        each(4 * id + 3, Math.floor(toNs / 0x1_0000_0000));
      }
    }
  }

  #mix(position: number, value: number): void {
    this.low ^= mixLow(position, value);
    this.high ^= mixHigh(position, value);
  }
}
