import { RandomStreams, type Seed } from '../random.ts';
import type { ChoicePoint } from '../scheduler.ts';
import { emptyProfile, type SeededScheduler } from './profile.ts';

/** One run in this many idles. */
const idlingShare = 4;

/**
 * PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): processes have a random order of priorities, and the
 * first of those that may go does; at d - 1 random moments the one that would go falls behind all others. A bug that d
 * steps in the right order are enough for is found with a probability of at least 1 / (n k^(d-1)), with n processes and k
 * moments. Every process has a priority of its own, store buffers too, so that a store can stay in its buffer for long.
 */
export class PctScheduler implements SeededScheduler {
  readonly name = 'pct';
  readonly drawsTimes = false;
  readonly needsProfile = true;
  readonly depth: number;
  seed: Seed = { low: 0, high: 0 };
  profile = emptyProfile;

  readonly #streams = new RandomStreams();
  /**
   * Moments count `process` choice points, not steps: a step without an alternative comes next whatever the priorities
   * are, so a change there is one at the choice point after it, and k would grow for nothing.
   */
  #moment = 0;
  readonly #changePoints: number[] = [];
  /** By process id; priorities after a change are 1 to depth - 1, those of the beginning are larger. */
  #priorities = new Int32Array(0);

  constructor(depth: number) {
    this.depth = depth;
  }

  begin(): void {
    this.#streams.reseed(this.seed);
    this.#moment = -1;
  }

  choose(point: ChoicePoint): number {
    switch (point.kind) {
      case 'process':
        return this.#next(point);
      case 'idle':
        return this.#idle(point);
      default:
        return this.#streams.stream(point.name).below(point.count);
    }
  }

  #next(point: ChoicePoint): number {
    this.#moment += 1;
    if (this.#moment === 0) {
      this.#draw(point.candidates.length);
    }
    if (this.#moment >= this.profile.choicePoints) {
      // The guarantee ends here. Whoever still waits for another process in a loop would starve it for ever.
      return this.#streams.stream(point.name).below(point.count);
    }
    let first = this.#firstOf(point);
    for (let i = 0; i < this.#changePoints.length; i += 1) {
      if (this.#changePoints[i] === this.#moment) {
        this.#priorities[point.candidates[first] as number] = i + 1;
        first = this.#firstOf(point);
      }
    }
    return first;
  }

  /**
   * Priorities let a task begin at any moment its windows allow, and each step it idles is one more moment; so most runs
   * do not idle. Where windows are narrow, though, idling is the only way to begin late.
   */
  #idle({ name, count }: ChoicePoint): number {
    const stream = this.#streams.stream(name);
    return stream.below(idlingShare) === 0 ? stream.below(count) : 0;
  }

  #draw(processCount: number): void {
    const order = this.#streams.stream('pct priorities');
    if (this.#priorities.length !== processCount) {
      this.#priorities = new Int32Array(processCount);
    }
    const priorities = this.#priorities;
    for (let i = 0; i < processCount; i += 1) {
      const j = order.below(i + 1);
      priorities[i] = priorities[j] as number;
      priorities[j] = i + this.depth;
    }
    const moments = this.#streams.stream('pct change points');
    for (let i = 0; i < this.depth - 1; i += 1) {
      this.#changePoints[i] = moments.below(this.profile.choicePoints);
    }
  }

  #firstOf({ candidates, count }: ChoicePoint): number {
    let first = 0;
    let highest = this.#priorities[candidates[0] as number] as number;
    for (let i = 1; i < count; i += 1) {
      const priority = this.#priorities[candidates[i] as number] as number;
      if (priority > highest) {
        highest = priority;
        first = i;
      }
    }
    return first;
  }
}
