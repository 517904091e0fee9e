import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeCase } from '../../scenarios/judge-case.ts';
import { loadScenario, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { mergeRanges, noRuns, type RangeResult } from '../../scenarios/range-result.ts';
import type { LostRun } from '../../scenarios/report.ts';
import { CaseRunner, reportCase, runCase } from '../../scenarios/run-case.ts';
import { raceYaml } from '../cli/cli-world.ts';

/** Several rules broken, some of them in one run, and marks that only some runs reach. */
const scenarioCase = loadScenario(
  'x.yaml',
  Buffer.from(`${raceYaml.replace('cases:', 'reach: [fetch-overlaps-update, dma-faulted]\ncases:')}`),
).cases[0] as ScenarioCase;
const runs = 1_500;
const options = { strategy: 'random', firstSeed: 3n, maxEvents: undefined } as const;
const runner = new CaseRunner(scenarioCase, options);
const whole = runner.run({ firstRun: 0, count: runs });

describe('ranges of runs', () => {
  it('sum up to the same, however they are cut and in whatever order they come', () => {
    expect(whole.found.length).toBeGreaterThan(0);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: runs - 1 }), { maxLength: 5 });
    fc.assert(
      fc.property(cuts, fc.infiniteStream(fc.nat()), (inner, order) => {
        const ends = [...inner.sort((a, b) => a - b), runs];
        const parts = ends.map((end, i) => {
          const firstRun = i === 0 ? 0 : (ends[i - 1] as number);
          return { part: runner.run({ firstRun, count: end - firstRun }), rank: order.next().value as number };
        });
        const arrived = parts.sort((a, b) => a.rank - b.rank).map(({ part }) => structuredClone(part));
        expect(sorted(arrived.reduce(mergeRanges, noRuns))).toEqual(sorted(whole));
      }),
      { numRuns: 20 },
    );
  });

  it('come to the report of a campaign in one piece', () => {
    const end = { wanted: runs, lost: [] };
    const report = reportCase(scenarioCase, options, { ...end, sum: mergeRanges(whole, noRuns) });
    expect(report).toEqual(runCase(scenarioCase, { ...options, runs }));
  });

  it('keep the first reason why a run says nothing, and the first run of each rule', () => {
    const part = (run: number, rules: readonly string[]): RangeResult => ({
      ...noRuns,
      runs: 1,
      found: rules.map((rule) => {
        return { violation: { rule, message: `in run ${run}`, source: '' }, seed: BigInt(run), run, count: 1 };
      }),
      inconclusive: { run, reason: `run ${run}` },
    });
    const sum = [part(7, ['a']), part(2, ['c', 'a']), part(9, ['b', 'c'])].reduce(mergeRanges);
    expect(sum.inconclusive).toEqual({ run: 2, reason: 'run 2' });
    expect(sum.found.map(({ violation, run, count }) => [violation.rule, run, count])).toEqual([
      ['c', 2, 2],
      ['a', 2, 2],
      ['b', 9, 1],
    ]);
  });

  it('end before a run that may not begin', () => {
    const begun: number[] = [];
    const part = runner.run({ firstRun: 10, count: 5 }, (run) => begun.push(run) <= 2);
    expect([part.runs, begun]).toEqual([2, [10, 11, 12]]);
  });
});

describe('a lost run', () => {
  const lost: readonly LostRun[] = [{ run: 4, seed: '0x4', reason: 'its worker process was killed (SIGKILL)' }];
  const holds = { ...scenarioCase, expect: [], reach: [] };
  const silent: RangeResult = { ...whole, found: [] };

  it('leaves a case that has to hold inconclusive, and is named', () => {
    const judged = judgeCase(holds, silent, { wanted: runs + 1, lost });
    expect(judged).toMatchObject({ verdict: 'inconclusive', asExpected: false });
    expect(judged.reason).toBe('lost: run 4 (seed 0x4): its worker process was killed (SIGKILL)');
    const two = judgeCase(holds, silent, { wanted: runs + 2, lost: [...lost, ...lost] });
    expect(two.reason).toMatch(/^lost: run 4 \(seed 0x4\), and 1 more: its worker/);
  });

  it('leaves a case inconclusive in which an expected rule was not found', () => {
    const judged = judgeCase({ ...holds, expect: ['stuck'] }, silent, { wanted: runs + 1, lost });
    expect(judged.verdict).toBe('inconclusive');
  });

  it('changes nothing where all was found that is expected, or something that is not', () => {
    expect(judgeCase(scenarioCase, whole, { wanted: runs + 1, lost })).toMatchObject({ asExpected: true });
    const judged = judgeCase(holds, whole, { wanted: runs + 1, lost });
    expect(judged).toMatchObject({ verdict: 'violated', reason: expect.stringMatching(/^broken, and not expected/) });
  });
});

/** Which range reached a mark first is no part of the result. */
function sorted(result: RangeResult): RangeResult {
  return { ...result, reached: [...result.reached].sort() };
}
