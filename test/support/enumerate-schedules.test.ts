import { describe, expect, it } from 'vitest';
import { enumerateSchedules } from './enumerate-schedules.ts';
import { Act, TinyWorld } from './tiny-world.ts';

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i += 1) value = (value * (n - k + i)) / i;
  return value;
}

describe('the enumerator', () => {
  it.each([
    [1, 1, 2],
    [1, 4, 5],
    [2, 3, 10],
    [4, 4, 70],
    [3, 8, 165],
  ])('visits C(a + b, a) interleavings of %i and %i steps: %i', (a, b, count) => {
    expect(binomial(a + b, a)).toBe(count);
    const runs = new TinyWorld().counter('a', a).counter('b', b).everyRun();
    expect(runs).toHaveLength(count);
    // Every one is another word, and every word has all steps: none is visited twice, none is cut short.
    expect(new Set(runs.map(({ log }) => log)).size).toBe(count);
    for (const { log, outcome } of runs) {
      expect(log.replaceAll(' ', '')).toHaveLength(a + b);
      expect(outcome).toMatchObject({ end: 'finished', events: a + b });
    }
  });

  it('visits 6! / (2! 2! 2!) = 90 interleavings of three processes of two steps', () => {
    const runs = new TinyWorld().counter('a', 2).counter('b', 2).counter('c', 2).everyRun();
    expect(new Set(runs.map(({ log }) => log)).size).toBe(90);
    expect(runs).toHaveLength(90);
  });

  it('has one run when there is nothing to choose', () => {
    expect(new TinyWorld().counter('a', 5).everyRun()).toHaveLength(1);
  });

  it('visits each sequence once, depth first, also where later choices depend on earlier ones', () => {
    // 0 asks for one of three, 1 asks for nothing more, 2 for one of two: 3 + 1 + 2 sequences.
    const world = new TinyWorld().task('chooser', function* () {
      const first = yield* new Act('first', { act: (context) => context.choose('first', 3) });
      const left = first === 0 ? 3 : first === 2 ? 2 : 1;
      yield* new Act('second', { act: (context) => context.choose('second', left) });
    });
    world.kernel.seal();
    const sequences = Array.from(enumerateSchedules(world.kernel), ({ choices }) => choices.join(' '));
    expect(sequences).toEqual(['0 0', '0 1', '0 2', '1', '2 0', '2 1']);
  });

  it('counts drawn times as choices when asked to', () => {
    // Windows of 3 and 2 moments: 6 pairs. Without drawn times the two steps have 2 orders.
    const world = () =>
      new TinyWorld()
        .task('a', function* () {
          yield new Act('a', { minNs: 1, maxNs: 3 });
        })
        .task('b', function* () {
          yield new Act('b', { minNs: 1, maxNs: 2 });
        });
    expect(world().everyRun({ drawsTimes: true })).toHaveLength(6);
    expect(world().everyRun()).toHaveLength(2);
  });

  it('refuses a world that is not the same from run to run', () => {
    let run = 0;
    const world = new TinyWorld().task('forgetful', function* () {
      run += 1;
      const count = run === 2 ? 3 : 2;
      yield* new Act('first', { act: (context) => context.choose('first', count) });
    });
    expect(() => world.everyRun()).toThrow('"first" has as many alternatives as in the run before');
  });

  it('refuses a run that stops asking', () => {
    let run = 0;
    const world = new TinyWorld().task('forgetful', function* () {
      run += 1;
      const count = run === 1 ? 2 : 1;
      yield* new Act('first', { act: (context) => context.choose('first', count) });
    });
    expect(() => world.everyRun()).toThrow('asks for every choice of the run before');
  });

  it('ends with a complaint where a world is larger than the test thinks', () => {
    const world = new TinyWorld().counter('a', 4).counter('b', 4);
    world.kernel.seal();
    const visit = (maxSchedules: number) => Array.from(enumerateSchedules(world.kernel, { maxSchedules })).length;
    expect(visit(70)).toBe(70);
    expect(() => visit(69)).toThrow('at most 69 schedules');
  });
});
