import type { Kernel } from '../kernel.ts';
import type { Scheduler } from '../scheduler.ts';
import { isSameFailure, type RunOutcome, type Violation } from '../violation.ts';
import { candidatesOf } from './candidates.ts';
import { FollowScheduler, NotingScheduler } from './follow.ts';
import { type Attempt, isShorter, type Schedule } from './schedule.ts';

export interface ShrinkOptions {
  /** Candidate runs; deterministic, unlike time. */
  readonly maxRuns: number;
  /** Asked before each candidate; true ends the search with what it has. */
  readonly shouldStop: () => boolean;
}

export interface Shrunk {
  readonly before: Attempt;
  readonly after: Attempt;
  /** Candidates run. */
  readonly runs: number;
  /** `minimal`: no candidate of any phase is shorter; `runs`, `stopped`: the search was cut before that. */
  readonly end: 'minimal' | 'runs' | 'stopped';
}

/** Runs that end where one failure is seen, on one kernel. */
export class FailureRuns {
  readonly kernel: Kernel;
  readonly #violation: Violation;

  constructor(kernel: Kernel, violation: Violation) {
    this.kernel = kernel;
    this.#violation = violation;
  }

  /** What a scheduler does up to the failure; undefined if the run does not fail in this way. */
  noted(scheduler: Scheduler): Attempt | undefined {
    const noting = new NotingScheduler(this.kernel, scheduler);
    return this.#fails(noting) ? noting.attempt : undefined;
  }

  followed(schedule: Schedule): Attempt | undefined {
    const follow = new FollowScheduler(this.kernel, schedule);
    return this.#fails(follow) ? follow.attempt : undefined;
  }

  /** The whole run, beyond the failure. */
  runOn(schedule: Schedule): { readonly outcome: RunOutcome; readonly attempt: Attempt } {
    const follow = new FollowScheduler(this.kernel, schedule);
    const outcome = this.kernel.run(follow);
    return { outcome, attempt: follow.attempt };
  }

  /** Whether an outcome has the failure. */
  isIn({ violations }: RunOutcome): boolean {
    return violations.some((each) => isSameFailure(each, this.#violation));
  }

  #fails(scheduler: Scheduler): boolean {
    const { stepper } = this.kernel;
    const { onViolation } = stepper;
    // A rule that does not stop a run would let it go on, and what comes after has no part in the failure.
    stepper.onViolation = (violation) => {
      onViolation(violation);
      stepper.stopping ||= isSameFailure(violation, this.#violation);
    };
    try {
      return this.isIn(this.kernel.run(scheduler));
    } finally {
      stepper.onViolation = onViolation;
    }
  }
}

/**
 * Looks for the shortest schedule that fails in the same way: fewest context switches first, then steps, then the
 * simplest answers. Candidates come from what the best one so far really did; the first shorter one that fails takes its
 * place. Ends when a whole round of them has nothing shorter, so that the result is minimal in every single one of them.
 */
export function shrink(runs: FailureRuns, start: Attempt, { maxRuns, shouldStop }: ShrinkOptions): Shrunk {
  let best = start;
  let tried = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const phase of candidatesOf) {
      let position = 0;
      for (let left = phase(best); position < left.length; ) {
        if (tried === maxRuns) return { before: start, after: best, runs: tried, end: 'runs' };
        if (shouldStop()) return { before: start, after: best, runs: tried, end: 'stopped' };
        tried += 1;
        const attempt = runs.followed((left[position] as () => Schedule)());
        if (attempt !== undefined && isShorter(attempt, best)) {
          best = attempt;
          changed = true;
          left = phase(best);
          // Candidates before this one were in vain a moment ago; the next round asks them again.
        } else {
          position += 1;
        }
      }
    }
  }
  return { before: start, after: best, runs: tried, end: 'minimal' };
}
