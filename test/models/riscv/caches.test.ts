import { describe, expect, it } from 'vitest';
import { iodirInvalDdt, iodirInvalPdt, iofence, iotinval } from '../../../models/riscv/commands.ts';
import type { DeviceContextValues } from '../../../models/riscv/entries/device-context.ts';
import { encodeProcessContext } from '../../../models/riscv/entries/process-context.ts';
import type { RiscvConfig } from '../../../models/riscv/riscv-config.ts';
import { addRequests, leafWords, RiscvWorld, request } from '../../support/riscv-world.ts';

const fence = iofence({ reads: true, writes: true });
const pages = (first: number) => ({ firstPage: first, pageCount: 1 });

type Warm = 'first' | 'second' | 'nested' | 'process' | 'global';
/** Tags of the translations that {@link warmed} has in the IOATC. */
const [pscid, gscid, processPscid] = [5, 3, 6];

function contextOf(w: RiscvWorld, kind: Warm): DeviceContextValues {
  const firstTable = w.page('root');
  w.map(firstTable, 3, { iova: 0x1000, address: w.page('data'), flags: { global: kind === 'global' ? 1 : 0 } });
  const first = { pscid, firstMode: 8, firstTable };
  const secondTable = w.page('guest root', 4);
  const guestPages = [
    w.page('root'),
    w.page('data'),
    ...[2, 3].map((level) => w.page(`page table ${firstTable} ${level} 0`)),
  ];
  for (const page of guestPages) {
    w.map(secondTable, 3, { iova: page, address: page });
  }
  const second = { gscid, secondMode: 8, secondTable };
  const directory = { processDirectory: 1, firstMode: 1, firstTable: w.page('directory') };
  w.write(
    w.page('directory') + 16,
    encodeProcessContext({ valid: 1, pscid: processPscid, mode: 8, table: firstTable }),
  );
  return { first, global: first, second, nested: { ...first, ...second }, process: directory }[kind];
}

/** A request fills the caches, one command executes, a second request comes: what it finds in the caches. */
function hitsAfter(kind: Warm, command: Uint32Array, config: Partial<RiscvConfig> = {}): readonly string[] {
  const world = new RiscvWorld({
    config: { ddtCacheEntries: 2, pdtCacheEntries: 2, iotlbEntries: 2, ...config },
    capabilities: { NL: 1, S: 1 },
    prepare: (w) => w.context(1, contextOf(w, kind)),
    tasks: {
      *software(w) {
        const asked = { pasid: kind === 'process' ? 1 : -1, iova: kind === 'second' ? w.page('data') : 0x1000 };
        yield request(w, asked);
        yield* w.submitAndWait(0, [command, fence]);
        yield request(w, asked);
      },
    },
    watch: addRequests,
  });
  const run = world.run();
  expect(run.faults).toEqual([]);
  expect(run.reached).toHaveLength(2);
  return run.events('cache-hit').map(({ cache }) => cache);
}

describe('an invalidation command drops what its operands name and no more', () => {
  const all = ['ddt-cache', 'ioatc'];
  it.each<[string, Warm, Uint32Array, readonly string[]]>([
    ['IOFENCE.C', 'first', fence, all],
    ['INVAL_DDT of all', 'first', iodirInvalDdt(), ['ioatc']],
    ['INVAL_DDT of the device', 'first', iodirInvalDdt(1), ['ioatc']],
    ['INVAL_DDT of another device', 'first', iodirInvalDdt(2), all],
    ['INVAL_PDT of the process', 'process', iodirInvalPdt(1, 1), all],
    ['INVAL_PDT of another process', 'process', iodirInvalPdt(1, 2), ['ddt-cache', 'pdt-cache', 'ioatc']],
    ['INVAL_PDT of another device', 'process', iodirInvalPdt(2, 1), ['ddt-cache', 'pdt-cache', 'ioatc']],
    ['INVAL_DDT of the device', 'process', iodirInvalDdt(1), ['ioatc']],

    ['VMA of all', 'first', iotinval('vma', {}), ['ddt-cache']],
    ['VMA of the PSCID', 'first', iotinval('vma', { pscid }), ['ddt-cache']],
    ['VMA of another PSCID', 'first', iotinval('vma', { pscid: 9 }), all],
    ['VMA of the page', 'first', iotinval('vma', { pages: pages(1) }), ['ddt-cache']],
    ['VMA of PSCID and page', 'first', iotinval('vma', { pscid, pages: pages(1) }), ['ddt-cache']],
    ['VMA of PSCID and another page', 'first', iotinval('vma', { pscid, pages: pages(2) }), all],
    [
      'VMA of PSCID and a range',
      'first',
      iotinval('vma', { pscid, pages: { firstPage: 0, pageCount: 4 } }),
      ['ddt-cache'],
    ],
    ['VMA of PSCID and another range', 'first', iotinval('vma', { pscid, pages: { firstPage: 4, pageCount: 4 } }), all],
    ['VMA of a guest', 'first', iotinval('vma', { gscid }), all],
    ['GVMA of all', 'first', iotinval('gvma', {}), all],
    [
      'VMA of the PSCID of the context',
      'process',
      iotinval('vma', { pscid: processPscid }),
      ['ddt-cache', 'pdt-cache'],
    ],

    ['VMA of all, global', 'global', iotinval('vma', {}), ['ddt-cache']],
    ['VMA of the PSCID, global', 'global', iotinval('vma', { pscid }), all],
    ['VMA of the page, global', 'global', iotinval('vma', { pages: pages(1) }), ['ddt-cache']],

    ['VMA of the host, guest', 'nested', iotinval('vma', {}), all],
    ['VMA of the guest', 'nested', iotinval('vma', { gscid }), ['ddt-cache']],
    ['VMA of guest and PSCID', 'nested', iotinval('vma', { gscid, pscid }), ['ddt-cache']],
    ['VMA of guest and another PSCID', 'nested', iotinval('vma', { gscid, pscid: 9 }), all],
    ['VMA of another guest', 'nested', iotinval('vma', { gscid: 9 }), all],
    ['GVMA of all, both stages', 'nested', iotinval('gvma', {}), ['ddt-cache']],
    ['GVMA of the guest, both stages', 'nested', iotinval('gvma', { gscid }), ['ddt-cache']],
    ['GVMA of another guest, both stages', 'nested', iotinval('gvma', { gscid: 9 }), all],
    ['GVMA of a guest page, both stages', 'nested', iotinval('gvma', { gscid, pages: pages(0x77) }), ['ddt-cache']],

    ['VMA of the guest, second stage alone', 'second', iotinval('vma', { gscid }), all],
    ['GVMA of the guest, second stage alone', 'second', iotinval('gvma', { gscid }), ['ddt-cache']],
    ['GVMA of another page, second stage alone', 'second', iotinval('gvma', { gscid, pages: pages(0x77) }), all],
    ['GVMA of all, whatever the page', 'second', iotinval('gvma', { pages: pages(0x77) }), ['ddt-cache']],
  ])('%s (%s)', (_, kind, command, hits) => {
    expect(hitsAfter(kind, command)).toEqual(hits);
  });

  it.each<[string, Uint32Array, number]>([
    ['VMA of the PSCID drops non-leaf entries', iotinval('vma', { pscid }), 3],
    ['VMA of another PSCID leaves them', iotinval('vma', { pscid: 9 }), 1],
    ['VMA of the page leaves them', iotinval('vma', { pscid, pages: pages(1) }), 1],
    ['VMA of the page with NL drops them', iotinval('vma', { pscid, pages: pages(1), nonLeaf: true }), 3],
    ['VMA of a page far away with NL leaves them', iotinval('vma', { pscid, pages: pages(2 ** 18), nonLeaf: true }), 1],
  ])('%s', (_, command, reads) => {
    const config = { ddtCacheEntries: 2, iotlbEntries: 0, firstStagePagingEntries: 2 };
    const world = new RiscvWorld({
      config,
      capabilities: { NL: 1 },
      prepare: (w) => w.context(1, contextOf(w, 'first')),
      tasks: {
        *software(w) {
          yield request(w);
          yield* w.submitAndWait(0, [command, fence]);
          yield request(w);
        },
      },
      watch: addRequests,
    });
    expect(world.run().events('page-table-read')).toHaveLength(3 + reads);
  });
});

describe('caches', () => {
  it('with 0 rows keep nothing', () => {
    expect(hitsAfter('process', fence, { ddtCacheEntries: 0, pdtCacheEntries: 0, iotlbEntries: 0 })).toEqual([]);
  });

  it('evict any row when they are full', () => {
    const world = new RiscvWorld({
      config: { ddtCacheEntries: 2 },
      prepare: (w) => {
        for (const device of [1, 2, 3]) {
          w.context(device, {});
        }
      },
      tasks: {
        *software(w) {
          for (const sid of [1, 2, 3]) {
            yield request(w, { sid, iova: 0x9000 });
          }
        },
      },
      watch: addRequests,
    });
    const evicted = world.outcomes((run) =>
      run
        .events('cache-dropped')
        .map(({ sid }) => sid)
        .join(),
    );
    expect([...evicted].sort()).toEqual(['1', '2']);
  });

  it('serve a read and a write by one row if the entry lets both pass', () => {
    const world = new RiscvWorld({
      config: { ddtCacheEntries: 1, iotlbEntries: 1 },
      prepare: (w) => w.context(1, contextOf(w, 'first')),
      tasks: {
        *software(w) {
          yield request(w);
          yield request(w, { write: true });
        },
      },
      watch: addRequests,
    });
    expect(
      world
        .run()
        .events('cache-hit')
        .map(({ cache }) => cache),
    ).toEqual(['ddt-cache', 'ioatc']);
  });
});

describe('a walk that IOTINVAL overtakes', () => {
  /** Software unmaps a page; whether DMA that comes to the IOMMU after the fence still reaches it. */
  function afterUnmap(squashesInFlight: boolean, commands: readonly Uint32Array[]): readonly string[] {
    let leaf = 0;
    const world = new RiscvWorld({
      config: { ddtCacheEntries: 1, iotlbEntries: 1, squashesInFlight },
      prepare(w) {
        w.context(1, contextOf(w, 'first'));
        leaf = w.map(w.page('root'), 3, { iova: 0x1000, address: w.page('data') });
      },
      dma: { nic: { device: 1, repeat: 2 } },
      tasks: {
        *driver(w) {
          yield w.store(leaf, leafWords(w.page('data'), { valid: 0 }));
          yield* w.submitAndWait(0, commands);
        },
      },
      watch(w) {
        const state = w.cell('told');
        // 1: the fence is complete; 2: a request has come since; 3: it reached memory.
        w.trace.observe('fence-done', () => state.set(1));
        w.trace.observe('request', () => state.set(state.get() === 1 ? 2 : state.get()));
        w.trace.observe('dma', () => state.set(state.get() === 2 ? 3 : state.get()));
        return () => (state.get() === 3 ? 'stale' : 'good');
      },
    });
    return [...world.explore()].sort();
  }

  it('leaves nothing in the IOATC', () => {
    expect(afterUnmap(true, [iotinval('vma', { pscid }), fence])).toEqual(['good']);
    expect(afterUnmap(true, [iotinval('vma', { pscid, pages: pages(1) }), fence])).toEqual(['good']);
  });

  it('fills the IOATC with what is old if the hardware is broken', () => {
    expect(afterUnmap(false, [iotinval('vma', { pscid }), fence])).toEqual(['good', 'stale']);
  });

  it('is none of the walks of another address space', () => {
    expect(afterUnmap(true, [iotinval('vma', { pscid: 9 }), fence])).toEqual(['good', 'stale']);
  });
});

describe('a walk that IODIR.INVAL_DDT overtakes', () => {
  function afterBlock(squashesInFlight: boolean, command: Uint32Array): readonly string[] {
    const world = new RiscvWorld({
      config: { ddtCacheEntries: 1, squashesInFlight },
      prepare: (w) => w.context(1, {}),
      dma: { nic: { device: 1, iova: 0x9000, repeat: 2 } },
      tasks: {
        *driver(w) {
          yield w.store(w.contextAddress(1), [0, 0]);
          yield* w.submitAndWait(0, [command, fence]);
        },
      },
      watch(w) {
        const state = w.cell('told');
        w.trace.observe('fence-done', () => state.set(1));
        w.trace.observe('request', () => state.set(state.get() === 1 ? 2 : state.get()));
        w.trace.observe('dma', () => state.set(state.get() === 2 ? 3 : state.get()));
        return () => (state.get() === 3 ? 'let through' : 'blocked');
      },
    });
    return [...world.explore()].sort();
  }

  it('leaves nothing in the DDT cache', () => {
    expect(afterBlock(true, iodirInvalDdt(1))).toEqual(['blocked']);
  });

  it('fills it if the hardware is broken', () => {
    expect(afterBlock(false, iodirInvalDdt(1))).toEqual(['blocked', 'let through']);
  });

  it('of another device is not overtaken', () => {
    expect(afterBlock(true, iodirInvalDdt(2))).toEqual(['blocked', 'let through']);
  });
});
