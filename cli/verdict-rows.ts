import type { CaseReport, ViolationReport } from '../scenarios/report.ts';
import type { CaseResult } from './campaign.ts';
import { replayOptions } from './command-text.ts';

/** One row of the table: a case, or all cases from one matrix that came out alike. */
export interface VerdictRow {
  readonly heading: string;
  /** Of the first case, for its mark. */
  readonly report: CaseReport;
  readonly name: string;
  readonly cases: number;
  /** Each expected rule, or `holds`, with the runs it was broken in. */
  readonly expected: readonly { readonly rule: string; readonly hits: string }[];
  /** Why a case is not as expected, or else the options of `replay` for the first run that broke a rule; what PCT promises. */
  readonly notes: readonly string[];
}

export interface RowOptions {
  /** A row for each case, however many a matrix makes. */
  readonly isSeparate: boolean;
  readonly maxEvents: number | undefined;
}

/** The rows in the order of the cases; a case that is not as expected has one of its own. */
export function verdictRows(results: readonly CaseResult[], options: RowOptions): readonly VerdictRow[] {
  const groups = new Map<string, CaseResult[]>();
  for (const [number, result] of results.entries()) {
    const { report, scenarioCase } = result;
    const isAlone = options.isSeparate || !report.asExpected;
    const outcome = [report.file, scenarioCase.base, report.verdict, report.runs, ...report.expect];
    const key = JSON.stringify(isAlone ? number : outcome);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map(([first, ...others]) => rowOf([first as CaseResult, ...others], options));
}

function rowOf(group: readonly [CaseResult, ...CaseResult[]], { isSeparate, maxEvents }: RowOptions): VerdictRow {
  const [{ report, scenarioCase, scenario }] = group;
  const reports = group.map((result) => result.report);
  return {
    heading: `${report.scenario}: ${scenario.title}`,
    report,
    name: group.length === 1 ? report.case : scenarioCase.base,
    cases: reports.length,
    expected: expectedHits(reports, report),
    notes: [
      report.asExpected && !isSeparate ? firstRun(reports, maxEvents) : report.reason,
      guaranteeText(reports),
    ].filter((note) => note !== ''),
  };
}

function expectedHits(reports: readonly CaseReport[], { expect, runs }: CaseReport): VerdictRow['expected'] {
  const hits = (count: (report: CaseReport) => number): string => `${rangeOf(reports.map(count))}/${runs}`;
  if (expect.length === 0) {
    return [{ rule: 'holds', hits: hits(({ violations }) => violations[0]?.count ?? 0) }];
  }
  return expect.map((rule) => ({ rule, hits: hits((report) => violationOf(report, rule)?.count ?? 0) }));
}

function rangeOf(counts: readonly number[]): string {
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? `${least}` : `${least}-${most}`;
}

function firstRun(reports: readonly CaseReport[], maxEvents: number | undefined): string {
  for (const report of reports) {
    const violation = report.expect.map((rule) => violationOf(report, rule)).find((each) => each !== undefined);
    if (violation !== undefined) {
      const { file, case: name, strategy, guarantee } = report;
      const address = { file, case: name, seed: violation.first.seed, strategy, depth: guarantee?.depth ?? null };
      return `first: ${replayOptions({ ...address, maxEvents })}`;
    }
  }
  return '';
}

/** What PCT promises of each case of a row: the least of it. */
function guaranteeText(reports: readonly CaseReport[]): string {
  const [least] = reports.flatMap(({ guarantee }) => guarantee ?? []).toSorted((a, b) => a.probability - b.probability);
  if (least === undefined) {
    return '';
  }
  const { depth, processes, choicePoints, probability } = least;
  const runs = Math.round(1 / probability);
  return `each bug of depth ${depth}: found by at least 1 run in ${runs} (n = ${processes}, k = ${choicePoints})`;
}

function violationOf({ violations }: CaseReport, rule: string): ViolationReport | undefined {
  return violations.find((violation) => violation.rule === rule);
}
