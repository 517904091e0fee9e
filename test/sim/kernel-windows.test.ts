import { describe, expect, it } from 'vitest';
import { Delay } from '../../sim/operation.ts';
import { answering, scripted, TinyWorld } from '../support/tiny-world.ts';

type Window = readonly [minNs: number, maxNs: number];

/** One task a letter, each with its steps' windows; every step logs the letter. */
function windows(steps: Readonly<Record<string, readonly Window[]>>): TinyWorld {
  const world = new TinyWorld();
  for (const [name, list] of Object.entries(steps)) {
    world.task(name, function* () {
      for (const [minNs, maxNs] of list) yield world.says(name, { minNs, maxNs });
    });
  }
  return world;
}

function orders(steps: Readonly<Record<string, readonly Window[]>>): readonly string[] {
  return windows(steps)
    .everyRun()
    .map(({ log }) => log.replaceAll(' ', ''))
    .sort();
}

const us = 1_000;
const ms = 1_000_000;
const s = 1_000_000_000;
const unbounded = Number.POSITIVE_INFINITY;

describe('the window rule: earliest <= least latest of all', () => {
  it('never lets a time-out of 60 s beat an answer of at most 1 us', () => {
    // Least latest is the answer's 1 us, and 60 s is after it: one schedule.
    expect(orders({ t: [[60 * s, 90 * s]], a: [[0, us]] })).toEqual(['at']);
  });

  it('lets the time-out win when the answer has no latest moment', () => {
    // Least latest is the time-out's own 90 s: both are before it, so two orders.
    expect(orders({ t: [[60 * s, 90 * s]], a: [[0, unbounded]] })).toEqual(['at', 'ta']);
  });

  it('lets a reset of 100 ms overtake a CPU that may be held up to 1 s, and one of 2 s not', () => {
    expect(orders({ c: [[1, s]], r: [[100 * ms, 100 * ms]] })).toEqual(['cr', 'rc']);
    expect(orders({ c: [[1, s]], r: [[2 * s, 2 * s]] })).toEqual(['cr']);
  });

  it.each([
    // 10 <= 10: the moments may be the same, and then either goes first.
    { second: [10, 20] as const, count: 2 },
    { second: [11, 20] as const, count: 1 },
    { second: [9, 9] as const, count: 2 },
  ])('of [0, 10] and $second allows $count orders', ({ second, count }) => {
    expect(orders({ a: [[0, 10]], b: [second] })).toHaveLength(count);
  });

  it('looks at all pending steps, not at pairs', () => {
    // Least latest is 5: a and b may begin, c (6) may not.
    //   a first: b [3, 8] and c [6, 9] are left, least latest 8: bc or cb.
    //   b first: a [0, 5] and c [6, 9] are left, least latest 5: a, then c.
    expect(orders({ a: [[0, 5]], b: [[3, 8]], c: [[6, 9]] })).toEqual(['abc', 'acb', 'bac']);
  });

  it('counts a window from when its step was asked for', () => {
    const ten = [10, 10] as const;
    // a's steps are at 10, 20 and 30, so 25 lies between the second and the third, wherever a search begins.
    expect(orders({ a: [ten, ten, ten], b: [[25, 25]] })).toEqual(['aaba']);
    // At 20 both are due: two orders, and nothing else moves.
    expect(orders({ a: [ten, ten, ten], b: [[20, 20]] })).toEqual(['aaba', 'abaa']);
  });

  it('holds a CPU up for no longer than its window', () => {
    // d's steps are at 60, 120 and 180; c must be done by 100, so d gets ahead by one step at most.
    const sixty = [60, 60] as const;
    expect(orders({ c: [[0, 100]], d: [sixty, sixty, sixty] })).toEqual(['cddd', 'dcdd']);
  });

  it('is asked as one choice, with the ids in ascending order, and only where there is one', () => {
    const asked: string[] = [];
    windows({ a: [[9, 9]], b: [[0, 9]], c: [[20, 20]], d: [[5, 30]] }).run(
      answering(({ kind, name, count, candidates }) => {
        asked.push(`${kind} ${name} ${Array.from(candidates.subarray(0, count)).join(' ')}`);
        return count - 1;
      }),
    );
    // Least latest 9: a, b, d; d taken. Then a, b; b taken. Then a alone and c alone, not asked.
    expect(asked).toEqual(['process next 0 1 3', 'process next 0 1']);
  });
});

describe('the clock', () => {
  it('moves to the earliest moment of the step taken, and never back', () => {
    const seen: string[] = [];
    const world = new TinyWorld();
    const clocked = (name: string, ...list: Window[]) =>
      world.task(name, function* () {
        for (const [minNs, maxNs] of list) {
          yield world.says(name, { minNs, maxNs, act: ({ nowNs }) => void seen.push(`${name}@${nowNs}`) });
        }
      });
    clocked('a', [5, 50], [5, 50]);
    clocked('b', [40, 60]);
    // b first, at its own earliest; a is late then, but not past its latest, and its next window begins there.
    expect(world.run(scripted([1])).nowNs).toBe(45);
    expect(seen).toEqual(['b@40', 'a@40', 'a@45']);
    seen.length = 0;
    expect(world.run(scripted([0, 0])).nowNs).toBe(40);
    expect(seen).toEqual(['a@5', 'a@10', 'b@40']);
  });

  it('starts again at 0 in each run', () => {
    const world = windows({ a: [[7, 7]] });
    expect(world.run().nowNs).toBe(7);
    expect(world.run().nowNs).toBe(7);
  });

  it('is an arena word: the step that moves it writes it', () => {
    const world = windows({ a: [[7, 7]], b: [[3, 3]] });
    world.run();
    const clock = world.arena.regions.find(({ name }) => name === 'kernel.clock');
    expect(world.arena.getTime(clock?.base ?? -1)).toBe(7);
  });
});

describe('drawn times', () => {
  it('take the least moment first, whatever the windows of the others', () => {
    // The draw is added to minNs: a at 0 + 30, b at 10 + 5, c at 20 + 0.
    const world = windows({ a: [[0, 40]], b: [[10, 40]], c: [[20, 40]] });
    const outcome = world.run(scripted([30, 5, 0], true));
    expect(world.log).toEqual(['b', 'c', 'a']);
    expect(outcome).toMatchObject({ end: 'finished', nowNs: 30, events: 3 });
  });

  it('give every moment of the window, both ends included, and ask nothing of a fixed moment', () => {
    const asked: string[] = [];
    const spy = answering(({ kind, name, count }) => {
      asked.push(`${kind} ${name} ${count}`);
      return count - 1;
    }, true);
    const outcome = windows({ a: [[10, 12]], b: [[5, 5]] }).run(spy);
    expect(asked).toEqual(['delay delay of a 3']);
    expect(outcome.nowNs).toBe(12);
  });

  it('take steps of one instant in the order of processes when they were asked for at one instant', () => {
    const world = windows({ c: [[5, 5]], a: [[5, 5]], b: [[5, 5]] });
    world.run(scripted([], true));
    expect(world.log).toEqual(['c', 'a', 'b']);
  });

  it('take steps of one instant in the order in which they were asked for', () => {
    // b asks at 0 for 5; a, though the first process, asks for 5 only at 3.
    const world = windows({
      a: [
        [3, 3],
        [2, 2],
      ],
      b: [[5, 5]],
    });
    world.run(scripted([], true));
    expect(world.log).toEqual(['a', 'b', 'a']);
  });

  it('hold a step without a latest moment up by a day at most', () => {
    const world = new TinyWorld().task('a', function* () {
      yield new Delay(0, unbounded);
    });
    const last = answering(({ count }) => count - 1, true);
    expect(world.run(last).nowNs).toBe(86_400_000_000_000);
  });
});
