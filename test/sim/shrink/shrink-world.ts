import { Cell } from '../../../sim/containers.ts';
import { Choose, type Flow } from '../../../sim/operation.ts';
import type { Scheduler } from '../../../sim/scheduler.ts';
import { RandomScheduler } from '../../../sim/schedulers/random.ts';
import type { Attempt } from '../../../sim/shrink/schedule.ts';
import { FailureRuns } from '../../../sim/shrink/shrink.ts';
import type { Violation } from '../../../sim/violation.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';

export const torn: Violation = { rule: 'torn', message: 'read old and new', source: 'test', subject: 'pair' };

export interface TornWorldOptions {
  /** Steps of other work before the writer begins: up to this many, as the schedule chooses. */
  readonly idle?: number;
  /** Reads of the pair, one after the other. */
  readonly rounds?: number;
  /** Tasks that have nothing to do with the race, of three steps each. */
  readonly others?: number;
  readonly stops?: boolean;
  /** Windows of all steps; left out: any moment. */
  readonly maxNs?: number;
}

/** A writer of two words and a reader of both; `torn` if the reader has one old and one new word. */
export function tornWorld({ idle = 0, rounds = 1, others = 0, stops = true, maxNs }: TornWorldOptions = {}): TinyWorld {
  const world = new TinyWorld();
  const window = maxNs === undefined ? {} : { maxNs };
  const [low, high, gotLow] = ['low', 'high', 'got'].map((name) => new Cell(world.arena, name)) as [Cell, Cell, Cell];
  for (let i = 0; i < others; i += 1) {
    const work = new Act('other', window);
    world.task(`other ${i}`, function* () {
      for (let left = 3; left > 0; left -= 1) yield work;
    });
  }
  world.task('writer', function* (): Flow {
    const work = new Act('idle', window);
    for (let left = yield* new Choose('start', idle + 1, 'idle'); left > 0; left -= 1) yield work;
    yield new Act('store low', { ...window, act: () => low.set(1) });
    yield new Act('store high', { ...window, act: () => high.set(1) });
    yield new Act('after', window);
  });
  world.task('reader', function* (): Flow {
    for (let left = rounds; left > 0; left -= 1) {
      yield new Act('read low', { ...window, act: () => gotLow.set(low.get()) });
      yield new Act('read high', {
        ...window,
        act: (context) => {
          context.choose('of no matter', 3);
          if (gotLow.get() !== high.get()) world.kernel.violate(torn, stops);
        },
      });
    }
  });
  world.run();
  return world;
}

/** The first run of a seed that fails, noted. */
export function findFailing(world: TinyWorld, violation: Violation = torn, makeScheduler = randomScheduler): Attempt {
  const runs = new FailureRuns(world.kernel, violation);
  for (let seed = 0; seed < 2000; seed += 1) {
    const attempt = runs.noted(makeScheduler(seed));
    if (attempt !== undefined) return attempt;
  }
  throw new Error('no seed fails');
}

export function randomScheduler(seed: number): Scheduler {
  const scheduler = new RandomScheduler();
  scheduler.seed = { low: seed, high: 0 };
  return scheduler;
}
