import { describe, expect, it } from 'vitest';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import type { Operation } from '../../../sim/operation.ts';
import { MemoryWorld, type MemoryWorldOptions, registers } from '../../support/memory-world.ts';

/*
 * Walks that are not coherent (VT-d ECAP.C = 0), counted by hand. A device reads what was written back and nothing else;
 * clflush writes one line back in its turn among the stores, an eviction writes back any dirty line at any time.
 */

const x = 0x100;
const y = 0x108;
const otherLine = 0x140;

type Program = readonly ('x' | 'y' | 'other' | 'flush' | 'flush-other' | 'mb')[];

/** CPU 0 runs the program; a device reads the places named, 64 bits each. */
function walks(
  model: MemoryModelName,
  options: MemoryWorldOptions,
  program: Program,
  reads: readonly (readonly [name: string, address: number])[],
): MemoryWorld {
  const world = new MemoryWorld(model, { coherentWalks: false, ...options });
  return world
    .task(0, function* (cpu) {
      const steps: Record<Program[number], () => Operation> = {
        x: () => cpu.store64(x, 1n),
        y: () => cpu.store64(y, 1n),
        other: () => cpu.store64(otherLine, 1n),
        // Any address of the line will do.
        flush: () => cpu.flushLine(y + 4),
        'flush-other': () => cpu.flushLine(otherLine),
        mb: () => cpu.barrier('mb'),
      };
      for (const step of program) yield steps[step]();
    })
    .device(function* () {
      for (const [name, address] of reads) yield world.deviceRead(name, address);
    });
}

const readX = ['x', x] as const;
const readY = ['y', y] as const;
const readOther = ['other', otherLine] as const;

describe('a device that does not see CPU caches', () => {
  it.each([
    // s | r: C(2, 1) = 2; with the drain C(3, 1) = 3.
    { model: 'sc', schedules: 2 },
    { model: 'x86-tso', schedules: 3 },
  ] as const)('never sees a store that was not written back ($model)', ({ model, schedules }) => {
    expect(walks(model, {}, ['x'], [readX]).explore(registers('x'))).toEqual({ schedules, outcomes: ['0'] });
  });

  it('sees it at once where walks are coherent', () => {
    const world = walks('sc', { coherentWalks: true }, ['x'], [readX]);
    expect(world.explore(registers('x'))).toEqual({ schedules: 2, outcomes: ['0', '1'] });
  });

  it('is not heard by CPUs: they see their stores, written back or not', () => {
    const world = new MemoryWorld('sc', { coherentWalks: false }).task(0, function* (cpu) {
      yield cpu.store64(x, 5n);
    });
    world.task(1, function* (cpu) {
      world.seen.r = yield* cpu.load64(x);
    });
    expect(world.explore(registers('r'))).toEqual({ schedules: 2, outcomes: ['0', '5'] });
  });
});

describe('clflush', () => {
  it.each([
    // C(3, 1) = 3; and stores and flush both drain: Catalan(2) x C(5, 1) = 10.
    { model: 'sc', schedules: 3 },
    { model: 'x86-tso', schedules: 10 },
  ] as const)('publishes a store ($model)', ({ model, schedules }) => {
    const world = walks(model, {}, ['x', 'flush'], [readX]);
    expect(world.explore(registers('x'))).toEqual({ schedules, outcomes: ['0', '1'] });
  });

  it.each([
    // C(5, 2) = 10; Catalan(3) x C(8, 2) = 5 x 28 = 140.
    { model: 'sc', schedules: 10 },
    { model: 'x86-tso', schedules: 140 },
  ] as const)('publishes its whole line at one moment ($model)', ({ model, schedules }) => {
    // y is read first, then x. y new and x old would be half a line; y old and x new is a flush between the reads.
    const world = walks(model, {}, ['x', 'y', 'flush'], [readY, readX]);
    expect(world.explore(registers('y', 'x'))).toEqual({ schedules, outcomes: ['0 0', '0 1', '1 1'] });
  });

  it.each([
    { model: 'sc', schedules: 10 },
    { model: 'x86-tso', schedules: 140 },
  ] as const)(
    'has its turn among the stores: what is stored after it stays unseen ($model)',
    ({ model, schedules }) => {
      // Also when the later store is in the buffer before the flush leaves it.
      const world = walks(model, {}, ['x', 'flush', 'y'], [readY, readX]);
      expect(world.explore(registers('y', 'x'))).toEqual({ schedules, outcomes: ['0 0', '0 1'] });
    },
  );

  it('of one line does nothing for another', () => {
    const world = walks('sc', {}, ['x', 'other', 'flush'], [readOther, readX]);
    expect(world.explore(registers('other', 'x'))).toEqual({ schedules: 10, outcomes: ['0 0', '0 1'] });
  });

  it.each([
    // 4 steps, two reads: C(6, 2) = 15; Catalan(4) x C(10, 2) = 630.
    { model: 'sc', schedules: 15 },
    { model: 'x86-tso', schedules: 630 },
  ] as const)('orders two lines as it was called: data before the pointer to it ($model)', ({ model, schedules }) => {
    const world = walks(model, {}, ['x', 'flush', 'other', 'flush-other'], [readOther, readX]);
    expect(world.explore(registers('other', 'x'))).toEqual({ schedules, outcomes: ['0 0', '0 1', '1 1'] });
  });

  it('is waited for by a full barrier', () => {
    // A device told by a coherent flag would need mb() after clflush: x, flush, mb, then a second flag line flushed. The
    // barrier waits for both drains, so CPU events before it have Catalan(2) = 2 orders, and 'other' with its flush 2
    // after it: 4 x C(9 + 2, 2) = 4 x 55 = 220.
    const world = walks('x86-tso', {}, ['x', 'flush', 'mb', 'other', 'flush-other'], [readOther, readX]);
    expect(world.explore(registers('other', 'x'))).toEqual({ schedules: 220, outcomes: ['0 0', '0 1', '1 1'] });
  });
});

describe('an eviction', () => {
  it('publishes any prefix of the stores to a line', () => {
    // Three 64-bit stores to one line; the device reads the line at once; at most one eviction, and only of a dirty line.
    //   Without eviction: the read has 4 places: 4.
    //   With it, in a gap after the first store and before the last of the four events: r s s s has 2 such gaps, s r s s,
    //   s s r s and s s s r have 3 each: 11.
    // The device sees 0, 1, 2 or 3 of the stores: 4 outcomes, always the first ones.
    const world = new MemoryWorld('sc', { coherentWalks: false, evictions: 1 });
    world
      .task(0, function* (cpu) {
        for (let i = 0; i < 3; i += 1) yield cpu.store64(x + 8 * i, 1n);
      })
      .device(function* () {
        yield world.deviceRead('line', x, 256);
      });
    const prefix = ({ seen }: MemoryWorld) => (seen.line ?? -1n).toString(16).padStart(49, '0').slice(-49);
    const stores = (count: number) => {
      let value = 0n;
      for (let i = 0; i < count; i += 1) value |= 1n << BigInt(64 * i);
      return value.toString(16).padStart(49, '0');
    };
    expect(world.explore(prefix)).toEqual({ schedules: 15, outcomes: [0, 1, 2, 3].map(stores) });
  });

  it('publishes two lines in either order, whatever the order of the stores', () => {
    // Stores x < other, reads other < x: 6 orders. One eviction may come in any gap after the first store and before the
    // last event, of x alone before the second store, of either line (2 ways) after it. x o O X: 1 + 2 + 2; x O o X:
    // 1 + 1 + 2; x O X o: 1 + 1 + 1; O x o X: 1 + 2; O x X o: 1 + 1; O X x o: 1. Sum 18, and the 6 without.
    // At most one line is written back, so '1 1' needs two evictions.
    const one = walks('sc', { evictions: 1 }, ['x', 'other'], [readOther, readX]);
    expect(one.explore(registers('other', 'x'))).toEqual({ schedules: 24, outcomes: ['0 0', '0 1', '1 0'] });
    const two = walks('sc', { evictions: 2 }, ['x', 'other'], [readOther, readX]);
    expect(two.explore(registers('other', 'x')).outcomes).toEqual(['0 0', '0 1', '1 0', '1 1']);
  });

  it('has nothing to do where nothing is dirty', () => {
    // x, flush, then reads: after the flush no line is dirty. Orders of x < f and two reads: 6. An eviction fits between x
    // and f only: gaps there: x f r r 1, x r f r 2, x r r f 3, r x f r 1, r x r f 2, r r x f 1, but not last: all are
    // before f, and f or a read is last. 6 + 10.
    const world = walks('sc', { evictions: 1 }, ['x', 'flush'], [readX, readY]);
    expect(world.explore(registers('x', 'y'))).toEqual({ schedules: 16, outcomes: ['0 0', '1 0'] });
  });

  it('cannot take what is still in a store buffer', () => {
    // s < d < read by the same order as the barrier asks: x, mb, then a load of its own CPU. An eviction fits between d
    // and the end only: s d e mb l, s d mb e l, and without: 3.
    const world = new MemoryWorld('x86-tso', { coherentWalks: false, evictions: 1 });
    world.task(0, function* (cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.barrier('mb');
      world.seen.r = yield* cpu.load64(x);
    });
    expect(world.explore(registers('r'))).toEqual({ schedules: 3, outcomes: ['1'] });
  });
});

describe('a coherent write of a device', () => {
  it('is seen by CPUs and by walks', () => {
    const { memory, arena } = new MemoryWorld('sc', { coherentWalks: false });
    memory.deviceWrite(x, [3, 4]);
    expect([memory.read(x), memory.read(x + 4)]).toEqual([3, 4]);
    expect([arena.get(memory.walkIndex(x)), arena.get(memory.walkIndex(x + 4))]).toEqual([3, 4]);
  });

  it('publishes no store of a CPU beside it', () => {
    const { memory, arena } = new MemoryWorld('sc', { coherentWalks: false });
    memory.write(y, [9], 0, 1);
    memory.deviceWrite(x, [3]);
    expect(arena.get(memory.walkIndex(x))).toBe(3);
    expect(arena.get(memory.walkIndex(y))).toBe(0);
  });
});
