import { describe, expect, it } from 'vitest';
import { ScenarioError } from '../../scenarios/format/scenario-error.ts';
import type { VtdWorld } from '../../scenarios/format/schema.ts';
import { loadScenario, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';
import type { SeededStrategy } from '../../scenarios/strategy-names.ts';

const yaml = `title: PASID entry torn down under any unit
source: made for this test
platform:
  memory: sc
  iommu: { model: vtd, fetchOrder: $fetchOrder, pasidCacheEntries: $cache }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: { stage: first, did: 5, map: { 0x1000: page1 } }
start:
  attach: [{ device: nic, pasid: 1, domain: a }]
tasks:
  teardown: { cpu: 0, flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: clear-first } }
  traffic: { device: nic, dma: { pasid: 1, iova: 0x1000, repeat: 2 } }
free: { fetchOrder: [ascending, descending, any], cache: [0, 1] }
cases:
  torn: { expect: corrupted-entry }
  fixed-order: { fetchOrder: descending, expect: holds }
  own: { cache: 0, free: { fetchOrder: [ascending] }, expect: corrupted-entry }
`;

function casesOf(text: string): readonly ScenarioCase[] {
  return loadScenario('x.yaml', new TextEncoder().encode(text)).cases;
}

function mistakesOf(text: string): readonly string[] {
  try {
    casesOf(text);
  } catch (error) {
    if (error instanceof ScenarioError) {
      return error.diagnostics.map(({ line, column, message }) => `${line}:${column}: ${message}`);
    }
    throw error;
  }
  return [];
}

const [torn, fixedOrder, own] = casesOf(yaml) as [ScenarioCase, ScenarioCase, ScenarioCase];

describe('free variables', () => {
  it('make worlds and no cases, the last one changing fastest', () => {
    expect(casesOf(yaml).map(({ name }) => name)).toEqual(['torn', 'fixed-order', 'own']);
    expect(torn.worlds.map(({ knobs }) => Object.values(knobs).join())).toEqual([
      'ascending,0',
      'ascending,1',
      'descending,0',
      'descending,1',
      'any,0',
      'any,1',
    ]);
    expect(torn.worlds.map(({ world }) => (world as VtdWorld).platform.iommu.pasidCacheEntries)).toEqual([
      0, 1, 0, 1, 0, 1,
    ]);
    expect(torn.world).toBe(torn.worlds[0]?.world);
  });

  it('are not drawn where the case fixes them or has a list of its own', () => {
    expect(fixedOrder.worlds.map(({ knobs }) => knobs)).toEqual([{ cache: '0' }, { cache: '1' }]);
    expect(own.worlds.map(({ knobs }) => knobs)).toEqual([{ fetchOrder: 'ascending' }]);
  });

  it('are drawn by the seed, about alike', () => {
    const drawn = new Map<string, number>();
    for (let seed = 0n; seed < 300n; seed += 1n) {
      const { knobs } = replayCase(torn, { strategy: 'random', seed });
      const text = Object.entries(knobs).join(' ');
      drawn.set(text, (drawn.get(text) ?? 0) + 1);
    }
    expect(drawn.size).toBe(6);
    expect(Math.min(...drawn.values())).toBeGreaterThan(25);
  });

  it.each<SeededStrategy>(['portfolio', 'random', 'pos', 'pct', 'timed'])(
    'and all else of a run of %s are the same by seed, by choices, and after other runs',
    (strategy) => {
      const report = runCase(torn, { strategy, runs: 1500, firstSeed: 7n, maxEvents: undefined });
      // Drawn times seldom tear so small a world; all others do.
      expect(report.violations.length).toBeGreaterThanOrEqual(strategy === 'timed' ? 0 : 1);
      for (let seed = 0n; seed < 8n; seed += 1n) {
        const { choices, digest, knobs } = replayCase(torn, { strategy, seed });
        const again = replayCase(torn, { choices });
        expect([again.choices, again.digest, again.knobs]).toEqual([choices, digest, knobs]);
      }
      for (const { first } of report.violations) {
        const bySeed = replayCase(torn, { strategy, seed: BigInt(first.seed) });
        const byChoices = replayCase(torn, { choices: first.choices });
        for (const record of [bySeed, byChoices]) {
          expect([record.digest, record.choices, record.knobs]).toEqual([first.digest, first.choices, first.knobs]);
        }
        // The first choice is the combination.
        const number = Number.parseInt(/^[wt]:([0-9a-z]+)/.exec(first.choices)?.[1] ?? '', 36);
        expect(torn.worlds[number]?.knobs).toEqual(first.knobs);
      }
    },
  );

  it('with one combination ask for no choice, so that the recordings of before stay good', () => {
    const only = casesOf(yaml.replace('[ascending, descending, any], cache: [0, 1]', '[ascending], cache: [0]'))[0];
    const plain = casesOf(
      yaml.replace(/^free:.*\n/m, 'variables: { fetchOrder: ascending, cache: 0 }\n').replace(/^ {2}own:.*\n/m, ''),
    )[0];
    const run = (scenarioCase: ScenarioCase | undefined) =>
      replayCase(scenarioCase as ScenarioCase, { strategy: 'portfolio', seed: 5n });
    expect([run(only).choices, run(only).digest]).toEqual([run(plain).choices, run(plain).digest]);
  });

  it('are judged over all runs of a case together', () => {
    // Ascending tears and descending cannot: that some runs hold does not matter.
    const report = runCase(torn, { strategy: 'portfolio', runs: 1000, firstSeed: 0n, maxEvents: undefined });
    expect([report.verdict, report.asExpected]).toEqual(['violated', true]);
    expect(report.violations.every(({ first }) => first.knobs.fetchOrder !== 'descending')).toBe(true);
  });
});

describe('a mistake with free variables is reported where it stands', () => {
  it.each([
    ['one that is not used', ['cache: [0, 1] }', 'cache: [0, 1], gap: [0] }'], '14:66: unknown key or variable "gap"'],
    [
      'a value that does not fit',
      ['cache: [0, 1]', 'cache: [0, 17]'],
      '14:62: "pasidCacheEntries" must be at most 16, got 17',
    ],
    [
      'one that is in the matrix too',
      ['cases:', 'matrix: { cache: [0, 1] }\ncases:'],
      '14:51: "cache" is in the matrix and free',
    ],
    [
      'a condition on one',
      ['torn: { expect: corrupted-entry }', 'torn: { expect: [{ when: { cache: 0 }, is: holds }, { is: holds }] }'],
      '16:30: each run draws its own "cache"',
    ],
    [
      'too many combinations',
      ['cache: [0, 1]', `cache: [${Array.from({ length: 22 }, (_, i) => i % 17).join(', ')}]`],
      '16:3: a run draws one of 66 combinations; the limit is 64',
    ],
    ['no list', ['cache: [0, 1]', 'cache: 1'], '14:58: expected a list, got 1'],
    ['an empty list', ['cache: [0, 1]', 'cache: []'], '14:58: "cache" must have at least 1 item, got 0'],
  ] as const)('%s', (_, [before, after], mistake) => {
    expect(mistakesOf(yaml.replace(before, after))).toContain(mistake);
  });
});
