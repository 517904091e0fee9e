import { runPooled } from '../../cli/workers/pooled-campaign.ts';
import type { ScenarioCase } from '../../scenarios/load-scenario.ts';
import { runCase } from '../../scenarios/run-case.ts';
import { benchCase } from './scenario-runs.ts';

/** Workers start and end with each campaign, as for a user: long enough that this counts as little as it does there. */
export const campaignRuns = 150_000;

export interface CampaignRate {
  readonly name: string;
  /** Runs per second of the best campaign: whatever else the machine does only takes away from it. */
  readonly best: number;
}

/** One long campaign in this thread, in one worker process, and in two. They take turns. */
export async function workerRuns(rounds: number): Promise<readonly CampaignRate[]> {
  const scenarioCase = benchCase();
  const forms = [
    { name: 'this thread', work: async () => here(scenarioCase) },
    { name: 'one worker', work: () => pooled(scenarioCase, 1) },
    { name: 'two workers', work: () => pooled(scenarioCase, 2) },
  ];
  const best = forms.map(() => 0);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, { work }] of forms.entries()) {
      const startMs = performance.now();
      const runs = await work();
      best[i] = Math.max(best[i] as number, (runs / (performance.now() - startMs)) * 1000);
    }
  }
  return forms.map(({ name }, i) => ({ name, best: best[i] as number }));
}

const options = { strategy: 'random', firstSeed: 0n, maxEvents: undefined } as const;

function here(scenarioCase: ScenarioCase): number {
  return runCase(scenarioCase, { ...options, runs: campaignRuns }).runs;
}

async function pooled(scenarioCase: ScenarioCase, jobs: number): Promise<number> {
  const [outcome] = await runPooled(
    [{ scenarioCase, options, runs: campaignRuns }],
    { jobs, runTimeoutMs: 30_000 },
    { interruption: { signal: undefined }, onProgress: () => {} },
  );
  return outcome?.sum.runs ?? 0;
}
