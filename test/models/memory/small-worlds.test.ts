import { describe, expect, it } from 'vitest';
import { MemoryWorld, registers } from '../../support/memory-world.ts';

/*
 * Smallest worlds, counted by hand. C(n, k) is the number of ways to interleave k steps of one agent with n - k of
 * another. Under x86-tso each store is two events, the step s and its drain d, both in program order: k stores alone
 * have as many orders as there are ways to write k pairs of brackets, Catalan(k) = 1, 2, 5, 14 for k = 1 to 4.
 */

const quantum0 = 0x100;
const quantum1 = 0x110;
const x = 0x200;
const lockWord = 0x300;

/** A quantum of two 64-bit halves reads '00' (old), '10' (torn), '11' (new): low half first. */
function halves(value: bigint | undefined): string {
  const word = value ?? -1n;
  return `${word & 0xffn}${(word >> 64n) & 0xffn}`;
}

const composites = ({ seen }: MemoryWorld) => `${halves(seen.quantum0)} ${halves(seen.quantum1)}`;

describe('a two-quantum entry, written as four 64-bit stores', () => {
  function entryWorld(world: MemoryWorld, order: readonly ('quantum0' | 'quantum1')[]): MemoryWorld {
    const address = { quantum0, quantum1 };
    return world
      .task(0, function* (cpu) {
        for (let i = 0; i < 4; i += 1) yield cpu.store64(quantum0 + 8 * i, 1n);
      })
      .device(function* () {
        for (const name of order) yield world.deviceRead(name, address[name], 128);
      });
  }

  // The first read comes after i stores and the second after j >= i. Quantum 0 shows min(i, 2) of its stores, quantum 1
  // max(j - 2, 0): every i of 0, 1, 2 goes with every j of 2, 3, 4. So 3 x 3 composites, all but two of them torn.
  const nine = ['00 00', '00 10', '00 11', '10 00', '10 10', '10 11', '11 00', '11 10', '11 11'];

  it('is read in 9 composites; sc has C(6, 2) = 15 schedules', () => {
    expect(entryWorld(new MemoryWorld('sc'), ['quantum0', 'quantum1']).explore(composites)).toEqual({
      schedules: 15,
      outcomes: nine,
    });
  });

  it('is read in the same 9 under x86-tso, in Catalan(4) x C(10, 2) = 14 x 45 = 630 schedules', () => {
    // One buffer drains in the order of its stores, so memory goes through the same states; only the stores' own steps,
    // which no one sees, lie elsewhere.
    expect(entryWorld(new MemoryWorld('x86-tso'), ['quantum0', 'quantum1']).explore(composites)).toEqual({
      schedules: 630,
      outcomes: nine,
    });
  });

  it.each([
    // Never more than n stores in the buffer: 1 for n = 1, 2^3 = 8 for n = 2; times C(10, 2) = 45.
    { storeBufferEntries: 1, schedules: 45 },
    { storeBufferEntries: 2, schedules: 360 },
    // All but one of the 14: the four stores before the first drain.
    { storeBufferEntries: 3, schedules: 13 * 45 },
  ])('waits for room in a buffer of $storeBufferEntries: $schedules schedules', ({ schedules, ...options }) => {
    const world = entryWorld(new MemoryWorld('x86-tso', options), ['quantum0', 'quantum1']);
    expect(world.explore(composites)).toEqual({ schedules, outcomes: nine });
  });

  it.each([
    { model: 'sc', schedules: 15 },
    { model: 'x86-tso', schedules: 630 },
  ] as const)('is read in 5 composites by a reader that takes quantum 1 first ($model)', ({ model, schedules }) => {
    // Quantum 1 after i stores, quantum 0 after j >= i. If quantum 1 shows anything (i > 2), quantum 0 is complete: 2
    // composites. If it shows nothing, quantum 0 is any of 3.
    expect(entryWorld(new MemoryWorld(model), ['quantum1', 'quantum0']).explore(composites)).toEqual({
      schedules,
      outcomes: ['00 00', '10 00', '11 00', '11 10', '11 11'],
    });
  });
});

describe('the same entry, written as two atomic 128-bit stores', () => {
  const one = 1n | (1n << 64n);

  it.each(['sc', 'x86-tso'] as const)('is read in 4 composites, in C(4, 2) = 6 schedules (%s)', (model) => {
    // No quantum is torn any more, the entry still is: (0, 0), (0, 1), (1, 0), (1, 1). The reads fall before, between
    // and after two steps. A locked store is no entry of the buffer, so both models have the same 6.
    const world = new MemoryWorld(model);
    world
      .task(0, function* (cpu) {
        yield cpu.store128(quantum0, one);
        yield cpu.store128(quantum1, one);
      })
      .device(function* () {
        yield world.deviceRead('quantum0', quantum0, 128);
        yield world.deviceRead('quantum1', quantum1, 128);
      });
    expect(world.explore(composites)).toEqual({ schedules: 6, outcomes: ['00 00', '00 11', '11 00', '11 11'] });
  });

  it('waits until the buffer is empty: an earlier plain store is seen first', () => {
    // x = 1, then the locked store. s < d < locked: one order, with a reader of two steps C(5, 2) = 10. Without the wait
    // the locked store could come before d, and '1 0' would appear.
    const world = new MemoryWorld('x86-tso');
    world
      .task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.store128(quantum0, one);
      })
      .device(function* () {
        yield world.deviceRead('quantum0', quantum0, 128);
        yield world.deviceRead('x', x);
      });
    expect(world.explore(({ seen }) => `${halves(seen.quantum0)} ${seen.x}`)).toEqual({
      schedules: 10,
      outcomes: ['00 0', '00 1', '11 1'],
    });
  });
});

describe('a 16-byte compare-exchange', () => {
  const a = 0xan | (0xan << 64n);
  const b = 0xbn | (0xbn << 64n);

  function contenders(model: 'sc' | 'x86-tso'): MemoryWorld {
    const world = new MemoryWorld(model);
    for (const [cpu, desired] of [a, b].entries()) {
      world.task(cpu, function* (own) {
        const exchange = { widthBits: 128, expected: 0n, desired } as const;
        world.seen[`old${cpu}`] = yield* own.compareExchange(quantum0, exchange);
      });
    }
    return world;
  }
  const name = (value: bigint | undefined) => (value === a ? 'a' : value === b ? 'b' : value === 0n ? '0' : 'torn');

  it.each(['sc', 'x86-tso'] as const)('is won by exactly one of two contenders (%s)', (model) => {
    // Two steps, two orders. The loser is told the winner's value, all 16 bytes of it.
    const outcome = ({ seen }: MemoryWorld) => `${name(seen.old0)} ${name(seen.old1)}`;
    expect(contenders(model).explore(outcome)).toEqual({ schedules: 2, outcomes: ['0 a', 'b 0'] });
  });

  it.each(['sc', 'x86-tso'] as const)('is atomic to a reader of 128 bits (%s)', (model) => {
    // 3! = 6 orders: nothing yet, or the winner's value, never the loser's and never a mixture.
    const world = contenders(model);
    world.device(function* () {
      yield world.deviceRead('entry', quantum0, 128);
    });
    const outcome = ({ seen }: MemoryWorld) => `${seen.old0 === 0n ? 'a' : 'b'} won, read ${name(seen.entry)}`;
    expect(world.explore(outcome)).toEqual({
      schedules: 6,
      outcomes: ['a won, read 0', 'a won, read a', 'b won, read 0', 'b won, read b'],
    });
  });

  it('that fails stores nothing, and one narrower than 128 bits leaves the rest alone', () => {
    const world = new MemoryWorld('x86-tso');
    world.memory.initialise(quantum0, [7, 8, 9, 10]);
    world.task(0, function* (cpu) {
      world.seen.failed = yield* cpu.compareExchange(quantum0, { widthBits: 64, expected: 1n, desired: 2n });
      world.seen.won = yield* cpu.compareExchange(quantum0, {
        widthBits: 64,
        expected: 0x8_0000_0007n,
        desired: 0xffff_ffff_ffff_fffen,
      });
      world.seen.after = yield* cpu.compareExchange(quantum0, { widthBits: 128, expected: 0n, desired: 0n });
    });
    const outcome = ({ seen }: MemoryWorld) =>
      [seen.failed, seen.won, seen.after].map((v) => v?.toString(16)).join(' ');
    expect(world.explore(outcome)).toEqual({
      schedules: 1,
      outcomes: ['800000007 800000007 a00000009fffffffffffffffe'],
    });
  });
});

describe('a spin lock', () => {
  function counting(model: 'sc' | 'x86-tso', locked: boolean): MemoryWorld {
    const world = new MemoryWorld(model);
    for (const cpu of [0, 1]) {
      world.task(cpu, function* (own) {
        if (locked) yield own.lock(lockWord, 'counter');
        const old = yield* own.load64(x);
        yield own.store64(x, old + 1n);
        if (locked) yield own.unlock(lockWord);
      });
    }
    return world;
  }
  const counter = (world: MemoryWorld) => String(world.qword(x));

  it('is needed: without it an increment is lost', () => {
    // Load and store of each: C(4, 2) = 6 orders. Under x86-tso load, store, drain of each: C(6, 3) = 20.
    expect(counting('sc', false).explore(counter)).toEqual({ schedules: 6, outcomes: ['1', '2'] });
    expect(counting('x86-tso', false).explore(counter)).toEqual({ schedules: 20, outcomes: ['1', '2'] });
  });

  it('lets one in after the other: sc has 2 schedules', () => {
    // Who takes the lock does all four steps before the other one's first: the other's lock is no alternative meanwhile.
    expect(counting('sc', true).explore(counter)).toEqual({ schedules: 2, outcomes: ['2'] });
  });

  it('lets the next one in when the unlock has drained, after all that was stored before: x86-tso has 8', () => {
    // lock, load, then two stores and their drains, Catalan(2) = 2 orders; the other's lock waits for the last drain.
    // 2 orders of the CPUs x 2 x 2.
    expect(counting('x86-tso', true).explore(counter)).toEqual({ schedules: 8, outcomes: ['2'] });
  });

  it.each([
    { model: 'sc', schedules: 6 },
    { model: 'x86-tso', schedules: 30 },
  ] as const)('is seen free only by who also sees what was stored under it ($model)', ({ model, schedules }) => {
    // Message passing with the unlock as the flag: C(4, 2), and Catalan(2) x C(6, 2). '0 0' would be an early unlock.
    const world = new MemoryWorld(model);
    world.memory.initialise(lockWord, [1]);
    world
      .task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.unlock(lockWord);
      })
      .task(1, function* (cpu) {
        world.seen.lock = yield* cpu.load32(lockWord);
        world.seen.x = yield* cpu.load64(x);
      });
    expect(world.explore(registers('lock', 'x'))).toEqual({ schedules, outcomes: ['0 1', '1 0', '1 1'] });
  });

  it('waits, as a locked instruction does, until its CPU has drained', () => {
    // s < d < lock: one order, against two reads C(5, 2) = 10. Who sees the lock taken sees x.
    const world = new MemoryWorld('x86-tso');
    world
      .task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.lock(lockWord, 'lock');
      })
      .device(function* () {
        yield world.deviceRead('lock', lockWord);
        yield world.deviceRead('x', x);
      });
    expect(world.explore(registers('lock', 'x'))).toEqual({ schedules: 10, outcomes: ['0 0', '0 1', '1 1'] });
  });
});
