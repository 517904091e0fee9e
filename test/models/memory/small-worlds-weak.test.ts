import { describe, expect, it } from 'vitest';
import type { Cpu } from '../../../models/memory/cpu.ts';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import type { Flow } from '../../../sim/operation.ts';
import { MemoryWorld, registers } from '../../support/memory-world.ts';

// Driver code on the weak machines, with outcomes counted by hand: what each kernel primitive forbids and what it leaves.

const x = 0x100;
const y = 0x140;
const weak: readonly MemoryModelName[] = ['rvwmo', 'armv8', 'portable'];

function load(world: MemoryWorld, cpu: Cpu, name: string, ...args: Parameters<Cpu['load64']>): Flow {
  return (function* () {
    world.seen[name] = yield* cpu.load64(...args);
  })();
}

describe('message passing: store x, store y | load y as r0, load x as r1', () => {
  type Half = (cpu: Cpu, world: MemoryWorld) => Flow;
  const writers: Record<string, Half> = {
    *plain(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.store64(y, 1n);
    },
    *wmb(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.barrier('smp_wmb');
      yield cpu.store64(y, 1n);
    },
    *dmaWmb(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.barrier('dma_wmb');
      yield cpu.store64(y, 1n);
    },
    *release(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.store64(y, 1n, 'release');
    },
    *cmpxchg(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.compareExchange(y, { widthBits: 64, expected: 0n, desired: 1n });
    },
    *relaxedCmpxchg(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.compareExchange(y, { widthBits: 64, expected: 0n, desired: 1n, order: 'relaxed' });
    },
    *releaseCmpxchg(cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.compareExchange(y, { widthBits: 64, expected: 0n, desired: 1n, order: 'release' });
    },
    // The unlock is a release of everything before it.
    *unlock(cpu) {
      yield cpu.lock(0x180, 'l');
      yield cpu.store64(x, 1n);
      yield cpu.unlock(0x180);
      yield cpu.barrier('smp_wmb');
      yield cpu.store64(y, 1n);
    },
  };
  const readers: Record<string, Half> = {
    *plain(cpu, world) {
      yield load(world, cpu, 'r0', y);
      yield load(world, cpu, 'r1', x);
    },
    *rmb(cpu, world) {
      yield load(world, cpu, 'r0', y);
      yield cpu.barrier('smp_rmb');
      yield load(world, cpu, 'r1', x);
    },
    *acquire(cpu, world) {
      yield load(world, cpu, 'r0', y, 'acquire');
      yield load(world, cpu, 'r1', x);
    },
    *dependent(cpu, world) {
      yield load(world, cpu, 'r0', y);
      yield load(world, cpu, 'r1', x, 'dependent');
    },
    *wmb(cpu, world) {
      yield load(world, cpu, 'r0', y);
      yield cpu.barrier('smp_wmb');
      yield load(world, cpu, 'r1', x);
    },
  };
  const run = (model: MemoryModelName, writer: string, reader: string): readonly string[] => {
    const world = new MemoryWorld(model);
    world.task(0, (cpu) => (writers[writer] as Half)(cpu, world));
    world.task(1, (cpu) => (readers[reader] as Half)(cpu, world));
    return world.explore(registers('r0', 'r1')).outcomes;
  };

  // r0 = 1 with r1 = 0 is the message without what it announces; the other three are always there.
  const fine = ['0 0', '0 1', '1 1'];
  const ordered = ['wmb', 'dmaWmb', 'release', 'cmpxchg', 'releaseCmpxchg', 'unlock'];

  it.each(weak)('is safe only where both halves are ordered (%s)', (model) => {
    for (const writer of Object.keys(writers)) {
      for (const reader of Object.keys(readers)) {
        const isSafe = ordered.includes(writer) && ['rmb', 'acquire', 'dependent'].includes(reader);
        const outcomes = isSafe ? fine : [...fine, '1 0'].sort();
        expect(run(model, writer, reader), `${writer} | ${reader}`).toEqual(outcomes);
      }
    }
  });

  it('is always safe under sc and x86-tso', () => {
    for (const model of ['sc', 'x86-tso'] as const) {
      expect(run(model, 'plain', 'plain')).toEqual(fine);
    }
  });
});

describe('store buffering: store x, load y as r0 | store y, load x as r1', () => {
  type Middle = (cpu: Cpu) => Flow;
  const between: Record<string, Middle> = {
    *nothing() {},
    *wmb(cpu) {
      yield cpu.barrier('wmb');
    },
    *dmaWmb(cpu) {
      yield cpu.barrier('dma_wmb');
    },
    *mb(cpu) {
      yield cpu.barrier('smp_mb');
    },
    // A fully ordered atomic elsewhere is a barrier of its own.
    *atomic(cpu) {
      yield cpu.fetchAdd(0x180, { widthBits: 32, value: 1n });
    },
    *relaxedAtomic(cpu) {
      yield cpu.fetchAdd(0x180, { widthBits: 32, value: 1n, order: 'relaxed' });
    },
    // unlock and lock together are no full barrier, but a lock of RISC-V is one by itself.
    *lock(cpu) {
      yield cpu.lock(0x1c0, 'l');
    },
  };
  const run = (model: MemoryModelName, first: string, second: string): readonly string[] => {
    const world = new MemoryWorld(model);
    world.task(0, function* (cpu) {
      yield cpu.store64(x, 1n);
      yield (between[first] as Middle)(cpu);
      yield load(world, cpu, 'r0', y);
    });
    world.task(1, function* (cpu) {
      yield cpu.store64(y, 1n);
      yield (between[second] as Middle)(cpu);
      yield load(world, cpu, 'r1', x);
    });
    return world.explore(registers('r0', 'r1')).outcomes;
  };
  const fine = ['0 1', '1 0', '1 1'];
  const all = ['0 0', ...fine];

  it.each(weak)('needs a full barrier on both sides (%s)', (model) => {
    for (const first of ['nothing', 'wmb', 'dmaWmb', 'mb', 'atomic', 'relaxedAtomic']) {
      for (const second of ['nothing', 'wmb', 'mb', 'atomic']) {
        const isSafe = ['mb', 'atomic'].includes(first) && ['mb', 'atomic'].includes(second);
        expect(run(model, first, second), `${first} | ${second}`).toEqual(isSafe ? fine : all);
      }
    }
  });

  it('a lock is enough on RISC-V and x86, not on Armv8', () => {
    expect(run('rvwmo', 'lock', 'mb')).toEqual(fine);
    expect(run('x86-tso', 'lock', 'mb')).toEqual(fine);
    expect(run('armv8', 'lock', 'mb')).toEqual(all);
    expect(run('portable', 'lock', 'mb')).toEqual(all);
  });

  it('every atomic is enough on x86', () => {
    expect(run('x86-tso', 'relaxedAtomic', 'relaxedAtomic')).toEqual(fine);
    expect(run('x86-tso', 'wmb', 'mb')).toEqual(all);
  });
});

describe('a lock', () => {
  it.each(weak)('keeps what it protects together (%s)', (model) => {
    // Two tasks add 1 to x under the lock, with a load and a store each: 2 in the end, whatever else is weak.
    const world = new MemoryWorld(model);
    for (const cpuNumber of [0, 1]) {
      world.task(cpuNumber, function* (cpu) {
        yield cpu.lock(0x180, 'l');
        const old = yield* cpu.load64(x);
        yield cpu.store64(x, old + 1n);
        yield cpu.unlock(0x180);
      });
    }
    expect(world.explore((done) => String(done.qword(x))).outcomes).toEqual(['2']);
  });

  it.each(weak)('lost without it (%s)', (model) => {
    const world = new MemoryWorld(model);
    for (const cpuNumber of [0, 1]) {
      world.task(cpuNumber, function* (cpu) {
        const old = yield* cpu.load64(x);
        yield cpu.store64(x, old + 1n);
      });
    }
    expect(world.explore((done) => String(done.qword(x))).outcomes).toEqual(['1', '2']);
  });
});

describe('atomicity', () => {
  it.each(weak)('a device sees a 128-bit store whole and two 64-bit ones in parts (%s)', (model) => {
    const run = (store: (cpu: Cpu) => Flow): readonly string[] => {
      const world = new MemoryWorld(model);
      world.task(0, store).device(function* () {
        yield world.deviceRead('d', x, 128);
      });
      return world.explore(({ seen }) => (seen.d as bigint).toString(16)).outcomes;
    };
    const whole = 0x2_0000_0000_0000_0001n;
    expect(
      run(function* (cpu) {
        yield cpu.store128(x, whole);
      }),
    ).toEqual(['0', '20000000000000001']);
    // Either half may arrive first: the out-of-order buffer has both.
    expect(
      run(function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.store64(x + 8, 2n);
      }),
    ).toEqual(['0', '1', '20000000000000000', '20000000000000001']);
    expect(
      run(function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.barrier('dma_wmb');
        yield cpu.store64(x + 8, 2n);
      }),
    ).toEqual(['0', '1', '20000000000000001']);
  });

  it.each(weak)('a 64-bit load gives no half of a 64-bit store; two 32-bit loads may (%s)', (model) => {
    const world = new MemoryWorld(model);
    world.task(0, function* (cpu) {
      yield cpu.store64(x, 0x1_0000_0001n);
    });
    world.task(1, function* (cpu) {
      world.seen.whole = yield* cpu.load64(x);
      world.seen.low = yield* cpu.load32(x);
      world.seen.high = yield* cpu.load32(x + 4);
    });
    const { outcomes } = world.explore(({ seen }) => `${seen.whole} ${seen.low} ${seen.high}`);
    // Once the whole was read new, neither half is old; high before low is the reordering of two loads.
    expect(outcomes).toEqual(['0 0 0', '0 0 1', '0 1 0', '0 1 1', '4294967297 1 1']);
  });
});

describe('coherence', () => {
  it.each(weak)('reads of one place never go back, and see own stores (%s)', (model) => {
    const world = new MemoryWorld(model);
    world.task(0, function* (cpu) {
      yield cpu.store64(x, 1n);
      yield cpu.store64(x, 2n);
      yield load(world, cpu, 'own', x);
    });
    world.task(1, function* (cpu) {
      yield load(world, cpu, 'r0', x);
      yield load(world, cpu, 'r1', x);
    });
    const { outcomes } = world.explore(registers('own', 'r0', 'r1'));
    expect(outcomes).toEqual(['2 0 0', '2 0 1', '2 0 2', '2 1 1', '2 1 2', '2 2 2']);
  });

  it.each(weak)('a wait for a word ends with what others have written, and orders nothing (%s)', (model) => {
    const run = (barrier: boolean): readonly string[] => {
      const world = new MemoryWorld(model);
      world.task(0, function* (cpu) {
        yield cpu.store64(x, 1n);
        yield cpu.barrier('smp_wmb');
        yield cpu.store32(y, 1n);
      });
      world.task(1, function* (cpu) {
        yield cpu.waitForWord(y, 1, 'y');
        if (barrier) {
          yield cpu.barrier('smp_rmb');
        }
        yield load(world, cpu, 'r0', x);
      });
      return world.explore(registers('r0')).outcomes;
    };
    expect(run(false)).toEqual(['0', '1']);
    expect(run(true)).toEqual(['1']);
  });
});
