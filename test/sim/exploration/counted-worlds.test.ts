import { describe, expect, it } from 'vitest';
import { Cell } from '../../../sim/containers.ts';
import { Dpor } from '../../../sim/exploration/dpor.ts';
import type { Explorer } from '../../../sim/exploration/explorer.ts';
import { Search } from '../../../sim/exploration/search.ts';
import type { Kernel } from '../../../sim/kernel.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';
import { tornEntryWorld } from '../../support/torn-entry-world.ts';
import { tornStoreWorld } from '../../support/torn-store-world.ts';

// Worlds whose states others have counted: SPIN, prototypes, Nidhugg, or a pencil.

const listener = { onViolation: () => {} };

function search(kernel: Kernel, reduces: boolean): Search {
  return atItsEnd(
    new Search(kernel, { reduces, keepsWindows: false, isExact: false, maxPreemptions: undefined, ...listener }),
  );
}

function atItsEnd<T extends Explorer>(explorer: T): T {
  while (explorer.advance(100_000));
  return explorer;
}

/** Two words, a task that writes 1 to each, and one that reads each into a word of its own. */
function twoWords(): Kernel {
  const world = new TinyWorld();
  const [words, seen] = [
    [0, 1].map((i) => new Cell(world.arena, `word ${i}`)),
    [0, 1].map((i) => new Cell(world.arena, `seen ${i}`)),
  ];
  world.task('writer', function* () {
    for (const word of words) yield new Act('write', { act: () => word.set(1) });
  });
  world.task('reader', function* () {
    for (const i of [0, 1]) yield new Act('read', { act: () => seen[i]?.set(words[i]?.get() ?? 0) });
  });
  world.kernel.seal();
  return world.kernel;
}

describe('a world of a writer and a reader of two words', () => {
  /*
   * w: writes done, r: reads done. States are (w, what has been read):
   *   r = 0   w 0 1 2                                                             3 states    2 writes + 3 reads
   *   r = 1   0: w 0 1 2    1: w 1 2                                              5           3        + 5
   *   r = 2   00: w 0 1 2   01: w 2   10: w 1 2   11: w 2                         7           3
   */
  it('has 15 states and 16 transitions', () => {
    expect(search(twoWords(), false).progress).toMatchObject({ states: 15, transitions: 16, deepest: 4 });
    expect(search(twoWords(), true).progress).toMatchObject({ states: 15, deepest: 4 });
  });

  it('has four traces: each read before or after its write', () => {
    expect(atItsEnd(new Dpor(twoWords(), listener)).progress).toMatchObject({ executions: 4, abandoned: 0 });
  });
});

describe('the world of torn stores', () => {
  it('has as many states and transitions as SPIN finds', () => {
    const { kernel, torn } = tornStoreWorld(1);
    expect(search(kernel, false).progress).toMatchObject({ states: 955_563, transitions: 1_207_766 });
    expect(torn.get()).toBe(0); // taken back to the beginning
  });
});

describe('the world of torn entries', () => {
  it.each([
    [4, 118, 199, 145],
    [8, 1_346, 2_403, 1_849],
  ])('of %i chunks has %i states and %i transitions, or %i with reduction', (chunks, states, transitions, reduced) => {
    const options = { chunks, writers: 1, fetchers: 1, rounds: 1, hasHandshake: false };
    const all = search(tornEntryWorld(options).kernel, false).progress;
    expect(all).toMatchObject({ states, transitions, deepest: 2 * chunks + 5 });
    expect(search(tornEntryWorld(options).kernel, true).progress).toMatchObject({ states, transitions: reduced });
  });

  it.each([
    [1, 3, 1, 7_834, 3_042],
    [2, 2, 1, 3_184, 1_694],
    [1, 3, 2, 53_214, 19_710],
  ])(
    'of 4 chunks, with handshake, %i writers and %i fetchers x %i, has %i transitions, or %i with reduction',
    (...row) => {
      const [writers, fetchers, rounds, transitions, reduced] = row;
      const options = { chunks: 4, writers, fetchers, rounds, hasHandshake: true };
      expect(search(tornEntryWorld(options).kernel, false).progress).toMatchObject({ transitions });
      expect(search(tornEntryWorld(options).kernel, true).progress).toMatchObject({ transitions: reduced });
    },
  );

  it.each([
    [2, 4],
    [4, 10],
    [8, 130],
  ])('of %i chunks has %i traces, as Nidhugg finds', (chunks, traces) => {
    const options = { chunks, writers: 1, fetchers: 1, rounds: 1, hasHandshake: false };
    const { progress } = atItsEnd(new Dpor(tornEntryWorld(options).kernel, listener));
    expect(progress).toMatchObject({ executions: traces, abandoned: 0, deepest: 2 * chunks + 5 });
  });

  it.each([
    { chunks: 3, writers: 2, fetchers: 1, rounds: 1, hasHandshake: false },
    { chunks: 3, writers: 1, fetchers: 2, rounds: 1, hasHandshake: true },
    { chunks: 3, writers: 2, fetchers: 2, rounds: 1, hasHandshake: true },
  ])('ends alike for every explorer: %o', (options) => {
    const endsOf = (explorerOf: (kernel: Kernel) => Explorer): readonly string[] => {
      const { kernel, torn } = tornEntryWorld(options);
      const ends = new Set<string>();
      kernel.onFinish = () => ends.add([...kernel.arena.words.subarray(0, torn.index + 1)].join(' '));
      atItsEnd(explorerOf(kernel));
      return [...ends].sort();
    };
    const all = endsOf((kernel) => search(kernel, false));
    expect(all.length).toBeGreaterThan(0);
    expect(endsOf((kernel) => search(kernel, true))).toEqual(all);
    expect(endsOf((kernel) => new Dpor(kernel, listener))).toEqual(all);
  });
});
