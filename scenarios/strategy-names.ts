/** Strategies of which a seed makes one schedule. */
export const seededStrategies = ['portfolio', 'random', 'pos', 'pct', 'timed'] as const;

export type SeededStrategy = (typeof seededStrategies)[number];

/** `recheck` runs the schedules of `portfolio`, each of them twice. */
export type Strategy = SeededStrategy | 'recheck';

/** The depth of `pct` when none is given: most races are between two steps. */
export const defaultDepth = 2;

/** What PCT promises of deeper bugs is as good as nothing. */
export const maxDepth = 16;

/** The strategy whose schedules a strategy runs. */
export function seededStrategy(strategy: Strategy): SeededStrategy {
  return strategy === 'recheck' ? 'portfolio' : strategy;
}
