import { describe, expect, it } from 'vitest';
import { type ExplorationFacts, type Found, judgeExploration } from '../../scenarios/judge-exploration.ts';
import type { RunRecord } from '../../scenarios/report.ts';

const progress: ExplorationFacts['progress'] = {
  executions: 70,
  states: 900,
  transitions: 1_200,
  deepest: 30,
  tableBytes: 1 << 20,
  collisions: 0,
  isBounded: false,
  cutShort: '',
  fractionDone: 0.125,
};

const whole: ExplorationFacts = {
  expect: [],
  found: new Map(),
  notReached: [],
  isComplete: true,
  windowsDecided: false,
  stopped: '',
  progress,
  maxPreemptions: undefined,
};

/** A rule that some order breaks, with a run that the windows allow or without. */
function broken(rule: string, hasRun: boolean): ReadonlyMap<string, Found> {
  const violation = { rule, message: '', source: '' };
  const record = hasRun ? ({} as RunRecord) : undefined;
  return new Map([[rule, { violation, count: 1, tries: 1, worlds: new Set([0]), record, seed: '' }]]);
}

describe('the verdict of an exploration', () => {
  it.each<readonly [string, Partial<ExplorationFacts>, object]>([
    ['nothing broken', {}, { verdict: 'proved', asExpected: true, isComplete: true }],
    [
      'broken as expected',
      { expect: ['stuck'], found: broken('stuck', true) },
      { verdict: 'violated', asExpected: true },
    ],
    [
      'broken in orders that the windows do not allow, as far as was tried',
      { found: broken('stuck', false) },
      {
        verdict: 'inconclusive',
        isComplete: false,
        reason: 'stuck is broken in orders that the windows do not allow, as far as tried; whether in others is open',
      },
    ],
    [
      'broken in such orders alone, as a search that keeps the windows has shown',
      { found: broken('stuck', false), windowsDecided: true },
      { verdict: 'proved', asExpected: true, isComplete: true },
    ],
    [
      'a rule that is missing, with another one open',
      { expect: ['stuck', 'livelock'], found: new Map([...broken('stuck', true), ...broken('livelock', false)]) },
      {
        verdict: 'violated',
        asExpected: false,
        reason:
          'expected, and not found: livelock; livelock is broken in orders that the windows do not allow, as far as tried; whether in others is open',
      },
    ],
    [
      'ended from outside',
      { isComplete: false, stopped: 'time is up' },
      { verdict: 'inconclusive', reason: 'time is up after 70 executions and 900 states, about 12 % of the way' },
    ],
    [
      'a bound on preemptions that left orders out',
      { isComplete: false, maxPreemptions: 2 },
      { verdict: 'held', asExpected: true, isBounded: true },
    ],
    [
      'a state that was never reached',
      { notReached: ['cache-hit'] },
      { verdict: 'inconclusive', reason: 'never reached: cache-hit' },
    ],
  ])('with %s', (_, facts, expected) => {
    expect(judgeExploration({ ...whole, ...facts })).toMatchObject(expected);
  });
});
