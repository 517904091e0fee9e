import { describe, expect, it } from 'vitest';
import { Cell } from '../../../sim/containers.ts';
import type { Flow } from '../../../sim/operation.ts';
import { TimedScheduler } from '../../../sim/schedulers/timed.ts';
import { FollowScheduler } from '../../../sim/shrink/follow.ts';
import { type Attempt, orderOf, type Schedule, type Segment, segmentsOf } from '../../../sim/shrink/schedule.ts';
import { FailureRuns, type Shrunk, shrink } from '../../../sim/shrink/shrink.ts';
import { isSameFailure } from '../../../sim/violation.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';
import { findFailing, randomScheduler, torn, tornWorld } from './shrink-world.ts';

const ample = { maxRuns: 20_000, shouldStop: () => false };

function shrinkAll(world: TinyWorld, start = findFailing(world)): Shrunk {
  return shrink(new FailureRuns(world.kernel, torn), start, ample);
}

describe('shrinking', () => {
  it.each([
    ['nothing else', {}],
    ['others that have no part in it', { others: 3 }],
    ['a writer that begins late', { idle: 12 }],
    ['a reader that reads often', { rounds: 5 }],
    ['all of these', { others: 2, idle: 12, rounds: 5 }],
    ['a rule that lets the run go on', { others: 2, idle: 12, rounds: 5, stops: false }],
    ['windows', { others: 1, idle: 3, rounds: 3, maxNs: 20 }],
  ])('finds the four steps of a race with %s', (_, options) => {
    const world = tornWorld(options);
    const { after, end } = shrinkAll(world);
    expect(end).toBe('minimal');
    const names = world.kernel.processNames;
    const steps = after.order.map((id) => names[id]);
    // One old and one new word: the other process has both its steps between the two of this one.
    expect([
      ['reader', 'writer', 'writer', 'reader'],
      ['writer', 'reader', 'reader'],
    ]).toContainEqual(steps);
    expect(after.answerSum).toBe(0);
    expect(after.preemptions).toBeLessThanOrEqual(after.switches);
  });

  it('comes to the fewest context switches of all schedules nearly always, and otherwise to one more', () => {
    const above: number[] = [];
    for (let program = 0; program < 60; program += 1) {
      const { world, fewest } = programWorld(program);
      for (let seed = 0; seed < 10 && fewest !== undefined; seed += 1) {
        const start = new FailureRuns(world.kernel, torn).noted(randomScheduler(seed));
        if (start !== undefined) above.push(shrinkAll(world, start).after.switches - fewest);
      }
    }
    expect(above.length).toBeGreaterThan(50);
    expect(above.every((each) => each === 0 || each === 1)).toBe(true);
    expect(above.filter((each) => each === 1).length).toBeLessThan(above.length / 8);
  });

  it('leaves no two segments of a process that could be one', () => {
    for (let program = 0; program < 60; program += 1) {
      const { world } = programWorld(program);
      const runs = new FailureRuns(world.kernel, torn);
      const start = runs.noted(randomScheduler(program));
      if (start !== undefined) expectNoMerge(runs, shrinkAll(world, start).after);
    }
    const world = tornWorld({ others: 2, idle: 12, rounds: 5 });
    expectNoMerge(new FailureRuns(world.kernel, torn), shrinkAll(world).after);
  });

  it('gives the same for the same', () => {
    const options = { others: 2, idle: 12, rounds: 5 };
    const [one, other] = [shrinkAll(tornWorld(options)), shrinkAll(tornWorld(options))];
    expect(one).toEqual(other);
  });

  it('gives a schedule that is followed to the step', () => {
    const world = tornWorld({ others: 2, idle: 12, rounds: 5 });
    const { after } = shrinkAll(world);
    const again = new FailureRuns(world.kernel, torn).followed(after);
    expect(again).toEqual(after);
  });

  it('keeps the failure, not just a failure of the same rule', () => {
    const world = new TinyWorld();
    const x = new Cell(world.arena, 'x');
    for (const [subject, word] of [
      ['first', 1],
      ['second', 2],
    ] as const) {
      world.task(subject, function* (): Flow {
        yield new Act('store', { act: () => x.set(word) });
        yield new Act('check', {
          act: () => {
            if (x.get() !== word) world.kernel.violate({ ...torn, subject }, true);
          },
        });
      });
    }
    world.run();
    for (const subject of ['first', 'second']) {
      const violation = { ...torn, subject };
      const runs = new FailureRuns(world.kernel, violation);
      const { after } = shrink(runs, findFailing(world, violation), ample);
      expect(runs.runOn(after).outcome.violations.map((each) => each.subject)).toEqual([subject]);
    }
  });

  it('ends with what it has when its runs are used up, or it is told to stop', () => {
    const world = tornWorld({ others: 2, idle: 12, rounds: 5 });
    const start = findFailing(world);
    const runs = new FailureRuns(world.kernel, torn);
    expect(shrink(runs, start, { ...ample, maxRuns: 0 })).toEqual({
      before: start,
      after: start,
      runs: 0,
      end: 'runs',
    });
    let asked = 0;
    const shouldStop = () => {
      asked += 1;
      return asked > 7;
    };
    const stopped = shrink(runs, start, { ...ample, shouldStop });
    expect([stopped.end, stopped.runs]).toEqual(['stopped', 7]);
    expect(runs.followed(stopped.after)).toEqual(stopped.after);
  });

  it('takes over the order of a run with drawn times', () => {
    const world = tornWorld({ idle: 4, rounds: 3, maxNs: 1000 });
    const timed = (seed: number) => {
      const scheduler = new TimedScheduler();
      scheduler.seed = { low: seed, high: 0 };
      return scheduler;
    };
    const noted = findFailing(world, torn, timed);
    const start = new FailureRuns(world.kernel, torn).followed(noted);
    expect(start?.order).toEqual(noted.order);
  });
});

describe('counting', () => {
  it('tells switches that had to be from those that need not have been', () => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    world.task('waits', function* (): Flow {
      yield new Act('before');
      yield new Act('waits for it', { guard: () => flag.get() === 1 });
      yield new Act('after');
    });
    world.task('sets', function* (): Flow {
      yield new Act('sets it', { act: () => flag.set(1) });
      yield new Act('more');
    });
    world.run();
    const follow = (order: readonly number[]) => {
      const scheduler = new FollowScheduler(world.kernel, { order, answers: [] });
      world.kernel.run(scheduler);
      return scheduler.attempt;
    };
    // Blocked, so it has to be another; then one that could have gone on; then one that had ended.
    expect(follow([0, 1, 0, 0, 1])).toMatchObject({ order: [0, 1, 0, 0, 1], switches: 3, preemptions: 1 });
    expect(follow([0, 1, 1, 0, 0])).toMatchObject({ order: [0, 1, 1, 0, 0], switches: 2, preemptions: 0 });
  });

  it('says which violations are one failure', () => {
    expect(isSameFailure(torn, { ...torn, message: 'other words', source: 'elsewhere' })).toBe(true);
    expect(isSameFailure(torn, { ...torn, subject: 'other pair' })).toBe(false);
    expect(isSameFailure(torn, { ...torn, rule: 'stale' })).toBe(false);
    const { subject: _, ...bare } = torn;
    expect(isSameFailure(bare, bare)).toBe(true);
    expect(isSameFailure(bare, { ...bare, message: 'other words' })).toBe(false);
  });
});

describe('following a schedule', () => {
  const followed = (order: readonly number[], schedule: Partial<Schedule> = {}): Attempt => {
    const world = new TinyWorld().counter('a', 2).counter('b', 2).counter('c', 2);
    world.run();
    const scheduler = new FollowScheduler(world.kernel, { order, answers: [], ...schedule });
    world.kernel.run(scheduler);
    return scheduler.attempt;
  };

  it.each([
    [[1, 2, 1, 2, 0, 0], [1, 2, 1, 2, 0, 0], 'to the step'],
    [[], [0, 0, 1, 1, 2, 2], 'with nobody named: the lowest, until it ends'],
    [[2, 1], [2, 1, 1, 0, 0, 2], 'to its end, then on with the process of the step before'],
    [[1, 1, 1, 1, 2, 0], [1, 1, 2, 0, 0, 2], 'past steps of a process that has ended'],
  ])('%j is %j: %s', (order, taken) => {
    expect(followed(order).order).toEqual(taken);
  });

  it('gives answers to the step of the process they belong to', () => {
    const world = new TinyWorld();
    const given: number[] = [];
    for (const name of ['a', 'b']) {
      world.task(name, function* (): Flow {
        for (const count of [2, 5]) yield new Act('asks', { act: (context) => given.push(context.choose('x', count)) });
      });
    }
    world.run();
    given.length = 0;
    const answers = [
      [undefined, [1], [4]],
      [undefined, undefined, [9]],
    ];
    world.kernel.run(new FollowScheduler(world.kernel, { order: [1, 0, 1, 0], answers }));
    // b: no answer is 0, 9 of 5 alternatives is the last.
    expect(given).toEqual([0, 1, 4, 4]);
  });
});

/** Tries every merge there is: either segment goes to the other, and then no run fails with fewer context switches. */
function expectNoMerge(runs: FailureRuns, after: Attempt): void {
  const segments = segmentsOf(after.order);
  for (const [at, segment] of segments.entries()) {
    for (let other = at + 1; other < segments.length; other += 1) {
      if (segments[other]?.process !== segment.process) continue;
      const later = segments[other] as Segment;
      const merges = [
        segments.toSpliced(other, 1).toSpliced(at + 1, 0, later),
        segments.toSpliced(other, 0, segment).toSpliced(at, 1),
      ];
      for (const merged of merges) {
        const attempt = runs.followed({ ...after, order: orderOf(merged) });
        expect(attempt?.switches ?? after.switches).toBeGreaterThanOrEqual(after.switches);
      }
    }
  }
}

/** A world from a number: three tasks that store into and check three words, and its fewest switches, by trying all. */
function programWorld(program: number): { readonly world: TinyWorld; readonly fewest: number | undefined } {
  const world = new TinyWorld();
  const words = [0, 1, 2].map((i) => new Cell(world.arena, `word ${i}`));
  let state = program * 2_654_435_761 + 1;
  const draw = (count: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % count;
  };
  for (const name of ['a', 'b', 'c']) {
    const steps = Array.from({ length: 3 }, (_, step) => {
      const [word, value] = [words[draw(3)] as Cell, draw(2)];
      const isLast = step === 2 && name === 'c';
      const pair = [draw(3), draw(3)].map((i) => words[i] as Cell);
      return world.says(name, {
        act: () => {
          const [one, other] = pair as [Cell, Cell];
          if (!isLast) word.set(word.get() === 0 ? 1 + value : 0);
          else if (one.get() === 1 && other.get() === 1) world.kernel.violate(torn, true);
        },
      });
    });
    world.task(name, function* () {
      for (const step of steps) yield step;
    });
  }
  const failing = world.everyRun().filter(({ outcome }) => outcome.violations.length > 0);
  const switches = failing.map(({ log }) => segmentsOf(log.split(' ').map((name) => 'abc'.indexOf(name))).length - 1);
  return { world, fewest: failing.length === 0 ? undefined : Math.min(...switches) };
}
