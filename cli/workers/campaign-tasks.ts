import type { ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { RangeResult } from '../../scenarios/range-result.ts';
import type { RunRange, ScheduleOptions } from '../../scenarios/run-case.ts';

/** The tasks of a campaign's workers. */
export type CampaignTasks = {
  /** Consecutive runs of a case; the numbers of the runs are its steps. */
  readonly 'run-range': { readonly data: RangeTask; readonly result: RangeDone };
};

interface RangeTask {
  /** Equal for equal case and options: the worker keeps the world it assembled last. */
  readonly key: number;
  /** The case itself, as the main process read it, so that a file that changes meanwhile changes nothing. */
  readonly scenarioCase: ScenarioCase;
  readonly options: ScheduleOptions;
  readonly range: RunRange;
  /** After this time the range ends early, with the runs done. */
  readonly maxMs: number;
}

export interface RangeDone {
  readonly result: RangeResult;
  /** Time the runs took; it sizes the ranges to come, and no result depends on it. */
  readonly elapsedMs: number;
}
