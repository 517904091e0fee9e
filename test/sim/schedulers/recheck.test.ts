import { describe, expect, it } from 'vitest';
import { Arena } from '../../../sim/arena.ts';
import { Kernel } from '../../../sim/kernel.ts';
import type { Flow, StepContext } from '../../../sim/operation.ts';
import { NondeterminismError, RecheckScheduler } from '../../../sim/schedulers/recheck.ts';
import { Trace } from '../../../sim/trace.ts';
import { Act, ampleLimits, answering } from '../../support/tiny-world.ts';

interface Said {
  readonly kind: 'said';
  readonly value: number;
}

/** One task with one step between two others, run twice under recheck: what the step does is the test's. */
function recheck(act: (context: StepContext, say: (value: number) => void) => void, between = () => {}): void {
  const kernel = new Kernel(new Arena(), ampleLimits);
  const trace = new Trace<Said>(kernel, { said: ['value'] });
  const said = trace.channel('said');
  const body = function* (): Flow {
    yield new Act('before');
    yield new Act('act', { act: (context) => act(context, (value) => said.emit({ kind: 'said', value })) });
    yield new Act('after');
  };
  kernel.addProcess({ name: 'a', kind: 'task', body });
  kernel.addProcess({ name: 'b', kind: 'task', body: () => waiting() });
  function* waiting(): Flow {
    yield new Act('b');
  }
  kernel.seal();
  trace.record(true);
  const scheduler = new RecheckScheduler(answering(({ count }) => count - 1));
  scheduler.runTwice(
    (twice) => {
      trace.clear();
      return kernel.run(twice);
    },
    () => {
      between();
      return trace.digest();
    },
  );
}

describe('recheck', () => {
  it('is content with a world that is a function of its choices', () => {
    expect(() => recheck((context, say) => say(context.choose('colour', 5)))).not.toThrow();
  });

  it('sees a canary that peeks at a counter outside the arena and says what it saw', () => {
    let counter = 0;
    const canary = () =>
      recheck((_context, say) => {
        counter += 1;
        say(counter);
      });
    expect(canary).toThrow(NondeterminismError);
    expect(canary).toThrow(/^the same choices gave digest [0-9a-f]{16} first and [0-9a-f]{16} then$/);
  });

  it('sees a canary that looks at the clock on the wall', () => {
    const wallClock = () => Date.now();
    const nextMillisecond = () => {
      const start = wallClock();
      while (wallClock() === start);
    };
    expect(() => recheck((_context, say) => say(wallClock()), nextMillisecond)).toThrow(NondeterminismError);
  });

  it('sees a canary that only chooses from more than before', () => {
    let counter = 1;
    const canary = () =>
      recheck((context) => {
        counter += 1;
        context.choose('colour', counter);
      });
    expect(canary).toThrow(NondeterminismError);
    counter = 1;
    expect(canary).toThrow('choice 1 was value "colour" of 2 [] in the first run and is value "colour" of 3 [] in the');
  });

  it('sees a canary that asks for one choice more', () => {
    let run = 0;
    expect(() =>
      recheck((context) => {
        run += 1;
        context.choose('colour', 2);
        if (run === 2) context.choose('shade', 2);
      }),
    ).toThrow('choice 2 was not asked in the first run and is value "shade" of 2 [] in the second');
  });

  it('sees a canary that wakes another process in the second run', () => {
    let run = 0;
    const kernel = new Kernel(new Arena(), ampleLimits);
    for (const name of ['a', 'b', 'c']) {
      kernel.addProcess({
        name,
        kind: 'engine',
        body: function* () {
          // Two of three may go in each run, but not the same two.
          yield new Act(name, { guard: () => (name === 'a' ? true : (name === 'b') === (run === 1)) });
        },
      });
    }
    kernel.seal();
    const twice = new RecheckScheduler(answering(() => 0));
    expect(() =>
      twice.runTwice(
        (scheduler) => {
          run += 1;
          return kernel.run(scheduler);
        },
        () => '',
      ),
    ).toThrow('choice 0 was process "next" of 2 [0 1] in the first run and is process "next" of 2 [0 2] in the second');
  });

  it('can be used again after it has complained', () => {
    const twice = new RecheckScheduler(answering(() => 0));
    let digest = 0;
    const kernel = new Kernel(new Arena(), ampleLimits);
    kernel.seal();
    const run = () =>
      twice.runTwice(
        (scheduler) => kernel.run(scheduler),
        () => String(digest),
      );
    expect(run).not.toThrow();
    expect(() =>
      twice.runTwice(
        (scheduler) => kernel.run(scheduler),
        () => {
          digest += 1;
          return String(digest);
        },
      ),
    ).toThrow(NondeterminismError);
    expect(run).not.toThrow();
  });
});
