import type { TraceEvent } from '../models/trace-events.ts';
import { decodeRecording, ReplayScheduler } from '../sim/schedulers/replay.ts';
import { findFlips } from '../sim/shrink/flips.ts';
import { FollowScheduler } from '../sim/shrink/follow.ts';
import { FailureRuns } from '../sim/shrink/shrink.ts';
import type { Violation } from '../sim/violation.ts';
import type { AssembledWorld } from './assemble.ts';
import { CaseWorlds, inWorld, splitWorld } from './case-worlds.ts';
import type { ScenarioCase } from './load-scenario.ts';
import type { RunRecord } from './report.ts';
import { recordRun } from './run-case.ts';
import type { ShrinkSettings } from './shrink-case.ts';

/** One step of a run, and the record that says best what it did. */
export interface FlipStep {
  readonly process: string;
  /** Number of the step in the run. */
  readonly step: number;
  /** Index in the records of the run; -1 if the step left none. */
  readonly record: number;
  /** What the step does, in the words of its process. */
  readonly label: string;
}

/** Had `after` come before `before`, the run would have held: `choices` is a run in which it does. */
export interface FlipReport {
  readonly before: FlipStep;
  readonly after: FlipStep;
  readonly makesItHold: true;
  readonly choices: string;
}

export interface FlipsReport {
  readonly violation: Violation;
  /** Nearest to the violation first. */
  readonly flips: readonly FlipReport[];
  /** Pairs of steps that were turned round. */
  readonly tried: number;
}

/** Notes of checkers and of the kernel: they follow from what happens, and make no order. */
const notes = /^(?:checker\.|reach\.|entries|kernel\.)/;

/**
 * Which single ordering decisions of a failing run decide. `record` is the run, as replayCase gives it; undefined if
 * it breaks no rule, or has drawn times that the window rule does not allow.
 */
export function flipCase(
  scenarioCase: ScenarioCase,
  record: RunRecord,
  settings: Pick<ShrinkSettings, 'rule'> & { readonly maxEvents?: number } = {},
): FlipsReport | undefined {
  const violation = record.violations.findLast(({ rule }) => settings.rule === undefined || rule === settings.rule);
  const whole = decodeRecording(record.choices);
  if (violation === undefined || whole === undefined) {
    return undefined;
  }
  const { number, recording } = splitWorld(scenarioCase, whole);
  const worlds = new CaseWorlds(scenarioCase, settings.maxEvents);
  const world = worlds.world(number);
  const { kernel } = world.system;
  const runs = new FailureRuns(kernel, violation);
  const noted = runs.noted(new ReplayScheduler(recording));
  const failing = noted === undefined ? undefined : runs.followed(noted);
  if (failing === undefined) {
    return undefined;
  }
  const { found, tried } = findFlips(runs, failing, { isShared: isShared(world), mayRace: mayRace(record) });
  const stepAt = (position: number): FlipStep => {
    const process = failing.order[position] as number;
    const ordinal = failing.order.slice(0, position).filter((each) => each === process).length;
    return {
      process: record.agents[process]?.process ?? '',
      step: position + 1,
      record: tellingRecord(record, position + 1),
      label: failing.labels[process]?.[ordinal] ?? '',
    };
  };
  const flips = found.map(({ first, second, schedule }) => ({
    before: stepAt(first),
    after: stepAt(second),
    makesItHold: true as const,
    choices: recordRun(scenarioCase, worlds, {
      scheduler: inWorld(scenarioCase, number, new FollowScheduler(kernel, schedule)),
      seeded: undefined,
    }).choices,
  }));
  return { violation, flips, tried };
}

function isShared({ system }: AssembledWorld): (word: number) => boolean {
  const shared = new Uint8Array(system.arena.wordCount).fill(1);
  for (const { name, base, wordCount } of system.arena.regions) {
    if (notes.test(name)) shared.fill(0, base, base + wordCount);
  }
  return (word) => shared[word] === 1;
}

/** A store buffer and what runs on its CPU are one agent to a reader. */
function mayRace({ agents }: RunRecord): (process: number, other: number) => boolean {
  const cpus = agents.map(({ column }) => /^(CPU \d+)(?: \(|$)/.exec(column)?.[1]);
  const isBuffer = agents.map(({ column }, process) => column === cpus[process]);
  return (process, other) =>
    cpus[process] === undefined || cpus[process] !== cpus[other] || isBuffer[process] === isBuffer[other];
}

/** Kinds of event by how much they say of what a step does to others. */
const telling: readonly TraceEvent['kind'][] = [
  'store',
  'entry-read',
  'page-table-read',
  'register-written',
  'invalidation-done',
  'status-written',
  'cache-filled',
  'cache-hit',
  'line-flushed',
  'line-evicted',
  'translation-discarded',
  'link-message',
  'ats-invalidation-received',
  'translation-completion',
  'descriptor-fetched',
  'dma',
  'fault',
  'load',
  'store-buffered',
  'request',
  'translation-request',
  'translated-request',
  'barrier',
];

function tellingRecord({ records }: RunRecord, step: number): number {
  const indices = records.flatMap(({ stepNumber }, index) => (stepNumber === step ? [index] : []));
  for (const kind of telling) {
    const index = indices.find((each) => records[each]?.event.kind === kind);
    if (index !== undefined) return index;
  }
  return -1;
}
