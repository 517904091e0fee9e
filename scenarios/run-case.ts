import type { Scheduler } from '../sim/scheduler.ts';
import type { SeededScheduler } from '../sim/schedulers/profile.ts';
import { RecheckScheduler } from '../sim/schedulers/recheck.ts';
import { RecordingScheduler } from '../sim/schedulers/recording.ts';
import { decodeRecording, encodeRecording, ReplayDivergedError, ReplayScheduler } from '../sim/schedulers/replay.ts';
import type { RunOutcome, Violation } from '../sim/violation.ts';
import { CaseWorlds } from './case-worlds.ts';
import type { ScenarioCase } from './load-scenario.ts';
import type { CaseReport, RunRecord, Verdict, ViolationReport } from './report.ts';
import { guaranteeOf, makeScheduler, setSeed } from './strategies.ts';
import { defaultDepth, type SeededStrategy, type Strategy } from './strategy-names.ts';

export interface RunOptions {
  readonly strategy: Strategy;
  /** Of `pct`; left out: 2. */
  readonly depth?: number | undefined;
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
  readonly #worlds: CaseWorlds;
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
    this.#worlds = new CaseWorlds(scenarioCase, options.maxEvents);
    this.#scheduler = makeScheduler(options.strategy, options.depth);
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
    const outcome = this.#recheck === undefined ? this.#runOnce() : this.#runTwice(this.#recheck);
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

  #runOnce(): RunOutcome {
    return this.#worlds.run(this.#scheduler, this.#scheduler).outcome;
  }

  #runTwice(recheck: RecheckScheduler): RunOutcome {
    return recheck.runTwice(
      (scheduler) => this.#worlds.run(scheduler, this.#scheduler, true),
      ({ outcome, world }) => `${world.system.trace.digest()} after ${outcome.events} events`,
    ).outcome;
  }

  report(): CaseReport {
    const { scenario, name, file, line, expect, reach } = this.#case;
    const violations = [...this.#found.values()].map((found) => this.#describe(found));
    const notReached = reach.filter((mark) => !this.#worlds.hasReached(mark));
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
      guarantee:
        this.#options.strategy === 'pct'
          ? guaranteeOf(this.#worlds.profiles(), this.#options.depth ?? defaultDepth)
          : null,
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
    setSeed(this.#scheduler, seed);
    const record = recordRun(this.#case, this.#worlds, { scheduler: this.#scheduler, seeded: this.#scheduler });
    return {
      ...violation,
      count,
      first: {
        seed: hexSeed(seed),
        run,
        choices: record.choices,
        events: record.events,
        digest: record.digest,
        knobs: record.knobs,
      },
    };
  }
}

export type ReplayOptions =
  | {
      readonly strategy: SeededStrategy;
      /** Of `pct`; left out: 2. */
      readonly depth?: number | undefined;
      readonly seed: bigint;
      readonly maxEvents?: number;
    }
  | { readonly choices: string };

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
  const record = recordRun(scenarioCase, new CaseWorlds(scenarioCase, undefined), { scheduler, seeded: undefined });
  scheduler.assertUsedUp();
  return record;
}

function recordRun(
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
    records: system.trace.records,
    agents: system.kernel.processNames.map((process) => ({ process, column: system.columnOf(process) })),
    places: [...system.registry.list(), ...system.places],
    entryNames,
  };
}

/** Run i of a campaign has the first seed plus i, modulo 2^64: the seed alone repeats the run. */
function seedOfRun(firstSeed: bigint, run: number): bigint {
  return BigInt.asUintN(64, firstSeed + BigInt(run));
}

function hexSeed(seed: bigint): string {
  return `0x${seed.toString(16)}`;
}
