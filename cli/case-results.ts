import type { ViolationReport } from '../scenarios/report.ts';
import { type CampaignSettings, type CaseResult, recordFirst } from './campaign.ts';
import { caseLine, caseText, lostText, toldViolations } from './case-text.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { InputProblem } from './find-files.ts';
import type { CliIo } from './io.ts';
import { campaignDocument, documentText } from './json-document.ts';
import type { Simulator } from './library.ts';
import { loadScenarios } from './load-scenarios.ts';
import { toolInfo } from './package-info.ts';
import { nearNames, type SelectedCase, selectCases } from './select-cases.ts';
import { type ShrunkViolations, shrinkViolations } from './shrink-results.ts';
import { outcomeOf, type Style, styleFor } from './verdict-text.ts';
import { printableText } from './wrap-text.ts';

/** How the results of cases are shown. */
export interface ResultOutput {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Seconds in which to shrink a failing run; undefined: they are shown as they were found. */
  readonly shrinkTimeS: number | undefined;
}

/** What `run` and `explore` have come to. */
export interface CaseResults {
  readonly output: ResultOutput;
  /** What repeats a run of theirs. */
  readonly settings: CampaignSettings;
  readonly io: CliIo;
  readonly simulator: Simulator;
  readonly results: readonly CaseResult[];
  readonly problems: readonly InputProblem[];
}

/** What differs between the two: the table, and the line at the end. */
export interface ResultTexts {
  table(isSeparate: boolean, style: Style): Promise<string>;
  readonly summary: string;
}

/** The cases that paths and names stand for; what is wrong with either is said on stderr. */
export function loadCases(
  { paths, caseNames }: { readonly paths: readonly string[]; readonly caseNames: readonly string[] },
  { io, simulator }: Pick<CaseResults, 'io' | 'simulator'>,
): { readonly cases: readonly SelectedCase[]; readonly problems: readonly InputProblem[] } {
  const { scenarios, problems } = loadScenarios(paths, simulator, io);
  const selection = selectCases(scenarios, caseNames);
  for (const name of selection.unmatched) {
    io.stderr.write(`tornread: error: no case matches "${printableText(name)}"; ${nearNames(name, scenarios)}\n`);
  }
  // A misspelt name may be in the file that is broken; otherwise, running the rest would hide it.
  return { cases: selection.unmatched.length > 0 && problems.length === 0 ? [] : selection.cases, problems };
}

/** Shrinks what will be shown, and shows it all. */
export async function printResults(shown: CaseResults, texts: ResultTexts): Promise<void> {
  const { output, io, results, problems } = shown;
  const isInterrupted = io.interruption.signal !== undefined;
  const shrunk = await shrinkShown(shown);
  if (output.json) {
    const reports = results.map(({ report }) => report);
    io.stdout.write(documentText(campaignDocument({ tool: toolInfo(), reports, shrunk, problems, isInterrupted })));
    return;
  }
  if (results.length === 0 && !isInterrupted) {
    io.stderr.write('tornread: error: nothing ran, as no case was found\n');
    return;
  }
  const lost = results.flatMap((result) => lostText(result, shown.settings) ?? []);
  if (output.quiet) {
    const unexpected = results.filter(({ report }) => !report.asExpected);
    const caseLines = unexpected.map((result) => caseLine(result, shown.settings));
    io.stdout.write(`${[...caseLines, ...lost, texts.summary].join('\n')}\n`);
    return;
  }
  const table = results.length === 0 ? [] : [await texts.table(isLookedAt(shown), styleFor(io.stdout))];
  io.stdout.write(`${[...table, ...caseTexts(shown, shrunk), ...lost, texts.summary].join('\n\n')}\n`);
}

/** Of a command about cases: the worst that happened. */
export function exitCodeOf({ io, results, problems }: CaseResults): ExitCode {
  const outcomes = new Set(results.map(({ report }) => outcomeOf(report)));
  switch (true) {
    case io.interruption.signal !== undefined:
      return exitCodes[io.interruption.signal];
    case problems.length > 0:
      return exitCodes.invalidInput;
    case outcomes.has('unexpected'):
      return exitCodes.notAsExpected;
    case outcomes.has('inconclusive'):
      return exitCodes.inconclusive;
    case results.length === 0:
      return exitCodes.nothingRan;
    default:
      return exitCodes.asExpected;
  }
}

/** The runs with a picture, or, for a document, those of every violation. */
async function shrinkShown(shown: CaseResults): Promise<ShrunkViolations> {
  const { output, settings, io, simulator, results } = shown;
  const { json, quiet, shrinkTimeS } = output;
  const chosen = json ? results : quiet ? [] : resultsInFull(shown);
  return shrinkViolations(chosen, ({ report }) => (json ? report.violations : toldViolations(report)), {
    simulator,
    interruption: io.interruption,
    settings,
    shrinkTimeS,
  });
}

/** Whether the user looks at cases one by one. */
function isLookedAt({ output, results }: Pick<CaseResults, 'output' | 'results'>): boolean {
  return output.verbose || results.length === 1;
}

/** In full: cases that are not as expected, and those the user looks at one by one. */
function resultsInFull(shown: CaseResults): readonly CaseResult[] {
  const isEach = isLookedAt(shown);
  return shown.results.filter(({ report }) => !report.asExpected || (isEach && report.verdict === 'violated'));
}

function caseTexts(shown: CaseResults, shrunk: ShrunkViolations): readonly string[] {
  const { settings, simulator } = shown;
  return resultsInFull(shown).map((result) => {
    const record = (violation: ViolationReport) => recordFirst(result, violation, { simulator, settings });
    return caseText(result, { settings, record, shrunk });
  });
}
