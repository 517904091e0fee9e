import { describe, expect, it } from 'vitest';
import { iodirInvalDdt, iofence, iotinval } from '../../../models/riscv/commands.ts';
import { cqcsrBit } from '../../../models/riscv/queue-registers.ts';
import type { RiscvConfig } from '../../../models/riscv/riscv-config.ts';
import { type RiscvSketch, RiscvWorld } from '../../support/riscv-world.ts';

const vma = (pscid: number): Uint32Array => iotinval('vma', { pscid });
const fence = iofence({ reads: false, writes: false });
const illegal = Uint32Array.of(5, 0, 0, 0);

function driver(commands: readonly Uint32Array[], config: RiscvSketch['config'] = {}): RiscvWorld {
  return new RiscvWorld({
    config,
    tasks: {
      *driver(w) {
        yield* w.submit(0, commands);
      },
    },
  });
}

describe('commands', () => {
  it.each<[RiscvConfig['commandOrder'], readonly string[]]>([
    ['in-order', ['1 2 3']],
    ['any', ['1 2 3', '1 3 2', '2 1 3', '2 3 1', '3 1 2', '3 2 1']],
  ])('execute in order: %s', (commandOrder, orders) => {
    const seen = driver([vma(1), vma(2), vma(3)], { commandOrder }).outcomes((run) =>
      run
        .events('invalidation-done')
        .map(({ did }) => did)
        .join(' '),
    );
    expect([...seen].sort()).toEqual(orders);
  });

  it('are passed by the head before they execute, but for a fence', () => {
    const seen = driver([vma(1), fence]).outcomes((run) => {
      const position = (kind: string): number => run.records.findIndex(({ event }) => event.kind === kind);
      return `${position('invalidation-done') < position('fence-done')}, ${run.events('descriptor-fetched').length}`;
    });
    expect([...seen]).toEqual(['true, 2']);
    const head = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield* w.submitAndWait(0, [vma(1)]);
          yield w.store(w.page('told'), [1]);
        },
      },
    });
    const told = head.outcomes((run) => {
      const told_ = run.events('invalidation-done').length;
      return told_ === 1 && run.records.at(-1)?.event.kind === 'invalidation-done' ? 'after' : 'before';
    });
    // The last thing in a run may be the invalidation: software was told by the head before that.
    expect(told.has('after')).toBe(true);
  });

  it('behind a fence wait for it', () => {
    const seen = driver([vma(1), fence, vma(2)]).outcomes((run) =>
      run.records
        .flatMap(({ event }) =>
          event.kind === 'invalidation-done' ? [`${event.did}`] : event.kind === 'fence-done' ? ['fence'] : [],
        )
        .join(' '),
    );
    expect([...seen]).toEqual(['1 fence 2']);
  });

  it('are fetched as two doublewords, lowest first: a late second half is seen or not', () => {
    const world = new RiscvWorld({
      prepare: (w) => w.write(w.queueAddress, iodirInvalDdt(1)),
      tasks: {
        *driver(w) {
          yield w.register('cqt', 1);
          yield w.store(w.queueAddress + 8, [0x400 * 7, 0]);
          yield w.store(w.queueAddress, iotinval('vma', { pages: { firstPage: 1, pageCount: 1 } }).slice(0, 2));
        },
      },
    });
    const seen = world.outcomes((run) =>
      run
        .events('descriptor-fetched')
        .map(({ words }) => words.join(','))
        .join(' '),
    );
    const [low, ddt] = [iotinval('vma', { pages: { firstPage: 1, pageCount: 1 } }), iodirInvalDdt(1)];
    const of = (first: Uint32Array, second: number): string => `${first[0]},${first[1]},${second},0`;
    // The second half is stored first, and read last: with the new first half it cannot be the old one.
    expect([...seen].sort()).toEqual([of(ddt, 0), of(ddt, 0x1c00), of(low, 0x1c00)].sort());
  });

  it('wrap around the ring', () => {
    const world = new RiscvWorld({
      config: { cqSlots: 4 },
      tasks: {
        *driver(w) {
          for (let i = 0; i < 6; i += 1) {
            yield w.store(w.queueAddress + (i % 4) * 16, vma(i));
            yield w.register('cqt', (i + 1) % 4);
            yield w.waitFor('cqh', (head) => head === (i + 1) % 4);
          }
        },
      },
    });
    expect(
      world
        .run()
        .events('descriptor-fetched')
        .map(({ slot }) => slot),
    ).toEqual([0, 1, 2, 3, 0, 1]);
  });
});

describe('IOFENCE.C', () => {
  it('stores its data when it is complete, with AV', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          const store = { address: w.page('status') + 8, data: 0x1234_5678 };
          yield* w.submitAndWait(0, [vma(1), iofence({ reads: true, writes: true, store })]);
        },
      },
    });
    const run = world.run();
    expect(run.events('status-written')).toEqual([
      { kind: 'status-written', address: world.page('status') + 8, data: 0x1234_5678 },
    ]);
    expect(world.memory.read(world.page('status') + 8)).toBe(0x1234_5678);
    expect(run.events('fence-done')).toEqual([{ kind: 'fence-done', slot: 1, reads: true, writes: true }]);
  });

  /** Whether DMA that the IOMMU had before a fence reached memory after it. */
  function lateAccess(write: boolean, operands: { reads: boolean; writes: boolean }): readonly string[] {
    const world = new RiscvWorld({
      prepare: (w) => w.context(0, {}),
      dma: { nic: { write, iova: 0x9000 } },
      tasks: {
        *driver(w) {
          yield* w.submitAndWait(0, [iofence(operands)]);
        },
      },
      watch(w) {
        const state = w.cell('order');
        // 1: the request is here; 2: the fence was fetched after it; 3: the fence was complete before the access.
        w.trace.observe('request', () => state.set(Math.max(state.get(), 1)));
        w.trace.observe('descriptor-fetched', () => state.set(state.get() === 1 ? 2 : state.get()));
        w.trace.observe('fence-done', () => state.set(state.get() === 2 ? 3 : state.get() === 4 ? 4 : state.get()));
        w.trace.observe('dma', () => state.set(state.get() === 3 ? 5 : 4));
        return () => (state.get() === 5 ? 'late' : 'in time');
      },
    });
    return [...world.explore()].sort();
  }

  it.each([
    [true, { reads: false, writes: true }, ['in time']],
    [true, { reads: true, writes: false }, ['in time', 'late']],
    [true, { reads: false, writes: false }, ['in time', 'late']],
    [false, { reads: true, writes: false }, ['in time']],
    [false, { reads: false, writes: true }, ['in time', 'late']],
  ])('with a write: %s, waits by %o', (write, operands, outcomes) => {
    expect(lateAccess(write, operands)).toEqual(outcomes);
  });
});

describe('an illegal command', () => {
  it('stops the queue at it, until software clears the error, and then again', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield* w.submit(0, [vma(1), illegal, vma(2)]);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cmdIll) !== 0);
          yield w.register('cqcsr', cqcsrBit.cqen | cqcsrBit.cmdIll);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cmdIll) !== 0);
        },
      },
    });
    const run = world.run();
    expect(run.events('queue-error')).toEqual([
      { kind: 'queue-error', slot: 1, code: 10 },
      { kind: 'queue-error', slot: 1, code: 10 },
    ]);
    expect(world.peek('cqh')).toBe(1);
    expect(run.events('invalidation-done').filter(({ did }) => did === 2)).toEqual([]);
  });

  it('leaves commands before it done or aborted', () => {
    const seen = driver([vma(1), vma(2), illegal]).outcomes((run) => {
      const done = run.events('invalidation-done').map(({ did }) => did);
      const lost = run.events('descriptor-lost').map(({ slot }) => slot + 1);
      return `done ${done.sort().join(' ')}, lost ${lost.sort().join(' ')}`;
    });
    expect([...seen].sort()).toEqual(['done , lost 1 2', 'done 1 2, lost ', 'done 1, lost 2', 'done 2, lost 1']);
  });

  it('is passed once software has put another in its place', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield* w.submit(0, [illegal]);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cmdIll) !== 0);
          yield w.store(w.queueAddress, vma(3));
          yield w.register('cqcsr', cqcsrBit.cqen | cqcsrBit.cmdIll);
          yield w.waitFor('cqh', (head) => head === 1);
        },
      },
    });
    expect([
      ...world.outcomes((run) =>
        run
          .events('invalidation-done')
          .map(({ did }) => did)
          .join(),
      ),
    ]).toEqual(['3']);
  });
});

describe('a memory fault of the queue', () => {
  it('at the store of a fence leaves the fence at the head', () => {
    const store = { address: 2 ** 40, data: 1 };
    const world = driver([iofence({ reads: false, writes: false, store })]);
    const run = world.run();
    expect(run.events('queue-error')).toEqual([{ kind: 'queue-error', slot: 0, code: 8 }]);
    expect(run.events('fence-done')).toEqual([]);
    expect(world.peek('cqh')).toBe(0);
    expect(world.peek('cqcsr') & 0x700).toBe(cqcsrBit.cqmf);
  });

  it('at a fetch: the ring is not in memory', () => {
    const world = new RiscvWorld({
      queueIsOn: false,
      tasks: {
        *driver(w) {
          yield w.register('cqb', 3, 2 ** 10);
          yield w.register('cqcsr', cqcsrBit.cqen);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cqon) !== 0);
          yield w.register('cqt', 1);
        },
      },
    });
    expect(world.run().events('queue-error')).toEqual([{ kind: 'queue-error', slot: 0, code: 8 }]);
  });
});

describe('cqcsr', () => {
  it('switches the queue on with busy meanwhile, at head 0 and without errors', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield* w.submit(0, [vma(1), illegal]);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cmdIll) !== 0);
          yield w.register('cqcsr', 0);
          yield w.waitFor('cqcsr', (value) => (value & (cqcsrBit.cqon | cqcsrBit.busy)) === 0);
          yield w.register('cqt', 0);
          yield w.register('cqcsr', cqcsrBit.cqen);
          yield w.waitFor('cqcsr', (value) => (value & (cqcsrBit.cqon | cqcsrBit.busy)) === cqcsrBit.cqon);
        },
      },
    });
    world.run();
    expect(world.peek('cqcsr')).toBe(cqcsrBit.cqen | cqcsrBit.cqon);
    expect(world.peek('cqh')).toBe(0);
  });

  it('off: commands that were fetched are executed or not', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield* w.submit(0, [vma(1)]);
          yield w.register('cqcsr', 0);
        },
      },
    });
    const seen = world.outcomes(
      (run) => `${run.events('descriptor-fetched').length}, ${run.events('invalidation-done').length}`,
    );
    expect([...seen].sort()).toEqual(['0, 0', '1, 0', '1, 1']);
  });

  it('asks for an interrupt with cie, which stays until the error is cleared', () => {
    const world = new RiscvWorld({
      tasks: {
        *driver(w) {
          yield w.register('cqcsr', cqcsrBit.cqen | cqcsrBit.cie);
          yield* w.submit(0, [illegal]);
          yield w.waitFor('ipsr', (value) => value === 1);
          yield w.register('ipsr', 1);
          yield w.waitFor('ipsr', (value) => value === 1);
          yield w.store(w.queueAddress, vma(1));
          yield w.register('cqcsr', cqcsrBit.cqen | cqcsrBit.cie | cqcsrBit.cmdIll);
          yield w.register('ipsr', 1);
        },
      },
    });
    expect(world.run().outcome.violations).toEqual([]);
    expect(world.peek('ipsr')).toBe(0);
  });

  it('asks for none without cie', () => {
    const world = driver([illegal]);
    world.run();
    expect(world.peek('ipsr')).toBe(0);
  });
});
