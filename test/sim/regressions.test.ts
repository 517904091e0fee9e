import { describe, expect, it } from 'vitest';
import { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import { Delay, Note, Retry } from '../../sim/operation.ts';
import { RandomScheduler } from '../../sim/schedulers/random.ts';
import { RecheckScheduler } from '../../sim/schedulers/recheck.ts';
import { Act, scripted, TinyWorld } from '../support/tiny-world.ts';

describe('a body that takes no step', () => {
  it('ends in livelock when it only tries again', () => {
    const world = new TinyWorld({ maxRetries: 3 }).task('t', function* () {
      for (let round = 1; ; round += 1) {
        yield new Retry('poll', round);
      }
    });
    expect(world.run()).toMatchObject({ end: 'violated', violations: [{ rule: 'livelock' }] });
  });

  it('ends at the limit of events when it only notes', () => {
    const world = new TinyWorld({ maxEvents: 50 }).task('t', function* () {
      for (;;) {
        yield new Note('nothing', () => undefined);
      }
    });
    expect(world.run()).toMatchObject({ end: 'limit', detail: expect.stringContaining('maxEvents: 50') });
  });
});

describe('an optional process', () => {
  it.each([false, true])('does not save a task that is stuck (drawn times: %s)', (drawsTimes) => {
    const world = new TinyWorld({ maxEvents: 1000 })
      .task('t', function* () {
        yield new Act('never', { guard: () => false });
      })
      .add('o', 'optional', function* () {
        for (;;) {
          yield new Act('evict', { maxNs: 10 });
        }
      });
    expect(world.run(scripted([], drawsTimes)).violations).toMatchObject([{ rule: 'stuck' }]);
  });
});

describe('drawn times', () => {
  it('a moment whose guard is false by then does not move the clock to a limit', () => {
    const world = new TinyWorld({ maxTimeNs: 500 });
    const token = new Cell(world.arena, 'token', 1);
    const take = () => new Act('take', { maxNs: 10_000, guard: () => token.get() === 1, act: () => token.set(0) });
    for (const name of ['e', 'f']) {
      world.add(name, 'engine', function* () {
        yield take();
      });
    }
    world.task('t', function* () {
      yield new Delay(5, 5);
    });
    expect(world.run(scripted([10, 1000], true)).end).toBe('finished');
  });
});

describe('fingerprints of times', () => {
  const print = (atNs: number, nowNs: number): string => {
    const arena = new Arena();
    arena.allocateTimes('t', 1);
    arena.seal();
    arena.putTime(0, atNs);
    return arena.fingerprint(nowNs);
  };

  it('tell times apart that fold to the same 32 bits', () => {
    expect(print(0x1_0000_0000 + 0x9e3779b1, 0)).not.toBe(print(0, 0));
    expect(print(0x1_0000_0002, 1)).not.toBe(print(0, 1));
  });
});

describe('recheck', () => {
  it('notices a second run that asks for fewer choices, whatever the digest says', () => {
    let runs = 0;
    const world = new TinyWorld().task('t', function* () {
      runs += 1;
      const asks = runs === 1 ? 2 : 1;
      yield new Act('ask', {
        maxNs: 0,
        act: (context) => {
          for (let i = 0; i < asks; i += 1) {
            context.choose('c', 3);
          }
        },
      });
    });
    const recheck = new RecheckScheduler(new RandomScheduler());
    expect(() =>
      recheck.runTwice(
        (scheduler) => world.run(scheduler),
        () => 'same',
      ),
    ).toThrow('the first run asked for 2 choices, the second for 1');
  });
});
