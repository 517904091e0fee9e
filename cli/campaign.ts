import { setImmediate } from 'node:timers/promises';
import type { CaseReport, RunRecord, ViolationReport } from '../scenarios/report.ts';
import type { CampaignOutcome } from '../scenarios/run-case.ts';
import { type Strategy, seededStrategy } from '../scenarios/strategy-names.ts';
import { NondeterminismError } from '../sim/schedulers/recheck.ts';
import type { Interruption } from './io.ts';
import type { Simulator } from './library.ts';
import type { Progress } from './progress.ts';
import type { SelectedCase } from './select-cases.ts';
import type { WorkerSettings } from './workers/pooled-campaign.ts';

/** How the cases of a campaign are run. */
export interface CampaignSettings {
  readonly strategy: Strategy;
  /** Of the strategy `pct`; undefined: the default. */
  readonly depth: number | undefined;
  /** Runs of each case; undefined: what the case says. */
  readonly runs: number | undefined;
  readonly firstSeed: bigint;
  readonly maxEvents: number | undefined;
}

export interface CaseResult extends SelectedCase {
  readonly report: CaseReport;
}

interface CampaignPorts {
  readonly simulator: Simulator;
  readonly interruption: Interruption;
  readonly progress: Progress;
}

export function runCountOf(cases: readonly SelectedCase[], { runs }: CampaignSettings): number {
  return cases.reduce((sum, { scenarioCase }) => sum + (runs ?? scenarioCase.defaultRuns), 0);
}

/** Starting workers costs about as much as this many small runs. */
const fewestRunsForWorkers = 12_000;

/** Runs the cases; a signal ends it with the results there are. They are the same with any number of workers. */
export function runCampaign(
  cases: readonly SelectedCase[],
  settings: CampaignSettings & WorkerSettings,
  ports: CampaignPorts,
): Promise<readonly CaseResult[]> {
  const needsWorkers = settings.jobs > 1 && runCountOf(cases, settings) >= fewestRunsForWorkers;
  return (needsWorkers ? runInWorkers : runHere)(cases, settings, ports);
}

async function runInWorkers(
  cases: readonly SelectedCase[],
  settings: CampaignSettings & WorkerSettings,
  { simulator, interruption, progress }: CampaignPorts,
): Promise<readonly CaseResult[]> {
  const { runPooled } = await import('./workers/pooled-campaign.ts');
  const { strategy, depth, firstSeed, maxEvents } = settings;
  const options = { strategy, depth, firstSeed, maxEvents };
  const orders = cases.map(({ scenarioCase }) => {
    return { scenarioCase, options, runs: settings.runs ?? scenarioCase.defaultRuns };
  });
  const outcomes = await runPooled(orders, settings, {
    interruption,
    onProgress: (runsDone, { scenario, name }) => progress.update(runsDone, `${scenario} ${name}`),
  });
  return cases.flatMap((selected, i) => {
    const outcome = outcomes[i] as CampaignOutcome;
    // A case of which nothing is known has no result.
    const isEmpty = outcome.sum.runs === 0 && outcome.lost.length === 0;
    return isEmpty ? [] : [{ ...selected, report: simulator.reportCase(selected.scenarioCase, options, outcome) }];
  });
}

/** One case after the other, in this thread. */
async function runHere(
  cases: readonly SelectedCase[],
  settings: CampaignSettings,
  { simulator, interruption, progress }: CampaignPorts,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  let runsBefore = 0;
  for (const selected of cases) {
    if (interruption.signal !== undefined) {
      break;
    }
    const { scenarioCase } = selected;
    const report = await simulator.runCaseInSlices(scenarioCase, {
      strategy: settings.strategy,
      depth: settings.depth,
      runs: settings.runs ?? scenarioCase.defaultRuns,
      firstSeed: settings.firstSeed,
      maxEvents: settings.maxEvents,
      shouldStop: () => interruption.signal !== undefined,
      onProgress: (runsDone) => progress.update(runsBefore + runsDone, `${scenarioCase.scenario} ${scenarioCase.name}`),
    });
    runsBefore += report.runs;
    // A short case ends before any signal or timer has had its turn.
    await setImmediate();
    results.push({ ...selected, report });
  }
  return results;
}

/** The run that first broke a rule, with its trace. It has to come out as it did in the campaign. */
export function recordFirst(
  { scenarioCase, report }: CaseResult,
  { first }: ViolationReport,
  { simulator, settings }: { readonly simulator: Simulator; readonly settings: CampaignSettings },
): RunRecord {
  const bySeed = {
    strategy: seededStrategy(settings.strategy),
    depth: settings.depth,
    seed: BigInt(first.seed),
    ...(settings.maxEvents === undefined ? {} : { maxEvents: settings.maxEvents }),
  } as const;
  const record = simulator.replayCase(scenarioCase, first.seed === '' ? { choices: first.choices } : bySeed);
  if (record.digest !== first.digest) {
    throw new NondeterminismError(
      `${report.scenario} ${report.case}: seed ${first.seed} gave digest ${first.digest} first and ${record.digest} then`,
    );
  }
  return record;
}
