import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { formatDiagnostics } from '../../diagnostics/diagnostic.ts';
import { ScenarioError } from '../../scenarios/format/scenario-error.ts';
import { type LoadedScenario, loadScenario, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';
import { scenarioTree } from './scenario-grammar.ts';
import { spoilt, yamlOf } from './scenario-tree.ts';

/*
 * 10 000 files that nobody wrote. Loading one gives a scenario or a ScenarioError; whatever loads can be assembled and
 * run, and no exception comes out of that. The seed is fixed: a failure of the gate is one of the change at hand.
 */
const seed = 20_261_121;
const maxMs = 2000;

const count = { loaded: 0, refused: 0, ran: 0, slowestMs: 0 };

function load(text: string | Uint8Array): LoadedScenario | undefined {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  try {
    const scenario = loadScenario('fuzz.yaml', bytes);
    count.loaded += 1;
    return scenario;
  } catch (error) {
    if (!(error instanceof ScenarioError)) {
      throw error;
    }
    count.refused += 1;
    const lines = new TextDecoder().decode(bytes).split('\n').length;
    expect(error.diagnostics.length).toBeGreaterThan(0);
    for (const { message, line } of error.diagnostics) {
      expect(message).not.toBe('');
      expect(line).toBeLessThanOrEqual(lines);
    }
    expect(formatDiagnostics(error.diagnostics, error.sourceLines)).toContain('error: ');
    return undefined;
  }
}

function run(scenarioCase: ScenarioCase): void {
  const options = { firstSeed: 6n, maxEvents: 400 };
  const report = runCase(scenarioCase, { ...options, strategy: 'recheck', runs: 2 });
  runCase(scenarioCase, { ...options, strategy: 'timed', runs: 1 });
  count.ran += 1;
  expect(['held', 'violated', 'inconclusive']).toContain(report.verdict);
  for (const { first } of report.violations.slice(0, 1)) {
    // A machine made afresh does the same: nothing of a run may depend on the runs before it.
    const again = replayCase(scenarioCase, { strategy: 'portfolio', seed: BigInt(first.seed), maxEvents: 400 });
    expect(again.digest).toBe(first.digest);
  }
}

function check(text: string | Uint8Array): void {
  // Time of this process: on a busy machine the wall clock tells of others.
  const begin = process.cpuUsage();
  // Further cases of a file differ in what is expected of them, or in a value.
  for (const scenarioCase of load(text)?.cases.slice(0, 1) ?? []) {
    run(scenarioCase);
  }
  const { user, system } = process.cpuUsage(begin);
  const tookMs = (user + system) / 1000;
  count.slowestMs = Math.max(count.slowestMs, tookMs);
  expect(tookMs).toBeLessThan(maxMs);
}

const folder = fileURLToPath(new URL('../../scenarios', import.meta.url));
const shipped = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .map((name) => readFileSync(`${folder}/${name}`));

/** Bytes of a shipped file with some replaced, removed or put in. */
const spoiltBytes = fc
  .tuple(
    fc.constantFrom(...shipped),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 3 }), fc.uint8Array({ minLength: 1, maxLength: 3 })), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([bytes, edits]) =>
    edits.reduce((whole, [where, removed, put]) => {
      const at = where % whole.length;
      return Buffer.concat([whole.subarray(0, at), put, whole.subarray(at + removed)]);
    }, bytes),
  );

describe('a file that nobody wrote', () => {
  it('made by the grammar runs or is refused', () => {
    fc.assert(fc.property(scenarioTree.map(yamlOf), check), { seed, numRuns: 3000 });
  }, 120_000);

  it('made by the grammar and spoilt runs or is refused', () => {
    fc.assert(fc.property(spoilt(scenarioTree, 2).map(yamlOf), check), { seed, numRuns: 3000 });
  }, 120_000);

  it('of shipped bytes, some of them changed, runs or is refused', () => {
    fc.assert(fc.property(spoiltBytes, check), { seed, numRuns: 4000 });
  }, 120_000);

  it('is often enough one that runs', () => {
    // Files that are all refused, or none, would show nothing.
    expect(count.loaded).toBeGreaterThan(1500);
    expect(count.ran).toBeGreaterThan(1500);
    expect(count.refused).toBeGreaterThan(3000);
  });
});

afterAll(() => {
  const { loaded, refused, ran, slowestMs } = count;
  console.info(`${loaded} files loaded, ${refused} refused, ${ran} cases run, slowest ${Math.round(slowestMs)} ms`);
});
