import { Dpor, type DporProgress } from '../../sim/exploration/dpor.ts';
import type { Explorer, ExplorerOptions, ExplorerProgress } from '../../sim/exploration/explorer.ts';
import { Search, type SearchOptions, type SearchProgress } from '../../sim/exploration/search.ts';
import type { SearchPath } from '../../sim/exploration/search-path.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { Violation } from '../../sim/violation.ts';
import { enumerateSchedules, type ScheduleObserver } from './enumerate-schedules.ts';
import { ProgramWorld, type ProgramWorldOptions } from './program-world.ts';
import type { Program } from './random-programs.ts';

/** What can come of a program. */
export interface Verdict {
  /** Every way a run can end: how, and the state then. */
  readonly outcomes: ReadonlySet<string>;
  /** Every rule that can be broken, with its message. */
  readonly broken: ReadonlySet<string>;
}

export interface BruteForce extends Verdict {
  readonly schedules: number;
  /** By outcome: the fewest preemptions it takes. */
  readonly preemptions: ReadonlyMap<string, number>;
}

export interface Explored<Progress> extends Verdict {
  readonly progress: Progress;
  /** The first schedule found for each broken rule. */
  readonly schedules: ReadonlyMap<string, SearchPath>;
}

/** By brute force, the judge of all searches; undefined if there are more schedules than that. */
export function bruteForce(
  program: Program,
  options: ProgramWorldOptions,
  maxSchedules: number,
): BruteForce | undefined {
  const world = new ProgramWorld(program, options);
  const counter = new PreemptionCounter(world);
  const preemptions = new Map<string, number>();
  const broken = new Set<string>();
  let schedules = 0;
  const end = (how: string): void => {
    const outcome = `${how}: ${world.outcome}`;
    preemptions.set(outcome, Math.min(counter.count, preemptions.get(outcome) ?? Number.POSITIVE_INFINITY));
  };
  world.kernel.onFinish = () => end('finished');
  const all = enumerateSchedules(world.kernel, { maxSchedules: maxSchedules + 1, observer: counter });
  for (const { outcome } of all) {
    schedules += 1;
    if (schedules > maxSchedules) {
      return undefined;
    }
    for (const violation of outcome.violations) broken.add(nameOf(violation));
    if (outcome.end !== 'finished') end(outcome.violations.at(-1)?.rule ?? outcome.detail);
  }
  return { outcomes: new Set(preemptions.keys()), broken, schedules, preemptions };
}

/** By a search that goes to its end. */
export function searched(
  program: Program,
  world: ProgramWorldOptions,
  options: Omit<SearchOptions, keyof ExplorerOptions>,
): Explored<SearchProgress> {
  return explored(program, world, (kernel, listener) => new Search(kernel, { ...options, ...listener }));
}

/** The same without states. */
export function searchedByRaces(program: Program, world: ProgramWorldOptions): Explored<DporProgress> {
  return explored(program, world, (kernel, listener) => new Dpor(kernel, listener));
}

function explored<Progress extends ExplorerProgress>(
  program: Program,
  options: ProgramWorldOptions,
  explorerOf: (kernel: Kernel, listener: ExplorerOptions) => Explorer & { readonly progress: Progress },
): Explored<Progress> {
  const world = new ProgramWorld(program, options);
  const outcomes = new Set<string>();
  const schedules = new Map<string, SearchPath>();
  world.kernel.onFinish = () => outcomes.add(`finished: ${world.outcome}`);
  const explorer = explorerOf(world.kernel, {
    onViolation: (violation, pathOf) => {
      const name = nameOf(violation);
      if (!schedules.has(name)) schedules.set(name, pathOf());
      if (violation.rule !== 'goes-on') outcomes.add(`${violation.rule}: ${world.outcome}`);
    },
  });
  while (explorer.advance(10_000));
  const { progress } = explorer;
  explorer.close();
  return { outcomes, broken: new Set(schedules.keys()), progress, schedules };
}

export function nameOf({ rule, message }: Violation): string {
  return `${rule}: ${message}`;
}

/** Counts, by itself, how often a run leaves a task that could have gone on for another task. */
class PreemptionCounter implements ScheduleObserver {
  count = 0;
  #last = -1;
  readonly #isTask: readonly boolean[];

  constructor({ kernel }: ProgramWorld) {
    this.#isTask = kernel.stepper.processes.specs.map(({ kind }) => kind === 'task');
  }

  begin(): void {
    this.count = 0;
    this.#last = -1;
  }

  step(processId: number, candidates: readonly number[]): void {
    if (this.#isTask[processId] !== true) {
      return;
    }
    this.count += processId !== this.#last && candidates.includes(this.#last) ? 1 : 0;
    this.#last = processId;
  }
}
