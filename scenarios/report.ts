import type { IommuModel } from '../models/linux/flow-definition.ts';
import type { Agent, Place } from '../models/system.ts';
import type { TraceEvent } from '../models/trace-events.ts';
import type { TraceRecord } from '../sim/trace.ts';
import type { Violation } from '../sim/violation.ts';

/**
 * `held`: no violation in the schedules tried; `proved`: every schedule explored; `violated`; `inconclusive`: a limit
 * was reached, something is not modelled, a run was lost, or a state of `reach` was never reached.
 */
export type Verdict = 'held' | 'proved' | 'violated' | 'inconclusive';

/** The first run, by number, that broke a rule; all that is needed to repeat it. */
export interface FirstViolation {
  /** The run's own seed: it fails on the first run of a replay. Hexadecimal with 0x; '' where a search found it. */
  readonly seed: string;
  /** Number of the run in its campaign, from 0. */
  readonly run: number;
  /** The answers to all choices, as sim/schedulers/replay.ts encodes them. */
  readonly choices: string;
  /** Steps of the run. */
  readonly events: number;
  /** Digest of the run's trace: 16 hexadecimal digits. */
  readonly digest: string;
  /** What the run drew of each `free` variable, as the file writes it. */
  readonly knobs: Knobs;
}

/** Values of the `free` variables of one run, by name. */
export type Knobs = Readonly<Record<string, string>>;

/** What PCT promises: one run finds a bug of this depth at least with this probability. */
export interface Guarantee {
  readonly depth: number;
  /** n: processes that take a step at all. */
  readonly processes: number;
  /** k: `process` choice points of a run. */
  readonly choicePoints: number;
  readonly probability: number;
}

export interface ViolationReport {
  readonly rule: string;
  readonly message: string;
  /** Where the rule stands: section of a specification or a mail. */
  readonly source: string;
  /** Runs in which the rule was broken. */
  readonly count: number;
  readonly first: FirstViolation;
}

/** A run whose worker process ended before the run did; what it would have come to is unknown. */
export interface LostRun {
  /** Number of the run in its campaign, from 0. */
  readonly run: number;
  /** Hexadecimal with 0x. */
  readonly seed: string;
  /** How the worker ended, in one sentence. */
  readonly reason: string;
}

/** One case, as `--json` prints it: these names are an interface, add to them, do not rename them. */
export interface CaseReport {
  readonly scenario: string;
  readonly case: string;
  readonly file: string;
  readonly line: number;
  /** Rules that must be broken, each of them and no other; empty: none. */
  readonly expect: readonly string[];
  readonly verdict: Verdict;
  readonly asExpected: boolean;
  /** Whether every schedule was explored. */
  readonly complete: boolean;
  readonly strategy: string;
  /** Runs that ended; lost ones are not among them. */
  readonly runs: number;
  readonly events: number;
  readonly states: number | null;
  readonly violations: readonly ViolationReport[];
  /** Names of `reach` that no run reached. */
  readonly notReached: readonly string[];
  /** By run; `--json` lists those of all cases together. */
  readonly lost: readonly LostRun[];
  /** Of the strategy `pct`; null of all others. */
  readonly guarantee: Guarantee | null;
  /** Why the case is inconclusive or not as expected, in one sentence; empty when there is nothing to say. */
  readonly reason: string;
  /** What a search did; null for sampled cases. */
  readonly exploration: ExplorationReport | null;
}

/** How far a search came. Numbers are those of the search of all orders. */
export interface ExplorationReport {
  /** Orders followed until nothing new lay ahead. */
  readonly executions: number;
  readonly states: number;
  readonly transitions: number;
  /** Most steps of an execution. */
  readonly deepest: number;
  /** Memory of the states. */
  readonly tableBytes: number;
  /** Chance, at most, that two states were taken for one; 0 for an exact search. */
  readonly collisionProbability: number;
  readonly reduction: boolean;
  readonly exact: boolean;
  /** No states were kept; then there are 0. */
  readonly dpor: boolean;
  /** What is proved is proved for orders with at most so many preemptions; null: for all. */
  readonly preemptions: number | null;
  /** Part of the branches that was done: a guess. */
  readonly fraction: number;
  /** What the verdict relies on and the kernel's own memory model does not promise; or ''. */
  readonly warning: string;
}

/** One run with its trace, for pictures and logs. */
export interface RunRecord {
  readonly scenario: string;
  readonly case: string;
  readonly file: string;
  readonly strategy: string;
  /** Of the strategy `pct`; null of all others. */
  readonly depth: number | null;
  /** What the run drew of each `free` variable, as the file writes it. */
  readonly knobs: Knobs;
  /** Hexadecimal with 0x; null when the run came from recorded choices alone. */
  readonly seed: string | null;
  readonly choices: string;
  /** `finished`, `violated`, `limit` or `unmodelled`, with the name of the limit or of what is not modelled. */
  readonly end: string;
  readonly detail: string;
  readonly events: number;
  readonly nowNs: number;
  readonly violations: readonly Violation[];
  readonly digest: string;
  /** Whose words events are put in. */
  readonly iommu: IommuModel;
  readonly records: readonly TraceRecord<TraceEvent>[];
  /** By process id: the process, and the column of a picture it belongs to. */
  readonly agents: readonly Agent[];
  /** Named ranges of memory, most specific first (a PASID entry before its table). */
  readonly places: readonly Place[];
  /** Name of each entry of the registry, by id: 'nic.pasid[1]', 'nic.context', … */
  readonly entryNames: readonly string[];
}
