import type { Operation } from '../operation.ts';
import { type RandomStream, RandomStreams, type Seed } from '../random.ts';
import type { ChoicePoint } from '../scheduler.ts';
import { emptyProfile, type SeededScheduler } from './profile.ts';

/**
 * POS (Yuan, Yang, Gu, CAV 2018): each pending step has a random key, and the largest goes. After a step the keys of
 * those that race with it are drawn again, so that each race is decided by chance of its own, however many steps that
 * race with nothing lie between; a random walk decides a race late as often as there are such steps.
 */
export class PosScheduler implements SeededScheduler {
  readonly name = 'pos';
  readonly drawsTimes = false;
  readonly needsProfile = true;
  seed: Seed = { low: 0, high: 0 };
  profile = emptyProfile;

  readonly #streams = new RandomStreams();
  /** By process id: key of its pending step, 0 while there is none. Drawn when first compared. */
  #keys = new Float64Array(0);
  /** By process id: kind of the pending step, while it has a key. */
  #kinds = new Int32Array(0);
  /** Kinds of the steps taken since keys were last compared. */
  readonly #taken: number[] = [];

  begin(): void {
    this.#streams.reseed(this.seed);
    this.#keys.fill(0);
    this.#taken.length = 0;
  }

  choose(point: ChoicePoint): number {
    const stream = this.#streams.stream(point.name);
    return point.kind === 'process' ? this.#next(point, stream) : stream.below(point.count);
  }

  stepTaken(processId: number, operation: Operation): void {
    const hasKey = (this.#keys[processId] ?? 0) > 0;
    this.#taken.push(hasKey ? (this.#kinds[processId] as number) : this.profile.kindOf(processId, operation));
    if (hasKey) {
      this.#keys[processId] = 0;
    }
  }

  #next({ candidates, count, operations }: ChoicePoint, stream: RandomStream): number {
    if (this.#keys.length !== candidates.length) {
      this.#keys = new Float64Array(candidates.length);
      this.#kinds = new Int32Array(candidates.length);
    }
    this.#forgetKeysOfRaces();
    let largest = 0;
    let answer = 0;
    for (let i = 0; i < count; i += 1) {
      const id = candidates[i] as number;
      let key = this.#keys[id] as number;
      if (key === 0) {
        key = (stream.next() >>> 0) + 1;
        this.#keys[id] = key;
        const operation = operations[id];
        this.#kinds[id] = operation === undefined ? -1 : this.profile.kindOf(id, operation);
      }
      if (key > largest) {
        largest = key;
        answer = i;
      }
    }
    return answer;
  }

  /** Also those of processes that may not go now: their keys are of the time before the race. */
  #forgetKeysOfRaces(): void {
    const taken = this.#taken;
    for (let id = 0; id < this.#keys.length; id += 1) {
      const kind = this.#kinds[id] as number;
      for (let i = 0; i < taken.length && this.#keys[id] !== 0; i += 1) {
        if (this.profile.race(taken[i] as number, kind)) {
          this.#keys[id] = 0;
        }
      }
    }
    taken.length = 0;
  }
}
