import { decodeRecording, ReplayScheduler } from '../sim/schedulers/replay.ts';
import { FollowScheduler } from '../sim/shrink/follow.ts';
import type { Attempt } from '../sim/shrink/schedule.ts';
import { FailureRuns, shrink } from '../sim/shrink/shrink.ts';
import { isSameFailure, type Violation } from '../sim/violation.ts';
import { CaseWorlds, inWorld, splitWorld } from './case-worlds.ts';
import type { ScenarioCase } from './load-scenario.ts';
import type { RunRecord } from './report.ts';
import { type ReplayOptions, recordRun, replayCase } from './run-case.ts';

export interface ShrinkSettings {
  /** Which of the rules the run breaks; left out: the one that ended it, or the last. */
  readonly rule?: string;
  /** Candidate runs; the result is the same on every machine as long as this ends the search, and not time. */
  readonly maxRuns?: number;
  /** Asked before each candidate run; true ends the search with what it has. */
  readonly shouldStop?: () => boolean;
}

/** What a schedule costs up to the step that breaks the rule. */
export interface ScheduleFigures {
  /** Steps that another process takes than the one before; a CPU's task and its store buffer are two. */
  readonly switches: number;
  /** Those of them where the process of the step before could have gone on. */
  readonly preemptions: number;
  /** Steps. */
  readonly events: number;
  /** Answers in the recording of the whole run. */
  readonly choices: number;
}

export interface ShrinkReport {
  /** The failure that both runs have: same rule, same subject. */
  readonly violation: Violation;
  readonly before: ScheduleFigures;
  readonly after: ScheduleFigures;
  readonly runs: number;
  /**
   * `minimal`: no candidate is shorter; `runs`, `stopped`: the search was cut; `unshrinkable`: a run with drawn times
   * whose order, under the window rule, does not fail.
   */
  readonly end: 'minimal' | 'runs' | 'stopped' | 'unshrinkable';
  /** The run after, as an ordinary recording. */
  readonly record: RunRecord;
}

const defaultMaxRuns = 20_000;

/** The shortest schedule found that fails as the one given does; undefined if that breaks no rule. */
export function shrinkCase(
  scenarioCase: ScenarioCase,
  how: ReplayOptions,
  settings: ShrinkSettings = {},
): ShrinkReport | undefined {
  const given = replayCase(scenarioCase, how);
  const violation = given.violations.findLast(({ rule }) => settings.rule === undefined || rule === settings.rule);
  const whole = decodeRecording(given.choices);
  if (violation === undefined || whole === undefined) {
    return undefined;
  }
  const { number, recording } = splitWorld(scenarioCase, whole);
  const worlds = new CaseWorlds(scenarioCase, how.maxEvents);
  const { kernel } = worlds.world(number).system;
  const runs = new FailureRuns(kernel, violation);
  const noted = runs.noted(new ReplayScheduler(recording));
  const start = noted === undefined || !recording.drawsTimes ? noted : runs.followed(noted);
  if (noted === undefined || start === undefined) {
    const figures = figuresOf(noted, recording.choices.length);
    return { violation, before: figures, after: figures, runs: 1, end: 'unshrinkable', record: given };
  }
  const { maxRuns = defaultMaxRuns, shouldStop = () => false } = settings;
  const shrunk = shrink(runs, start, { maxRuns, shouldStop });
  const scheduler = inWorld(scenarioCase, number, new FollowScheduler(kernel, shrunk.after));
  const record = recordRun(scenarioCase, worlds, { scheduler, seeded: undefined });
  return {
    violation: record.violations.find((each) => isSameFailure(each, violation)) ?? violation,
    before: figuresOf(noted, recording.choices.length),
    after: figuresOf(shrunk.after, decodeRecording(record.choices)?.choices.length ?? 0),
    runs: shrunk.runs,
    end: shrunk.end,
    record,
  };
}

function figuresOf(attempt: Attempt | undefined, choices: number): ScheduleFigures {
  return {
    switches: attempt?.switches ?? 0,
    preemptions: attempt?.preemptions ?? 0,
    events: attempt?.order.length ?? 0,
    choices,
  };
}
