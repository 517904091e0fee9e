import { RandomStream, type Seed } from '../../sim/random.ts';
import type { ChoicePoint, Scheduler } from '../../sim/scheduler.ts';

export const pingSeed: Seed = { low: 0x2a, high: 0 };

/** Moments drawn uniformly from one stream, with no more to it: what is measured is the kernel. */
export class UniformScheduler implements Scheduler {
  readonly name = 'uniform';
  readonly drawsTimes = true;
  readonly #stream = new RandomStream('ping');

  begin(): void {
    this.#stream.reseed(pingSeed);
  }

  choose(point: ChoicePoint): number {
    return this.#stream.below(point.count);
  }
}
