import { Dpor } from '../sim/exploration/dpor.ts';
import type { Explorer } from '../sim/exploration/explorer.ts';
import { Search, type SearchProgress } from '../sim/exploration/search.ts';
import { PathScheduler, type SearchPath } from '../sim/exploration/search-path.ts';
import { collisionBound } from '../sim/exploration/state-table.ts';
import type { Violation } from '../sim/violation.ts';
import { assembleWorld, CaseWorlds, inWorld } from './case-worlds.ts';
import { type Found, type Judged, judgeExploration } from './judge-exploration.ts';
import type { ScenarioCase } from './load-scenario.ts';
import { weakerCase, withWarning } from './multi-copy-atomicity.ts';
import type { CaseReport, ExplorationReport, ViolationReport } from './report.ts';
import { hexSeed, recordRun } from './run-case.ts';
import { atOnce, inSlices } from './slices.ts';
import { makeScheduler, setSeed } from './strategies.ts';

export interface ExploreOptions {
  /** Only orders in which a task that could go on is left at most this often; undefined: all orders. */
  readonly maxPreemptions?: number | undefined;
  /** Ends the search, inconclusive, after so many executions. */
  readonly maxExecutions?: number | undefined;
  /** Ends the search, inconclusive, at so many states: what bounds its memory; default 20 million. */
  readonly maxStates?: number | undefined;
  /** Replaces the scenario's limit; undefined keeps it. */
  readonly maxEvents?: number | undefined;
  /** Sleep sets; default true. */
  readonly reduces?: boolean | undefined;
  /** Keeps whole states and counts by them; default false. */
  readonly isExact?: boolean | undefined;
  /** Follows one order after the other, keeping no states; default false. Has no use for the three options above. */
  readonly usesDpor?: boolean | undefined;
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
/** States of one search where nobody says otherwise; at some 20 bytes each, 400 MB. */
const defaultMaxStates = 20_000_000;
/** Schedules of one rule that are tried under the window rule before chance is. */
const maxTries = 200;
/** Runs in which what no followed schedule has shown is looked for. */
const witnessRuns = 2000;
/** Steps of the search that keeps the windows, when nothing else has shown whether a rule can be broken. */
const stepsWithWindows = 2_000_000;

/** Every order of a case. Throws InternalError of sim/ for faults of tornread itself. */
export function exploreCase(scenarioCase: ScenarioCase, options: ExploreOptions = {}): CaseReport {
  const exploration = new CaseExploration(scenarioCase, options);
  atOnce(() => exploration.advance());
  const report = exploration.report();
  const weaker = weakerCase(report, scenarioCase);
  if (weaker === undefined) {
    return report;
  }
  const second = new CaseExploration(weaker, options);
  atOnce(() => second.advance());
  return withWarning(report, second.report());
}

/** The same, giving the thread back now and then, so that signals are seen. */
export async function exploreCaseInSlices(scenarioCase: ScenarioCase, options: ExploreOptions): Promise<CaseReport> {
  const exploration = new CaseExploration(scenarioCase, options);
  await inSlices(() => exploration.advance());
  const report = exploration.report();
  const weaker = weakerCase(report, scenarioCase);
  if (weaker === undefined) {
    return report;
  }
  const second = new CaseExploration(weaker, options);
  await inSlices(() => second.advance());
  return withWarning(report, second.report());
}

/** Of a case that could not be searched. */
export function unexploredReport(scenarioCase: ScenarioCase, reason: string): CaseReport {
  return new CaseExploration(scenarioCase, {}).failed(reason);
}

/** One search of several: of which world, what it leaves out, and how far it may go. */
interface Pass {
  /** Which of the case's worlds: one for each combination of its `free` values. */
  readonly world: number;
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
  /** Machines of their own, for ordinary runs while another one is in the middle of a search. */
  readonly #witness: CaseWorlds;
  readonly #found = new Map<string, Found>();
  readonly #passes: Pass[];
  #pass: Pass | undefined;
  #search: Explorer | undefined;
  #stopped = '';
  /** Of the decisive searches, together. */
  #progress: SearchProgress = noProgress;
  #isComplete = true;
  /** Searches that keep the windows and have to come to their end for what is open to be decided; undefined: none. */
  #undecidedWindows: number | undefined;
  #seedsTried = 0;

  constructor(scenarioCase: ScenarioCase, options: ExploreOptions) {
    this.#case = scenarioCase;
    this.#options = options;
    this.#witness = new CaseWorlds(scenarioCase, options.maxEvents);
    this.#passes = scenarioCase.worlds.flatMap((_, world) => passesFor(world, options.maxPreemptions));
  }

  /** True while there is more to do. */
  advance(): boolean {
    if (this.#search === undefined && !this.#beginPass()) {
      return false;
    }
    const search = this.#search as Explorer;
    const pass = this.#pass as Pass;
    const { maxExecutions, onProgress, shouldStop } = this.#options;
    const before = this.#progress.executions;
    const left = maxExecutions === undefined ? undefined : Math.max(0, maxExecutions - before);
    const goesOn = search.advance(stepsPerSlice, pass.isDecisive ? left : undefined);
    const progress: SearchProgress = { ...noProgress, ...search.progress };
    onProgress?.(progress);
    this.#stopped ||= shouldStop?.() ?? '';
    const limit = pass.isDecisive && goesOn ? this.#limitReached(progress, before) : '';
    if (!goesOn || progress.transitions >= pass.maxSteps || this.#stopped !== '' || limit !== '') {
      this.#endPass(pass, { progress, isThrough: !goesOn, limit });
    }
    return this.#search !== undefined || (this.#stopped === '' && this.#passes.length > 0);
  }

  report(): CaseReport {
    this.#seekByChance();
    const notReached = this.#notReached();
    return this.#report(this.#judge(notReached), notReached);
  }

  failed(reason: string): CaseReport {
    const judged: Judged = {
      verdict: 'inconclusive',
      asExpected: false,
      reason,
      isComplete: false,
      isBounded: false,
      rules: [],
    };
    return this.#report(judged, []);
  }

  #report(judged: Judged, notReached: readonly string[]): CaseReport {
    const { scenario, name, file, line, expect } = this.#case;
    const { executions, transitions, states } = this.#progress;
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
      runs: executions,
      events: transitions,
      states: this.#options.usesDpor === true ? null : states,
      violations: this.#violations(judged.rules),
      notReached,
      reason: judged.reason,
      exploration: this.#explorationReport(judged),
      lost: [],
      guarantee: null,
    };
  }

  #beginPass(): boolean {
    const pass = this.#passes.shift();
    if (pass === undefined || this.#stopped !== '') {
      return false;
    }
    this.#pass = pass;
    this.#search = this.#explorerFor(pass);
    return true;
  }

  #explorerFor(pass: Pass): Explorer {
    const { reduces = true, isExact = false, usesDpor = false, maxEvents } = this.#options;
    const { system } = assembleWorld(this.#case, pass.world, maxEvents);
    const onViolation = (violation: Violation, pathOf: () => SearchPath): void =>
      this.#note(violation, { pass, pathOf });
    if (usesDpor && pass.isDecisive) {
      return new Dpor(system.kernel, { onViolation });
    }
    const { keepsWindows, maxPreemptions } = pass;
    return new Search(system.kernel, {
      reduces,
      isExact: isExact && pass.isDecisive,
      keepsWindows,
      maxPreemptions,
      onViolation,
    });
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
      this.#undecidedWindows = (this.#undecidedWindows ?? 0) - (isWhole ? 1 : 0);
    } else if (pass.isDecisive) {
      this.#progress = together(this.#progress, progress);
      this.#isComplete &&= isWhole;
    }
    if (this.#passes.length === 0 && this.#stopped === '' && this.#undecidedWindows === undefined) {
      this.#passes.push(...this.#passesWithWindows());
      this.#undecidedWindows = this.#passes.length;
    }
  }

  /** For rules broken in some order, but in none that the windows are known to allow: the worlds they are broken in. */
  #passesWithWindows(): readonly Pass[] {
    this.#seekByChance();
    const open = [...this.#found.values()].filter(({ record }) => record === undefined);
    const worlds = new Set(open.flatMap((found) => [...found.worlds]));
    return [...worlds].map((world) => ({
      world,
      maxPreemptions: this.#options.maxPreemptions,
      keepsWindows: true,
      maxSteps: stepsWithWindows,
      isDecisive: false,
    }));
  }

  #limitReached({ executions, states }: SearchProgress, before: number): string {
    const { maxExecutions, maxStates = defaultMaxStates } = this.#options;
    if (maxExecutions !== undefined && before + executions >= maxExecutions) {
      return `--max-executions ${maxExecutions} reached`;
    }
    return states >= maxStates ? `memory for ${maxStates} states used up` : '';
  }

  #note(violation: Violation, { pass, pathOf }: { pass: Pass; pathOf: () => SearchPath }): void {
    let found = this.#found.get(violation.rule);
    if (found === undefined) {
      found = { violation, count: 0, tries: 0, worlds: new Set(), record: undefined, seed: '' };
      this.#found.set(violation.rule, found);
    }
    found.worlds.add(pass.world);
    found.count += pass.isDecisive ? 1 : 0;
    if (found.record === undefined && found.tries < maxTries) {
      found.tries += 1;
      const follow = new PathScheduler(pathOf());
      const scheduler = inWorld(this.#case, pass.world, follow);
      const { violations } = this.#witness.run(scheduler, undefined).outcome;
      if (follow.isPossible && violations.some(({ rule }) => rule === violation.rule)) {
        found.violation = violation;
        found.record = recordRun(this.#case, this.#witness, { scheduler, seeded: undefined });
      }
    }
  }

  /** Looks for what no followed schedule has shown, with seeds, as `run` does: a slow way into narrow windows. */
  #seekByChance(): void {
    const scheduler = makeScheduler('portfolio');
    const isOpen = (): boolean => [...this.#found.values()].some(({ record }) => record === undefined);
    for (; this.#seedsTried < witnessRuns && isOpen(); this.#seedsTried += 1) {
      const seed = BigInt(this.#seedsTried);
      setSeed(scheduler, seed);
      for (const violation of this.#witness.run(scheduler, scheduler).outcome.violations) {
        const found = this.#found.get(violation.rule);
        if (found !== undefined && found.record === undefined) {
          found.violation = violation;
          setSeed(scheduler, seed);
          found.record = recordRun(this.#case, this.#witness, { scheduler, seeded: scheduler });
          found.seed = hexSeed(seed);
        }
      }
    }
  }

  /** A state counts as reached only in a run that the windows allow. */
  #notReached(): readonly string[] {
    const scheduler = makeScheduler('portfolio');
    const missing = (): readonly string[] => {
      const reached = this.#witness.reached();
      return this.#case.reach.filter((mark) => !reached.includes(mark));
    };
    for (let seed = 0; seed < this.#case.defaultRuns && missing().length > 0; seed += 1) {
      setSeed(scheduler, BigInt(seed));
      this.#witness.run(scheduler, scheduler);
    }
    return missing();
  }

  #judge(notReached: readonly string[]): Judged {
    return judgeExploration({
      expect: this.#case.expect,
      found: this.#found,
      notReached,
      isComplete: this.#isComplete && this.#stopped === '',
      windowsDecided: this.#undecidedWindows === 0,
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
      const { choices, events, digest, knobs } = record;
      return [{ ...violation, count, first: { seed, run: 0, choices, events, digest, knobs } }];
    });
  }

  #explorationReport({ isBounded }: Judged): ExplorationReport {
    const { reduces = true, isExact = false, usesDpor = false, maxPreemptions = null } = this.#options;
    const { executions, states, transitions, deepest, tableBytes, fractionDone } = this.#progress;
    return {
      executions,
      states,
      transitions,
      deepest,
      tableBytes,
      collisionProbability: isExact ? 0 : collisionBound(states),
      reduction: reduces,
      exact: isExact,
      dpor: usesDpor,
      preemptions: isBounded ? maxPreemptions : null,
      fraction: fractionDone,
      warning: '',
    };
  }
}

const noProgress: SearchProgress = {
  executions: 0,
  states: 0,
  transitions: 0,
  deepest: 0,
  tableBytes: 0,
  collisions: 0,
  isBounded: false,
  cutShort: '',
  fractionDone: 0,
};

/** Searches of several worlds: what they did adds up; memory is that of the largest. */
function together(a: SearchProgress, b: SearchProgress): SearchProgress {
  return {
    executions: a.executions + b.executions,
    states: a.states + b.states,
    transitions: a.transitions + b.transitions,
    deepest: Math.max(a.deepest, b.deepest),
    tableBytes: Math.max(a.tableBytes, b.tableBytes),
    collisions: a.collisions + b.collisions,
    isBounded: a.isBounded || b.isBounded,
    cutShort: a.cutShort === '' ? b.cutShort : a.cutShort,
    fractionDone: b.fractionDone,
  };
}

function passesFor(world: number, maxPreemptions: number | undefined): readonly Pass[] {
  const most = maxPreemptions ?? Number.POSITIVE_INFINITY;
  const pass = { world, keepsWindows: false };
  const first = firstBounds
    .filter((bound) => bound < most)
    .map((bound) => ({ ...pass, maxPreemptions: bound, maxSteps: stepsPerPass, isDecisive: false }));
  return [...first, { ...pass, maxPreemptions, maxSteps: Number.POSITIVE_INFINITY, isDecisive: true }];
}
