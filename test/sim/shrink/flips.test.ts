import { describe, expect, it } from 'vitest';
import { Cell } from '../../../sim/containers.ts';
import type { Flow } from '../../../sim/operation.ts';
import { findFlips } from '../../../sim/shrink/flips.ts';
import type { Attempt } from '../../../sim/shrink/schedule.ts';
import { FailureRuns } from '../../../sim/shrink/shrink.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';
import { torn, tornWorld } from './shrink-world.ts';

const everything = { isShared: () => true, mayRace: () => true };

interface Named {
  readonly earlier: string;
  readonly later: string;
}

/** Flips of a schedule in words, each one run again and seen to hold. */
function flipsOf(world: TinyWorld, order: readonly number[], options = everything): readonly Named[] {
  const runs = new FailureRuns(world.kernel, torn);
  const failing = runs.followed({ order, answers: [] }) as Attempt;
  const nameAt = (position: number): string => {
    const process = failing.order[position] as number;
    const ordinal = failing.order.slice(0, position).filter((each) => each === process).length;
    return failing.labels[process]?.[ordinal] ?? '';
  };
  return findFlips(runs, failing, options).found.map(({ first, second, schedule }) => {
    const { outcome } = runs.runOn(schedule);
    expect([outcome.end, outcome.violations]).toEqual(['finished', []]);
    return { earlier: nameAt(first), later: nameAt(second) };
  });
}

describe('flips', () => {
  it('are the two orders that tear a pair of words', () => {
    // reader, writer, writer, reader
    expect(flipsOf(tornWorld(), [1, 0, 0, 1])).toEqual([
      { earlier: 'store high', later: 'read high' },
      { earlier: 'read low', later: 'store low' },
    ]);
  });

  it('are found in a long run, too, once each', () => {
    const world = tornWorld({ others: 2, rounds: 3 });
    expect(flipsOf(world, [0, 3, 3, 1, 0, 3, 2, 1, 2, 3])).toEqual([
      { earlier: 'store high', later: 'read high' },
      { earlier: 'read low', later: 'store low' },
    ]);
  });

  it('may take the rest of a process with them where no pair alone decides', () => {
    const world = new TinyWorld();
    const [x, y] = [new Cell(world.arena, 'x'), new Cell(world.arena, 'y')];
    world.task('writer', function* (): Flow {
      yield new Act('store x', { act: () => x.set(1) });
      yield new Act('store y', { act: () => y.set(1) });
    });
    world.task('reader', function* (): Flow {
      yield new Act('read both', {
        act: () => {
          if (x.get() === 1 || y.get() === 1) world.kernel.violate(torn, true);
        },
      });
    });
    world.run();
    expect(flipsOf(world, [0, 0, 1])).toEqual([{ earlier: 'store x', later: 'read both' }]);
  });

  it('are none where every order fails', () => {
    const world = new TinyWorld();
    const x = new Cell(world.arena, 'x');
    const bump = (word: string) =>
      new Act(word, {
        act: () => {
          x.set(x.get() + 1);
          if (x.get() === 2) world.kernel.violate(torn, true);
        },
      });
    for (const name of ['a', 'b']) {
      world.task(name, function* (): Flow {
        yield bump(name);
      });
    }
    world.run();
    const runs = new FailureRuns(world.kernel, torn);
    expect(findFlips(runs, { order: [0, 1], answers: [] }, everything)).toEqual({ found: [], tried: 1 });
  });

  it('do not ask what cannot be otherwise, or is nobody’s business', () => {
    expect(flipsOf(tornWorld(), [1, 0, 0, 1], { ...everything, isShared: () => false })).toEqual([]);
    expect(flipsOf(tornWorld(), [1, 0, 0, 1], { ...everything, mayRace: () => false })).toEqual([]);
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    world.task('sets', function* (): Flow {
      yield new Act('set', { act: () => flag.set(1) });
    });
    world.task('waits', function* (): Flow {
      yield new Act('after it', {
        guard: () => flag.get() === 1,
        act: () => {
          if (flag.get() === 1) world.kernel.violate(torn, true);
        },
      });
    });
    world.run();
    expect(flipsOf(world, [0, 1])).toEqual([]);
  });

  it('leave the arena as they found it: the next run records nothing', () => {
    const world = tornWorld();
    flipsOf(world, [1, 0, 0, 1]);
    world.arena.touchedCount = 0;
    world.run();
    expect(world.arena.touchedCount).toBe(0);
  });
});
