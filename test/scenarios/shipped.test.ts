import { readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { drawPicture } from '../../cli/picture.ts';
import { type LoadedScenario, loadScenarioFile, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { CaseReport } from '../../scenarios/report.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = readdirSync(`${root}scenarios`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => relative(process.cwd(), `${root}scenarios/${name}`));
const scenarios: readonly LoadedScenario[] = files.map(loadScenarioFile);
const cases = scenarios.flatMap((scenario) => scenario.cases);

/** Every case gets these; the campaign of `tornread run` has the rest. */
const fewRuns = 200;
const runsToFail = 1000;
const runsInARow = 100;

const reports = new Map<ScenarioCase, CaseReport>();

function reportOf(scenarioCase: ScenarioCase): CaseReport {
  let report = reports.get(scenarioCase);
  if (report === undefined) {
    const runsOf = (runs: number): CaseReport =>
      runCase(scenarioCase, { strategy: 'portfolio', runs, firstSeed: 0n, maxEvents: undefined });
    report = runsOf(fewRuns);
    // Most rules that must be broken are by now; the rare ones get as many runs as `tornread run` gives them.
    if (!report.asExpected) {
      report = runsOf(Math.max(runsToFail, scenarioCase.defaultRuns));
    }
    reports.set(scenarioCase, report);
  }
  return report;
}

const textOf = ({ file }: LoadedScenario): string => readFileSync(file, 'utf8');

describe('the shipped scenarios', () => {
  it('are those of the folder, and enough of them', () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  /** Rows of the two sheets of facts have the same numbers. */
  const withRow = (folder: string, row: RegExp): readonly string[] =>
    scenarios.filter((each) => each.name.startsWith(folder) && row.test(textOf(each))).map(({ name }) => name);

  it.each(['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S21', 'S22', 'S24', 'S25', 'S27'])(
    'have VT-d row %s in a description',
    (row) => {
      expect(withRow('vtd/', new RegExp(`^ *(?:description: )?Rows? .*\\b${row}\\b`, 'm'))).toHaveLength(1);
    },
  );

  const laterRows = 'S8 S9 S10 S11 S13 S14 S15 S17 S18 S19 S20 S26 S28 S29 S30 S32 S33 S35 S36 S37 S38'.split(' ');
  it.each(laterRows)('have VT-d row %s in one description or more', (row) => {
    expect(withRow('vtd/', new RegExp(`\\bRows? [^.]*\\b${row}\\b`)).length).toBeGreaterThan(0);
  });

  const riscvRows =
    'S01 S02 S03 S04 S05 S06 S07 S09 S10 S11 S12 S14 S15 S16 S18 S19 S20 S21 S22 S23 S24 S25 S26 S27 S29 S30 S31 S32 S33';
  it.each(riscvRows.split(' '))('have RISC-V row %s in a description', (row) => {
    expect(withRow('riscv/', new RegExp(`\\bRows? [^.]*\\b${row}\\b`)).length).toBeGreaterThan(0);
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s has a case that must fail and one that must hold',
    (_, scenario) => {
      expect(scenario.cases.some(({ expect: rules }) => rules.length > 0)).toBe(true);
      expect(scenario.cases.some(({ expect: rules }) => rules.length === 0)).toBe(true);
    },
  );

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s: every case is as expected',
    (_, scenario) => {
      const wrong = scenario.cases.map(reportOf).filter(({ asExpected }) => !asExpected);
      expect(wrong.map((report) => `${report.case}: ${report.verdict}; ${report.reason}`)).toEqual([]);
    },
    120_000,
  );
});

describe('a violated case', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    'of %s is the same by its seed and by its choices, in a picture that fits a mail',
    (_, scenario) => {
      for (const scenarioCase of scenario.cases) {
        for (const { rule, first } of reportOf(scenarioCase).violations) {
          const bySeed = replayCase(scenarioCase, { strategy: 'portfolio', seed: BigInt(first.seed) });
          const byChoices = replayCase(scenarioCase, { choices: first.choices });
          for (const record of [bySeed, byChoices]) {
            expect(record.violations.map((violation) => violation.rule)).toContain(rule);
            expect([record.digest, record.choices]).toEqual([first.digest, first.choices]);
          }
          const picture = drawPicture(bySeed);
          expect(picture).toContain('< ');
          expect(picture).toMatch(/^[\n\x20-\x7e]+$/);
          expect(Math.max(...picture.split('\n').map((line) => line.length))).toBeLessThanOrEqual(72);
        }
      }
    },
    60_000,
  );

  // One torn by the order of stores, one stale from a cache, one of several rules.
  it.each([
    ['vtd/pasid-teardown', 'clear-first.first.ascending.sc'],
    ['vtd/pasid-teardown-non-coherent', 'no-clflush.first.0.sc'],
    ['vtd/pasid-replace', 'struct-copy.first.second.descending.x86-tso'],
  ])('%s %s comes out the same a hundred times', (scenario, name) => {
    const scenarioCase = cases.find((each) => each.scenario === scenario && each.name === name) as ScenarioCase;
    const { first } = reportOf(scenarioCase).violations[0] as CaseReport['violations'][number];
    const digests = new Set<string>();
    for (let i = 0; i < runsInARow; i += 1) {
      digests.add(replayCase(scenarioCase, { strategy: 'portfolio', seed: BigInt(first.seed) }).digest);
      digests.add(replayCase(scenarioCase, { choices: first.choices }).digest);
    }
    expect([...digests]).toEqual([first.digest]);
  });
});

afterAll(() => {
  const violated = [...reports.values()].filter(({ verdict }) => verdict === 'violated').length;
  console.info(`${files.length} scenarios, ${reports.size} cases, ${violated} of them violated`);
});
