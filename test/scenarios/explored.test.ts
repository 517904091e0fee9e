import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exploreCase } from '../../scenarios/explore-case.ts';
import { loadScenarioFile, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';

const folder = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort();
const explored = files
  .flatMap((name) => loadScenarioFile(`${folder}${name}`).cases)
  .filter(({ search }) => search === 'explored');
/** `tornread explore scenarios` takes all of them, and minutes. The slow fetchers alone would take one. */
const sample = explored.filter(({ scenario }, i) => i % 17 === 0 && !scenario.endsWith('hardware-assumptions'));

describe('the shipped scenarios', () => {
  it.each(files)('%s says whether it is explored or sampled', (name) => {
    expect(readFileSync(`${folder}${name}`, 'utf8')).toMatch(/^search:/m);
  });

  it('are explored for the most part', () => {
    expect(explored.length).toBeGreaterThan(280);
    expect(sample.length).toBeGreaterThan(35);
  });

  it.each(sample.map((each) => [`${each.scenario} ${each.name}`, each] as const))(
    '%s is searched to the end, as expected',
    (_, scenarioCase: ScenarioCase) => {
      const report = exploreCase(scenarioCase);
      expect(report).toMatchObject({ complete: true, asExpected: true, reason: '' });
      expect(report.verdict).toBe(scenarioCase.expect.length === 0 ? 'proved' : 'violated');
      for (const { rule, first } of report.violations) {
        const run = replayCase(scenarioCase, { choices: first.choices });
        expect(run.violations.map((violation) => violation.rule)).toContain(rule);
      }
      // No seed finds what a completed search calls impossible.
      const sampled = runCase(scenarioCase, {
        strategy: 'portfolio',
        depth: undefined,
        runs: 400,
        firstSeed: 77_000n,
        maxEvents: undefined,
      });
      const rules = report.violations.map(({ rule }) => rule);
      expect(sampled.violations.filter(({ rule }) => !rules.includes(rule))).toEqual([]);
    },
    60_000,
  );
});
