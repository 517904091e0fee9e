import { describe, expect, it } from 'vitest';
import { Cell } from '../../../sim/containers.ts';
import { Dpor, type DporProgress } from '../../../sim/exploration/dpor.ts';
import { searched, searchedByRaces } from '../../support/exploration-judge.ts';
import type { Program } from '../../support/random-programs.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';

const everyOrder = { hasWindows: false, hasCheckpoints: false, isEndless: false, hasLocals: true };
const unreduced = { reduces: false, keepsWindows: false, isExact: true, maxPreemptions: undefined };
const nothing: Program = {
  memoryModel: 'sc',
  storeBufferEntries: 1,
  wordCount: 2,
  tasks: [],
  device: undefined,
  engine: undefined,
  optional: undefined,
  hardwareFirst: false,
  windows: [],
};

function explore(world: TinyWorld): { readonly ends: readonly string[]; readonly progress: DporProgress } {
  const ends: string[] = [];
  world.kernel.onFinish = () => ends.push(world.log.join(' '));
  world.kernel.seal();
  const dpor = new Dpor(world.kernel, {
    onViolation: ({ rule }) => ends.push(rule),
  });
  while (dpor.advance(1_000));
  const { progress } = dpor;
  dpor.close();
  return { ends, progress };
}

describe('locks', () => {
  it.each([
    [2, 2],
    [3, 6],
    [4, 24],
  ])('let %i tasks through in every order, of which there are %i', (count, orders) => {
    const world = new TinyWorld();
    const lock = new Cell(world.arena, 'lock');
    const last = new Cell(world.arena, 'last');
    const order = new Cell(world.arena, 'order');
    for (let task = 0; task < count; task += 1) {
      world.task(`task ${task}`, function* () {
        yield new Act('lock', { guard: () => lock.get() === 0, act: () => lock.set(1) });
        yield new Act('work', { act: () => order.set(order.get() * count + task) });
        yield new Act('unlock', { act: () => lock.set(0) });
      });
    }
    const orderings = new Set<number>();
    world.kernel.onFinish = () => orderings.add(world.arena.words[order.index] as number);
    world.kernel.seal();
    const dpor = new Dpor(world.kernel, { onViolation: () => {} });
    while (dpor.advance(1_000));
    expect(orderings.size).toBe(orders);
    expect(dpor.progress.executions - dpor.progress.abandoned).toBe(orders);
    expect(last.get()).toBe(0);
  });
});

describe('a wait that another task can spoil', () => {
  it('is tried before it is spoilt, though it never comes after', () => {
    const world = new TinyWorld();
    const word = new Cell(world.arena, 'word');
    world.task('spoils', function* () {
      yield new Act('spoil', { act: () => word.set(1) });
    });
    world.task('waits', function* () {
      yield new Act('wait', { guard: () => word.get() === 0 });
    });
    expect([...explore(world).ends].sort()).toEqual(['', 'stuck']);
  });

  it('is tried before it is spoilt where the run is then ended', () => {
    const world = new TinyWorld();
    const [word, passed] = [new Cell(world.arena, 'word'), new Cell(world.arena, 'passed')];
    world.task('spoils', function* () {
      yield new Act('spoil', { act: () => word.set(1) });
      const act = (): void => {
        const message = passed.get() === 1 ? 'passed' : 'not passed';
        world.kernel.violate({ rule: message, message, source: 'test' }, true);
      };
      yield new Act('end the run', { act });
    });
    world.task('waits', function* () {
      yield new Act('wait', { guard: () => word.get() === 0, act: () => passed.set(1) });
    });
    expect(new Set(explore(world).ends)).toEqual(new Set(['passed', 'not passed']));
  });

  it('is tried also where a third one would have made it possible before', () => {
    const world = new TinyWorld();
    const [ready, spoilt] = [new Cell(world.arena, 'ready'), new Cell(world.arena, 'spoilt')];
    world.task('spoils', function* () {
      yield new Act('spoil', { act: () => spoilt.set(1) });
    });
    world.task('waits', function* () {
      // What it looks at depends on what it sees: after `spoil` it does not look at `ready`.
      yield new Act('wait', { guard: () => spoilt.get() === 0 && ready.get() === 1 });
    });
    world.task('helps', function* () {
      yield new Act('help', { act: () => ready.set(1) });
    });
    const { ends } = explore(world);
    expect(new Set(ends)).toEqual(new Set(['', 'stuck']));
  });
});

describe('a wait that is spoilt where all others sleep', () => {
  const program: Program = {
    ...nothing,
    tasks: [
      [
        { kind: 'store', word: 0, half: 'low', value: 1 },
        { kind: 'load', word: 1, register: 0 },
      ],
      [{ kind: 'store', word: 0, half: 'low', value: 2 }],
      [
        { kind: 'wait', word: 0, value: 1 },
        { kind: 'wait', word: 0, value: 1 },
        { kind: 'store', word: 1, half: 'low', value: 2 },
      ],
    ],
  };

  it('is tried before it is spoilt, though that execution is given up: program 3316, minimised', () => {
    const all = searched(program, everyOrder, unreduced);
    expect([...searchedByRaces(program, everyOrder).outcomes].sort()).toEqual([...all.outcomes].sort());
    expect(all.outcomes.size).toBe(5);
  });
});

describe('a step that touches other words when a race is turned round', () => {
  // The exchange of task 0 fails after the second store of task 1; before it, it is what keeps task 2 from going on.
  const program: Program = {
    ...nothing,
    tasks: [
      [
        { kind: 'exchange', word: 1, desired: 1, register: 2 },
        { kind: 'store', word: 0, half: 'low', value: 2 },
      ],
      [
        { kind: 'store', word: 0, half: 'low', value: 2 },
        { kind: 'store', word: 1, half: 'high', value: 2 },
      ],
      [
        { kind: 'load', word: 0, register: 0 },
        { kind: 'wait', word: 1, value: 0 },
      ],
    ],
  };

  it('keeps what it touched before: program 2228, minimised', () => {
    const all = searched(program, everyOrder, unreduced);
    expect([...searchedByRaces(program, everyOrder).outcomes].sort()).toEqual([...all.outcomes].sort());
    expect(all.outcomes.size).toBe(6);
  });
});
