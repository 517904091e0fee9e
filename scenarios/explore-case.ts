import { FollowScheduler, type Schedule } from '../sim/exploration/schedule.ts';
import { Search, type SearchProgress } from '../sim/exploration/search.ts';
import { collisionBound } from '../sim/exploration/state-table.ts';
import type { Scheduler } from '../sim/scheduler.ts';
import type { Violation } from '../sim/violation.ts';
import type { AssembledWorld } from './assemble.ts';
import { type Found, type Judged, judgeExploration } from './judge-exploration.ts';
import type { ScenarioCase } from './load-scenario.ts';
import type { CaseReport, ExplorationReport, RunRecord, ViolationReport } from './report.ts';
import { assembleCase, recordRun, seededScheduler } from './run-case.ts';

export interface ExploreOptions {
  /** Only orders in which a task that could go on is left at most this often; undefined: all orders. */
  readonly maxPreemptions?: number | undefined;
  /** Ends the search, inconclusive, after so many executions. */
  readonly maxExecutions?: number | undefined;
  /** Replaces the scenario's limit; undefined keeps it. */
  readonly maxEvents?: number | undefined;
  /** Sleep sets; default true. */
  readonly reduces?: boolean;
  /** Keeps whole states and counts by them; default false. */
  readonly isExact?: boolean;
  /** Asked now and then; a reason ends the search with what it has. */
  readonly shouldStop?: () => string | undefined;
  /** Called now and then. */
  readonly onProgress?: (progress: SearchProgress) => void;
}

/** Steps between two looks at whoever waits: some ten milliseconds. */
const stepsPerSlice = 10_000;
/** Steps that each of the first passes may take: they are to find the race that looks shortest, not to prove anything. */
const stepsPerPass = 20_000;
const firstBounds = [0, 1, 2];
/** States of one search; at 24 bytes each or a little more, some 400 MB. */
const maxStates = 20_000_000;
/** Schedules of one rule that are tried under the window rule before chance is. */
const maxTries = 200;
/** Runs in which what no followed schedule has shown is looked for. */
const witnessRuns = 2000;
/** Steps of the search that keeps the windows, when nothing else has shown whether a rule can be broken. */
const stepsWithWindows = 2_000_000;

/** Every order of a case. Throws InternalError of sim/ for faults of tornread itself. */
export function exploreCase(scenarioCase: ScenarioCase, options: ExploreOptions = {}): CaseReport {
  const exploration = new CaseExploration(scenarioCase, options);
  while (exploration.advance()) {
    // Nobody to give the thread to.
  }
  return exploration.report();
}

/** The same, giving the thread back now and then, so that signals are seen. */
export async function exploreCaseInSlices(scenarioCase: ScenarioCase, options: ExploreOptions): Promise<CaseReport> {
  const exploration = new CaseExploration(scenarioCase, options);
  while (exploration.advance()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  return exploration.report();
}

/** One search of several: what it leaves out, and how far it may go. */
interface Pass {
  readonly maxPreemptions: number | undefined;
  readonly keepsWindows: boolean;
  readonly maxSteps: number;
  /** Its result is the result; otherwise it only looks for schedules to show. */
  readonly isDecisive: boolean;
}

/**
 * Searches one case: first with few preemptions, which finds the race that looks shortest, then through all orders,
 * windows left out of account. Those are more orders than the windows allow, so what they do not break is proved; what
 * they break counts only with a schedule that the windows allow.
 */
class CaseExploration {
  readonly #case: ScenarioCase;
  readonly #options: ExploreOptions;
  readonly #world: AssembledWorld;
  /** A second machine, for ordinary runs while the first is in the middle of a search. */
  readonly #witness: AssembledWorld;
  readonly #found = new Map<string, Found>();
  readonly #passes: Pass[];
  #pass: Pass | undefined;
  #search: Search | undefined;
  #stopped = '';
  /** Of the decisive search. */
  #progress: SearchProgress | undefined;
  #isComplete = false;
  #windowsDecided = false;

  constructor(scenarioCase: ScenarioCase, options: ExploreOptions) {
    this.#case = scenarioCase;
    this.#options = options;
    this.#world = assembleCase(scenarioCase, options.maxEvents);
    this.#witness = assembleCase(scenarioCase, options.maxEvents);
    this.#passes = passesFor(options.maxPreemptions);
  }

  /** True while there is more to do. */
  advance(): boolean {
    if (this.#search === undefined && !this.#beginPass()) {
      return false;
    }
    const search = this.#search as Search;
    const pass = this.#pass as Pass;
    const { maxExecutions } = this.#options;
    const goesOn = search.advance(stepsPerSlice, pass.isDecisive ? maxExecutions : undefined);
    const progress = search.progress;
    this.#options.onProgress?.(progress);
    this.#stopped ||= this.#options.shouldStop?.() ?? '';
    const limit = pass.isDecisive ? this.#limitReached(progress) : '';
    if (!goesOn || progress.transitions >= pass.maxSteps || this.#stopped !== '' || limit !== '') {
      this.#endPass(pass, { progress, isThrough: !goesOn, limit });
    }
    return this.#search !== undefined || (this.#stopped === '' && this.#passes.length > 0);
  }

  report(): CaseReport {
    this.#seekByChance();
    const notReached = this.#notReached();
    const judged = this.#judge(notReached);
    const { scenario, name, file, line, expect } = this.#case;
    const progress = this.#progress;
    return {
      scenario,
      case: name,
      file,
      line,
      expect,
      verdict: judged.verdict,
      asExpected: judged.asExpected,
      complete: judged.isComplete,
      strategy: 'exhaustive',
      runs: progress?.executions ?? 0,
      events: progress?.transitions ?? 0,
      states: progress?.states ?? 0,
      violations: this.#violations(judged.rules),
      notReached,
      reason: judged.reason,
      exploration: this.#explorationReport(judged),
    };
  }

  #beginPass(): boolean {
    const pass = this.#passes.shift();
    if (pass === undefined || this.#stopped !== '') {
      return false;
    }
    this.#pass = pass;
    const { reduces = true, isExact = false } = this.#options;
    this.#search = new Search(this.#world.system.kernel, {
      reduces,
      isExact: isExact && pass.isDecisive,
      keepsWindows: pass.keepsWindows,
      maxPreemptions: pass.maxPreemptions,
      onViolation: (violation, scheduleOf) => this.#note(violation, { pass, scheduleOf }),
    });
    return true;
  }

  #endPass(
    pass: Pass,
    { progress, isThrough, limit }: { progress: SearchProgress; isThrough: boolean; limit: string },
  ): void {
    this.#search?.close();
    this.#search = undefined;
    this.#stopped ||= limit;
    // A search that had no order to leave out is as good as one without a bound.
    const isWhole = isThrough && progress.cutShort === '' && !progress.isBounded;
    if (pass.keepsWindows) {
      this.#windowsDecided = isWhole;
      return;
    }
    if (pass.isDecisive) {
      this.#progress = progress;
      this.#isComplete = isWhole;
      if (isThrough && this.#stopped === '' && this.#undecided().length > 0) {
        this.#passes.push({ ...pass, keepsWindows: true, maxSteps: stepsWithWindows, isDecisive: false });
      }
    }
  }

  /** Rules broken in some order, but in none that the windows are known to allow. */
  #undecided(): readonly string[] {
    this.#seekByChance();
    return [...this.#found].filter(([, { record }]) => record === undefined).map(([rule]) => rule);
  }

  #limitReached({ executions, states }: SearchProgress): string {
    const { maxExecutions } = this.#options;
    if (maxExecutions !== undefined && executions >= maxExecutions) {
      return `--max-executions ${maxExecutions} reached`;
    }
    return states >= maxStates ? `memory for ${maxStates} states used up` : '';
  }

  #note(violation: Violation, { pass, scheduleOf }: { pass: Pass; scheduleOf: () => Schedule }): void {
    let found = this.#found.get(violation.rule);
    if (found === undefined) {
      found = { violation, count: 0, tries: 0, record: undefined, seed: '' };
      this.#found.set(violation.rule, found);
    }
    found.count += pass.isDecisive ? 1 : 0;
    if (found.record === undefined && found.tries < maxTries) {
      found.tries += 1;
      const follow = new FollowScheduler(scheduleOf());
      const { violations } = this.#witness.system.kernel.run(follow);
      if (follow.isPossible && violations.some(({ rule }) => rule === violation.rule)) {
        found.violation = violation;
        found.record = this.#record(follow);
      }
    }
  }

  /** Looks for what no followed schedule has shown, with seeds, as `run` does: a slow way into narrow windows. */
  #seekByChance(): void {
    const missing = (): readonly Found[] => [...this.#found.values()].filter(({ record }) => record === undefined);
    for (let seed = 0n; seed < witnessRuns && missing().length > 0; seed += 1n) {
      const { violations } = this.#witness.system.kernel.run(seededScheduler('random', seed));
      for (const violation of violations) {
        const found = this.#found.get(violation.rule);
        if (found !== undefined && found.record === undefined) {
          found.violation = violation;
          found.record = this.#record(seededScheduler('random', seed));
          found.seed = `0x${seed.toString(16)}`;
        }
      }
    }
  }

  /** A state counts as reached only in a run that the windows allow. */
  #notReached(): readonly string[] {
    const missing = (): readonly string[] => this.#case.reach.filter((mark) => !this.#witness.reached.has(mark));
    for (let seed = 0n; seed < this.#case.defaultRuns && missing().length > 0; seed += 1n) {
      this.#witness.system.kernel.run(seededScheduler('random', seed));
    }
    return missing();
  }

  #record(scheduler: Scheduler): RunRecord {
    return recordRun(this.#case, this.#witness, scheduler, 'random');
  }

  #judge(notReached: readonly string[]): Judged {
    return judgeExploration({
      expect: this.#case.expect,
      found: this.#found,
      notReached,
      isComplete: this.#isComplete,
      windowsDecided: this.#windowsDecided,
      stopped: this.#stopped,
      progress: this.#progress,
      maxPreemptions: this.#options.maxPreemptions,
    });
  }

  #violations(rules: readonly string[]): readonly ViolationReport[] {
    return rules.flatMap((rule) => {
      const { violation, count, record, seed } = this.#found.get(rule) as Found;
      if (record === undefined) {
        return [];
      }
      const { choices, events, digest } = record;
      return [{ ...violation, count, first: { seed, run: 0, choices, events, digest } }];
    });
  }

  #explorationReport({ isBounded }: Judged): ExplorationReport {
    const { reduces = true, isExact = false, maxPreemptions = null } = this.#options;
    const { executions = 0, states = 0, transitions = 0, deepest = 0, tableBytes = 0 } = this.#progress ?? {};
    return {
      executions,
      states,
      transitions,
      deepest,
      tableBytes,
      collisionProbability: isExact ? 0 : collisionBound(states),
      reduction: reduces,
      exact: isExact,
      preemptions: isBounded ? maxPreemptions : null,
      fraction: this.#progress?.fractionDone ?? 0,
    };
  }
}

function passesFor(maxPreemptions: number | undefined): Pass[] {
  const most = maxPreemptions ?? Number.POSITIVE_INFINITY;
  const first = firstBounds
    .filter((bound) => bound < most)
    .map((bound) => ({ maxPreemptions: bound, keepsWindows: false, maxSteps: stepsPerPass, isDecisive: false }));
  const last = { maxPreemptions, keepsWindows: false, maxSteps: Number.POSITIVE_INFINITY, isDecisive: true };
  return [...first, last];
}
