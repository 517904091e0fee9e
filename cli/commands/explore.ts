import { setImmediate } from 'node:timers/promises';
import type { CaseReport, ViolationReport } from '../../scenarios/report.ts';
import type { SearchProgress } from '../../sim/exploration/search.ts';
import { type CampaignSettings, type CaseResult, recordFirst } from '../campaign.ts';
import { caseLine, caseText } from '../case-text.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { InputProblem } from '../find-scenarios.ts';
import type { CliIo } from '../io.ts';
import { campaignDocument, documentText } from '../json-document.ts';
import type { Simulator } from '../library.ts';
import { loadScenarios } from '../load-scenarios.ts';
import { toolInfo } from '../package-info.ts';
import { noProgress, startProgress } from '../progress.ts';
import { nearNames, type SelectedCase, selectCases } from '../select-cases.ts';
import { counted, outcomeOf, styleFor, summarize } from '../verdict-text.ts';
import { printableText } from '../wrap-text.ts';

export interface ExploreCommandOptions {
  readonly paths: readonly string[];
  readonly caseNames: readonly string[];
  readonly maxPreemptions: number | undefined;
  readonly maxExecutions: number | undefined;
  /** For each case; undefined: as long as it takes. */
  readonly timeBudgetSeconds: number | undefined;
  readonly maxEvents: number | undefined;
  readonly reduces: boolean;
  readonly isExact: boolean;
  /** Search also what its file marks as sampled. */
  readonly all: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

interface Exploration {
  readonly options: ExploreCommandOptions;
  readonly io: CliIo;
  readonly simulator: Simulator;
  readonly results: readonly CaseResult[];
  readonly problems: readonly InputProblem[];
}

/** `tornread explore`: every order of every case; cases marked as sampled get their seeds, as in `run`. */
export async function exploreCommand(
  options: ExploreCommandOptions,
  io: CliIo,
  simulator: Simulator,
): Promise<ExitCode> {
  const { scenarios, problems } = loadScenarios(options.paths, simulator, io);
  const selection = selectCases(scenarios, options.caseNames);
  for (const name of selection.unmatched) {
    io.stderr.write(`tornread: error: no case matches "${printableText(name)}"; ${nearNames(name, scenarios)}\n`);
  }
  const cases = selection.unmatched.length > 0 && problems.length === 0 ? [] : selection.cases;
  const results = await exploreAll(cases, { options, io, simulator });
  const exploration: Exploration = { options, io, simulator, results, problems };
  await print(exploration);
  return exitCodeOf(exploration);
}

async function exploreAll(
  cases: readonly SelectedCase[],
  { options, io, simulator }: Pick<Exploration, 'options' | 'io' | 'simulator'>,
): Promise<readonly CaseResult[]> {
  const isSilent = options.quiet || cases.length === 0;
  const progress = isSilent ? noProgress : await startProgress(io, cases.length, 'cases');
  const results: CaseResult[] = [];
  try {
    for (const selected of cases) {
      if (io.interruption.signal !== undefined) {
        break;
      }
      const show = (text: string): void => progress.update(results.length, `${nameOf(selected)}: ${text}`);
      results.push({ ...selected, report: await searchOne(selected, { options, io, simulator, show }) });
      // A short case ends before any signal or timer has had its turn.
      await setImmediate();
    }
  } finally {
    progress.stop();
  }
  return results;
}

interface Ports extends Pick<Exploration, 'options' | 'io' | 'simulator'> {
  readonly show: (text: string) => void;
}

async function searchOne({ scenarioCase }: SelectedCase, { options, io, simulator, show }: Ports): Promise<CaseReport> {
  const interrupted = (): boolean => io.interruption.signal !== undefined;
  if (scenarioCase.search === 'sampled' && !options.all) {
    return simulator.runCaseInSlices(scenarioCase, {
      strategy: 'portfolio',
      depth: undefined,
      runs: scenarioCase.defaultRuns,
      firstSeed: 0n,
      maxEvents: options.maxEvents,
      shouldStop: interrupted,
      onProgress: (runs) => show(`${runs} runs`),
    });
  }
  const { maxPreemptions, maxExecutions, maxEvents, reduces, isExact, timeBudgetSeconds } = options;
  const start = performance.now();
  const budgetUsed = (): boolean =>
    timeBudgetSeconds !== undefined && performance.now() - start >= timeBudgetSeconds * 1000;
  return simulator.exploreCaseInSlices(scenarioCase, {
    maxPreemptions,
    maxExecutions,
    maxEvents,
    reduces,
    isExact,
    shouldStop: () => {
      if (interrupted()) return 'interrupted';
      return budgetUsed() ? `time budget of ${timeBudgetSeconds} s used up` : undefined;
    },
    onProgress: (progress) => show(progressText(progress)),
  });
}

function nameOf({ scenarioCase }: SelectedCase): string {
  return `${scenarioCase.scenario} ${scenarioCase.name}`;
}

function progressText({ executions, states, fractionDone }: SearchProgress): string {
  return `${executions} executions, ${states} states, about ${Math.floor(fractionDone * 100)} %`;
}

async function print(exploration: Exploration): Promise<void> {
  const { options, io, results, problems } = exploration;
  const reports = results.map(({ report }) => report);
  const isInterrupted = io.interruption.signal !== undefined;
  if (options.json) {
    io.stdout.write(documentText(campaignDocument({ tool: toolInfo(), reports, problems, isInterrupted })));
    return;
  }
  if (results.length === 0 && !isInterrupted) {
    io.stderr.write('tornread: error: nothing ran, as no case was found\n');
    return;
  }
  const summary = summaryLine(exploration);
  if (options.quiet) {
    const unexpected = results.filter(({ report }) => !report.asExpected);
    io.stdout.write(`${[...unexpected.map((result) => caseLine(result, settingsOf(options))), summary].join('\n')}\n`);
    return;
  }
  const [{ verdictTable }, { explorationRows }] = await Promise.all([
    import('../table.ts'),
    import('../exploration-rows.ts'),
  ]);
  const rows = explorationRows(results, isLookedAt(exploration));
  const table = rows.length === 0 ? [] : [verdictTable(rows, styleFor(io.stdout), 'states')];
  io.stdout.write(`${[...table, ...caseTexts(exploration), summary].join('\n\n')}\n`);
}

function isLookedAt({ options, results }: Pick<Exploration, 'options' | 'results'>): boolean {
  return options.verbose || results.length === 1;
}

/** In full: cases that are not as expected, and those the user looks at one by one. */
function caseTexts(exploration: Exploration): readonly string[] {
  const { options, simulator, results } = exploration;
  const isEach = isLookedAt(exploration);
  const settings = settingsOf(options);
  return results
    .filter(({ report }) => !report.asExpected || (isEach && report.verdict === 'violated'))
    .map((result) => {
      const record = (violation: ViolationReport) => recordFirst(result, violation, { simulator, settings });
      return caseText(result, { settings, record });
    });
}

/** What repeats a run that a search found. */
function settingsOf({ maxEvents }: ExploreCommandOptions): CampaignSettings {
  return { strategy: 'portfolio', depth: undefined, runs: undefined, firstSeed: 0n, maxEvents };
}

function summaryLine({ results, problems, io }: Exploration): string {
  const reports = results.map(({ report }) => report);
  const { asExpected, unexpected, inconclusive } = summarize(reports);
  const states = reports.reduce((sum, report) => sum + (report.states ?? 0), 0);
  const searched = reports.filter(({ exploration }) => exploration !== null);
  const complete = searched.filter((report) => report.complete).length;
  const sampled = reports.length - searched.length;
  const parts = [
    `${asExpected} as expected`,
    ...(unexpected > 0 ? [`${unexpected} not as expected`] : []),
    ...(inconclusive > 0 ? [`${inconclusive} inconclusive`] : []),
    ...(problems.length > 0 ? [`${counted(problems.length, 'error')} in scenario files`] : []),
    ...(io.interruption.signal === undefined ? [] : ['interrupted']),
  ];
  const kinds = `${complete} explored to the end${sampled > 0 ? `, ${sampled} sampled` : ''}`;
  return `${counted(reports.length, 'case')}, ${kinds}, ${counted(states, 'state')}: ${parts.join(', ')}`;
}

function exitCodeOf({ io, results, problems }: Exploration): ExitCode {
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
