import type { CaseReport, ViolationReport } from '../scenarios/report.ts';
import type { InputProblem } from './find-files.ts';
import type { ToolInfo } from './package-info.ts';
import type { ShrunkViolations } from './shrink-results.ts';
import { shrunkJson } from './shrunk-json.ts';
import { summarize } from './verdict-text.ts';

export const schemaVersion = 1;

/** The beginning of every document that `--json` prints. */
export function documentHead(tool: ToolInfo): { readonly schema: number; readonly tool: ToolInfo } {
  return { schema: schemaVersion, tool: { name: tool.name, version: tool.version } };
}

export interface CampaignDocument {
  readonly tool: ToolInfo;
  readonly reports: readonly CaseReport[];
  readonly shrunk: ShrunkViolations;
  readonly problems: readonly InputProblem[];
  readonly isInterrupted: boolean;
}

/** What `run --json` prints: fields in this order, no times, so that equal results are equal bytes. */
export function campaignDocument({ tool, reports, shrunk, problems, isInterrupted }: CampaignDocument): object {
  return {
    ...documentHead(tool),
    results: reports.map((report) => caseJson(report, shrunk)),
    summary: summarize(reports),
    ...lostJson(reports),
    ...errorsJson(problems),
    ...(isInterrupted ? { interrupted: true } : {}),
  };
}

/** Only there when a worker process died. */
function lostJson(reports: readonly CaseReport[]): object {
  const lost = reports.flatMap(({ scenario, case: name, lost: runs }) =>
    runs.map(({ run, seed, reason }) => ({ scenario, case: name, run, seed, reason })),
  );
  return lost.length === 0 ? {} : { lost };
}

/** Only there when something is wrong. */
export function errorsJson(problems: readonly InputProblem[]): object {
  return problems.length === 0
    ? {}
    : { errors: problems.map(({ file, line, column, message, hint }) => ({ file, line, column, message, hint })) };
}

/** A document as it is printed. */
export function documentText(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function caseJson(report: CaseReport, shrunk: ShrunkViolations): object {
  return {
    scenario: report.scenario,
    case: report.case,
    file: report.file,
    line: report.line,
    expect: [...report.expect],
    verdict: report.verdict,
    asExpected: report.asExpected,
    complete: report.complete,
    strategy: report.strategy,
    runs: report.runs,
    events: report.events,
    states: report.states,
    violations: report.violations.map((violation) => violationJson(violation, shrunk)),
    notReached: [...report.notReached],
    reason: report.reason,
    guarantee: report.guarantee,
    ...(report.exploration === null ? {} : { exploration: { ...report.exploration } }),
  };
}

function violationJson(violation: ViolationReport, shrunk: ShrunkViolations): object {
  const { rule, message, source, count, first } = violation;
  const { seed, run, choices, events, digest, knobs } = first;
  const run0 = { seed: seed === '' ? null : seed, run, choices, events, digest, knobs: { ...knobs } };
  return { rule, message, source, count, first: { ...run0, shrunk: shrunkJson(shrunk.get(violation)) } };
}
