import type { ChoicePoint, Scheduler } from '../sim/scheduler.ts';
import { profileOf } from '../sim/schedulers/calibration.ts';
import { ContinuedScheduler } from '../sim/schedulers/continued.ts';
import type { Profile, SeededScheduler } from '../sim/schedulers/profile.ts';
import type { Recording } from '../sim/schedulers/replay.ts';
import type { RunOutcome } from '../sim/violation.ts';
import { type AssembledWorld, assemble } from './assemble.ts';
import type { ScenarioCase } from './load-scenario.ts';

/** One run, and the world that it was of. */
export interface WorldRun {
  readonly outcome: RunOutcome;
  readonly world: AssembledWorld;
  /** Which of the case's worlds: one for each combination of its `free` values. */
  readonly number: number;
}

/** The worlds of a case, one for each combination of its `free` values: assembled when first drawn, and kept. */
export class CaseWorlds {
  readonly #case: ScenarioCase;
  readonly #maxEvents: number | undefined;
  readonly #worlds: (AssembledWorld | undefined)[];
  readonly #profiles: (Profile | undefined)[];

  constructor(scenarioCase: ScenarioCase, maxEvents: number | undefined) {
    this.#case = scenarioCase;
    this.#maxEvents = maxEvents;
    this.#worlds = scenarioCase.worlds.map(() => undefined);
    this.#profiles = scenarioCase.worlds.map(() => undefined);
  }

  /**
   * One run of one world: the scheduler's first answer says which, unless there is but one. `seeded` is the scheduler at
   * the bottom of it, if that wants to know the world. A recorded run leaves its trace, and no other, in the world.
   */
  run(scheduler: Scheduler, seeded: SeededScheduler | undefined, isRecorded = false): WorldRun {
    const count = this.#worlds.length;
    let number = 0;
    let continued = scheduler;
    if (count > 1) {
      scheduler.begin();
      number = scheduler.choose(combinationPoint(count));
      continued = new ContinuedScheduler(scheduler);
    }
    const world = this.world(number);
    if (seeded?.needsProfile === true) {
      seeded.profile = this.#profile(number);
    }
    const { trace, kernel } = world.system;
    if (isRecorded) {
      trace.record(true);
      trace.clear();
    }
    try {
      return { outcome: kernel.run(continued), world, number };
    } finally {
      if (isRecorded) {
        trace.record(false);
      }
    }
  }

  /** Names of `reach` that runs have reached since they were last forgotten. */
  reached(): readonly string[] {
    return [...new Set(this.#worlds.flatMap((world) => [...(world?.reached ?? [])]))];
  }

  forgetReached(): void {
    for (const world of this.#worlds) {
      world?.reached.clear();
    }
  }

  /** Of every world, also of those not drawn yet. */
  profiles(): readonly Profile[] {
    return this.#profiles.map((_, number) => this.#profile(number));
  }

  /** One of them, for whoever runs it himself. */
  world(number: number): AssembledWorld {
    let assembled = this.#worlds[number];
    if (assembled === undefined) {
      assembled = assembleWorld(this.#case, number, this.#maxEvents);
      this.#worlds[number] = assembled;
    }
    return assembled;
  }

  #profile(number: number): Profile {
    let profile = this.#profiles[number];
    if (profile === undefined) {
      const { system, reached } = this.world(number);
      const before = [...reached];
      profile = profileOf(system.kernel);
      this.#profiles[number] = profile;
      // What a calibration run reaches, no run of the case has reached.
      reached.clear();
      for (const mark of before) {
        reached.add(mark);
      }
    }
    return profile;
  }
}

/** Makes a scheduler's runs those of one world of a case: the choice of the world comes first, where there are several. */
export function inWorld({ worlds }: ScenarioCase, number: number, inner: Scheduler): Scheduler {
  if (worlds.length === 1) {
    return inner;
  }
  let isDrawn = false;
  return {
    name: inner.name,
    drawsTimes: inner.drawsTimes,
    begin: () => {
      isDrawn = false;
      inner.begin();
    },
    choose: (point) => {
      if (isDrawn) return inner.choose(point);
      isDrawn = true;
      return number;
    },
    stepTaken: (id, operation) => inner.stepTaken?.(id, operation),
    stepDone: (id) => inner.stepDone?.(id),
  };
}

/** Which world a recorded run is of, and the answers that were given in it. */
export function splitWorld(
  { worlds }: ScenarioCase,
  { drawsTimes, choices }: Recording,
): { readonly number: number; readonly recording: Recording } {
  const [number = 0, ...rest] = choices;
  return worlds.length === 1
    ? { number: 0, recording: { drawsTimes, choices } }
    : { number, recording: { drawsTimes, choices: rest } };
}

/** One world of a case; `maxEvents` replaces the scenario's limit. */
export function assembleWorld(
  { worlds, reach }: ScenarioCase,
  number: number,
  maxEvents: number | undefined,
): AssembledWorld {
  const { world } = worlds[number] as ScenarioCase['worlds'][number];
  const limits = { ...world.limits, ...(maxEvents === undefined ? {} : { maxEvents }) };
  return assemble({ ...world, limits }, reach);
}

function combinationPoint(count: number): ChoicePoint {
  return { kind: 'value', name: 'free', count, candidates: new Int32Array(0), operations: [] };
}
