import { RandomStreams, type Seed } from '../random.ts';
import type { ChoicePoint } from '../scheduler.ts';
import { emptyProfile, type SeededScheduler } from './profile.ts';

/** Uniform among the alternatives of every choice; a stream for each name. */
export class RandomScheduler implements SeededScheduler {
  readonly name = 'random';
  readonly drawsTimes = false;
  readonly needsProfile = false;
  profile = emptyProfile;
  readonly #streams = new RandomStreams();

  /** The seed of the next run. */
  seed: Seed = { low: 0, high: 0 };

  begin(): void {
    this.#streams.reseed(this.seed);
  }

  choose(point: ChoicePoint): number {
    return this.#streams.stream(point.name).below(point.count);
  }
}
