import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../../cli/campaign.ts';
import { verdictTable } from '../../cli/table.ts';
import { verdictRows } from '../../cli/verdict-rows.ts';
import type { CaseReport } from '../../scenarios/report.ts';

const plain = (_: string, text: string): string => text;

function result(report: Partial<CaseReport>, base = report.case ?? 'clear-first'): CaseResult {
  const whole: CaseReport = {
    scenario: 'vtd/x',
    case: 'clear-first',
    file: `${report.scenario ?? 'x'}.yaml`,
    line: 1,
    expect: [],
    verdict: 'held',
    asExpected: true,
    complete: false,
    strategy: 'portfolio',
    runs: 1000,
    events: 1,
    states: null,
    violations: [],
    notReached: [],
    lost: [],
    reason: '',
    exploration: null,
    guarantee: null,
    ...report,
  };
  // The table looks at no more than these.
  return { report: whole, scenarioCase: { base }, scenario: { title: 'Entry torn' } } as CaseResult;
}

function violation(rule: string, count: number, seed = '0x11'): CaseReport['violations'][number] {
  return {
    rule,
    message: '',
    source: '',
    count,
    first: { seed, run: 17, choices: '', events: 1, digest: '', knobs: {} },
  };
}

/** A case that has to break these rules, and did in so many runs. */
function broken(name: string, hits: Readonly<Record<string, number>>, report: Partial<CaseReport> = {}): CaseResult {
  const violations = Object.entries(hits).map(([rule, count]) => violation(rule, count, `0x${count.toString(16)}`));
  const [base = name] = name.split('.');
  return result({ case: name, expect: Object.keys(hits), verdict: 'violated', violations, ...report }, base);
}

function tableOf(results: readonly CaseResult[], options: Partial<Parameters<typeof verdictRows>[1]> = {}): string {
  return verdictTable(verdictRows(results, { isSeparate: false, maxEvents: undefined, ...options }), plain);
}

describe('the table of verdicts', () => {
  it('has a heading for each scenario, and below a row for each case with the run to replay', () => {
    const results = [
      broken('clear-first', { 'corrupted-entry': 113 }),
      result({ case: 'fixed' }),
      result({ scenario: 'vtd/y', asExpected: false, verdict: 'inconclusive', reason: 'never reached: dma' }),
      broken('b', { stuck: 1 }, { scenario: 'vtd/y', asExpected: false, expect: [], reason: 'broken: stuck' }),
    ];
    expect(tableOf(results)).toBe(
      [
        '     case        cases expected        verdict      hits/runs',
        'vtd/x: Entry torn',
        'ok   clear-first     1 corrupted-entry violated      113/1000',
        '   first: --case clear-first --seed 0x71',
        'ok   fixed           1 holds           held            0/1000',
        '',
        'vtd/y: Entry torn',
        '??   clear-first     1 holds           inconclusive    0/1000',
        '   never reached: dma',
        'FAIL b               1 holds           violated        1/1000',
        '   broken: stuck',
      ].join('\n'),
    );
  });

  it('has one row for cases of one matrix that came out alike, with the first failing run of the first', () => {
    const results = [
      broken('a.sc.1', { stuck: 7 }),
      result({ case: 'a.sc.2' }, 'a'),
      broken('a.tso.1', { stuck: 900 }),
      result({ case: 'a.tso.2' }, 'a'),
    ];
    expect(tableOf(results).split('\n').slice(2)).toEqual([
      'ok a        2 stuck    violated 7-900/1000',
      '   first: --case a.sc.1 --seed 0x7',
      'ok a        2 holds    held         0/1000',
    ]);
  });

  it.each([
    ['expectation', broken('a.2', { livelock: 7 })],
    ['number of runs', broken('a.2', { stuck: 7 }, { runs: 5 })],
    ['verdict', broken('a.2', { stuck: 7 }, { verdict: 'proved' })],
    ['scenario file', broken('a.2', { stuck: 7 }, { file: 'other.yaml' })],
    ['case of the file', broken('b.2', { stuck: 7 })],
  ])('has two rows where the %s is another', (_, other) => {
    const rows = verdictRows([broken('a.1', { stuck: 7 }), other], { isSeparate: false, maxEvents: undefined });
    expect(rows.map(({ name }) => name)).toEqual(['a.1', other.report.case]);
  });

  it('gives a case that is not as expected a row of its own, with the reason', () => {
    const failed = { asExpected: false, reason: 'broken, and not expected: stuck', expect: [] };
    const results = ['a.1', 'a.2', 'a.3', 'a.4'].map((name, i) => broken(name, { stuck: i }, i < 2 ? {} : failed));
    const table = tableOf(results);
    expect(table).toContain('FAIL a.3      1 holds    violated    2/1000\n   broken, and not expected: stuck');
    expect(table).toContain('FAIL a.4      1 holds    violated    3/1000\n   broken, and not expected: stuck');
    expect(table).toContain('ok   a        2 stuck    violated  0-1/1000');
  });

  it('lists every case on its own when asked to', () => {
    const results = [broken('a.1', { stuck: 7 }), broken('a.2', { stuck: 7 })];
    const table = tableOf(results, { isSeparate: true });
    expect(table).toMatch(/^ok a\.1 .*\nok a\.2 .*$/m);
    expect(table).not.toContain('first:');
  });

  it('has a line for each rule of a case that breaks several, each with its own figures', () => {
    const table = tableOf([broken('a', { 'stale-translation': 7, 'invalidation-order': 1000 })]);
    expect(table).toMatch(/^ok a +1 stale-translation +violated +7\/1000$/m);
    expect(table).toMatch(/^ +invalidation-order +1000\/1000$/m);
  });

  it('says what else the replay needs', () => {
    const table = tableOf([broken('a', { stuck: 7 }, { strategy: 'timed' })], { maxEvents: 30 });
    expect(table).toContain('   first: --case a --seed 0x7 --strategy timed --max-events 30');
  });

  it('breaks long names after their dots and dashes', () => {
    const name = 'present-bit-first.pass-through.descending.x86-tso';
    const table = tableOf([result({ case: name, expect: ['stale-translation', 'corrupted-entry'] })]);
    expect(table).toContain('present-bit-first.');
  });

  it('colours the mark and nothing else', () => {
    const rows = verdictRows([result({ asExpected: false })], { isSeparate: false, maxEvents: undefined });
    const inColour = verdictTable(rows, (_, text) => `\x1b[31m${text}\x1b[39m`);
    expect(inColour.split('\n')[2]).toBe('\x1b[31mFAIL\x1b[39m clear-first     1 holds    held       0/1000');
    expect(inColour.split('\x1b')).toHaveLength(3);
  });

  it('is at most 80 columns wide and loses no name', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,25}$/);
    const names = fc.array(word, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));
    const rules = fc.uniqueArray(fc.stringMatching(/^[a-z-]{4,24}$/), { maxLength: 3 });
    const verdict = fc.constantFrom('held', 'violated', 'inconclusive', 'proved');
    const runs = fc.integer({ min: 1, max: 9_999_999 });
    const report = fc
      .tuple(names, rules, verdict, runs, fc.string({ maxLength: 200 }))
      .map(([name, expected, how, count, reason]) =>
        result({ case: name, expect: expected, verdict: how, runs: count, asExpected: reason === '', reason }),
      );
    const property = fc.property(fc.array(report, { minLength: 1, maxLength: 4 }), (results) => {
      const table = tableOf(results);
      expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
      expect(table).not.toContain('…');
      const letters = table.replace(/\s/g, '');
      for (const { report: each } of results) {
        expect(letters).toContain(`${each.verdict}0/${each.runs}`);
      }
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });
});
