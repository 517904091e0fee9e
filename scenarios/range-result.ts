import type { Violation } from '../sim/violation.ts';

/** The first run of a range that broke a rule, and how many did. */
export interface Found {
  readonly violation: Violation;
  readonly seed: bigint;
  readonly run: number;
  readonly count: number;
}

/**
 * What some runs of a case came to. Plain data, so that it can come from another process; sums of it do not depend on
 * how the runs were split, nor on the order in which the parts arrive.
 */
export interface RangeResult {
  readonly runs: number;
  readonly events: number;
  /** One for each broken rule: by run, and within a run in the order found. */
  readonly found: readonly Found[];
  /** Names of `reach` that some run reached. */
  readonly reached: readonly string[];
  /** The first run that says nothing about the case, and why. */
  readonly inconclusive: { readonly run: number; readonly reason: string } | undefined;
}

export const noRuns: RangeResult = { runs: 0, events: 0, found: [], reached: [], inconclusive: undefined };

/** The sum of two ranges that share no run. */
export function mergeRanges(a: RangeResult, b: RangeResult): RangeResult {
  return {
    runs: a.runs + b.runs,
    events: a.events + b.events,
    found: mergeFound(a.found, b.found),
    reached: [...new Set([...a.reached, ...b.reached])],
    inconclusive: earlier(a.inconclusive, b.inconclusive),
  };
}

function mergeFound(a: readonly Found[], b: readonly Found[]): readonly Found[] {
  const all = [...a, ...b];
  const firsts = all.filter((one) =>
    all.every((other) => other === one || !isSameRule(one, other) || one.run < other.run),
  );
  const summed = firsts.map((first) => {
    const count = all.filter((other) => isSameRule(first, other)).reduce((sum, other) => sum + other.count, 0);
    return { ...first, count };
  });
  // Rules that one run broke first come from one range, in its order: the sort is stable.
  return summed.sort((one, other) => one.run - other.run);
}

function isSameRule(one: Found, other: Found): boolean {
  return one.violation.rule === other.violation.rule;
}

function earlier<T extends { readonly run: number }>(a: T | undefined, b: T | undefined): T | undefined {
  return a === undefined || (b !== undefined && b.run < a.run) ? b : a;
}
