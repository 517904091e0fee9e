import type { ExploreOptions } from '../../scenarios/explore-case.ts';
import type { ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { CaseReport } from '../../scenarios/report.ts';
import type { RunOptions } from '../../scenarios/run-case.ts';

/** The tasks of an exploration's workers. */
export type ExplorationTasks = {
  /** One case, searched or sampled; looks at the clock are its steps. */
  readonly 'explore-case': { readonly data: ExplorationTask; readonly result: CaseReport };
};

/** What a case is searched with: plain data. */
export interface ExplorationSettings extends Omit<ExploreOptions, 'shouldStop' | 'onProgress'> {
  /** For each case; undefined: as long as it takes. */
  readonly timeBudgetSeconds: number | undefined;
  /** Search also what its file marks as sampled. */
  readonly all: boolean;
}

export interface ExplorationTask {
  readonly scenarioCase: ScenarioCase;
  readonly settings: ExplorationSettings;
}

/** Whether a case gets seeds instead of a search. */
export function isSampled({ scenarioCase, settings }: ExplorationTask): boolean {
  return scenarioCase.search === 'sampled' && !settings.all;
}

/** The runs of a sampled case: those that `run` makes without options. */
export function sampling({ scenarioCase, settings }: ExplorationTask): RunOptions {
  const runs = scenarioCase.defaultRuns;
  return { strategy: 'portfolio', depth: undefined, runs, firstSeed: 0n, maxEvents: settings.maxEvents };
}

/** Ends a search whose time is up, from now on. */
export function timeBudget({ timeBudgetSeconds }: ExplorationSettings): () => string | undefined {
  const startMs = performance.now();
  return () =>
    timeBudgetSeconds !== undefined && performance.now() - startMs >= timeBudgetSeconds * 1000
      ? `time budget of ${timeBudgetSeconds} s used up`
      : undefined;
}
