import { describe, expect, it } from 'vitest';
import { InternalError, unmodelled } from '../../sim/assert.ts';
import { Cell } from '../../sim/containers.ts';
import { Choose, type Flow, Note, Retry } from '../../sim/operation.ts';
import type { RunLimits } from '../../sim/violation.ts';
import { Act, answering, scripted, TinyWorld } from '../support/tiny-world.ts';

const bothWays = [
  { way: 'the window rule', drawsTimes: false },
  { way: 'drawn times', drawsTimes: true },
] as const;

describe.each(bothWays)('limits, by $way', ({ drawsTimes }) => {
  function endless(limits: Partial<RunLimits>): TinyWorld {
    return new TinyWorld(limits).add('e', 'engine', function* () {
      for (;;) yield new Act('tick', { minNs: 10, maxNs: 20 });
    });
  }

  it('end a run of too many events, and name the limit', () => {
    const outcome = endless({ maxEvents: 50 }).run(scripted([], drawsTimes));
    expect(outcome).toEqual({ end: 'limit', detail: 'maxEvents: 50 events', violations: [], events: 50, nowNs: 500 });
  });

  it('end a run that takes too long, before the step beyond', () => {
    const outcome = endless({ maxTimeNs: 95 }).run(scripted([], drawsTimes));
    expect(outcome).toEqual({
      end: 'limit',
      detail: 'maxTimeNs: 95 ns of simulated time',
      violations: [],
      events: 9,
      nowNs: 90,
    });
  });

  it('leave a run alone that ends at the limit', () => {
    const world = new TinyWorld({ maxEvents: 3, maxTimeNs: 30 }).task('t', function* () {
      for (let i = 0; i < 3; i += 1) yield new Act('tick', { minNs: 10, maxNs: 20 });
    });
    expect(world.run(scripted([], drawsTimes))).toMatchObject({ end: 'finished', detail: '', events: 3, nowNs: 30 });
  });

  it('say nothing of the case: the next run starts as if nothing had been', () => {
    const world = endless({ maxEvents: 5 });
    const first = world.run(scripted([], drawsTimes));
    expect(world.run(scripted([], drawsTimes))).toEqual(first);
  });

  /** A task that needs `rounds` rounds of a loop that tries again. */
  function retrying(rounds: number, maxRetries: number): TinyWorld {
    return new TinyWorld({ maxRetries }).task('poller', function* () {
      for (let i = 0; i < rounds; i += 1) {
        yield new Act('look', { minNs: 1, maxNs: 1 });
        if (i < rounds - 1) yield new Retry('until it is there', i + 1);
      }
    });
  }

  it('call a loop that tries again livelock, at the round of the limit', () => {
    const outcome = retrying(100, 5).run(scripted([], drawsTimes));
    expect(outcome).toMatchObject({ end: 'violated', events: 5 });
    expect(outcome.violations).toHaveLength(1);
    expect(outcome.violations[0]).toMatchObject({ rule: 'livelock', source: 'limit maxRetries' });
    expect(outcome.violations[0]?.message).toContain('poller went through "until it is there" 5 times');
  });

  it('leave a loop alone that ends one round before', () => {
    // Five looks with a retry between each: four rounds back, and the limit is five.
    expect(retrying(5, 5).run(scripted([], drawsTimes))).toMatchObject({ end: 'finished', events: 5, violations: [] });
    expect(retrying(6, 5).run(scripted([], drawsTimes))).toMatchObject({ end: 'violated', events: 5 });
  });

  it('do not add up loops that end, however many there are', () => {
    const world = new TinyWorld({ maxRetries: 3 }).task('poller', function* () {
      for (let loop = 0; loop < 20; loop += 1) {
        for (let round = 1; round <= 2; round += 1) {
          yield new Act('look', { minNs: 1, maxNs: 1 });
          yield new Retry(`loop ${loop}`, round);
        }
        yield new Act('there it is', { minNs: 1, maxNs: 1 });
      }
    });
    expect(world.run(scripted([], drawsTimes))).toMatchObject({ end: 'finished', events: 60, violations: [] });
  });
});

describe('unmodelled', () => {
  it.each(bothWays)('ends the run with its text, by $way', ({ drawsTimes }) => {
    const world = new TinyWorld().counter('a', 1).task('b', function* () {
      yield new Act('page request', { minNs: 5, maxNs: 5, act: () => unmodelled('PRI page request') });
    });
    const outcome = world.run(scripted([], drawsTimes));
    expect(outcome).toMatchObject({ end: 'unmodelled', detail: 'PRI page request', violations: [], nowNs: 5 });
    expect(world.run(scripted([], drawsTimes))).toEqual(outcome);
  });

  it('may come from a body and from a guard', () => {
    const body = new TinyWorld().task('t', function* () {
      yield new Act('step');
      unmodelled('two-level tables');
    });
    expect(body.run()).toMatchObject({ end: 'unmodelled', detail: 'two-level tables', events: 1 });
    const guard = new TinyWorld().task('t', function* () {
      yield new Act('step', { guard: () => unmodelled('a guard') });
    });
    expect(guard.run()).toMatchObject({ end: 'unmodelled', detail: 'a guard', events: 0 });
  });

  it('is told apart from a fault of tornread, which is thrown', () => {
    const world = new TinyWorld().task('t', function* () {
      yield new Act('step', {
        act: () => {
          throw new InternalError('assertion failed: a claim');
        },
      });
    });
    expect(() => world.run()).toThrow('assertion failed: a claim');
  });
});

describe('a broken rule', () => {
  const rule = { rule: 'r', message: 'm', source: 's' };

  function breaking(stops: boolean): TinyWorld {
    const world = new TinyWorld();
    return world.task('t', function* () {
      yield world.says('t1', { act: () => world.kernel.violate(rule, stops) });
      yield new Note('after', () => void world.log.push('note'));
      yield world.says('t2', { act: () => world.kernel.violate({ ...rule, rule: 'r2' }, stops) });
    });
  }

  it('that stops the run ends it after this step', () => {
    const world = breaking(true);
    expect(world.run()).toMatchObject({ end: 'violated', violations: [rule], events: 1 });
    // Not even the note that would be part of the step.
    expect(world.log).toEqual(['t1']);
  });

  it('that does not is noted, with those after it', () => {
    const world = breaking(false);
    const outcome = world.run();
    expect(world.log).toEqual(['t1', 'note', 't2']);
    expect(outcome).toMatchObject({ end: 'finished', events: 2 });
    expect(outcome.violations.map((violation) => violation.rule)).toEqual(['r', 'r2']);
  });

  it('is told at once, and again in the next run; outcomes stay what they were', () => {
    const world = breaking(false);
    const told: string[] = [];
    world.kernel.onViolation = (violation) => told.push(`${violation.rule} at step ${world.kernel.stepNumber}`);
    const first = world.run();
    world.run();
    expect(told).toEqual(['r at step 1', 'r2 at step 2', 'r at step 1', 'r2 at step 2']);
    expect(first.violations).toHaveLength(2);
  });

  it('can be found when all has come to rest, and only then', () => {
    const world = new TinyWorld().counter('t', 2);
    const finished: number[] = [];
    world.kernel.onFinish = () => {
      finished.push(world.kernel.stepNumber);
      world.kernel.violate(rule, true);
    };
    expect(world.run()).toMatchObject({ end: 'violated', violations: [rule], events: 2 });
    expect(finished).toEqual([2]);
    const limited = new TinyWorld({ maxEvents: 1 }).counter('t', 2);
    limited.kernel.onFinish = () => finished.push(-1);
    limited.run();
    expect(finished).toEqual([2]);
  });
});

describe('an immediate operation', () => {
  it('is part of the step before it, and no interleaving point', () => {
    const world = new TinyWorld();
    const cell = new Cell(world.arena, 'cell');
    world.task('a', function* () {
      yield world.says('a1', { act: () => cell.set(cell.get() + 1) });
      yield new Note('undone at once', () => cell.set(cell.get() - 1));
      yield world.says('a2');
    });
    const seen: number[] = [];
    world.task('b', function* () {
      yield world.says('b', { act: () => void seen.push(cell.get()) });
    });
    // Two steps of a and one of b: 3 orders, not the 4 of three steps and one; and nobody sees the 1.
    expect(world.everyRun()).toHaveLength(3);
    expect(seen).toEqual([0, 0, 0]);
  });

  it('knows the step, the process and the moment it belongs to', () => {
    const notes: string[] = [];
    const world = new TinyWorld().counter('first', 0).task('second', function* () {
      const note = () =>
        new Note('where', (context) => {
          notes.push(`${context.processId} at step ${world.kernel.stepNumber}, ${context.nowNs} ns`);
        });
      yield note();
      yield new Act('wait', { minNs: 10, maxNs: 10 });
      yield note();
      yield note();
    });
    expect(world.run()).toMatchObject({ events: 1 });
    expect(notes).toEqual(['1 at step 0, 0 ns', '1 at step 1, 10 ns', '1 at step 1, 10 ns']);
  });

  it('may choose', () => {
    const world = new TinyWorld();
    world.task('a', function* () {
      const value = yield* new Note('choice', (context) => context.choose('colour', 3));
      const shade = yield* new Choose('shade', 1 + value);
      yield world.says(`${value}${shade}`);
    });
    // Three colours with one, two and three shades.
    expect(world.everyRun().map(({ log }) => log)).toEqual(['00', '10', '11', '20', '21', '22']);
  });
});

describe('a flow inside a flow', () => {
  /** `depth` flows deep, one step each way; returns how many steps it took. */
  function* nested(world: TinyWorld, depth: number): Flow<number> {
    yield world.says(`down${depth}`);
    const below = depth === 0 ? 0 : ((yield nested(world, depth - 1)) as number);
    yield world.says(`up${depth}`);
    return below + 2;
  }

  it('may be yielded as it is: its steps are steps of the process, its result comes back', () => {
    const results: number[] = [];
    const world = new TinyWorld().task('t', function* () {
      results.push((yield nested(world, 2)) as number);
      yield world.says('end');
    });
    expect(world.run()).toMatchObject({ end: 'finished', events: 7 });
    expect(world.log).toEqual(['down2', 'down1', 'down0', 'up0', 'up1', 'up2', 'end']);
    expect(results).toEqual([6]);
  });

  it('interleaves as the same steps written out would: C(6, 2) = 15', () => {
    const world = new TinyWorld().task('t', function* () {
      yield nested(world, 1);
    });
    expect(world.counter('b', 2).everyRun()).toHaveLength(15);
  });

  it('without a step is none, and costs no turn', () => {
    function* empty(steps: readonly Act[] = []): Flow<string> {
      yield* steps;
      return 'nothing';
    }
    const results: unknown[] = [];
    const world = new TinyWorld().task('t', function* () {
      results.push(yield empty(), yield* empty());
      yield world.says('t');
      results.push(yield empty());
    });
    // One step, and one of b: 2 orders.
    expect(world.counter('b', 1).everyRun()).toHaveLength(2);
    expect(results).toEqual(Array(6).fill('nothing'));
  });

  it('is left with the run: the next run begins at the top', () => {
    const world = new TinyWorld({ maxEvents: 3 }).task('t', function* () {
      yield nested(world, 5);
    });
    for (let run = 0; run < 2; run += 1) {
      expect(world.run()).toMatchObject({ end: 'limit', events: 3 });
      expect(world.log).toEqual(['down5', 'down4', 'down3']);
    }
  });
});

describe('a step', () => {
  it('gives its result back into the body, of its own type', () => {
    const world = new TinyWorld().task('t', function* () {
      const three = yield* new Act('three', { act: () => 3 });
      const word = yield* new Act('word', { act: () => 'x'.repeat((three ?? 0) + 1) });
      yield world.says(word ?? '');
    });
    world.run();
    expect(world.log).toEqual(['xxxx']);
  });

  it('may be one object used again and again, by several processes', () => {
    const world = new TinyWorld();
    const shared = world.says('s');
    for (const name of ['a', 'b']) {
      world.task(name, function* () {
        yield* shared;
        yield shared;
        yield* shared;
      });
    }
    // Three steps of each: C(6, 3) orders, every run of six steps.
    const runs = world.everyRun();
    expect(runs).toHaveLength(20);
    expect(new Set(runs.map(({ log }) => log))).toEqual(new Set(['s s s s s s']));
  });

  it('asks for a free choice only where there is one', () => {
    const asked: string[] = [];
    const spy = answering(({ kind, name, count }) => {
      asked.push(`${kind} ${name} ${count}`);
      return count - 1;
    });
    const got: number[] = [];
    const world = new TinyWorld().task('t', function* () {
      yield new Act('choose', { act: (c) => void got.push(c.choose('one', 1), c.choose('four', 4)) });
    });
    world.run(spy);
    expect(asked).toEqual(['value four 4']);
    expect(got).toEqual([0, 3]);
  });

  it.each([-1, 2, Number.NaN])('does not take %f for one of two alternatives', (answer) => {
    const world = new TinyWorld().task('t', function* () {
      yield new Act('choose', { act: (context) => context.choose('coin', 2) });
    });
    expect(() => world.run(answering(() => answer))).toThrow('the answer to "coin" is one of 2 alternatives');
  });
});

describe('building', () => {
  it('ends with seal', () => {
    const world = new TinyWorld().counter('a', 1);
    world.run();
    expect(() => world.counter('late', 1)).toThrow('not sealed when a process is added');
    expect(world.kernel.processNames).toEqual(['a']);
  });

  it('starts every run from what the arena held then', () => {
    const world = new TinyWorld();
    const cell = new Cell(world.arena, 'cell', 5);
    world.task('t', function* () {
      yield world.says('t', { act: () => cell.set(cell.get() + 1) });
    });
    for (let run = 0; run < 3; run += 1) {
      world.run();
      expect(cell.get()).toBe(6);
    }
  });
});
