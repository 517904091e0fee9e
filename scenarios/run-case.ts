import type { Scheduler } from '../sim/scheduler.ts';
import type { SeededScheduler } from '../sim/schedulers/profile.ts';
import { RecheckScheduler } from '../sim/schedulers/recheck.ts';
import { RecordingScheduler } from '../sim/schedulers/recording.ts';
import { decodeRecording, encodeRecording, ReplayDivergedError, ReplayScheduler } from '../sim/schedulers/replay.ts';
import type { RunOutcome } from '../sim/violation.ts';
import { CaseWorlds } from './case-worlds.ts';
import { type CampaignEnd, judgeCase } from './judge-case.ts';
import type { ScenarioCase } from './load-scenario.ts';
import { type Found, mergeRanges, noRuns, type RangeResult } from './range-result.ts';
import type { CaseReport, RunRecord, ViolationReport } from './report.ts';
import { atOnce, inSlices } from './slices.ts';
import { guaranteeOf, makeScheduler, setSeed } from './strategies.ts';
import { defaultDepth, type SeededStrategy, type Strategy } from './strategy-names.ts';

/** What a run depends on besides its case and its number: plain data, so that another process can do it. */
export interface ScheduleOptions {
  readonly strategy: Strategy;
  /** Of `pct`; left out: 2. */
  readonly depth?: number | undefined;
  /** Seed of the first run; run i has this plus i. */
  readonly firstSeed: bigint;
  /** Replaces the scenario's limit; undefined keeps it. */
  readonly maxEvents: number | undefined;
}

export interface RunOptions extends ScheduleOptions {
  /** Number of runs. */
  readonly runs: number;
  /** Asked now and then; true ends the campaign with what it has. */
  readonly shouldStop?: () => boolean;
  /** Called now and then with the number of runs done. */
  readonly onProgress?: (runsDone: number) => void;
}

/** Consecutive runs of a campaign. */
export interface RunRange {
  readonly firstRun: number;
  readonly count: number;
}

/** Runs between two looks at the clock of whoever waits: about a millisecond. */
const runsPerSlice = 32;

/** Runs a case under many schedules. Throws NondeterminismError of sim/ when two equal runs differ. */
export function runCase(scenarioCase: ScenarioCase, options: RunOptions): CaseReport {
  const campaign = new Campaign(scenarioCase, options);
  atOnce(() => campaign.runSlice());
  return campaign.report();
}

/** The same, giving the thread back every few runs, so that signals are seen. */
export async function runCaseInSlices(scenarioCase: ScenarioCase, options: RunOptions): Promise<CaseReport> {
  const campaign = new Campaign(scenarioCase, options);
  await inSlices(() => campaign.runSlice());
  return campaign.report();
}

/** The runs of one case in this thread, a slice at a time. */
class Campaign {
  readonly #case: ScenarioCase;
  readonly #options: RunOptions;
  readonly #runner: CaseRunner;
  #sum = noRuns;

  constructor(scenarioCase: ScenarioCase, options: RunOptions) {
    this.#case = scenarioCase;
    this.#options = options;
    this.#runner = new CaseRunner(scenarioCase, options);
  }

  /** True while there is more to do. */
  runSlice(): boolean {
    const { runs, onProgress, shouldStop } = this.#options;
    const firstRun = this.#sum.runs;
    const count = Math.min(runsPerSlice, runs - firstRun);
    this.#sum = mergeRanges(this.#sum, this.#runner.run({ firstRun, count }));
    onProgress?.(this.#sum.runs);
    return shouldStop?.() !== true && this.#sum.runs < runs;
  }

  report(): CaseReport {
    const end = { wanted: this.#options.runs, lost: [] };
    return reportCase(this.#case, this.#options, { ...end, sum: this.#sum, worlds: this.#runner.worlds });
  }
}

/** Runs any range of a case's runs, on one assembled world. */
export class CaseRunner {
  readonly worlds: CaseWorlds;
  readonly #options: ScheduleOptions;
  readonly #scheduler: SeededScheduler;
  readonly #recheck: RecheckScheduler | undefined;

  constructor(scenarioCase: ScenarioCase, options: ScheduleOptions) {
    this.#options = options;
    this.worlds = new CaseWorlds(scenarioCase, options.maxEvents);
    this.#scheduler = makeScheduler(options.strategy, options.depth);
    this.#recheck = options.strategy === 'recheck' ? new RecheckScheduler(this.#scheduler) : undefined;
  }

  /** `mayRun` is asked before each run; when it says no, the range ends with the runs done. */
  run({ firstRun, count }: RunRange, mayRun: (run: number) => boolean = () => true): RangeResult {
    const found = new Map<string, { -readonly [K in keyof Found]: Found[K] }>();
    let [runs, events] = [0, 0];
    let inconclusive: RangeResult['inconclusive'];
    this.worlds.forgetReached();
    for (let run = firstRun; run < firstRun + count && mayRun(run); run += 1) {
      const seed = seedOfRun(this.#options.firstSeed, run);
      setSeed(this.#scheduler, seed);
      const outcome = this.#recheck === undefined ? this.#runOnce() : this.#runTwice(this.#recheck);
      runs += 1;
      events += outcome.events;
      for (const violation of outcome.violations) {
        const known = found.get(violation.rule);
        if (known === undefined) {
          found.set(violation.rule, { violation, seed, run, count: 1 });
        } else {
          known.count += 1;
        }
      }
      if (inconclusive === undefined && (outcome.end === 'limit' || outcome.end === 'unmodelled')) {
        const what = outcome.end === 'limit' ? 'limit reached' : 'unmodelled';
        inconclusive = { run, reason: `${what}: ${outcome.detail} (seed ${hexSeed(seed)})` };
      }
    }
    return { runs, events, found: [...found.values()], reached: this.worlds.reached(), inconclusive };
  }

  #runOnce(): RunOutcome {
    return this.worlds.run(this.#scheduler, this.#scheduler).outcome;
  }

  #runTwice(recheck: RecheckScheduler): RunOutcome {
    return recheck.runTwice(
      (scheduler) => this.worlds.run(scheduler, this.#scheduler, true),
      ({ outcome, world }) => `${world.system.trace.digest()} after ${outcome.events} events`,
    ).outcome;
  }
}

export interface CampaignOutcome extends CampaignEnd {
  readonly sum: RangeResult;
  /** The case's worlds, if there are any assembled. */
  readonly worlds?: CaseWorlds;
}

/** What the runs of a case come to. Each first failing run is done once more for it, recorded. */
export function reportCase(
  scenarioCase: ScenarioCase,
  options: ScheduleOptions,
  { sum, wanted, lost, worlds = new CaseWorlds(scenarioCase, options.maxEvents) }: CampaignOutcome,
): CaseReport {
  const { scenario, name, file, line, expect } = scenarioCase;
  const { notReached, ...judged } = judgeCase(scenarioCase, sum, { wanted, lost });
  return {
    scenario,
    case: name,
    file,
    line,
    expect,
    ...judged,
    complete: false,
    strategy: options.strategy,
    runs: sum.runs,
    events: sum.events,
    states: null,
    violations: sum.found.map((found) => describe(scenarioCase, worlds, { found, options })),
    notReached,
    lost,
    exploration: null,
    guarantee: options.strategy === 'pct' ? guaranteeOf(worlds.profiles(), options.depth ?? defaultDepth) : null,
  };
}

/** The first failing run once more, recorded: this gives choices and digest, and costs the others nothing. */
function describe(
  scenarioCase: ScenarioCase,
  worlds: CaseWorlds,
  { found, options }: { readonly found: Found; readonly options: ScheduleOptions },
): ViolationReport {
  const { violation, seed, run, count } = found;
  const scheduler = makeScheduler(options.strategy, options.depth);
  setSeed(scheduler, seed);
  const { choices, events, digest, knobs } = recordRun(scenarioCase, worlds, { scheduler, seeded: scheduler });
  return { ...violation, count, first: { seed: hexSeed(seed), run, choices, events, digest, knobs } };
}

export type ReplayOptions =
  | {
      readonly strategy: SeededStrategy;
      /** Of `pct`; left out: 2. */
      readonly depth?: number | undefined;
      readonly seed: bigint;
      readonly maxEvents?: number;
    }
  | { readonly choices: string; readonly maxEvents?: number };

/** One run, recorded. Throws ReplayDivergedError of sim/ when recorded choices do not fit. */
export function replayCase(scenarioCase: ScenarioCase, options: ReplayOptions): RunRecord {
  if ('seed' in options) {
    const { strategy, depth, seed, maxEvents } = options;
    const scheduler = makeScheduler(strategy, depth);
    setSeed(scheduler, seed);
    const record = recordRun(scenarioCase, new CaseWorlds(scenarioCase, maxEvents), { scheduler, seeded: scheduler });
    return { ...record, strategy, depth: strategy === 'pct' ? (depth ?? defaultDepth) : null, seed: hexSeed(seed) };
  }
  const recording = decodeRecording(options.choices);
  if (recording === undefined) {
    throw new ReplayDivergedError('these choices are not a recording: it starts with "w:" or "t:"');
  }
  const scheduler = new ReplayScheduler(recording);
  const worlds = new CaseWorlds(scenarioCase, options.maxEvents);
  const record = recordRun(scenarioCase, worlds, { scheduler, seeded: undefined });
  scheduler.assertUsedUp();
  return record;
}

/** One run with its trace, choices and digest. */
export function recordRun(
  scenarioCase: ScenarioCase,
  worlds: CaseWorlds,
  { scheduler, seeded }: { readonly scheduler: Scheduler; readonly seeded: SeededScheduler | undefined },
): RunRecord {
  const { scenario, name, file } = scenarioCase;
  const recording = new RecordingScheduler(scheduler);
  const { outcome, world, number } = worlds.run(recording, seeded, true);
  const { system, entryNames } = world;
  return {
    scenario,
    case: name,
    file,
    // Choices alone do not say what made them, but for the kind of run.
    strategy: scheduler.drawsTimes ? 'timed' : 'random',
    depth: null,
    seed: null,
    knobs: scenarioCase.worlds[number]?.knobs ?? {},
    choices: encodeRecording({ drawsTimes: recording.drawsTimes, choices: recording.choices }),
    end: outcome.end,
    detail: outcome.detail,
    events: outcome.events,
    nowNs: outcome.nowNs,
    violations: outcome.violations,
    digest: system.trace.digest(),
    iommu: scenarioCase.world.platform.iommu.model,
    records: system.trace.records,
    agents: system.kernel.processNames.map((process) => system.agentOf(process)),
    places: [...system.registry.list(), ...system.places],
    entryNames,
  };
}

/** Run i of a campaign has the first seed plus i, modulo 2^64: the seed alone repeats the run. */
export function seedOfRun(firstSeed: bigint, run: number): bigint {
  return BigInt.asUintN(64, firstSeed + BigInt(run));
}

export function hexSeed(seed: bigint): string {
  return `0x${seed.toString(16)}`;
}
