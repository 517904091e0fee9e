import { describe, expect, it } from 'vitest';
import type { ChoicePoint } from '../../../sim/scheduler.ts';
import { profileOf } from '../../../sim/schedulers/calibration.ts';
import { ContinuedScheduler } from '../../../sim/schedulers/continued.ts';
import { PctScheduler } from '../../../sim/schedulers/pct.ts';
import { PortfolioScheduler } from '../../../sim/schedulers/portfolio.ts';
import { PosScheduler } from '../../../sim/schedulers/pos.ts';
import type { SeededScheduler } from '../../../sim/schedulers/profile.ts';
import { RandomScheduler } from '../../../sim/schedulers/random.ts';
import { RecheckScheduler } from '../../../sim/schedulers/recheck.ts';
import { RecordingScheduler } from '../../../sim/schedulers/recording.ts';
import { TimedScheduler } from '../../../sim/schedulers/timed.ts';
import { SuiteWorld, schedulerSuite } from '../../support/scheduler-suite.ts';

function random(seed: number): RandomScheduler {
  const scheduler = new RandomScheduler();
  scheduler.seed = { low: seed, high: 0 };
  return scheduler;
}

function timed(seed: number): TimedScheduler {
  const scheduler = new TimedScheduler();
  scheduler.seed = { low: seed, high: 0 };
  return scheduler;
}

const profile = profileOf(new SuiteWorld().kernel);

function profiled<S extends SeededScheduler>(scheduler: S, seed: number): S {
  scheduler.profile = profile;
  scheduler.seed = { low: seed, high: 0 };
  return scheduler;
}

schedulerSuite('random', random);
schedulerSuite('pos', (seed) => profiled(new PosScheduler(), seed));
schedulerSuite('pct of depth 2', (seed) => profiled(new PctScheduler(2), seed));
schedulerSuite('pct of depth 5', (seed) => profiled(new PctScheduler(5), seed));
schedulerSuite('portfolio', (seed) => profiled(new PortfolioScheduler(), seed));
schedulerSuite('pos of a world unknown', (seed) => {
  const scheduler = new PosScheduler();
  scheduler.seed = { low: seed, high: 0 };
  return scheduler;
});
schedulerSuite('timed', timed);
schedulerSuite('recheck', (seed) => new RecheckScheduler(random(seed)));
schedulerSuite('recording', (seed) => new RecordingScheduler(timed(seed)));

describe.each([
  { name: 'random', scheduler: random(0) },
  { name: 'timed', scheduler: timed(0) },
  { name: 'pos', scheduler: profiled(new PosScheduler(), 0) },
  { name: 'pct', scheduler: profiled(new PctScheduler(3), 0) },
  { name: 'portfolio', scheduler: profiled(new PortfolioScheduler(), 0) },
])('$name, used for one run after another', ({ scheduler }) => {
  it('depends on the seed of the run alone, not on the runs before', () => {
    const world = new SuiteWorld();
    const run = (seed: number) => {
      scheduler.seed = { low: seed, high: seed >>> 3 };
      return world.record(scheduler);
    };
    const forwards = [0, 1, 2, 3, 4].map(run);
    const backwards = [4, 3, 2, 1, 0].map(run).reverse();
    expect(backwards).toEqual(forwards);
  });

  it('uses both halves of the seed', () => {
    const world = new SuiteWorld();
    const digests = [0, 1, 2, 0x4000_0000].map((high) => {
      scheduler.seed = { low: 7, high };
      return world.record(scheduler).digest;
    });
    expect(new Set(digests).size).toBe(4);
  });
});

describe('portfolio', () => {
  it('takes random, POS, PCT of depth 2 and PCT of depth 3 in turn, by the seed', () => {
    const portfolio = profiled(new PortfolioScheduler(), 0);
    const members = [new RandomScheduler(), new PosScheduler(), new PctScheduler(2), new PctScheduler(3)];
    for (const low of [0, 1, 2, 3, 4, 5, 6, 7, 1000, 1003, -1, -2, -3, -4]) {
      const member = members[((low % 4) + 4) % 4] as SeededScheduler;
      const alone = new SuiteWorld().record(profiled(member, low));
      portfolio.seed = { low, high: 0 };
      expect(new SuiteWorld().record(portfolio)).toEqual(alone);
    }
  });

  it('gives a member the profile whichever of seed and profile comes first', () => {
    const portfolio = new PortfolioScheduler();
    portfolio.seed = { low: 3, high: 0 };
    portfolio.profile = profile;
    expect(new SuiteWorld().record(portfolio)).toEqual(new SuiteWorld().record(profiled(new PctScheduler(3), 3)));
  });
});

describe('a scheduler that goes on', () => {
  it('gives the run that it would have begun', () => {
    const scheduler = profiled(new PosScheduler(), 5);
    const whole = new SuiteWorld().record(scheduler);
    scheduler.begin();
    expect(new SuiteWorld().record(new ContinuedScheduler(scheduler))).toEqual(whole);
  });
});

describe('recording', () => {
  it('keeps the choices of the last run, and leaves those taken from it alone', () => {
    const scheduler = random(1);
    const recording = new RecordingScheduler(scheduler);
    const { kernel } = new SuiteWorld();
    kernel.run(recording);
    const { choices } = recording;
    const first = [...choices];
    scheduler.seed = { low: 2, high: 0 };
    kernel.run(recording);
    expect(choices).toEqual(first);
    expect(recording.choices).toEqual(new SuiteWorld().record(random(2)).choices);
  });
});

describe('random', () => {
  it('draws one choice without shifting those of another name', () => {
    const draws = (others: number) => {
      const scheduler = random(9);
      scheduler.begin();
      const point: ChoicePoint = {
        kind: 'value',
        name: 'mine',
        count: 1000,
        candidates: new Int32Array(0),
        operations: [],
      };
      return Array.from({ length: 5 }, () => {
        point.name = 'other';
        for (let i = 0; i < others; i += 1) scheduler.choose(point);
        point.name = 'mine';
        return scheduler.choose(point);
      });
    };
    expect(draws(3)).toEqual(draws(0));
  });
});

describe('timed', () => {
  it('draws each order of magnitude of a delay about as often', () => {
    const scheduler = timed(1);
    scheduler.begin();
    const count = 2 ** 20;
    const point: ChoicePoint = { kind: 'delay', name: 'delay', count, candidates: new Int32Array(0), operations: [] };
    let short = 0;
    for (let i = 0; i < 10_000; i += 1) {
      if (scheduler.choose(point) < 1024) short += 1;
    }
    // The magnitude is one of 0 to 20 bits. Up to 10 bits (11 of 21) always give less than 1024, then 1/2, 1/4, … of
    // the draws do: (11 + 1) / 21 = 57 % in all. Uniform moments would give a tenth of a percent.
    expect(short / 10_000).toBeGreaterThan(0.54);
    expect(short / 10_000).toBeLessThan(0.6);
  });

  it('draws the whole window: the first moment and moments of its upper half', () => {
    const scheduler = timed(2);
    scheduler.begin();
    const point: ChoicePoint = {
      kind: 'delay',
      name: 'delay',
      count: 1000,
      candidates: new Int32Array(0),
      operations: [],
    };
    const drawn = Array.from({ length: 2000 }, () => scheduler.choose(point));
    expect(Math.min(...drawn)).toBe(0);
    expect(Math.max(...drawn)).toBeGreaterThan(950);
  });

  it('draws values inside steps uniformly', () => {
    const scheduler = timed(3);
    scheduler.begin();
    const point: ChoicePoint = {
      kind: 'value',
      name: 'value',
      count: 1024,
      candidates: new Int32Array(0),
      operations: [],
    };
    let low = 0;
    for (let i = 0; i < 10_000; i += 1) low += scheduler.choose(point) < 512 ? 1 : 0;
    expect(Math.abs(low - 5000)).toBeLessThan(300);
  });
});
