import type { CaseReport } from '../scenarios/report.ts';
import type { CaseResult } from './campaign.ts';
import type { VerdictRow } from './verdict-rows.ts';
import { counted } from './verdict-text.ts';

/** Rows of `explore`: like those of `run`, with the states of the search, or the runs where a case was sampled. */
export function explorationRows(results: readonly CaseResult[], isSeparate: boolean): readonly VerdictRow[] {
  const groups = new Map<string, CaseResult[]>();
  for (const [number, result] of results.entries()) {
    const { report, scenarioCase } = result;
    const isAlone = isSeparate || !report.asExpected;
    const { file, verdict, complete, strategy, expect } = report;
    const warning = report.exploration?.warning ?? '';
    const key = JSON.stringify(
      isAlone ? number : [file, scenarioCase.base, verdict, complete, strategy, warning, ...expect],
    );
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map(([first, ...others]) => rowOf([first as CaseResult, ...others], isSeparate));
}

function rowOf(group: readonly [CaseResult, ...CaseResult[]], isSeparate: boolean): VerdictRow {
  const [{ report, scenarioCase, scenario }] = group;
  const size = sizeText(group.map((result) => result.report));
  const rules = report.expect.length === 0 ? ['holds'] : report.expect;
  return {
    heading: `${report.scenario}: ${scenario.title}`,
    report,
    name: group.length === 1 ? report.case : scenarioCase.base,
    cases: group.length,
    expected: rules.map((rule, i) => ({ rule, hits: i === 0 ? size : '' })),
    notes: [
      report.reason === '' ? boundText(report) : report.reason,
      report.exploration?.warning ?? '',
      ...(isSeparate ? searchTexts(report) : []),
    ].filter((note) => note !== ''),
  };
}

/** What a proof is limited to; '' for one that is not. */
function boundText({ exploration }: CaseReport): string {
  const bound = exploration?.preemptions ?? null;
  return bound === null ? '' : `proved up to ${bound} preemption${bound === 1 ? '' : 's'}`;
}

/** How large the search was, for those who look at one case. */
function searchTexts({ exploration }: CaseReport): readonly string[] {
  if (exploration === null) {
    return [];
  }
  const { executions, transitions, deepest, states, tableBytes, collisionProbability, exact, dpor } = exploration;
  const steps = `${counted(executions, 'execution')}, ${counted(transitions, 'transition')}, at most ${deepest} steps`;
  if (dpor) {
    return [`${steps}, no states kept`];
  }
  const memory = `${(tableBytes / 2 ** 20).toFixed(1)} MB for the states`;
  const chance = `chance of two states taken for one: about ${collisionProbability.toExponential(0)} at most`;
  return [`${steps}, ${memory}`, ...(exact || states === 0 ? [] : [chance])];
}

function sizeText(reports: readonly CaseReport[]): string {
  const [first] = reports;
  if (first?.exploration === null) {
    return `${first.runs} runs`;
  }
  // Where no states are kept, the orders followed say how large the case is.
  const sizes = reports.map((report) => report.states ?? report.runs);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return `${least === most ? `${least}` : `${least}-${most}`}${first?.states === null ? ' runs' : ''}`;
}
