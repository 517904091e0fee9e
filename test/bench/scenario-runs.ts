import { type AssembledWorld, assemble } from '../../scenarios/assemble.ts';
import { loadScenarioFile, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { RandomScheduler } from '../../sim/schedulers/random.ts';
import { RecordingScheduler } from '../../sim/schedulers/recording.ts';
import { TimedScheduler } from '../../sim/schedulers/timed.ts';

/** Below the folder the benchmark is started in, which npm makes the package's. */
const file = 'scenarios/vtd/pasid-teardown.yaml';
export const scenarioCase = 'present-bit-first.first.ascending.x86-tso';

export interface ScenarioRuns {
  readonly name: string;
  /** Steps of all runs so far. */
  events: number;
  run(count: number): void;
}

export function benchCase(): ScenarioCase {
  const found = loadScenarioFile(file).cases.find(({ name }) => name === scenarioCase);
  if (found === undefined) {
    throw new Error(`${file} has no case ${scenarioCase}`);
  }
  return found;
}

/** Complete runs of one world with all its checkers, in three ways: plain, by drawn times, and recorded with a digest. */
export function scenarioRuns(): readonly ScenarioRuns[] {
  const found = benchCase();
  const world = assemble(found.world, found.reach);
  return [
    plain('trace off', world, new RandomScheduler()),
    recorded(world),
    plain('drawn times', world, new TimedScheduler()),
  ];
}

function plain(name: string, { system }: AssembledWorld, scheduler: RandomScheduler | TimedScheduler): ScenarioRuns {
  let seed = 0;
  const runs: ScenarioRuns = {
    name,
    events: 0,
    run: (count) => {
      for (let i = 0; i < count; i += 1) {
        scheduler.seed = { low: seed++, high: 0 };
        runs.events += system.kernel.run(scheduler).events;
      }
    },
  };
  return runs;
}

/** What a replay does for each run: choices, records and their digest. */
function recorded({ system }: AssembledWorld): ScenarioRuns {
  const scheduler = new RandomScheduler();
  const recording = new RecordingScheduler(scheduler);
  let seed = 0;
  const runs: ScenarioRuns = {
    name: 'recorded, with digest',
    events: 0,
    run: (count) => {
      system.trace.record(true);
      for (let i = 0; i < count; i += 1) {
        system.trace.clear();
        scheduler.seed = { low: seed++, high: 0 };
        runs.events += system.kernel.run(recording).events;
        system.trace.digest();
      }
      system.trace.clear();
      system.trace.record(false);
    },
  };
  return runs;
}
