import { describe, expect, it } from 'vitest';
import type { BarrierName } from '../../../models/memory/barriers.ts';
import type { Cpu } from '../../../models/memory/cpu.ts';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { noDependencies } from '../../../models/memory/memory-model.ts';
import { TsoCore } from '../../../models/memory/tso-core.ts';
import { Arena } from '../../../sim/arena.ts';
import type { Flow, StepContext } from '../../../sim/operation.ts';
import { MemoryWorld, registers } from '../../support/memory-world.ts';

/*
 * The classic shapes, complete: every outcome and the number of schedules. Events of one CPU: s a store's step, d its
 * drain (x86-tso only), l a load. x86-tso asks s < d, drains in the order of stores, and nothing between d and a later l.
 */

const x = 0x100;
const y = 0x140;

describe('store buffering (SB): x = 1; r0 = y || y = 1; r1 = x', () => {
  function storeBuffering(model: MemoryModelName, between: (cpu: Cpu, number: number) => Flow): MemoryWorld {
    const world = new MemoryWorld(model);
    for (const [number, [own, other]] of [
      [x, y],
      [y, x],
    ].entries()) {
      world.task(number, function* (cpu) {
        yield cpu.store64(own as number, 1n);
        yield* between(cpu, number);
        world.seen[`r${number}`] = yield* cpu.load64(other as number);
      });
    }
    return world;
  }
  const r0r1 = registers('r0', 'r1');
  const nothing = function* () {};

  it('never reads 0 twice under sc', () => {
    // Two steps each: C(4, 2) = 6. Whoever stores last reads 1.
    expect(storeBuffering('sc', nothing).explore(r0r1)).toEqual({ schedules: 6, outcomes: ['0 1', '1 0', '1 1'] });
  });

  it('may read 0 twice under x86-tso', () => {
    // s, then d and l in either order: 2 orders of 3 events each, C(6, 3) = 20 interleavings, 20 x 2 x 2.
    expect(storeBuffering('x86-tso', nothing).explore(r0r1)).toEqual({
      schedules: 80,
      outcomes: ['0 0', '0 1', '1 0', '1 1'],
    });
  });

  it.each(['smp_mb', 'mb'] as const)('never does with %s on both sides', (name) => {
    const fence = function* (cpu: Cpu): Flow {
      yield cpu.barrier(name);
    };
    // s < d < fence < l, one order each: C(8, 4) = 70. Under sc a fence is no step: 6 as before.
    const outcomes = ['0 1', '1 0', '1 1'];
    expect(storeBuffering('x86-tso', fence).explore(r0r1)).toEqual({ schedules: 70, outcomes });
    expect(storeBuffering('sc', fence).explore(r0r1)).toEqual({ schedules: 6, outcomes });
  });

  it('still does with a fence on one side only', () => {
    const fence = function* (cpu: Cpu, number: number): Flow {
      if (number === 0) yield cpu.barrier('smp_mb');
    };
    // 4 events in one order, 3 in two: C(7, 3) x 2 = 70.
    expect(storeBuffering('x86-tso', fence).explore(r0r1)).toEqual({
      schedules: 70,
      outcomes: ['0 0', '0 1', '1 0', '1 1'],
    });
  });

  it.each(['smp_wmb', 'smp_rmb', 'dma_wmb', 'dma_rmb', 'wmb', 'rmb'] as const)('still does with %s', (name) => {
    // None of them orders a store before a later load; on x86 they are not even a step.
    const fence = function* (cpu: Cpu): Flow {
      yield cpu.barrier(name as BarrierName);
    };
    expect(storeBuffering('x86-tso', fence).explore(r0r1)).toEqual({
      schedules: 80,
      outcomes: ['0 0', '0 1', '1 0', '1 1'],
    });
  });

  it.each(['sc', 'x86-tso'] as const)('never does when the stores are locked operations (%s)', (model) => {
    const world = new MemoryWorld(model);
    for (const [number, [own, other]] of [
      [x, y],
      [y, x],
    ].entries()) {
      world.task(number, function* (cpu) {
        yield cpu.compareExchange(own as number, { widthBits: 64, expected: 0n, desired: 1n });
        world.seen[`r${number}`] = yield* cpu.load64(other as number);
      });
    }
    // A locked operation is one event, in memory at once: C(4, 2) = 6 under both.
    expect(world.explore(r0r1)).toEqual({ schedules: 6, outcomes: ['0 1', '1 0', '1 1'] });
  });
});

describe('message passing (MP): x = 1; y = 1 || r0 = y; r1 = x', () => {
  function messagePassing(model: MemoryModelName, writer: (cpu: Cpu) => Flow): MemoryWorld {
    const world = new MemoryWorld(model);
    return world.task(0, writer).task(1, function* (cpu) {
      world.seen.r0 = yield* cpu.load64(y);
      world.seen.r1 = yield* cpu.load64(x);
    });
  }
  const r0r1 = registers('r0', 'r1');
  const inOrder = function* (cpu: Cpu): Flow {
    yield cpu.store64(x, 1n);
    yield cpu.store64(y, 1n);
  };
  const plain = (cpu: Cpu): Flow =>
    cpu.plainStores([
      { address: x, widthBits: 64, value: 1n },
      { address: y, widthBits: 64, value: 1n },
    ]);

  it.each([
    // C(4, 2) = 6.
    { model: 'sc', schedules: 6 },
    // Two stores and two drains in Catalan(2) = 2 orders, two loads: 2 x C(6, 2) = 30.
    { model: 'x86-tso', schedules: 30 },
  ] as const)('never reads the flag and stale data under $model', ({ model, schedules }) => {
    expect(messagePassing(model, inOrder).explore(r0r1)).toEqual({ schedules, outcomes: ['0 0', '0 1', '1 1'] });
  });

  it.each([
    // Twice as many: the compiler's order is one more choice of two.
    { model: 'sc', schedules: 12 },
    { model: 'x86-tso', schedules: 60 },
  ] as const)('reads stale data when the compiler may reorder the stores ($model)', ({ model, schedules }) => {
    expect(messagePassing(model, plain).explore(r0r1)).toEqual({ schedules, outcomes: ['0 0', '0 1', '1 0', '1 1'] });
  });

  it('is safe again when stores are ordered by smp_wmb, which the compiler keeps to', () => {
    const writer = function* (cpu: Cpu): Flow {
      yield* cpu.plainStores([{ address: x, widthBits: 64, value: 1n }]);
      yield cpu.barrier('smp_wmb');
      yield* cpu.plainStores([{ address: y, widthBits: 64, value: 1n }]);
    };
    expect(messagePassing('x86-tso', writer).explore(r0r1)).toEqual({ schedules: 30, outcomes: ['0 0', '0 1', '1 1'] });
  });

  it('keeps plain stores to one place in their order', () => {
    // x = 1, x = 2 and y = 1: the first two keep their order, so 3!/2 = 3 orders; x is 2 in the end.
    const world = new MemoryWorld('sc').task(0, (cpu) =>
      cpu.plainStores([
        { address: x, widthBits: 64, value: 1n },
        { address: x, widthBits: 64, value: 2n },
        { address: y, widthBits: 64, value: 1n },
      ]),
    );
    expect(world.explore((w) => `${w.qword(x)} ${w.qword(y)}`)).toEqual({ schedules: 3, outcomes: ['2 1'] });
  });

  it('keeps plain stores that overlap in part in their order', () => {
    // 64 bits at x, then 32 bits in its upper half: one order. The neighbour in front of x is free: 3 orders.
    const world = new MemoryWorld('sc').task(0, (cpu) =>
      cpu.plainStores([
        { address: x, widthBits: 64, value: 1n },
        { address: x + 4, widthBits: 32, value: 2n },
        { address: x - 4, widthBits: 32, value: 3n },
      ]),
    );
    expect(world.explore((w) => w.qword(x).toString(16))).toEqual({ schedules: 3, outcomes: ['200000001'] });
  });
});

describe('store-to-load forwarding', () => {
  // n6 of Owens, Sarkar, Sewell 2009: x = 1; r0 = x; r1 = y || y = 2; x = 2, and x in the end.
  function n6(model: MemoryModelName): MemoryWorld {
    const world = new MemoryWorld(model);
    return world
      .task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
        world.seen.r0 = yield* cpu.load64(x);
        world.seen.r1 = yield* cpu.load64(y);
      })
      .task(1, function* (cpu) {
        yield cpu.store64(y, 2n);
        yield cpu.store64(x, 2n);
      });
  }
  const outcome = (world: MemoryWorld) => `${registers('r0', 'r1')(world)} x=${world.qword(x)}`;

  it('shows nothing under sc: if x = 1 is last, y = 2 was before it (n6)', () => {
    // C(5, 2) = 10. x = 2 comes before x = 1: all is overwritten, 1 2 x=1. Between x = 1 and r0: 2 2 x=2. Later: r0 is 1,
    // and r1 is 0 only if y = 2 comes after it.
    expect(n6('sc').explore(outcome)).toEqual({
      schedules: 10,
      outcomes: ['1 0 x=2', '1 2 x=1', '1 2 x=2', '2 2 x=2'],
    });
  });

  it('shows 1 0 x=1 under x86-tso: the CPU has read its own store before anyone else could (n6)', () => {
    // CPU 0: s < l < l and s < d: d in 3 places. CPU 1: Catalan(2) = 2. C(8, 4) x 3 x 2 = 420.
    expect(n6('x86-tso').explore(outcome)).toEqual({
      schedules: 420,
      outcomes: ['1 0 x=1', '1 0 x=2', '1 2 x=1', '1 2 x=2', '2 2 x=2'],
    });
  });

  interface Access {
    readonly op: 'store' | 'load';
    readonly at: number;
    readonly bits: 32 | 64;
    readonly value?: bigint;
  }

  function alone(accesses: readonly Access[]): MemoryWorld {
    const world = new MemoryWorld('x86-tso');
    world.memory.initialise(x, [0xaaaa_aaaa, 0xbbbb_bbbb, 0xcccc_cccc, 0xdddd_dddd]);
    return world.task(0, function* (cpu) {
      for (const { op, at, bits, value = 0n } of accesses) {
        if (op === 'store') yield bits === 32 ? cpu.store32(at, value) : cpu.store64(at, value);
        else world.seen.r = yield* bits === 32 ? cpu.load32(at) : cpu.load64(at);
      }
    });
  }
  const r = ({ seen }: MemoryWorld) => String(seen.r?.toString(16));

  it.each([
    // Covered, in any part: the load need not wait, so d is before or after it: 2 schedules.
    { load: [x, 64], read: '2222222211111111', schedules: 2 },
    { load: [x, 32], read: '11111111', schedules: 2 },
    { load: [x + 4, 32], read: '22222222', schedules: 2 },
    // Nothing of it in the buffer: 2.
    { load: [x + 8, 64], read: 'ddddddddcccccccc', schedules: 2 },
    { load: [x - 4, 32], read: '0', schedules: 2 },
    // Half of it: the load waits for the drain: 1.
    { load: [x + 4, 64], read: 'cccccccc22222222', schedules: 1 },
    { load: [x - 4, 64], read: '1111111100000000', schedules: 1 },
  ] as const)('of 64 bits stored to a load at $load: $schedules schedules', ({ load: [at, bits], read, schedules }) => {
    const store = { op: 'store', at: x, bits: 64, value: 0x2222_2222_1111_1111n } as const;
    expect(alone([store, { op: 'load', at, bits }]).explore(r)).toEqual({ schedules, outcomes: [read] });
  });

  it('takes the newest store, and waits where the newest covers half', () => {
    const wide = { op: 'store', at: x, bits: 64, value: 0x2222_2222_1111_1111n } as const;
    const narrow = { op: 'store', at: x + 4, bits: 32, value: 0x3333_3333n } as const;
    const load = { op: 'load', at: x, bits: 64 } as const;
    // Narrow last: the load waits for both drains, so it is last: Catalan(2) = 2.
    expect(alone([wide, narrow, load]).explore(r)).toEqual({ schedules: 2, outcomes: ['3333333311111111'] });
    // Wide last: forwarded. s s d d has 3 places for the load after the second s, s d s d has 2: 5.
    expect(alone([narrow, wide, load]).explore(r)).toEqual({ schedules: 5, outcomes: ['2222222211111111'] });
  });
});

describe('a store buffer', () => {
  it('forwards stores only: a register write or a clflush in it is no contents of memory', () => {
    const arena = new Arena();
    const arrived: string[] = [];
    const core = new TsoCore(
      arena,
      'buffer',
      { entryCount: 4, maxNs: 1 },
      {
        readWord: (address) => address,
        apply: ({ kind, address, words }) => void arrived.push(`${kind} 0x${address.toString(16)} ${words}`),
      },
    );
    const canRead = (address: number, wordCount: number): boolean =>
      core.canRead({ address, wordCount, order: 'relaxed', ...noDependencies });
    core.write({ access: { kind: 'store', address: x, words: [1, 2] }, order: 'relaxed', ...noDependencies });
    core.write({ access: { kind: 'register', address: y, words: [3] }, order: 'relaxed', ...noDependencies });
    core.write({ access: { kind: 'flush', address: x, words: [] }, order: 'relaxed', ...noDependencies });
    core.write({
      access: { kind: 'register', address: 0xfed9_0088, words: [0xffff_ffff] },
      order: 'relaxed',
      ...noDependencies,
    });
    expect([core.peekWord(x), core.peekWord(x + 4), core.peekWord(y)]).toEqual([1, 2, y]);
    expect([canRead(x, 2), canRead(y, 1), canRead(y, 2), core.hasRoom()]).toEqual([true, true, true, false]);
    while (!core.isDrained()) core.drain.execute({ choose: () => 0 } as unknown as StepContext);
    // All of them in one queue, in order; what was unsigned arrives unsigned.
    expect(arrived).toEqual(['store 0x100 1,2', 'register 0x140 3', 'flush 0x100 ', 'register 0xfed90088 4294967295']);
  });
});

describe('independent reads of independent writes (IRIW)', () => {
  it.each([
    // 1 + 1 + 2 + 2 steps: 6! / (2! 2!) = 180.
    { model: 'sc', schedules: 180 },
    // Each store has its drain: 8! / (2! 2! 2! 2!) = 2520.
    { model: 'x86-tso', schedules: 2520 },
  ] as const)('never lets two readers see two stores in different orders ($model)', ({ model, schedules }) => {
    const world = new MemoryWorld(model);
    world
      .task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
      })
      .task(1, function* (cpu) {
        yield cpu.store64(y, 1n);
      })
      .task(2, function* (cpu) {
        world.seen.r0 = yield* cpu.load64(x);
        world.seen.r1 = yield* cpu.load64(y);
      })
      .task(3, function* (cpu) {
        world.seen.r2 = yield* cpu.load64(y);
        world.seen.r3 = yield* cpu.load64(x);
      });
    const { schedules: count, outcomes } = world.explore(registers('r0', 'r1', 'r2', 'r3'));
    // The six events form one ring (store x, r0, r1, store y, r2, r3), so only one of the 16 outcomes closes a cycle.
    const all = Array.from({ length: 16 }, (_, i) => [...i.toString(2).padStart(4, '0')].join(' '));
    expect(outcomes).toEqual(all.filter((outcome) => outcome !== '1 0 1 0'));
    expect(count).toBe(schedules);
  });
});
