import type { Scheduler } from '../sim/scheduler.ts';
import { RandomScheduler } from '../sim/schedulers/random.ts';
import { RecheckScheduler } from '../sim/schedulers/recheck.ts';
import { RecordingScheduler } from '../sim/schedulers/recording.ts';
import { decodeRecording, encodeRecording, ReplayDivergedError, ReplayScheduler } from '../sim/schedulers/replay.ts';
import { TimedScheduler } from '../sim/schedulers/timed.ts';
import type { RunOutcome, Violation } from '../sim/violation.ts';
import { type AssembledWorld, assemble } from './assemble.ts';
import type { ScenarioCase } from './load-scenario.ts';
import type { CaseReport, RunRecord, Verdict, ViolationReport } from './report.ts';

export type Strategy = 'random' | 'timed' | 'recheck';

export interface RunOptions {
  readonly strategy: Strategy;
  /** Number of runs. */
  readonly runs: number;
  /** Seed of the first run; run i has this plus i. */
  readonly firstSeed: bigint;
  /** Replaces the scenario's limit; undefined keeps it. */
  readonly maxEvents: number | undefined;
  /** Asked now and then; true ends the campaign with what it has. */
  readonly shouldStop?: () => boolean;
  /** Called now and then with the number of runs done. */
  readonly onProgress?: (runsDone: number) => void;
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

interface Found {
  readonly violation: Violation;
  readonly seed: bigint;
  readonly run: number;
  count: number;
}

class Campaign {
  readonly #case: ScenarioCase;
  readonly #options: RunOptions;
  readonly #world: AssembledWorld;
  readonly #scheduler: SeededScheduler;
  readonly #recheck: RecheckScheduler | undefined;
  readonly #found = new Map<string, Found>();
  #runs = 0;
  #events = 0;
  #inconclusive = '';
  #stopped = false;

  constructor(scenarioCase: ScenarioCase, options: RunOptions) {
    this.#case = scenarioCase;
    this.#options = options;
    this.#world = assembleCase(scenarioCase, options.maxEvents);
    this.#scheduler = options.strategy === 'timed' ? new TimedScheduler() : new RandomScheduler();
    this.#recheck = options.strategy === 'recheck' ? new RecheckScheduler(this.#scheduler) : undefined;
  }

  /** True while there is more to do. */
  runSlice(): boolean {
    for (let i = 0; i < runsPerSlice && this.#runs < this.#options.runs; i += 1) {
      this.#runOne();
    }
    this.#options.onProgress?.(this.#runs);
    this.#stopped = this.#options.shouldStop?.() === true;
    return !this.#stopped && this.#runs < this.#options.runs;
  }

  #runOne(): void {
    const seed = seedOfRun(this.#options.firstSeed, this.#runs);
    setSeed(this.#scheduler, seed);
    const outcome = this.#recheck === undefined ? this.#world.system.kernel.run(this.#scheduler) : this.#runTwice();
    this.#events += outcome.events;
    for (const violation of outcome.violations) {
      const known = this.#found.get(violation.rule);
      if (known === undefined) {
        this.#found.set(violation.rule, { violation, seed, run: this.#runs, count: 1 });
      } else {
        known.count += 1;
      }
    }
    if (this.#inconclusive === '' && (outcome.end === 'limit' || outcome.end === 'unmodelled')) {
      this.#inconclusive = `${outcome.end === 'limit' ? 'limit reached' : 'unmodelled'}: ${outcome.detail} (seed ${hexSeed(seed)})`;
    }
    this.#runs += 1;
  }

  #runTwice(): RunOutcome {
    const { kernel, trace } = this.#world.system;
    trace.record(true);
    return (this.#recheck as RecheckScheduler).runTwice(
      (scheduler) => {
        trace.clear();
        return kernel.run(scheduler);
      },
      (outcome) => `${trace.digest()} after ${outcome.events} events`,
    );
  }

  report(): CaseReport {
    const { scenario, name, file, line, expect, reach } = this.#case;
    const violations = [...this.#found.values()].map((found) => this.#describe(found));
    const notReached = reach.filter((mark) => !this.#world.reached.has(mark));
    const judged = this.#judge(notReached);
    return {
      scenario,
      case: name,
      file,
      line,
      expect,
      ...judged,
      complete: false,
      strategy: this.#options.strategy,
      runs: this.#runs,
      events: this.#events,
      states: null,
      violations,
      notReached,
    };
  }

  #judge(notReached: readonly string[]): Pick<CaseReport, 'verdict' | 'asExpected' | 'reason'> {
    const { expect } = this.#case;
    const rules = [...this.#found.keys()];
    const unexpected = rules.filter((rule) => !expect.includes(rule));
    const missing = expect.filter((rule) => !rules.includes(rule));
    let verdict: Verdict = rules.length > 0 ? 'violated' : 'held';
    let reason = '';
    if (unexpected.length > 0) {
      reason = `broken, and not expected: ${unexpected.join(', ')}`;
    } else if (this.#inconclusive !== '') {
      verdict = rules.length > 0 ? 'violated' : 'inconclusive';
      reason = this.#inconclusive;
    } else if (missing.length > 0) {
      reason = `expected, and not found in ${this.#runs} runs: ${missing.join(', ')}`;
      verdict = rules.length === 0 && this.#stopped ? 'inconclusive' : verdict;
    } else if (notReached.length > 0) {
      verdict = rules.length > 0 ? 'violated' : 'inconclusive';
      reason = `never reached in ${this.#runs} runs: ${notReached.join(', ')}`;
    }
    return { verdict, asExpected: reason === '', reason };
  }

  /** The first failing run once more, recorded: this gives choices and digest, and costs the others nothing. */
  #describe({ violation, seed, run, count }: Found): ViolationReport {
    const strategy = this.#options.strategy === 'timed' ? 'timed' : 'random';
    const record = recordRun(this.#case, this.#world, seededScheduler(strategy, seed), strategy);
    return {
      ...violation,
      count,
      first: {
        seed: hexSeed(seed),
        run,
        choices: record.choices,
        events: record.events,
        digest: record.digest,
      },
    };
  }
}

export type ReplayOptions =
  | { readonly strategy: 'random' | 'timed'; readonly seed: bigint; readonly maxEvents?: number }
  | { readonly choices: string; readonly maxEvents?: number };

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
  const record = recordRun(scenarioCase, assembleCase(scenarioCase, options.maxEvents), scheduler, strategy);
  scheduler.assertUsedUp();
  return record;
}

export function recordRun(
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

export function assembleCase({ world, reach }: ScenarioCase, maxEvents: number | undefined): AssembledWorld {
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
function seedOfRun(firstSeed: bigint, run: number): bigint {
  return BigInt.asUintN(64, firstSeed + BigInt(run));
}

function hexSeed(seed: bigint): string {
  return `0x${seed.toString(16)}`;
}
