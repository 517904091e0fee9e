import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';
import { FollowScheduler } from './follow.ts';
import type { Attempt, Schedule } from './schedule.ts';
import type { FailureRuns } from './shrink.ts';

const nobody = -1;

/** Two steps of a failing run whose order decides: with `second` before `first`, the run holds. */
interface Flip {
  /** Positions in the order of the failing run. */
  readonly first: number;
  readonly second: number;
  /** The run that holds. */
  readonly schedule: Schedule;
}

export interface FlipOptions {
  /** Whether an arena word is part of the machine; others are notes that make no order. */
  readonly isShared: (word: number) => boolean;
  /** Whether the order of two processes is one to ask for: not that of a CPU and its own store buffer. */
  readonly mayRace: (process: number, other: number) => boolean;
}

export interface Flips {
  /** Nearest to the failure first. */
  readonly found: readonly Flip[];
  /** Pairs turned round. */
  readonly tried: number;
}

interface Pair {
  readonly first: number;
  readonly second: number;
}

/**
 * Which single ordering decisions of a failing run decide: for each two steps of different processes that touch the same
 * word, one of them writing, and with no third step between that has to come after the one and before the other, the
 * later one is put before the earlier one; everything else keeps its order as far as it can. Where none of these makes
 * the run hold, pairs with steps of the two processes between them are tried, too: then these are turned round as well.
 */
export function findFlips(runs: FailureRuns, failing: Schedule, options: FlipOptions): Flips {
  const { attempt, steps } = touchedBy(runs, failing);
  const order = happensBefore(attempt.order, steps, options);
  let tried = 0;
  for (const pairs of [order.adjacent, order.nested]) {
    const found: Flip[] = [];
    for (const pair of pairs) {
      // One direction between two processes is one decision; the one nearest to the failure says it.
      if (found.some((each) => isSameDecision(attempt, each, pair))) continue;
      tried += 1;
      const schedule = flipped(runs, attempt, pair);
      if (schedule !== undefined) found.push({ ...pair, schedule });
    }
    if (found.length > 0) return { found, tried };
  }
  return { found: [], tried };
}

function isSameDecision({ order }: Attempt, a: Pair, b: Pair): boolean {
  return order[a.first] === order[b.first] && order[a.second] === order[b.second];
}

/** What each step of a run touches: words read and words written. */
interface Touched {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

function touchedBy(runs: FailureRuns, schedule: Schedule): { readonly attempt: Attempt; readonly steps: Touched[] } {
  const { arena } = runs.kernel;
  const follow = new FollowScheduler(runs.kernel, schedule);
  const steps: Touched[] = [];
  const watching: Scheduler = {
    name: 'watching',
    drawsTimes: false,
    begin: () => follow.begin(),
    choose: (point: ChoicePoint) => follow.choose(point),
    stepTaken: (process: number, operation: Operation) => {
      follow.stepTaken(process, operation);
      arena.startRecord();
    },
    stepDone: () => {
      arena.stopRecord();
      const touched = [...arena.touched.subarray(0, arena.touchedCount)];
      const words = (isWrite: number) => touched.filter((each) => (each & 1) === isWrite).map((each) => each >>> 1);
      steps.push({ reads: new Set(words(0)), writes: new Set(words(1)) });
    },
  };
  try {
    runs.noted(watching);
  } finally {
    arena.stopRecord();
  }
  return { attempt: follow.attempt, steps };
}

/** Steps further back than this from the failure are not looked at: pairs of steps grow with the square. */
const horizon = 1000;

/** Dependent pairs of steps of different processes, those nearest to the end of the run first. */
function happensBefore(
  order: readonly number[],
  steps: readonly Touched[],
  { isShared, mayRace }: FlipOptions,
): { readonly adjacent: readonly Pair[]; readonly nested: readonly Pair[] } {
  // By step and process: the last step of the process that has to come before it.
  const before: (readonly number[])[] = [];
  const adjacent: Pair[] = [];
  const nested: Pair[] = [];
  const start = Math.max(0, steps.length - horizon);
  for (let second = 0; second < steps.length; second += 1) {
    const later = order[second] as number;
    const last: number[] = [];
    for (let first = second - 1; first >= start; first -= 1) {
      const earlier = order[first] as number;
      const isOwn = earlier === later;
      if (!isOwn && !dependent(steps[first] as Touched, steps[second] as Touched, isShared)) continue;
      // Nearest first, so what is known by now to come before `second` may have `first` before it.
      const between = last.flatMap((step, process) =>
        step > first && (process === earlier || (before[step]?.[earlier] ?? -1) >= first) ? [process] : [],
      );
      if (!isOwn && mayRace(earlier, later)) {
        if (between.length === 0) {
          adjacent.push({ first, second });
        } else if (between.every((process) => process === earlier || process === later)) {
          nested.push({ first, second });
        }
      }
      for (const [process, step] of (before[first] ?? []).entries()) {
        last[process] = Math.max(last[process] ?? -1, step ?? -1);
      }
      last[earlier] = Math.max(last[earlier] ?? -1, first);
    }
    before.push(last);
  }
  const byNearness = (a: Pair, b: Pair) => b.second - a.second || b.first - a.first;
  return { adjacent: adjacent.sort(byNearness), nested: nested.sort(byNearness) };
}

function dependent(a: Touched, b: Touched, isShared: (word: number) => boolean): boolean {
  const meets = (words: ReadonlySet<number>, others: ReadonlySet<number>): boolean => {
    for (const word of words) {
      if (others.has(word) && isShared(word)) return true;
    }
    return false;
  };
  return meets(a.writes, b.writes) || meets(a.writes, b.reads) || meets(a.reads, b.writes);
}

/** The schedule with the second step before the first, if the run holds with it; undefined if it fails all the same. */
function flipped(runs: FailureRuns, attempt: Attempt, pair: Pair): Schedule | undefined {
  const { answers } = attempt;
  for (const order of turnedRound(attempt.order, pair)) {
    // The rest of the run is not given and may race as well: it is enough that the run holds with one of these.
    for (const heldBack of [nobody, attempt.order[pair.second] as number, attempt.order[pair.first] as number]) {
      const schedule = { order, answers, heldBack };
      const run = runs.runOn(schedule);
      const isTurned = comesFirst(attempt.order, run.attempt.order, pair);
      if (isTurned && run.outcome.end === 'finished' && !runs.isIn(run.outcome)) return schedule;
    }
  }
  return undefined;
}

/** The second step, and what its process has to do before it, just before the first; or the first just after it. */
function turnedRound(order: readonly number[], { first, second }: Pair): readonly (readonly number[])[] {
  const part = order.slice(first, second + 1);
  const [earlier, later] = [order[first], order[second]];
  const around = (middle: readonly number[]) => [...order.slice(0, first), ...middle, ...order.slice(second + 1)];
  return [
    around([...part.filter((each) => each === later), ...part.filter((each) => each !== later)]),
    around([...part.filter((each) => each !== earlier), ...part.filter((each) => each === earlier)]),
  ];
}

/** Whether, in another run, the step that was second comes, and the one that was first comes later or never. */
function comesFirst(order: readonly number[], other: readonly number[], { first, second }: Pair): boolean {
  const at = (position: number): number => {
    const process = order[position];
    let left = order.slice(0, position + 1).filter((each) => each === process).length;
    return other.findIndex((each) => {
      left -= each === process ? 1 : 0;
      return each === process && left === 0;
    });
  };
  const [placeOfFirst, placeOfSecond] = [at(first), at(second)];
  return placeOfSecond !== -1 && (placeOfFirst === -1 || placeOfSecond < placeOfFirst);
}
