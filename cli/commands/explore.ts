import { setImmediate } from 'node:timers/promises';
import type { CaseReport } from '../../scenarios/report.ts';
import type { SearchProgress } from '../../sim/exploration/search.ts';
import type { CampaignSettings, CaseResult } from '../campaign.ts';
import { type CaseResults, exitCodeOf, loadCases, printResults, type ResultOutput } from '../case-results.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import type { Simulator } from '../library.ts';
import { noProgress, startProgress } from '../progress.ts';
import type { SelectedCase } from '../select-cases.ts';
import { counted, summarize, summaryParts } from '../verdict-text.ts';

export interface ExploreCommandOptions extends ResultOutput {
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
}

interface Ports {
  readonly options: ExploreCommandOptions;
  readonly io: CliIo;
  readonly simulator: Simulator;
}

/** `tornread explore`: every order of every case; cases marked as sampled get their seeds, as in `run`. */
export async function exploreCommand(
  options: ExploreCommandOptions,
  io: CliIo,
  simulator: Simulator,
): Promise<ExitCode> {
  const { cases, problems } = loadCases(options, { io, simulator });
  const results = await exploreAll(cases, { options, io, simulator });
  const shown: CaseResults = { output: options, settings: settingsOf(options), io, simulator, results, problems };
  await printResults(shown, {
    table: async (isSeparate, style) => {
      const [{ verdictTable }, { explorationRows }] = await Promise.all([
        import('../table.ts'),
        import('../exploration-rows.ts'),
      ]);
      return verdictTable(explorationRows(results, isSeparate), style, 'states');
    },
    summary: summaryLine(shown),
  });
  return exitCodeOf(shown);
}

async function exploreAll(
  cases: readonly SelectedCase[],
  { options, io, simulator }: Ports,
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

async function searchOne(
  { scenarioCase }: SelectedCase,
  { options, io, simulator, show }: Ports & { readonly show: (text: string) => void },
): Promise<CaseReport> {
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

/** What repeats a run that a search found. */
function settingsOf({ maxEvents }: ExploreCommandOptions): CampaignSettings {
  return { strategy: 'portfolio', depth: undefined, runs: undefined, firstSeed: 0n, maxEvents };
}

function summaryLine({ results, problems, io }: CaseResults): string {
  const reports = results.map(({ report }) => report);
  const searched = reports.filter(({ exploration }) => exploration !== null);
  const complete = searched.filter((report) => report.complete).length;
  const sampled = reports.length - searched.length;
  const states = reports.reduce((sum, report) => sum + (report.states ?? 0), 0);
  const kinds = `${complete} explored to the end${sampled > 0 ? `, ${sampled} sampled` : ''}`;
  const isInterrupted = io.interruption.signal !== undefined;
  const parts = summaryParts(summarize(reports), { lost: 0, problems: problems.length, isInterrupted });
  return `${counted(reports.length, 'case')}, ${kinds}, ${counted(states, 'state')}: ${parts.join(', ')}`;
}
