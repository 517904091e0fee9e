import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../../cli/campaign.ts';
import { verdictTable } from '../../cli/table.ts';
import type { CaseReport } from '../../scenarios/report.ts';

const plain = (_: string, text: string): string => text;

function result(report: Partial<CaseReport>): CaseResult {
  const whole: CaseReport = {
    scenario: 'vtd/x',
    case: 'clear-first',
    file: 'x.yaml',
    line: 1,
    expect: [],
    verdict: 'held',
    asExpected: true,
    complete: false,
    strategy: 'random',
    runs: 1000,
    events: 1,
    states: null,
    violations: [],
    notReached: [],
    reason: '',
    ...report,
  };
  // The table looks at reports only.
  return { report: whole } as CaseResult;
}

function violation(rule: string, count: number, seed = '0x11'): CaseReport['violations'][number] {
  return { rule, message: '', source: '', count, first: { seed, run: 17, choices: '', events: 1, digest: '' } };
}

describe('the table of verdicts', () => {
  it('has a heading for each scenario, and its cases below', () => {
    const table = verdictTable(
      [
        result({ expect: ['corrupted-entry'], verdict: 'violated', violations: [violation('corrupted-entry', 113)] }),
        result({ case: 'fixed' }),
        result({ scenario: 'vtd/y', asExpected: false, verdict: 'inconclusive' }),
        result({
          scenario: 'vtd/y',
          case: 'b',
          asExpected: false,
          violations: [violation('stuck', 1)],
          verdict: 'violated',
        }),
      ],
      plain,
    );
    expect(table).toBe(
      [
        '     case        expected        verdict      hits/runs seed',
        'vtd/x',
        'ok   clear-first corrupted-entry violated     113/1000  0x11',
        'ok   fixed       holds           held         0/1000',
        'vtd/y',
        '??   clear-first holds           inconclusive 0/1000',
        'FAIL b           holds           violated     1/1000    0x11',
      ].join('\n'),
    );
  });

  it('gives the figures of the expected rule, where there are more', () => {
    const violations = [violation('invalidation-order', 1000), violation('stale-translation', 7, '0x5')];
    const table = verdictTable([result({ expect: ['stale-translation'], verdict: 'violated', violations })], plain);
    expect(table).toContain('7/1000    0x5');
  });

  it('breaks long names after their dots', () => {
    const name = 'present-bit-first.pass-through.descending.x86-tso';
    const table = verdictTable([result({ case: name, expect: ['stale-translation', 'corrupted-entry'] })], plain);
    expect(table).toContain('present-bit-first.');
    expect(table.replace(/\s+/g, ' ')).toContain('stale-translation');
  });

  it('colours the mark and nothing else', () => {
    const inColour = verdictTable([result({ asExpected: false })], (_, text) => `\x1b[31m${text}\x1b[39m`);
    expect(inColour.split('\n')[2]).toBe('\x1b[31mFAIL\x1b[39m clear-first holds    held    0/1000');
    expect(inColour.split('\x1b')).toHaveLength(3);
  });

  it('is at most 80 columns wide and loses no name', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,25}$/);
    const names = fc.array(word, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));
    const rules = fc.array(fc.stringMatching(/^[a-z-]{4,24}$/), { maxLength: 3 });
    const verdict = fc.constantFrom('held', 'violated', 'inconclusive', 'proved');
    const runs = fc.integer({ min: 1, max: 9_999_999 });
    const seed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((each) => `0x${each.toString(16)}`);
    const report = fc.tuple(names, rules, verdict, runs, seed).map(([name, expected, how, count, first]) =>
      result({
        case: name,
        expect: expected,
        verdict: how,
        runs: count,
        violations: [violation('stuck', count, first)],
      }),
    );
    const property = fc.property(fc.array(report, { minLength: 1, maxLength: 4 }), (results) => {
      const table = verdictTable(results, plain);
      expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
      expect(table).not.toContain('…');
      const letters = table.replace(/\s/g, '');
      for (const { report: each } of results) {
        const first = each.violations[0]?.first.seed ?? '';
        expect(letters).toContain(`${each.verdict}${each.runs}/${each.runs}${first}`);
      }
    });
    fc.assert(property, { seed: 1, numRuns: 300 });
  });
});
