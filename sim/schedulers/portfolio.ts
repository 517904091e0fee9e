import type { Operation } from '../operation.ts';
import type { Seed } from '../random.ts';
import type { ChoicePoint } from '../scheduler.ts';
import { PctScheduler } from './pct.ts';
import { PosScheduler } from './pos.ts';
import { emptyProfile, type Profile, type SeededScheduler } from './profile.ts';
import { RandomScheduler } from './random.ts';

/**
 * Several strategies in turn, as each finds what the others rarely do: a random walk, POS, PCT of depth 2 and of depth 3.
 * The turn goes by the seed, not by the number of the run: a printed seed alone repeats its run, and however seeds are
 * shared out among workers, the runs are the same.
 */
export class PortfolioScheduler implements SeededScheduler {
  readonly name = 'portfolio';
  readonly drawsTimes = false;
  readonly #members: readonly [SeededScheduler, ...SeededScheduler[]] = [
    new RandomScheduler(),
    new PosScheduler(),
    new PctScheduler(2),
    new PctScheduler(3),
  ];
  #member = this.#members[0];
  #profile = emptyProfile;

  get seed(): Seed {
    return this.#member.seed;
  }

  set seed(seed: Seed) {
    // 2^32 is a multiple of four, so the lower half decides alone.
    this.#member = this.#members[(seed.low >>> 0) % this.#members.length] as SeededScheduler;
    this.#member.seed = seed;
    this.#member.profile = this.#profile;
  }

  get needsProfile(): boolean {
    return this.#member.needsProfile;
  }

  get profile(): Profile {
    return this.#profile;
  }

  set profile(profile: Profile) {
    this.#profile = profile;
    this.#member.profile = profile;
  }

  begin(): void {
    this.#member.begin();
  }

  choose(point: ChoicePoint): number {
    return this.#member.choose(point);
  }

  stepTaken(processId: number, operation: Operation): void {
    this.#member.stepTaken?.(processId, operation);
  }
}
