import { describe, expect, it } from 'vitest';
import { UnmodelledError } from '../../../sim/assert.ts';
import { Cell } from '../../../sim/containers.ts';
import { Dpor } from '../../../sim/exploration/dpor.ts';
import type { Explorer } from '../../../sim/exploration/explorer.ts';
import { Search, type SearchOptions } from '../../../sim/exploration/search.ts';
import { Choose } from '../../../sim/operation.ts';
import type { RunLimits } from '../../../sim/violation.ts';
import { enumerateSchedules } from '../../support/enumerate-schedules.ts';
import { Act, answering, TinyWorld } from '../../support/tiny-world.ts';

const whole = { reduces: true, keepsWindows: false, isExact: false, maxPreemptions: undefined, onViolation: () => {} };

function searchOf(world: TinyWorld, options: Partial<SearchOptions> = {}): Search {
  world.kernel.seal();
  return new Search(world.kernel, { ...whole, ...options });
}

function finish<T extends Explorer>(explorer: T, piece = 1_000): T {
  while (explorer.advance(piece));
  return explorer;
}

describe('a search', () => {
  it('takes one order of steps that touch nothing', () => {
    const { progress } = finish(searchOf(new TinyWorld().counter('a', 3).counter('b', 3)));
    // A state for each pair of numbers of steps; each but the first is reached once.
    expect(progress).toMatchObject({ states: 16, transitions: 15 });
  });

  it('forgets how a process came to its end', () => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    world.task('reads', function* () {
      yield new Act('read', { act: () => flag.get() });
    });
    world.task('writes', function* () {
      yield new Act('write', { act: () => flag.set(1) });
    });
    // 2 x 2 places, whatever was read.
    expect(finish(searchOf(world, { reduces: false })).progress).toMatchObject({ states: 4, transitions: 4 });
  });

  it('can be taken in pieces of any size, and says how far it is', () => {
    const counts = [1, 2, 7, 1_000].map((piece) => {
      const search = searchOf(new TinyWorld().counter('a', 4).counter('b', 4).counter('c', 2), { reduces: false });
      let last = 0;
      while (search.advance(piece)) {
        expect(search.progress.fractionDone).toBeGreaterThanOrEqual(last);
        last = search.progress.fractionDone;
      }
      expect(search.progress.fractionDone).toBe(1);
      return search.progress;
    });
    expect(new Set(counts.map((progress) => JSON.stringify(progress))).size).toBe(1);
  });

  it('tries every answer to choices before the first step and inside steps', () => {
    const world = new TinyWorld();
    const seen = new Set<string>();
    world.task('a', function* () {
      const first = yield* new Choose('first', 2);
      const second = yield* new Act('second', { act: (context) => context.choose('second', first + 2) });
      seen.add(`${first} ${second}`);
    });
    finish(searchOf(world));
    expect([...seen].sort()).toEqual(['0 0', '0 1', '1 0', '1 1', '1 2']);
  });

  // Both orders of a1 and b lead to the same words at the same moment, 5; but a2 may come at 10 after the one and at 15
  // after the other, and c comes at 12. The order that leaves less is searched first.
  it('that keeps windows tells states apart by when a step may come at the earliest', () => {
    const world = new TinyWorld();
    const last = new Cell(world.arena, 'last');
    const says = (value: number, minNs: number, maxNs?: number) =>
      new Act(`says ${value}`, { minNs, ...(maxNs === undefined ? {} : { maxNs }), act: () => last.set(value) });
    world.task('b', function* () {
      yield new Act('b', { minNs: 5, maxNs: 5 });
    });
    world.task('a', function* () {
      yield new Act('a1', { maxNs: 7 });
      yield says(1, 10);
    });
    world.task('c', function* () {
      yield says(2, 12, 12);
    });
    const ends = new Set<number>();
    finish(searchOf(world, { keepsWindows: true, onRest: () => ends.add(last.get()) }));
    expect([...ends].sort()).toEqual([1, 2]);
    const brute = new Set<number>();
    world.kernel.onFinish = () => brute.add(last.get());
    for (const _ of enumerateSchedules(world.kernel));
    expect(brute).toEqual(ends);
  });

  it('leaves the kernel to ordinary runs, and begins anew', () => {
    const world = new TinyWorld().counter('a', 2).counter('b', 2);
    const first = searchOf(world);
    first.advance(3);
    first.close();
    expect(first.advance(1)).toBe(false);
    expect(world.kernel.run(answering(() => 0))).toMatchObject({ end: 'finished', events: 4 });
    expect(finish(new Search(world.kernel, { ...whole, reduces: false })).progress).toMatchObject({ states: 9 });
  });
});

describe('what keeps an explorer from the end of an execution', () => {
  const explorers: readonly (readonly [string, (world: TinyWorld) => Explorer])[] = [
    ['search', (world) => searchOf(world)],
    [
      'DPOR',
      (world) => {
        world.kernel.seal();
        return new Dpor(world.kernel, { onViolation: () => {} });
      },
    ],
  ];

  it.each(explorers)('is a limit: %s', (_, explorerOf) => {
    const limits: Partial<RunLimits> = { maxEvents: 3 };
    const { progress } = finish(explorerOf(new TinyWorld(limits).counter('a', 3).counter('b', 3)));
    expect(progress).toMatchObject({ cutShort: 'limit reached: maxEvents: 3 events', deepest: 3 });
  });

  it.each(explorers)('is something that is not modelled, and others are still followed: %s', (_, explorerOf) => {
    const world = new TinyWorld();
    const flag = new Cell(world.arena, 'flag');
    let finished = 0;
    world.kernel.onFinish = () => {
      finished += 1;
    };
    world.task('a', function* () {
      yield new Act('throws', {
        act: () => {
          if (flag.get() === 0) throw new UnmodelledError('this');
        },
      });
    });
    world.task('b', function* () {
      yield new Act('set', { act: () => flag.set(1) });
    });
    expect(finish(explorerOf(world)).progress.cutShort).toBe('unmodelled: this');
    expect(finished).toBe(1);
  });
});
