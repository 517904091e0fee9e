import { readdirSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assembleWorld } from '../../scenarios/case-worlds.ts';
import { flipCase } from '../../scenarios/flip-case.ts';
import { loadScenarioFile, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';
import { type ShrinkReport, shrinkCase } from '../../scenarios/shrink-case.ts';
import { decodeRecording, ReplayScheduler } from '../../sim/schedulers/replay.ts';
import { type Attempt, orderOf, type Segment, segmentsOf } from '../../sim/shrink/schedule.ts';
import { FailureRuns } from '../../sim/shrink/shrink.ts';
import { isSameFailure, type Violation } from '../../sim/violation.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const failing = readdirSync(`${root}scenarios`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .flatMap((name) => loadScenarioFile(relative(process.cwd(), `${root}scenarios/${name}`)).cases)
  .filter(({ expect: rules }) => rules.length > 0);
/** All of them are for the table of decision 11. */
const sample = failing.filter((_, i) => i % 12 === 0);

interface Found {
  readonly scenarioCase: ScenarioCase;
  readonly violation: Violation;
  readonly seed: bigint;
}

function violationsOf(scenarioCase: ScenarioCase): readonly Found[] {
  const options = { strategy: 'random', runs: 1000, firstSeed: 0n, maxEvents: undefined } as const;
  return runCase(scenarioCase, options).violations.map(({ rule, message, source, first }) => {
    const seed = BigInt(first.seed);
    const { violations } = replayCase(scenarioCase, { strategy: 'random', seed });
    const violation = violations.find((each) => each.rule === rule) ?? { rule, message, source };
    return { scenarioCase, violation, seed };
  });
}

function shrunkOf({ scenarioCase, violation, seed }: Found): ShrinkReport {
  const report = shrinkCase(scenarioCase, { strategy: 'random', seed }, { rule: violation.rule });
  if (report === undefined) throw new Error('the run fails');
  return report;
}

describe('shrinking the shipped cases', () => {
  it('is tried on enough of them', () => {
    expect(sample.length).toBeGreaterThanOrEqual(10);
  });

  it.each(sample.map((scenarioCase) => [`${scenarioCase.scenario} ${scenarioCase.name}`, scenarioCase] as const))(
    '%s keeps each failure and replays to the step',
    (_, scenarioCase) => {
      for (const found of violationsOf(scenarioCase)) {
        const report = shrunkOf(found);
        const { before, after, record } = report;
        expect(report.end).toBe('minimal');
        expect(isSameFailure(report.violation, found.violation)).toBe(true);
        expect(after.switches).toBeLessThanOrEqual(before.switches);
        expect(after.events).toBeLessThanOrEqual(after.switches < before.switches ? before.events * 2 : before.events);
        const replayed = replayCase(scenarioCase, { choices: record.choices });
        expect(replayed.digest).toBe(record.digest);
        expect(replayed.violations.some((each) => isSameFailure(each, found.violation))).toBe(true);
        expectNoMerge(scenarioCase, report);
        for (const { choices } of flipCase(scenarioCase, record, { rule: found.violation.rule })?.flips ?? []) {
          const flipped = replayCase(scenarioCase, { choices });
          expect([flipped.end, flipped.violations.filter((each) => isSameFailure(each, found.violation))]).toEqual([
            'finished',
            [],
          ]);
        }
      }
    },
    30_000,
  );
});

describe('shrinkCase', () => {
  const teardown = failing.find(({ name }) => name === 'clear-first.first.any.x86-tso') as ScenarioCase;
  const [found] = violationsOf(teardown) as [Found];

  it('brings the race of the mail down to its four steps', () => {
    const { before, after } = shrunkOf(found);
    expect(before.switches).toBeGreaterThan(20);
    // The walk to the entry; the stores; the buffer's turn; the read that comes too late.
    expect(after.switches).toBeLessThanOrEqual(3);
    expect(after.preemptions).toBeLessThanOrEqual(after.switches);
  });

  it('gives the same for the same', () => {
    expect(shrunkOf(found)).toEqual(shrunkOf(found));
  });

  it('is undefined for a run that breaks no rule, or not this one', () => {
    expect(shrinkCase(teardown, { strategy: 'random', seed: found.seed }, { rule: 'stuck' })).toBeUndefined();
    expect(shrinkCase(teardown, { strategy: 'random', seed: heldSeed(teardown) })).toBeUndefined();
  });

  it('stops when told to, with what it has', () => {
    const settings = { shouldStop: () => true };
    const report = shrinkCase(teardown, { strategy: 'random', seed: found.seed }, settings);
    expect([report?.end, report?.runs]).toEqual(['stopped', 0]);
    expect(report?.after.switches).toBe(report?.before.switches);
    const cut = shrinkCase(teardown, { strategy: 'random', seed: found.seed }, { maxRuns: 5 });
    expect([cut?.end, cut?.runs]).toEqual(['runs', 5]);
    expect(cut?.record.violations.some((each) => isSameFailure(each, found.violation))).toBe(true);
  });

  it('takes runs with drawn times over into the window rule', () => {
    const options = { strategy: 'timed', runs: 400, firstSeed: 0n, maxEvents: undefined } as const;
    const timed = failing.filter(({ scenario }) => scenario === 'vtd/pasid-replace-two-stores').slice(0, 3);
    const reports = timed.flatMap((scenarioCase) =>
      runCase(scenarioCase, options).violations.map(({ rule, first }) =>
        shrinkCase(scenarioCase, { choices: first.choices }, { rule }),
      ),
    );
    expect(reports.length).toBeGreaterThan(0);
    for (const report of reports) {
      if (report?.end === 'unshrinkable') {
        expect(report.record.choices).toMatch(/^t:/);
      } else {
        expect(report?.record.choices).toMatch(/^w:/);
      }
    }
  });
});

function heldSeed(scenarioCase: ScenarioCase): bigint {
  for (let seed = 0n; seed < 100n; seed += 1n) {
    if (replayCase(scenarioCase, { strategy: 'random', seed }).violations.length === 0) return seed;
  }
  throw new Error('every seed fails');
}

/** Joins each two segments of a process in either place: no such run fails with fewer context switches. */
function expectNoMerge(scenarioCase: ScenarioCase, { record, violation, after }: ShrinkReport): void {
  const runs = new FailureRuns(assembleWorld(scenarioCase, 0, undefined).system.kernel, violation);
  const recording = decodeRecording(record.choices) ?? { drawsTimes: false, choices: [] };
  const attempt = runs.noted(new ReplayScheduler(recording)) as Attempt;
  expect(attempt.switches).toBe(after.switches);
  const segments = segmentsOf(attempt.order);
  for (const [at, segment] of segments.entries()) {
    const next = segments.findIndex(({ process }, i) => i > at && process === segment.process);
    if (next === -1) continue;
    const merges = [
      segments.toSpliced(next, 1).toSpliced(at + 1, 0, segments[next] as Segment),
      segments.toSpliced(next, 0, segment).toSpliced(at, 1),
    ];
    for (const merged of merges) {
      const fewer = runs.followed({ ...attempt, order: orderOf(merged) });
      expect(fewer?.switches ?? after.switches).toBeGreaterThanOrEqual(after.switches);
    }
  }
}
