import { PctScheduler } from '../sim/schedulers/pct.ts';
import { PortfolioScheduler } from '../sim/schedulers/portfolio.ts';
import { PosScheduler } from '../sim/schedulers/pos.ts';
import type { Profile, SeededScheduler } from '../sim/schedulers/profile.ts';
import { RandomScheduler } from '../sim/schedulers/random.ts';
import { TimedScheduler } from '../sim/schedulers/timed.ts';
import type { Guarantee } from './report.ts';
import { defaultDepth, type Strategy, seededStrategy } from './strategy-names.ts';

/** A scheduler whose next run has to be given a seed first; `depth` is for `pct`. */
export function makeScheduler(strategy: Strategy, depth = defaultDepth): SeededScheduler {
  switch (seededStrategy(strategy)) {
    case 'portfolio':
      return new PortfolioScheduler();
    case 'random':
      return new RandomScheduler();
    case 'pos':
      return new PosScheduler();
    case 'pct':
      return new PctScheduler(depth);
    case 'timed':
      return new TimedScheduler();
  }
}

/** Gives the next run its seed. */
export function setSeed(scheduler: SeededScheduler, seed: bigint): void {
  scheduler.seed = { low: Number(seed & 0xffff_ffffn) | 0, high: Number(seed >> 32n) | 0 };
}

/**
 * How likely one run of PCT at least finds a bug that takes `depth` steps in the right order: 1 / (n k^(depth-1)), and
 * of several worlds that a run draws one of, in the largest, if the bug is in one alone.
 */
export function guaranteeOf(profiles: readonly Profile[], depth: number): Guarantee {
  const processes = Math.max(...profiles.map((profile) => profile.processes));
  const choicePoints = Math.max(...profiles.map((profile) => profile.choicePoints));
  const probability = 1 / (profiles.length * processes * choicePoints ** (depth - 1));
  return { depth, processes, choicePoints, probability };
}
