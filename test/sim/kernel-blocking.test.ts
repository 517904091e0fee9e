import { describe, expect, it } from 'vitest';
import { Cell } from '../../sim/containers.ts';
import { type Flow, WaitUntil } from '../../sim/operation.ts';
import { Act, answering, scripted, TinyWorld } from '../support/tiny-world.ts';

/** How many schedules end how: 'finished' or the rules broken. */
function ends(world: TinyWorld): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of world.everyRun()) {
    const end = outcome.violations.map(({ rule }) => rule).join(' ') || outcome.end;
    counts[end] = (counts[end] ?? 0) + 1;
  }
  return counts;
}

function orders(world: TinyWorld): readonly string[] {
  return world
    .everyRun()
    .map(({ log }) => log)
    .sort();
}

describe('a blocking step', () => {
  it('is no alternative until its guard holds', () => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    world.task('p', function* () {
      yield world.says('p1');
      yield world.says('p2', { act: () => flag.set(1) });
      yield world.says('p3');
    });
    world.task('c', function* () {
      yield world.says('c', { guard: () => flag.get() === 1 });
    });
    // c comes after p2, before or after p3.
    expect(orders(world)).toEqual(['p1 p2 c p3', 'p1 p2 p3 c']);
  });

  it.each([
    // The guard turns true at 100, so the window is [105, 110].
    { otherNs: 104, log: ['p o c'] },
    { otherNs: 105, log: ['p c o', 'p o c'] },
    { otherNs: 110, log: ['p c o', 'p o c'] },
    { otherNs: 111, log: ['p c o'] },
  ])('has its window from when the guard turned true: another step at $otherNs', ({ otherNs, log }) => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    world.task('p', function* () {
      yield world.says('p', { minNs: 100, maxNs: 100, act: () => flag.set(1) });
    });
    world.task('c', function* () {
      yield world.says('c', { minNs: 5, maxNs: 10, guard: () => flag.get() === 1 });
    });
    world.task('o', function* () {
      yield world.says('o', { minNs: otherNs, maxNs: otherNs });
    });
    expect(orders(world)).toEqual(log);
  });

  it('keeps its window while its guard holds, whatever others do meanwhile', () => {
    const world = new TinyWorld();
    world.task('c', function* () {
      yield world.says('c', { minNs: 0, maxNs: 10, guard: () => true });
    });
    world.task('d', function* () {
      yield world.says('d', { minNs: 6, maxNs: 6 });
      yield world.says('d', { minNs: 6, maxNs: 6 });
    });
    // d's steps are at 6 and 12; c is due by 10.
    expect(orders(world)).toEqual(['c d d', 'd c d']);
  });

  it('has a new window when its guard turned false and true again', () => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    const put = (value: number, atNs: number) =>
      world.says(`p${value}`, { minNs: atNs, maxNs: atNs, act: () => flag.set(value) });
    world.task('p', function* () {
      yield put(1, 100);
      yield put(0, 2);
      yield put(1, 98);
    });
    world.task('c', function* () {
      yield world.says('c', { minNs: 5, maxNs: 10, guard: () => flag.get() === 1 });
    });
    world.task('o', function* () {
      yield world.says('o', { minNs: 204, maxNs: 204 });
    });
    // The flag is up from 100 to 102 and from 200 on: c's window is [205, 210], so o at 204 comes first.
    expect(orders(world)).toEqual(['p1 p0 p1 o c']);
  });

  it('that may go on at once needs no waking', () => {
    const world = new TinyWorld().task('a', function* () {
      yield new WaitUntil('nothing', () => true);
    });
    expect(world.run()).toMatchObject({ end: 'finished', events: 1 });
    expect(world.run(scripted([], true))).toMatchObject({ end: 'finished', events: 1 });
  });

  /** One token at a time, two consumers, two tokens. */
  function tokens(): TinyWorld {
    const world = new TinyWorld();
    const token = new Cell(world.arena, 'token');
    const put = () =>
      world.says('p', { minNs: 10, maxNs: 10, guard: () => token.get() === 0, act: () => token.set(1) });
    const take = (name: string) =>
      world.says(name, { minNs: 1, maxNs: 1000, guard: () => token.get() === 1, act: () => token.set(0) });
    world.task('producer', function* () {
      yield put();
      yield put();
    });
    for (const name of ['c', 'd']) {
      world.task(name, function* () {
        yield take(name);
      });
    }
    return world;
  }

  it('goes back to wait when its guard turns false again', () => {
    // Both consumers are woken by the first token; one takes it and the other waits for the second.
    expect(orders(tokens())).toEqual(['p c p d', 'p d p c']);
  });

  it('goes back to wait without a step being taken, and its window starts anew', () => {
    const world = tokens();
    // Draws: c after 1 + 400, d after 1 + 50. d takes the token at 61; c finds none at 411. The second token is put at 71
    // and waits for no one: at 411 c's guard holds again, because it was never asked in between.
    const outcome = world.run(scripted([400, 50], true));
    expect(world.log).toEqual(['p', 'd', 'p', 'c']);
    expect(outcome).toMatchObject({ end: 'finished', events: 4, nowNs: 411 });
    // c after 1 + 4 is too late for the token that d takes after 1, and is woken by the next one (put at 21, then 1 + 7).
    const again = world.run(scripted([4, 0, 7], true));
    expect(world.log).toEqual(['p', 'd', 'p', 'c']);
    expect(again).toMatchObject({ end: 'finished', events: 4, nowNs: 29 });
  });
});

describe('an optional process', () => {
  function withOptional(times: number): TinyWorld {
    const world = new TinyWorld();
    const left = new Cell(world.arena, 'left', times);
    world.counter('t', 2);
    return world.add('o', 'optional', function* () {
      for (;;) yield world.says('o', { guard: () => left.get() > 0, act: () => left.set(left.get() - 1) });
    });
  }

  it('never keeps a run alive: nothing of it happens after the last task', () => {
    // At most one o, and only before the second t: no o, o first, o between.
    expect(orders(withOptional(1))).toEqual(['o t t', 't o t', 't t']);
    // Two: the o's sit in two gaps, at most two in all: 0: 1 way, 1: 2 ways, 2: 3 ways.
    expect(orders(withOptional(2))).toHaveLength(6);
    // With drawn times too: t at 7 and 7 + 8, o at 9 and then at 9 + 100, when the tasks are done.
    const world = withOptional(5);
    const outcome = world.run(scripted([7, 9, 8, 100], true));
    expect(world.log).toEqual(['t', 'o', 't']);
    expect(outcome).toMatchObject({ end: 'finished', nowNs: 15 });
  });

  it('lets no one else be late: its latest moment does not count', () => {
    const world = new TinyWorld();
    world.task('t', function* () {
      yield world.says('t', { minNs: 50, maxNs: 60 });
    });
    world.add('o', 'optional', function* () {
      yield world.says('o', { minNs: 0, maxNs: 10 });
    });
    // If it were a task, t at 50 could not come before o, which is due by 10.
    expect(orders(world)).toEqual(['o t', 't']);
  });
});

describe('an engine', () => {
  it('works while it has work, also when the tasks are done', () => {
    const world = new TinyWorld().counter('t', 1);
    world.add('e', 'engine', function* () {
      yield world.says('e');
    });
    expect(orders(world)).toEqual(['e t', 't e']);
  });

  it('may wait for ever', () => {
    const world = new TinyWorld().counter('t', 1);
    world.add('e', 'engine', function* () {
      yield new Act('never', { guard: () => false });
    });
    expect(ends(world)).toEqual({ finished: 1 });
    expect(world.run(scripted([], true)).end).toBe('finished');
  });
});

/** A mutex as a cell: taken when 1. */
class Mutex {
  readonly #cell: Cell;
  readonly #name: string;
  constructor(world: TinyWorld, name: string) {
    this.#cell = new Cell(world.arena, name);
    this.#name = name;
  }
  lock(): Act {
    return new Act(`lock ${this.#name}`, { guard: () => this.#cell.get() === 0, act: () => this.#cell.set(1) });
  }
  unlock(): Act {
    return new Act(`unlock ${this.#name}`, { act: () => this.#cell.set(0) });
  }
}

describe('stuck', () => {
  function twoLocks(order: (a: Mutex, b: Mutex) => [Mutex, Mutex]): TinyWorld {
    const world = new TinyWorld();
    const a = new Mutex(world, 'A');
    const b = new Mutex(world, 'B');
    function* holdBoth(first: Mutex, second: Mutex): Flow {
      yield first.lock();
      yield second.lock();
      yield second.unlock();
      yield first.unlock();
    }
    return world.task('one', () => holdBoth(a, b)).task('two', () => holdBoth(...order(a, b)));
  }

  it('is a deadlock of two locks taken in different orders', () => {
    // The first lock of each, in either order: 2 deadlocks. Else one task has both; the other gets its first lock
    // after the third or after the fourth step of it, then all is forced: 2 for each task.
    expect(ends(twoLocks((a, b) => [b, a]))).toEqual({ stuck: 2, finished: 4 });
  });

  it('is not the same two locks taken in one order', () => {
    // Who has A first has everything first: 2.
    expect(ends(twoLocks((a, b) => [a, b]))).toEqual({ finished: 2 });
  });

  it('says who waits for what, and stops the run', () => {
    const world = twoLocks((a, b) => [b, a]);
    // An engine that waits is idle; only tasks are stuck.
    world.add('e', 'engine', function* () {
      yield new Act('work', { guard: () => false });
    });
    const outcome = world.run(scripted([0, 1]));
    expect(outcome).toMatchObject({ end: 'violated', events: 2 });
    expect(outcome.violations).toHaveLength(1);
    expect(outcome.violations[0]).toMatchObject({ rule: 'stuck' });
    expect(outcome.violations[0]?.message).toMatch(/: one waits for lock B; two waits for lock A$/);
  });

  it('is found with drawn times as well', () => {
    const world = twoLocks((a, b) => [b, a]);
    // Moments: one locks A at 1, two locks B at 2; one, who wanted B at 1 + 5, finds it taken.
    expect(world.run(scripted([1, 2, 5], true)).violations).toMatchObject([{ rule: 'stuck' }]);
    // one locks A at 1 and B at 2, before two's first lock at 9 is due.
    expect(world.run(scripted([1, 9, 1, 1, 1, 1, 1, 1, 1], true))).toMatchObject({ end: 'finished', events: 8 });
  });

  /** A sleeper that waits for a condition, and a waker that sets it; both flags in the open. */
  function sleeper(checksFirst: boolean): TinyWorld {
    const world = new TinyWorld();
    const condition = new Cell(world.arena, 'condition');
    const asleep = new Cell(world.arena, 'asleep');
    const check = () => new Act('check', { act: () => condition.get() });
    const sleep = () => new Act('sleep', { act: () => asleep.set(1) });
    const wait = () => new Act('to be woken', { guard: () => asleep.get() === 0 });
    world.task('sleeper', function* () {
      if (checksFirst) {
        if ((yield* check()) === 1) return;
        yield sleep();
        yield wait();
      } else {
        yield sleep();
        if ((yield* check()) === 1) return;
        yield wait();
      }
    });
    return world.task('waker', function* () {
      yield new Act('set', { act: () => condition.set(1) });
      yield new Act('wake', { act: () => asleep.set(0) });
    });
  }

  it('is a lost wake-up', () => {
    // Condition set before the check (x c): the sleeper is done, k before or after: 2. Check first: c s x k w and
    // c x s k w end well; in c x k s the wake-up comes before the sleep: 1 stuck.
    expect(ends(sleeper(true))).toEqual({ finished: 4, stuck: 1 });
  });

  it('is not the same with the check after the announcement', () => {
    // {s c} and {x k} interleave in 6 ways; only in s c x k does the sleeper wait, and k then wakes it.
    expect(ends(sleeper(false))).toEqual({ finished: 6 });
  });

  it('is not a wait that is long', () => {
    const world = new TinyWorld().task('t', function* () {
      yield new Act('a year', { minNs: 31_536_000_000_000_000 / 10, maxNs: 31_536_000_000_000_000 / 10 });
    });
    expect(ends(world)).toEqual({ finished: 1 });
  });

  it('is not asked of a run that a choice has ended', () => {
    const world = new TinyWorld().task('t', function* () {
      yield new Act('never', { guard: () => false });
    });
    const outcome = world.run(answering(() => 0));
    expect(outcome).toMatchObject({ end: 'violated', events: 0, nowNs: 0 });
  });
});
