import { setImmediate } from 'node:timers/promises';
import type { SearchProgress } from '../../sim/exploration/search.ts';
import type { CampaignSettings, CaseResult } from '../campaign.ts';
import { type CaseResults, exitCodeOf, loadCases, printResults, type ResultOutput } from '../case-results.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import type { Simulator } from '../library.ts';
import { noProgress, type Progress, startProgress } from '../progress.ts';
import type { SelectedCase } from '../select-cases.ts';
import { counted, summarize, summaryParts } from '../verdict-text.ts';
import { type ExplorationSettings, isSampled, sampling, timeBudget } from '../workers/exploration-tasks.ts';

export interface ExploreCommandOptions extends ResultOutput, ExplorationSettings {
  readonly paths: readonly string[];
  readonly caseNames: readonly string[];
  /** Worker processes; 1: this process searches all. */
  readonly jobs: number;
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
  const shown: CaseResults = { output: options, settings: campaignOf(options), io, simulator, results, problems };
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

/** Starting workers costs about as much as searching a few small cases. */
const fewestCasesForWorkers = 8;

async function exploreAll(cases: readonly SelectedCase[], ports: Ports): Promise<readonly CaseResult[]> {
  const { options, io } = ports;
  const isSilent = options.quiet || cases.length === 0;
  const progress = isSilent ? noProgress : await startProgress(io, cases.length, 'cases');
  try {
    const needsWorkers = options.jobs > 1 && cases.length >= fewestCasesForWorkers;
    return await (needsWorkers ? exploreInWorkers : exploreHere)(cases, ports, progress);
  } finally {
    progress.stop();
  }
}

async function exploreInWorkers(
  cases: readonly SelectedCase[],
  { options, io }: Ports,
  progress: Progress,
): Promise<readonly CaseResult[]> {
  const { explorePooled } = await import('../workers/pooled-exploration.ts');
  const { jobs } = options;
  const reports = await explorePooled(
    cases.map(({ scenarioCase }) => scenarioCase),
    { jobs, settings: settingsOf(options) },
    {
      interruption: io.interruption,
      onDone: (done, { scenario, name }) => progress.update(done, `last ${scenario} ${name}`),
    },
  );
  return cases.flatMap((selected, i) => {
    const report = reports[i];
    return report === undefined ? [] : [{ ...selected, report }];
  });
}

/** One case after the other, in this thread. */
async function exploreHere(
  cases: readonly SelectedCase[],
  { options, io, simulator }: Ports,
  progress: Progress,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  const isInterrupted = (): boolean => io.interruption.signal !== undefined;
  const settings = settingsOf(options);
  for (const selected of cases) {
    if (isInterrupted()) {
      break;
    }
    const { scenarioCase } = selected;
    const show = (text: string): void =>
      progress.update(results.length, `${scenarioCase.scenario} ${scenarioCase.name}: ${text}`);
    const task = { scenarioCase, settings };
    const isTimeUp = timeBudget(settings);
    const report = isSampled(task)
      ? await simulator.runCaseInSlices(scenarioCase, {
          ...sampling(task),
          shouldStop: isInterrupted,
          onProgress: (runs) => show(`${runs} runs`),
        })
      : await simulator.exploreCaseInSlices(scenarioCase, {
          ...settings,
          shouldStop: () => (isInterrupted() ? 'interrupted' : isTimeUp()),
          onProgress: (searched) => show(progressText(searched)),
        });
    results.push({ ...selected, report });
    // A short case ends before any signal or timer has had its turn.
    await setImmediate();
  }
  return results;
}

/** What travels to workers. */
function settingsOf(options: ExploreCommandOptions): ExplorationSettings {
  const { maxPreemptions, maxExecutions, maxEvents, reduces, isExact, usesDpor, timeBudgetSeconds, all } = options;
  return { maxPreemptions, maxExecutions, maxEvents, reduces, isExact, usesDpor, timeBudgetSeconds, all };
}

function progressText({ executions, states, fractionDone }: SearchProgress): string {
  return `${executions} executions, ${states > 0 ? `${states} states, ` : ''}about ${Math.floor(fractionDone * 100)} %`;
}

/** What repeats a run that a search found. */
function campaignOf({ maxEvents }: ExploreCommandOptions): CampaignSettings {
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
