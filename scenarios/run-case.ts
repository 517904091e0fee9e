import type { Scheduler } from '../sim/scheduler.ts';
import { RandomScheduler } from '../sim/schedulers/random.ts';
import { RecheckScheduler } from '../sim/schedulers/recheck.ts';
import { RecordingScheduler } from '../sim/schedulers/recording.ts';
import { decodeRecording, encodeRecording, ReplayDivergedError, ReplayScheduler } from '../sim/schedulers/replay.ts';
import { TimedScheduler } from '../sim/schedulers/timed.ts';
import type { RunOutcome } from '../sim/violation.ts';
import { type AssembledWorld, assemble } from './assemble.ts';
import { type CampaignEnd, judgeCase } from './judge-case.ts';
import type { ScenarioCase } from './load-scenario.ts';
import { type Found, mergeRanges, noRuns, type RangeResult } from './range-result.ts';
import type { CaseReport, RunRecord, ViolationReport } from './report.ts';

export type Strategy = 'random' | 'timed' | 'recheck';

/** What a run depends on besides its case and its number: plain data, so that another process can do it. */
export interface ScheduleOptions {
  readonly strategy: Strategy;
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

/** A scheduler whose next run has a seed. */
type SeededScheduler = RandomScheduler | TimedScheduler;

/** Runs between two looks at the clock of whoever waits: about a millisecond. */
const runsPerSlice = 32;

/** Runs a case under many schedules. Throws NondeterminismError of sim/ when two equal runs differ. */
export function runCase(scenarioCase: ScenarioCase, options: RunOptions): CaseReport {
  const campaign = new Campaign(scenarioCase, options);
  while (campaign.runSlice()) {
    // Nobody to give the thread to.
  }
  return campaign.report();
}

/** The same, giving the thread back every few runs, so that signals are seen. */
export async function runCaseInSlices(scenarioCase: ScenarioCase, options: RunOptions): Promise<CaseReport> {
  const campaign = new Campaign(scenarioCase, options);
  while (campaign.runSlice()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
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
    return reportCase(this.#case, this.#options, { ...end, sum: this.#sum, world: this.#runner.world });
  }
}

/** Runs any range of a case's runs, on one assembled world. */
export class CaseRunner {
  readonly world: AssembledWorld;
  readonly #options: ScheduleOptions;
  readonly #scheduler: SeededScheduler;
  readonly #recheck: RecheckScheduler | undefined;

  constructor(scenarioCase: ScenarioCase, options: ScheduleOptions) {
    this.#options = options;
    this.world = assembleCase(scenarioCase, options.maxEvents);
    this.#scheduler = options.strategy === 'timed' ? new TimedScheduler() : new RandomScheduler();
    this.#recheck = options.strategy === 'recheck' ? new RecheckScheduler(this.#scheduler) : undefined;
  }

  /** `mayRun` is asked before each run; when it says no, the range ends with the runs done. */
  run({ firstRun, count }: RunRange, mayRun: (run: number) => boolean = () => true): RangeResult {
    const found = new Map<string, { -readonly [K in keyof Found]: Found[K] }>();
    let [runs, events] = [0, 0];
    let inconclusive: RangeResult['inconclusive'];
    this.world.reached.clear();
    for (let run = firstRun; run < firstRun + count && mayRun(run); run += 1) {
      const seed = seedOfRun(this.#options.firstSeed, run);
      setSeed(this.#scheduler, seed);
      const outcome = this.#recheck === undefined ? this.world.system.kernel.run(this.#scheduler) : this.#runTwice();
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
    return { runs, events, found: [...found.values()], reached: [...this.world.reached], inconclusive };
  }

  #runTwice(): RunOutcome {
    const { kernel, trace } = this.world.system;
    trace.record(true);
    return (this.#recheck as RecheckScheduler).runTwice(
      (scheduler) => {
        trace.clear();
        return kernel.run(scheduler);
      },
      (outcome) => `${trace.digest()} after ${outcome.events} events`,
    );
  }
}

export interface CampaignOutcome extends CampaignEnd {
  readonly sum: RangeResult;
  /** The case's assembled world, if there is one at hand. */
  readonly world?: AssembledWorld;
}

/** What the runs of a case come to. Each first failing run is done once more for it, recorded. */
export function reportCase(
  scenarioCase: ScenarioCase,
  options: ScheduleOptions,
  { sum, wanted, lost, world }: CampaignOutcome,
): CaseReport {
  const { scenario, name, file, line, expect } = scenarioCase;
  const { notReached, ...judged } = judgeCase(scenarioCase, sum, { wanted, lost });
  const recorded = sum.found.length === 0 ? undefined : (world ?? assembleCase(scenarioCase, options.maxEvents));
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
    violations: sum.found.map((found) => describe(scenarioCase, recorded as AssembledWorld, { found, options })),
    notReached,
    lost,
  };
}

/** The first failing run once more, recorded: this gives choices and digest, and costs the others nothing. */
function describe(
  scenarioCase: ScenarioCase,
  world: AssembledWorld,
  { found, options }: { readonly found: Found; readonly options: ScheduleOptions },
): ViolationReport {
  const { violation, seed, run, count } = found;
  const strategy = options.strategy === 'timed' ? 'timed' : 'random';
  const { choices, events, digest } = recordRun(scenarioCase, world, seededScheduler(strategy, seed), strategy);
  return { ...violation, count, first: { seed: hexSeed(seed), run, choices, events, digest } };
}

export type ReplayOptions =
  | { readonly strategy: 'random' | 'timed'; readonly seed: bigint; readonly maxEvents?: number }
  | { readonly choices: string };

/** One run, recorded. Throws ReplayDivergedError of sim/ when recorded choices do not fit. */
export function replayCase(scenarioCase: ScenarioCase, options: ReplayOptions): RunRecord {
  if ('seed' in options) {
    const world = assembleCase(scenarioCase, options.maxEvents);
    const scheduler = seededScheduler(options.strategy, options.seed);
    return { ...recordRun(scenarioCase, world, scheduler, options.strategy), seed: hexSeed(options.seed) };
  }
  const recording = decodeRecording(options.choices);
  if (recording === undefined) {
    throw new ReplayDivergedError('these choices are not a recording: it starts with "w:" or "t:"');
  }
  const scheduler = new ReplayScheduler(recording);
  const strategy = recording.drawsTimes ? 'timed' : 'random';
  const record = recordRun(scenarioCase, assembleCase(scenarioCase, undefined), scheduler, strategy);
  scheduler.assertUsedUp();
  return record;
}

function recordRun(
  scenarioCase: ScenarioCase,
  { system, entryNames }: AssembledWorld,
  scheduler: Scheduler,
  strategy: string,
): RunRecord {
  const { scenario, name, file } = scenarioCase;
  const recording = new RecordingScheduler(scheduler);
  system.trace.record(true);
  system.trace.clear();
  const outcome = system.kernel.run(recording);
  const digest = system.trace.digest();
  const { records } = system.trace;
  system.trace.record(false);
  return {
    scenario,
    case: name,
    file,
    strategy,
    seed: null,
    choices: encodeRecording({ drawsTimes: recording.drawsTimes, choices: recording.choices }),
    end: outcome.end,
    detail: outcome.detail,
    events: outcome.events,
    nowNs: outcome.nowNs,
    violations: outcome.violations,
    digest,
    records,
    agents: system.kernel.processNames.map((process) => ({ process, column: system.columnOf(process) })),
    places: [...system.registry.list(), ...system.places],
    entryNames,
  };
}

function assembleCase({ world, reach }: ScenarioCase, maxEvents: number | undefined): AssembledWorld {
  const limits = { ...world.limits, ...(maxEvents === undefined ? {} : { maxEvents }) };
  return assemble({ ...world, limits }, reach);
}

function seededScheduler(strategy: 'random' | 'timed', seed: bigint): SeededScheduler {
  const scheduler = strategy === 'timed' ? new TimedScheduler() : new RandomScheduler();
  setSeed(scheduler, seed);
  return scheduler;
}

function setSeed(scheduler: SeededScheduler, seed: bigint): void {
  scheduler.seed = { low: Number(seed & 0xffff_ffffn) | 0, high: Number(seed >> 32n) | 0 };
}

/** Run i of a campaign has the first seed plus i, modulo 2^64: the seed alone repeats the run. */
export function seedOfRun(firstSeed: bigint, run: number): bigint {
  return BigInt.asUintN(64, firstSeed + BigInt(run));
}

export function hexSeed(seed: bigint): string {
  return `0x${seed.toString(16)}`;
}
