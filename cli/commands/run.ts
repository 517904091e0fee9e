import type { ViolationReport } from '../../scenarios/report.ts';
import { type CampaignSettings, type CaseResult, recordFirst, runCampaign, runCountOf } from '../campaign.ts';
import { caseLine, caseText, toldViolations } from '../case-text.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { InputProblem } from '../find-scenarios.ts';
import type { CliIo } from '../io.ts';
import { campaignDocument, documentText } from '../json-document.ts';
import type { Simulator } from '../library.ts';
import { loadScenarios } from '../load-scenarios.ts';
import { toolInfo } from '../package-info.ts';
import { noProgress, startProgress } from '../progress.ts';
import { nearNames, type Selection, selectCases } from '../select-cases.ts';
import { type ShrunkViolations, shrinkViolations } from '../shrink-results.ts';
import { traceText } from '../trace-file.ts';
import { outcomeOf, styleFor, summarize, summaryText } from '../verdict-text.ts';
import { printableText } from '../wrap-text.ts';
import { assertWritable, writeWholeFile } from '../write-file.ts';

export interface RunCommandOptions extends CampaignSettings {
  readonly paths: readonly string[];
  readonly caseNames: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** File for the traces of violating runs. */
  readonly trace: string | undefined;
  /** Seconds in which to shrink a failing run; undefined: they are shown as they were found. */
  readonly shrinkTimeS: number | undefined;
}

interface Campaign {
  readonly options: RunCommandOptions;
  readonly io: CliIo;
  readonly simulator: Simulator;
  readonly results: readonly CaseResult[];
  readonly problems: readonly InputProblem[];
  readonly shrunk: ShrunkViolations;
}

/** `tornread run`: every case against what is expected of it. */
export async function runCommand(options: RunCommandOptions, io: CliIo, simulator: Simulator): Promise<ExitCode> {
  if (options.trace !== undefined) {
    assertWritable(options.trace);
  }
  const { scenarios, problems } = loadScenarios(options.paths, simulator, io);
  const selection = selectCases(scenarios, options.caseNames);
  for (const name of selection.unmatched) {
    io.stderr.write(`tornread: error: no case matches "${printableText(name)}"; ${nearNames(name, scenarios)}\n`);
  }
  // A misspelt name may be in the file that is broken; otherwise, running the rest would hide it.
  const cases = selection.unmatched.length > 0 && problems.length === 0 ? [] : selection.cases;
  const results = await runAll({ ...selection, cases }, { options, io, simulator });
  const shrunk = await shrinkShown({ options, io, simulator, results });
  const campaign: Campaign = { options, io, simulator, results, problems, shrunk };
  await print(campaign);
  if (options.trace !== undefined) {
    writeWholeFile(options.trace, traces(campaign));
  }
  return exitCodeOf(campaign);
}

async function runAll(
  { cases }: Selection,
  { options, io, simulator }: Pick<Campaign, 'options' | 'io' | 'simulator'>,
): Promise<readonly CaseResult[]> {
  const isSilent = options.quiet || cases.length === 0;
  const progress = isSilent ? noProgress : await startProgress(io, runCountOf(cases, options));
  try {
    return await runCampaign(cases, options, { simulator, interruption: io.interruption, progress });
  } finally {
    progress.stop();
  }
}

/** Shrinks what will be shown: the runs with a picture, or, for a document, those of every violation. */
async function shrinkShown(
  campaign: Pick<Campaign, 'options' | 'io' | 'simulator' | 'results'>,
): Promise<ShrunkViolations> {
  const { options, io, simulator, results } = campaign;
  const { json, quiet, shrinkTimeS } = options;
  const shown = json ? results : quiet ? [] : resultsInFull(campaign);
  return shrinkViolations(shown, ({ report }) => (json ? report.violations : toldViolations(report)), {
    simulator,
    interruption: io.interruption,
    settings: options,
    shrinkTimeS,
  });
}

async function print(campaign: Campaign): Promise<void> {
  const { options, io, results, problems } = campaign;
  const reports = results.map(({ report }) => report);
  const isInterrupted = io.interruption.signal !== undefined;
  if (options.json) {
    io.stdout.write(
      documentText(campaignDocument({ tool: toolInfo(), reports, shrunk: campaign.shrunk, problems, isInterrupted })),
    );
    return;
  }
  if (results.length === 0 && !isInterrupted) {
    io.stderr.write('tornread: error: nothing ran, as no case was found\n');
    return;
  }
  const runs = reports.reduce((sum, report) => sum + report.runs, 0);
  const summary = summaryText(summarize(reports), { runs, problems: problems.length, isInterrupted });
  if (options.quiet) {
    const unexpected = results.filter(({ report }) => !report.asExpected);
    io.stdout.write(lines([...unexpected.map((result) => caseLine(result, options)), summary], '\n'));
    return;
  }
  const [{ verdictTable }, { verdictRows }] = await Promise.all([import('../table.ts'), import('../verdict-rows.ts')]);
  const rows = verdictRows(results, { isSeparate: isLookedAt(campaign), maxEvents: options.maxEvents });
  const table = rows.length === 0 ? [] : [verdictTable(rows, styleFor(io.stdout))];
  io.stdout.write(lines([...table, ...caseTexts(campaign), summary], '\n\n'));
}

function lines(parts: readonly string[], separator: string): string {
  return `${parts.join(separator)}\n`;
}

/** Whether the user looks at cases one by one. */
function isLookedAt({ options, results }: Pick<Campaign, 'options' | 'results'>): boolean {
  return options.verbose || results.length === 1;
}

/** In full: cases that are not as expected, and those the user looks at one by one. */
function resultsInFull({ options, results }: Pick<Campaign, 'options' | 'results'>): readonly CaseResult[] {
  const isEach = isLookedAt({ options, results });
  return results.filter(({ report }) => !report.asExpected || (isEach && report.verdict === 'violated'));
}

function caseTexts(campaign: Campaign): readonly string[] {
  const { options, simulator, shrunk } = campaign;
  return resultsInFull(campaign).map((result) => {
    const record = (violation: ViolationReport) => recordFirst(result, violation, { simulator, settings: options });
    return caseText(result, { settings: options, record, shrunk });
  });
}

/** The traces of the first violating run of each case, one after the other. */
function traces({ options, simulator, results }: Campaign): string {
  const tool = toolInfo();
  return results
    .map((result) => {
      const [first] = result.report.violations.toSorted((a, b) => a.first.run - b.first.run);
      if (first === undefined) {
        return '';
      }
      const record = recordFirst(result, first, { simulator, settings: options });
      return traceText({ record, sha256: result.scenario.sha256 }, tool);
    })
    .join('');
}

function exitCodeOf({ io, results, problems }: Campaign): ExitCode {
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
