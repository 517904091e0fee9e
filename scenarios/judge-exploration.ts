import type { SearchProgress } from '../sim/exploration/search.ts';
import type { Violation } from '../sim/violation.ts';
import type { RunRecord, Verdict } from './report.ts';

/** A rule that some order breaks. */
export interface Found {
  violation: Violation;
  /** Executions of the decisive search in which it was broken. */
  count: number;
  /** Schedules of it that were tried under the window rule. */
  tries: number;
  /** Worlds of the case in which it was broken. */
  readonly worlds: Set<number>;
  /** A run under the window rule that breaks it; undefined: none is known. */
  record: RunRecord | undefined;
  /** Seed of that run, if chance has found it; or ''. */
  seed: string;
}

export interface ExplorationFacts {
  readonly expect: readonly string[];
  readonly found: ReadonlyMap<string, Found>;
  readonly notReached: readonly string[];
  /** Every order was visited. */
  readonly isComplete: boolean;
  /** A search that keeps the windows has visited everything too: what has no run by now is not possible. */
  readonly windowsDecided: boolean;
  /** Why the search was ended, or ''. */
  readonly stopped: string;
  readonly progress: SearchProgress;
  readonly maxPreemptions: number | undefined;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly asExpected: boolean;
  readonly reason: string;
  readonly isComplete: boolean;
  /** What is proved is proved up to a number of preemptions only. */
  readonly isBounded: boolean;
  /** Rules broken by a run that the windows allow. */
  readonly rules: readonly string[];
}

/** What an exploration says about a case. */
export function judgeExploration(facts: ExplorationFacts): Judged {
  const { expect, found, progress, maxPreemptions } = facts;
  const rules = [...found].filter(([, { record }]) => record !== undefined).map(([rule]) => rule);
  const undecided = facts.windowsDecided ? [] : [...found.keys()].filter((rule) => !rules.includes(rule));
  const isComplete = facts.isComplete && undecided.length === 0;
  const isBounded = !isComplete && maxPreemptions !== undefined && facts.stopped === '' && progress.cutShort === '';
  const unexpected = rules.filter((rule) => !expect.includes(rule));
  const missing = expect.filter((rule) => !rules.includes(rule));
  const judged = (verdict: Verdict, reason: string): Judged => {
    return { verdict, asExpected: reason === '', reason, isComplete, isBounded, rules };
  };
  const open = openQuestion(facts, undecided);
  if (unexpected.length > 0) {
    return judged('violated', `broken, and not expected: ${unexpected.join(', ')}`);
  }
  if (rules.length > 0) {
    const reason = missing.length === 0 ? '' : `expected, and not found: ${missing.join(', ')}`;
    return judged('violated', reason === '' || open === '' ? reason : `${reason}; ${open}`);
  }
  if (!isComplete && !isBounded) {
    return judged('inconclusive', open);
  }
  if (missing.length > 0) {
    return judged(isComplete ? 'proved' : 'held', `expected, and not possible: ${missing.join(', ')}`);
  }
  if (facts.notReached.length > 0) {
    return judged('inconclusive', `never reached: ${facts.notReached.join(', ')}`);
  }
  return judged(isComplete ? 'proved' : 'held', '');
}

function openQuestion({ stopped, progress }: ExplorationFacts, undecided: readonly string[]): string {
  if (undecided.length > 0) {
    return `${undecided.join(', ')} is broken in orders that the windows do not allow, as far as tried; whether in others is open`;
  }
  if (progress.cutShort !== '') {
    return progress.cutShort;
  }
  if (stopped === '') {
    return '';
  }
  if (progress.transitions === 0) {
    return `${stopped} before the search of all orders began`;
  }
  const { executions, states, fractionDone } = progress;
  const part = fractionDone < 0.01 ? 'less than 1 %' : `about ${Math.floor(fractionDone * 100)} %`;
  return `${stopped} after ${executions} executions${states > 0 ? ` and ${states} states` : ''}, ${part} of the way`;
}
