import { describe, expect, it } from 'vitest';
import { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import { Kernel } from '../../sim/kernel.ts';
import type { StepContext } from '../../sim/operation.ts';
import type { ChoicePoint, Scheduler } from '../../sim/scheduler.ts';
import { RecordingScheduler } from '../../sim/schedulers/recording.ts';
import { ReplayScheduler } from '../../sim/schedulers/replay.ts';
import { Trace } from '../../sim/trace.ts';
import type { RunOutcome } from '../../sim/violation.ts';
import { Act, ampleLimits } from './tiny-world.ts';

interface Seen {
  readonly kind: 'seen';
  readonly who: string;
  readonly value: number;
}

export interface RecordedRun {
  readonly outcome: RunOutcome;
  readonly choices: readonly number[];
  readonly digest: string;
}

/**
 * A small world with every kind of choice: who goes next, when, and values inside steps, with a blocking step and an
 * optional process. The first process chooses how many values the others choose from.
 */
export class SuiteWorld {
  readonly kernel: Kernel;
  readonly trace: Trace<Seen>;

  constructor() {
    const arena = new Arena();
    this.kernel = new Kernel(arena, ampleLimits);
    this.trace = new Trace<Seen>(this.kernel, { seen: ['who', 'value'] });
    const seen = this.trace.channel('seen');
    const colours = new Cell(arena, 'colours', 2);
    const mixes = new Cell(arena, 'mixes left', 4);
    const evictions = new Cell(arena, 'evictions', 3);
    const look = (who: string) =>
      new Act(who, {
        minNs: 5,
        maxNs: 50,
        act: (context) => seen.emit({ kind: 'seen', who, value: context.choose('colour', colours.get()) }),
      });
    const mix = (context: StepContext) => {
      colours.set(2 + context.choose('mix', 5));
      mixes.set(mixes.get() - 1);
    };
    this.kernel.addProcess({
      name: 'mixer',
      kind: 'task',
      body: function* () {
        for (let i = 0; i < 4; i += 1) yield new Act('mix', { minNs: 10, maxNs: 40, act: mix });
      },
    });
    for (const who of ['one', 'two', 'three']) {
      this.kernel.addProcess({
        name: who,
        kind: 'task',
        body: function* () {
          for (let i = 0; i < 4; i += 1) yield look(who);
          yield new Act('more colours, or all mixed', {
            maxNs: 9,
            guard: () => colours.get() > 2 || mixes.get() === 0,
          });
        },
      });
    }
    this.kernel.addProcess({
      name: 'evictor',
      kind: 'optional',
      body: function* () {
        for (;;) {
          yield new Act('evict', {
            guard: () => evictions.get() > 0,
            act: () => {
              evictions.set(evictions.get() - 1);
              seen.emit({ kind: 'seen', who: 'evictor', value: evictions.get() });
            },
          });
        }
      },
    });
    this.kernel.seal();
    this.trace.record(true);
  }

  record(scheduler: Scheduler): RecordedRun {
    const recording = new RecordingScheduler(scheduler);
    this.trace.clear();
    const outcome = this.kernel.run(recording);
    return { outcome, choices: recording.choices, digest: this.trace.digest() };
  }
}

/** Answers from a prefix, then from another scheduler. */
function continued(prefix: readonly number[], rest: Scheduler): Scheduler {
  let next = 0;
  return {
    name: 'continued',
    drawsTimes: rest.drawsTimes,
    begin: () => {
      next = 0;
      rest.begin();
    },
    choose: (point) => {
      next += 1;
      return prefix[next - 1] ?? rest.choose(point);
    },
  };
}

/** What every scheduler promises. `make` gives a new one whose first run has the seed. */
export function schedulerSuite(name: string, make: (seed: number) => Scheduler): void {
  describe(`${name} as a scheduler`, () => {
    const run = (seed: number) => new SuiteWorld().record(make(seed));

    it('makes the same choices for the same seed', () => {
      for (let seed = 0; seed < 20; seed += 1) {
        const first = run(seed);
        expect(first.outcome.end).toBe('finished');
        expect(run(seed)).toEqual(first);
      }
    });

    it('makes the same choices in a world that has run before', () => {
      const world = new SuiteWorld();
      world.record(make(1));
      expect(world.record(make(2))).toEqual(run(2));
    });

    it('makes other choices for other seeds', () => {
      const runs = Array.from({ length: 20 }, (_, seed) => run(seed));
      // Far more runs are possible than twenty, so two equal ones among twenty would be strange; ten would be a fault.
      expect(new Set(runs.map(({ digest }) => digest)).size).toBeGreaterThan(10);
      expect(new Set(runs.map(({ choices }) => choices.join('.'))).size).toBeGreaterThan(10);
    });

    it('gives the same run again when its choices are replayed', () => {
      for (let seed = 0; seed < 20; seed += 1) {
        const { choices, digest, outcome } = run(seed);
        const replay = new ReplayScheduler({ drawsTimes: make(seed).drawsTimes, choices });
        const again = new SuiteWorld().record(replay);
        replay.assertUsedUp();
        expect(again).toEqual({ choices, digest, outcome });
      }
    });

    it('takes over after any prefix of another run', () => {
      const { choices } = run(3);
      const world = new SuiteWorld();
      for (let length = 0; length <= choices.length; length += 1) {
        const prefix = choices.slice(0, length);
        const recorded = world.record(continued(prefix, make(4)));
        expect(recorded.outcome.end).toBe('finished');
        expect(recorded.choices.slice(0, length)).toEqual(prefix);
      }
    });

    it('answers with one of the alternatives, however many there are', () => {
      const scheduler = make(5);
      scheduler.begin();
      const point: ChoicePoint = {
        kind: 'value',
        name: 'many',
        count: 2,
        candidates: Int32Array.of(0, 1, 2, 3),
        operations: [],
      };
      for (const count of [2, 3, 4, 1000, 65_536, 65_537, 2 ** 32, 2 ** 32 + 1, 86_400_000_000_001]) {
        for (const kind of ['process', 'delay', 'value'] as const) {
          if (kind === 'process' && count > point.candidates.length) continue;
          point.kind = kind;
          point.count = count;
          for (let i = 0; i < 50; i += 1) {
            const answer = scheduler.choose(point);
            expect(Number.isInteger(answer) && answer >= 0 && answer < count).toBe(true);
          }
        }
      }
    });
  });
}
