import { Arena } from '../../sim/arena.ts';
import { Cell, WordArray } from '../../sim/containers.ts';
import { Kernel } from '../../sim/kernel.ts';
import { Checkpoint, type Flow } from '../../sim/operation.ts';
import { Act, ampleLimits } from './tiny-world.ts';

export interface TornEntryOptions {
  readonly chunks: number;
  readonly writers: number;
  readonly fetchers: number;
  /** Fetches of each fetcher. */
  readonly rounds: number;
  /** Writers wait, with the entry not present, until no fetch is under way. */
  readonly hasHandshake: boolean;
}

/**
 * An entry of several chunks, the first of which says whether it is present. Writers take a lock, clear the present bit,
 * perhaps wait for fetchers, write the other chunks, then the first with the bit set, and unlock. Fetchers begin, read the
 * chunks in order, unless the first says "not present", and end: then an entry of two versions is torn. A step for each
 * of these; only whether one was torn outlives a fetch.
 */
export function tornEntryWorld(options: TornEntryOptions): { readonly kernel: Kernel; readonly torn: Cell } {
  const { chunks, writers, fetchers } = options;
  const arena = new Arena();
  const kernel = new Kernel(arena, ampleLimits);
  const entry = new WordArray(arena, 'entry', chunks);
  const isPresent = new Cell(arena, 'present', 1);
  const lock = new Cell(arena, 'lock');
  const underWay = new WordArray(arena, 'fetches under way', fetchers);
  const torn = new Cell(arena, 'torn');
  const world = { options, entry, isPresent, lock, underWay, torn };
  for (let writer = 0; writer < writers; writer += 1) {
    const steps = writerSteps(world, writer);
    kernel.addProcess({
      name: `writer ${writer}`,
      kind: 'task',
      *body(): Flow {
        for (const step of steps) yield step;
      },
    });
  }
  for (let fetcher = 0; fetcher < fetchers; fetcher += 1) {
    const buffer = new WordArray(arena, `buffer ${fetcher}`, chunks);
    kernel.addProcess({ name: `fetcher ${fetcher}`, kind: 'task', body: () => fetches(world, fetcher, buffer) });
  }
  kernel.seal();
  return { kernel, torn };
}

interface World {
  readonly options: TornEntryOptions;
  readonly entry: WordArray;
  readonly isPresent: Cell;
  readonly lock: Cell;
  readonly underWay: WordArray;
  readonly torn: Cell;
}

function writerSteps({ options, entry, isPresent, lock, underWay }: World, writer: number): readonly Act[] {
  const version = writer + 1;
  const nobody = (): boolean => {
    for (let i = 0; i < options.fetchers; i += 1) {
      if (underWay.get(i) !== 0) return false;
    }
    return true;
  };
  return [
    new Act('lock', { guard: () => lock.get() === 0, act: () => lock.set(1) }),
    new Act('clear the present bit', { act: () => isPresent.set(0) }),
    ...(options.hasHandshake ? [new Act('wait for fetchers', { guard: nobody })] : []),
    ...Array.from(
      { length: options.chunks - 1 },
      (_, i) => new Act(`chunk ${i + 1}`, { act: () => entry.set(i + 1, version) }),
    ),
    new Act('chunk 0, present', {
      act: () => {
        entry.set(0, version);
        isPresent.set(1);
      },
    }),
    new Act('unlock', { act: () => lock.set(0) }),
  ];
}

function* fetches({ options, entry, isPresent, underWay, torn }: World, fetcher: number, buffer: WordArray): Flow {
  const begin = new Act('begin', { act: () => underWay.set(fetcher, 1) });
  const first = new Act('chunk 0', {
    act: () => {
      if (isPresent.get() === 1) buffer.set(0, entry.get(0));
      return isPresent.get() === 1;
    },
  });
  const others = Array.from(
    { length: options.chunks - 1 },
    (_, i) => new Act(`chunk ${i + 1}`, { act: () => buffer.set(i + 1, entry.get(i + 1)) }),
  );
  const end = new Act('end', {
    act: () => {
      for (let i = 1; i < options.chunks; i += 1) {
        if (buffer.get(i) !== buffer.get(0)) torn.set(1);
      }
      for (let i = 0; i < options.chunks; i += 1) buffer.set(i, 0);
      underWay.set(fetcher, 0);
    },
  });
  function* from(round: number): Flow {
    for (let i = round; i < options.rounds; i += 1) {
      yield new Checkpoint(i, () => from(i));
      yield begin;
      if (yield* first) {
        for (const other of others) yield other;
      }
      yield end;
    }
  }
  yield from(0);
}
