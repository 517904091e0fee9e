import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import type { TraceEvent } from '../../../models/trace-events.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate, ringWorld } from '../../support/vtd-queue.ts';
import { pagingEntry, placesOf, setBit, setBits, setPointer } from '../../support/vtd-tables.ts';
import { nic, seen, type TaskBody, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

/** Faults these models once had, each by its cause: the least machine and schedule that showed it. */

const firstStage: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  dma: { traffic: { pasid: 1 } },
};
const queueFirst = ['driver', 'invalidation fetch', 'invalidation', 'traffic'];
const isPasidEntry = (event: { readonly structure: string }): boolean => event.structure === 'pasid-entry';

/** Position of the first event of a kind, or -1. */
function at(run: VtdRun, kind: TraceEvent['kind']): number {
  return run.records.findIndex(({ event }) => event.kind === kind);
}

/** The teardown of PASID 1 by the book, but for what it flushes before it clears the rest of the entry. */
function teardownFlushing(...flush: readonly InvalidationDescriptor[]): WorldSketch {
  const driver: TaskBody = function* ({ cpu, vtd }) {
    const entry = vtd.pasidEntryAddress('nic', 1);
    yield* vtd.beginUpdate(entry, [new Uint32Array(16)]);
    const quadword = yield* cpu.load64(entry);
    yield* cpu.store64(entry, quadword & ~1n);
    yield* vtd.queue.submitSync(cpu, flush);
    yield* vtd.endUpdate(entry, new Uint32Array(16));
    for (let i = 0; i < 8; i += 1) {
      yield* cpu.store64(entry + i * 8, 0n);
    }
  };
  // The order of invalidations is wrong on purpose; here it is about what the hardware makes of it.
  return { ...firstStage, tasks: { driver }, checkers: checkers.filter(({ rule }) => rule !== 'invalidation-order') };
}

describe('invalidations wait only for what they are about (VT-d 6.5.4)', () => {
  it.each([
    ['of another PASID does not end the fetch of an entry', 2, ['corrupted-entry']],
    ['of its PASID does', 1, []],
  ] as const)('a PASID-cache invalidation %s', (_, pasid, rules) => {
    const world = vtdWorld(teardownFlushing(invalidate.pasidCache(5, pasid), invalidate.piotlb(5, pasid)));
    const legs = [{ run: 'traffic', until: seen('entry-read', 1, isPasidEntry) }];
    expect(world.runWith({ legs, prefer: queueFirst }).rules).toEqual(rules);
  });

  it.each([
    ['of another domain does not drain a walk', 6, ['stale-translation']],
    ['of its domain does', 5, []],
  ] as const)('an IOTLB invalidation %s', (_, did, rules) => {
    const world = vtdWorld(teardownFlushing(invalidate.iotlb(did)));
    const legs = [{ run: 'traffic', until: seen('page-table-read', 4) }];
    expect(world.runWith({ legs, prefer: queueFirst }).rules).toEqual(rules);
  });

  it.each([
    ['being walked for', seen('page-table-read')],
    ['translated', seen('cache-filled', 1, ({ cache }) => cache === 'iotlb')],
  ])('an IOTLB invalidation drains a request that is %s, also where none waits for fetches', (_, until) => {
    const world = vtdWorld({
      ...firstStage,
      vtd: { invalidationWaitsForFetch: false, iotlbEntries: 1 },
      tasks: { driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' }) },
      checkers,
    });
    const run = world.runWith({ legs: [{ run: 'traffic', until }], prefer: queueFirst });
    expect(run.rules).toEqual([]);
    expect(at(run, 'dma')).toBeGreaterThan(at(run, 'entry-changed'));
    expect(at(run, 'dma')).toBeLessThan(at(run, 'update-end'));
  });
});

describe('the invalidation queue', () => {
  it('has room for every batch: eight CPUs with 17 descriptors each do not lap the ring (VT-d 6.5.2)', () => {
    const names = Array.from({ length: 8 }, (_, cpu) => `cpu${cpu}`);
    const tasks = Object.fromEntries(
      names.map((name, pasid): [string, TaskBody] => {
        const batch = Array.from({ length: 16 }, () => invalidate.pasidCache(5, pasid));
        return [name, ({ cpu, vtd }) => vtd.queue.submitSync(cpu, batch)];
      }),
    );
    const run = vtdWorld({ tasks }).runWith({ legs: [], prefer: names });
    expect(run.rules).toEqual([]);
    expect(run.events('invalidation-done')).toHaveLength(128);
    expect(run.events('status-written')).toHaveLength(8);
  });

  // QEMU's vtd_context_device_invalidate masks alike.
  it.each([
    [0, [0x10]],
    [1, [0x10, 0x14]],
    [2, [0x10, 0x12, 0x14]],
    [3, [0x10, 0x11, 0x12, 0x14]],
  ])('leaves the most significant function bits out: FM = %i (VT-d 6.5.2.1)', (functionMask, devfns) => {
    const devices = { nic, fn1: 0x11, fn2: 0x12, fn4: 0x14 };
    const names = Object.keys(devices);
    const world = vtdWorld({
      vtd: { contextCacheEntries: 4 },
      devices,
      domains: { a: { stage: 'first', did: 5 } },
      attach: names.map((device) => ({ device, pasid: 1, domain: 'a' })),
      dma: Object.fromEntries(Object.entries(devices).map(([name, sid]) => [name, { pasid: 1, sid }])),
      tasks: {
        driver: ({ cpu, vtd }) =>
          vtd.queue.submitSync(cpu, [{ kind: 'context', granularity: 'device', did: 0, sid: nic, functionMask }]),
      },
    });
    const run = world.runWith({ legs: [], prefer: names });
    expect(run.events('cache-dropped').map(({ sid }) => sid)).toEqual(devfns);
  });

  it('stops the run at a wait whose status address is not RAM, and writes nothing (VT-d 6.5.2.9)', () => {
    const rest = { statusData: 7, interrupt: false, fence: false, pageRequestDrain: false };
    const world = ringWorld(({ system }) => [{ kind: 'wait', statusAddress: system.memory.byteCount, ...rest }]);
    const run = world.runWith(1);
    expect(run.outcome).toMatchObject({ end: 'unmodelled', detail: expect.stringContaining('not RAM') });
    expect(run.events('status-written')).toEqual([]);
  });
});

describe('the IOTLB', () => {
  it.each([
    [0, [0x86]],
    [1, []],
  ] as const)('does not let a write stand for the right to read: R = %i (VT-d 7.1.3, 86h)', (readable, faults) => {
    const world = vtdWorld({
      vtd: { iotlbEntries: 1 },
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { writer: { pasid: 1, write: true }, reader: { pasid: 1 } },
      // The upper levels stay readable.
      prepare: (parts) => setBit(parts, placesOf(parts).second(1), 0, readable),
    });
    const run = world.runWith({ legs: [{ run: 'writer', until: seen('dma') }] });
    expect(run.events('cache-filled')).not.toEqual([]);
    expect(run.faults).toEqual(faults);
  });
});

describe('faults of a walk (VT-d 7.1.3 Table 30)', () => {
  it.each(['pasid', 'directory'] as const)('FPD of the %s entry is kept with what is cached (VT-d 7.1.1)', (entry) => {
    const world = vtdWorld({
      ...firstStage,
      vtd: { pasidCacheEntries: 1 },
      dma: { traffic: { pasid: 1, iova: 0x9000, repeat: 2 } },
      prepare: (parts) => setBit(parts, placesOf(parts)[entry], 1, 1),
    });
    const run = world.runWith(1);
    expect(run.events('cache-hit')).toHaveLength(1);
    expect(run.events('fault').map(({ recorded }) => recorded)).toEqual([false, false]);
  });

  it('an SSPTPTR that leads nowhere is 3h in legacy mode, not 7h (condition LCT.4)', () => {
    const world = vtdWorld({
      vtd: { mode: 'legacy' },
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ domain: 'a' }],
      dma: { traffic: {} },
      prepare: (parts) => setPointer(parts, placesOf(parts).context, 12, 0x4000_0000),
    });
    expect(world.runWith(1).faults).toEqual([0x3]);
  });

  it('a first-stage table the second stage gives no right to read is 75h, not 86h', () => {
    const world = vtdWorld({
      ...firstStage,
      domains: { a: { stage: 'nested', did: 5 } },
      prepare(parts) {
        const { firstStageTable: address, secondStageTable: table } = parts.domain('a');
        setBit(parts, pagingEntry(parts, { table, address, level: 1 }), 0, 0);
      },
    });
    expect(world.runWith(1).faults).toEqual([0x75]);
  });

  it('a guest address beyond the second stage is 74h; it does not wrap', () => {
    const world = vtdWorld({
      ...firstStage,
      capabilities: { HAW: 52, MGAW: 48 },
      domains: { a: { stage: 'nested', did: 5 } },
      prepare(parts) {
        const { firstStageTable: address, secondStageTable: table } = parts.domain('a');
        const leaf = parts.system.memory.read(pagingEntry(parts, { table, address, level: 1 }));
        // The top entry of the first stage points to its next table at 2^48 and more.
        setBits(parts, leaf & ~0xfff, { high: 51, low: 48, value: 1n });
      },
    });
    expect(world.runWith(1).faults).toEqual([0x74]);
  });

  it.each([
    ['87h', 'scalable', { pasid: 1 }, [0x87]],
    ['Eh', 'legacy', {}, [0xe]],
  ] as const)('an output address in FEEx_xxxxh is %s in %s mode', (_, mode, dma, faults) => {
    const translatedTo = (page: number): VtdRun =>
      vtdWorld({
        vtd: { mode },
        domains: { a: { stage: 'second', did: 5 } },
        attach: [{ pasid: 1, domain: 'a' }],
        dma: { traffic: dma },
        prepare: (parts) => setPointer(parts, placesOf(parts).second(1), 12, page),
      }).runWith(1);
    expect(translatedTo(0xfee0_0000).faults).toEqual(faults);
    expect(translatedTo(0xfeef_f000).faults).toEqual(faults);
    expect(translatedTo(0xfedf_f000).faults).toEqual([]);
    expect(translatedTo(0xfef0_0000).faults).toEqual([]);
  });
});

describe('memory', () => {
  it('PWSNP = 1 makes page walks snoop, whatever ECAP.C says of the tables above (VT-d 9.6)', () => {
    const driver: TaskBody = function* (parts) {
      yield* parts.cpu.store64(placesOf(parts).first(1), 0n);
    };
    const world = vtdWorld({ ...firstStage, system: { coherentWalks: false }, tasks: { driver } });
    const run = world.runWith({ legs: [], prefer: ['driver'] });
    expect(run.faults).toEqual([0x71]);
    expect(world.system.memory.dirtyLineCount).toBe(1);
  });

  it('refuses an access that crosses a cache line: watchers of the second line would not see it', () => {
    const { system, parts } = vtdWorld(firstStage);
    const entry = parts.vtd.pasidEntryAddress('nic', 1);
    const across = (): void => system.memory.write(entry - 4, [0, 0], 0, 2);
    expect(across).toThrow('an access stays within a cache line');
    expect(system.memory.read(entry)).not.toBe(0);
    system.trace.record(true);
    system.memory.write(entry - 4, [0], 0, 1);
    system.memory.write(entry, [0], 0, 1);
    expect(system.trace.records.map(({ event }) => event.kind)).toEqual(['entry-changed']);
  });
});
