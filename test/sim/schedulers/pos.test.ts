import { describe, expect, it } from 'vitest';
import { profileOf } from '../../../sim/schedulers/calibration.ts';
import { PosScheduler } from '../../../sim/schedulers/pos.ts';
import { RandomScheduler } from '../../../sim/schedulers/random.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';

const runs = 20_000;

/** a takes `before` steps of its own and then races with b, whose only step is on the same word. */
function race(before: number): TinyWorld {
  const world = new TinyWorld();
  const shared = world.arena.allocate('shared', 1);
  const own = world.arena.allocate('own', 1);
  const count = (name: string, word: number) =>
    new Act(name, {
      act: () => {
        world.log.push(name);
        world.arena.put(word, world.arena.get(word) + 1);
      },
    });
  const [aside, a, b] = [count('-', own), count('a', shared), count('b', shared)];
  world.task('a', function* () {
    for (let i = 0; i < before; i += 1) yield aside;
    yield a;
  });
  world.task('b', function* () {
    yield b;
  });
  return world;
}

function rateOfAFirst(world: TinyWorld, scheduler: PosScheduler | RandomScheduler): number {
  world.run();
  scheduler.profile = profileOf(world.kernel);
  let hits = 0;
  for (let low = 0; low < runs; low += 1) {
    scheduler.seed = { low, high: 0 };
    world.run(scheduler);
    hits += world.log.indexOf('a') < world.log.indexOf('b') ? 1 : 0;
  }
  return hits / runs;
}

describe('POS', () => {
  it.each([0, 1, 2, 5])(
    'decides a race behind %i steps that race with nothing by the largest of so many keys',
    (before) => {
      // b keeps its key until it is larger than that of the step a waits to take: the least of before + 1 fresh keys.
      const rate = rateOfAFirst(race(before), new PosScheduler());
      expect(Math.abs(rate - 1 / (before + 2))).toBeLessThan(0.015);
    },
  );

  it('is fairer than a random walk, which comes late to a race behind many steps', () => {
    expect(rateOfAFirst(race(5), new RandomScheduler())).toBeLessThan(0.03);
    expect(rateOfAFirst(race(5), new PosScheduler())).toBeGreaterThan(0.12);
  });

  it('draws the key of a step again when one that races with it has been taken', () => {
    // All steps are on one word: each choice is a fresh race, so a of two steps goes first twice in a quarter of the runs.
    const world = new TinyWorld();
    const shared = world.arena.allocate('shared', 1);
    for (const name of ['a', 'b']) {
      const step = new Act(name, {
        act: () => {
          world.log.push(name);
          world.arena.put(shared, world.arena.get(shared) + 1);
        },
      });
      world.task(name, function* () {
        yield step;
        yield step;
      });
    }
    world.run();
    const scheduler = new PosScheduler();
    scheduler.profile = profileOf(world.kernel);
    const logs = new Map<string, number>();
    for (let low = 0; low < runs; low += 1) {
      scheduler.seed = { low, high: 0 };
      world.run(scheduler);
      const log = world.log.join('');
      logs.set(log, (logs.get(log) ?? 0) + 1);
    }
    expect([...logs.keys()].sort()).toEqual(['aabb', 'abab', 'abba', 'baab', 'baba', 'bbaa']);
    for (const [log, hits] of logs) {
      const exact = log === 'aabb' || log === 'bbaa' ? 1 / 4 : 1 / 8;
      expect(Math.abs(hits / runs - exact)).toBeLessThan(0.015);
    }
  });
});
