import { RandomStreams, type Seed } from '../random.ts';
import type { ChoicePoint } from '../scheduler.ts';
import { emptyProfile, type SeededScheduler } from './profile.ts';

/**
 * Draws a moment in each window, as a real machine would show one. Windows reach from nanoseconds to a second, and
 * uniform moments would put every CPU step long after the hardware has come to rest; so the order of magnitude is drawn
 * first, in whole bits, then the moment inside it. Integers only: the same everywhere.
 */
export class TimedScheduler implements SeededScheduler {
  readonly name = 'timed';
  readonly drawsTimes = true;
  readonly needsProfile = false;
  profile = emptyProfile;
  readonly #streams = new RandomStreams();

  /** The seed of the next run. */
  seed: Seed = { low: 0, high: 0 };

  begin(): void {
    this.#streams.reseed(this.seed);
  }

  choose(point: ChoicePoint): number {
    const stream = this.#streams.stream(point.name);
    if (point.kind !== 'delay') {
      return stream.below(point.count);
    }
    const largest = point.count - 1;
    const upper = Math.floor(largest / 0x1_0000_0000);
    const bits = upper > 0 ? 64 - Math.clz32(upper) : 32 - Math.clz32(largest);
    return stream.below(Math.min(point.count, 2 ** stream.below(bits + 1)));
  }
}
