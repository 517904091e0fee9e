import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadScenarioFile } from '../../scenarios/load-scenario.ts';
import { runCase } from '../../scenarios/run-case.ts';

const folder = fileURLToPath(new URL('../../scenarios/vtd/', import.meta.url));
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .flatMap((name) => loadScenarioFile(folder + name).cases)
  .filter(({ expect: rules }) => rules.length > 0);

/** One case of each name: those of a matrix differ little, and all of them would take a minute. */
const chosen = cases.filter(({ base, scenario }, i) => {
  const first = cases.findIndex((each) => each.base === base && each.scenario === scenario);
  return first === i;
});

/** Deeper bugs are rarer: there a thousand runs without a hit would say nothing. */
const runsAt = (depth: number): number => (depth === 2 ? 1000 : 4000);
const ratios: { readonly name: string; readonly depth: number; readonly ratio: number }[] = [];

describe('PCT finds what it promises', () => {
  it.each(chosen.map((each) => [`${each.scenario} ${each.name}`, each] as const))('in %s', (name, scenarioCase) => {
    const best = new Map<string, { readonly depth: number; readonly ratio: number }>();
    for (const depth of [2, 3, 4, 5]) {
      if (best.size === scenarioCase.expect.length && [...best.values()].every(({ ratio }) => ratio >= 1)) {
        break;
      }
      const runs = runsAt(depth);
      const report = runCase(scenarioCase, { strategy: 'pct', depth, runs, firstSeed: 0n, maxEvents: undefined });
      const { probability } = report.guarantee ?? { probability: Number.NaN };
      for (const rule of scenarioCase.expect) {
        const count = report.violations.find((each) => each.rule === rule)?.count ?? 0;
        const ratio = count / runs / probability;
        // The least depth that keeps the bound is the depth of the bug, as far as this can be told.
        if ((best.get(rule)?.ratio ?? 0) < 1) {
          best.set(rule, { depth, ratio });
        }
      }
    }
    for (const [rule, { depth, ratio }] of best) {
      ratios.push({ name: `${name} ${rule}`, depth, ratio });
      expect([rule, ratio >= 1]).toEqual([rule, true]);
    }
  });
});

afterAll(() => {
  const [least] = ratios.toSorted((a, b) => a.ratio - b.ratio);
  console.info(`least ratio of hits to bound: ${least?.ratio.toFixed(2)}, depth ${least?.depth}, ${least?.name}`);
});
