import { describe, expect, it } from 'vitest';
import type { DeviceContextValues } from '../../../models/riscv/entries/device-context.ts';
import { encodeDirectoryEntry } from '../../../models/riscv/entries/directory-entry.ts';
import type { PageTableEntryValues } from '../../../models/riscv/entries/page-table-entry.ts';
import { encodeProcessContext } from '../../../models/riscv/entries/process-context.ts';
import { type RiscvDmaSketch, type RiscvSketch, RiscvWorld } from '../../support/riscv-world.ts';

const sv39 = 8;

/** A world whose device 0 is in a domain with first-stage tables that map `iova` to the page `data`. */
function firstStage(
  world: RiscvWorld,
  {
    mode = sv39,
    iova = 0x1000,
    ...mapping
  }: { mode?: number; iova?: number; leafLevel?: number; flags?: PageTableEntryValues } = {},
): DeviceContextValues {
  const firstTable = world.page('root');
  world.map(firstTable, mode - 5, { iova, address: world.page('data'), ...mapping });
  return { pscid: 5, firstMode: mode, firstTable };
}

function secondStage(world: RiscvWorld, guestPages: readonly string[], mode = sv39): DeviceContextValues {
  const secondTable = world.page('guest root', 4);
  for (const name of guestPages) {
    // Guest addresses are host addresses here, so that tables can be built as in a host.
    world.map(secondTable, mode - 5, { iova: world.page(name), address: world.page(name) });
  }
  return { gscid: 3, secondMode: mode, secondTable };
}

function run(sketch: RiscvSketch, dma: RiscvDmaSketch = {}) {
  const world = new RiscvWorld({ ...sketch, dma: { nic: dma } });
  return { world, ...world.run() };
}

describe('a device directory', () => {
  it.each([
    { levels: 1, deviceContext: 'base', device: 5, ddtReads: 0, words: 4 },
    { levels: 2, deviceContext: 'base', device: 0x2345, ddtReads: 1, words: 4 },
    { levels: 3, deviceContext: 'base', device: 0x12345, ddtReads: 2, words: 4 },
    { levels: 1, deviceContext: 'extended', device: 5, ddtReads: 0, words: 8 },
    { levels: 3, deviceContext: 'extended', device: 0x12345, ddtReads: 2, words: 8 },
  ] as const)('of $levels levels is read a doubleword at a time, $deviceContext', (row) => {
    const { levels, deviceContext, device, ddtReads, words } = row;
    const { world, reached, events } = run(
      {
        config: { levels, deviceContext },
        prepare: (w) => w.context(device, firstStage(w)),
      },
      { device },
    );
    expect(reached).toEqual([world.page('data')]);
    const reads = events('entry-read').map(({ structure }) => structure);
    expect(reads.filter((structure) => structure === 'riscv-ddt-entry')).toHaveLength(ddtReads);
    expect(reads.filter((structure) => structure === 'riscv-device-context')).toHaveLength(words);
    expect(events('page-table-read')).toHaveLength(3);
  });

  it('has its entries at the indices of the device ID', () => {
    // 0x012345: 69, 70 and 1 in the base format, 5, 141 and 2 in the extended one.
    for (const [deviceContext, indices] of [
      ['base', [69, 70, 1]],
      ['extended', [5, 141, 2]],
    ] as const) {
      const { world, events } = run(
        { config: { levels: 3, deviceContext }, prepare: (w) => w.context(0x12345, firstStage(w)) },
        { device: 0x12345 },
      );
      const addresses = events('entry-read').map(({ address }) => address);
      const size = deviceContext === 'base' ? 32 : 64;
      expect(addresses[0]).toBe(world.directory + indices[2] * 8);
      expect((addresses[1] as number) % 4096).toBe(indices[1] * 8);
      expect((addresses[2] as number) % 4096).toBe(indices[0] * size);
    }
  });

  it.each<[string, RiscvSketch, RiscvDmaSketch, number]>([
    ['is Off', { mode: 0 }, {}, 256],
    ['has no valid context', {}, {}, 258],
    ['has no valid non-leaf entry', { config: { levels: 2 } }, { device: 0x80 }, 258],
    [
      'has a non-leaf entry with a reserved bit',
      {
        config: { levels: 2 },
        prepare: (w) =>
          w.write(
            w.directory,
            encodeDirectoryEntry({ valid: 1, table: 0x1000 }).map((x, i) => (i === 0 ? x | 2 : x)),
          ),
      },
      {},
      259,
    ],
    [
      'leads out of memory',
      {
        config: { levels: 2 },
        prepare: (w) => w.write(w.directory, encodeDirectoryEntry({ valid: 1, table: 2 ** 40 })),
      },
      {},
      257,
    ],
    ['has too few levels for the device', { prepare: (w) => w.context(0, firstStage(w)) }, { device: 0x80 }, 260],
  ])('that %s faults', (_, sketch, dma, cause) => {
    const { faults, reached } = run(sketch, dma);
    expect(faults).toEqual([cause]);
    expect(reached).toEqual([]);
  });

  it('is not asked in mode Bare', () => {
    expect(run({ mode: 1 }, { iova: 0x5000 }).reached).toEqual([0x5000]);
  });
});

describe('a device context', () => {
  it.each<[string, (w: RiscvWorld) => DeviceContextValues, number]>([
    ['EN_PRI without EN_ATS', (w) => ({ ...firstStage(w), enablePri: 1 }), 259],
    ['PRPR without EN_PRI', (w) => ({ ...firstStage(w), enableAts: 1, pasidInPageResponse: 1 }), 259],
    ['T2GPA without the capability', (w) => ({ ...firstStage(w), enableAts: 1, translateToGpa: 1 }), 259],
    ['DPE without PDTV', (w) => ({ ...firstStage(w), defaultProcess: 1 }), 259],
    ['SADE without AMO_HWAD', (w) => ({ ...firstStage(w), supervisorAccessedDirty: 1 }), 259],
    ['SBE without END', (w) => ({ ...firstStage(w), bigEndian: 1 }), 259],
    ['RCID without QOSID', (w) => ({ ...firstStage(w), rcid: 1 }), 259],
    ['a first-stage MODE that is none', (w) => ({ ...firstStage(w), firstMode: 11 }), 259],
    ['a second-stage MODE that is none', (w) => ({ ...firstStage(w), secondMode: 7, secondTable: 0 }), 259],
    ['a second-stage root of 4 KB alignment', (w) => ({ secondMode: 8, secondTable: w.page('x', 4) + 0x1000 }), 259],
    ['V = 0 and anything else', (w) => ({ ...firstStage(w), valid: 0, enablePri: 1 }), 258],
    ['both stages Bare', () => ({}), 0],
  ])('with %s', (_, values, cause) => {
    const { faults } = run({ prepare: (w) => w.context(0, values(w)) });
    expect(faults).toEqual(cause === 0 ? [] : [cause]);
  });

  it('passes addresses through with both stages Bare', () => {
    expect(run({ prepare: (w) => w.context(0, {}) }, { iova: 0x7008 }).reached).toEqual([0x7008]);
  });

  it('with a reserved doubleword of the extended format is misconfigured', () => {
    const prepare = (w: RiscvWorld): void => {
      const address = w.context(0, {});
      w.write(address + 56, [1]);
    };
    expect(run({ config: { deviceContext: 'extended' }, prepare }).faults).toEqual([259]);
  });

  it('keeps reports of faults back with DTF, but not of what is wrong with the directory', () => {
    const recorded = (values: (w: RiscvWorld) => DeviceContextValues, dma: RiscvDmaSketch): readonly boolean[] =>
      run({ prepare: (w) => w.context(0, values(w)) }, dma)
        .events('fault')
        .map((fault) => fault.recorded);
    expect(recorded((w) => ({ ...firstStage(w), disableFaults: 1 }), { iova: 0x9000 })).toEqual([false]);
    expect(recorded((w) => firstStage(w), { iova: 0x9000 })).toEqual([true]);
    expect(recorded(() => ({ disableFaults: 1, defaultProcess: 1 }), {})).toEqual([true]);
  });
});

describe('first-stage tables', () => {
  it.each([
    ['Sv39', 8, 3],
    ['Sv48', 9, 4],
    ['Sv57', 10, 5],
  ])('of %s have a read for each level', (_, mode, levels) => {
    const { world, reached, events } = run(
      { prepare: (w) => w.context(0, firstStage(w, { mode, iova: 0x1000 })) },
      { iova: 0x1010 },
    );
    expect(reached).toEqual([world.page('data') + 0x10]);
    expect(events('page-table-read').map(({ level }) => level)).toEqual(
      Array.from({ length: levels }, (__, i) => levels - i),
    );
  });

  it('map superpages', () => {
    const world = new RiscvWorld({
      prepare: (w) => {
        const root = w.page('root');
        w.map(root, 3, { iova: 0, address: 0, leafLevel: 2 });
        w.context(0, { pscid: 5, firstMode: sv39, firstTable: root });
      },
      dma: { nic: { iova: 0x5008 } },
    });
    const { reached, events } = world.run();
    expect(reached).toEqual([0x5008]);
    expect(events('page-table-read')).toHaveLength(2);
  });

  it.each<[string, PageTableEntryValues, boolean, number]>([
    ['V = 0', { valid: 0 }, false, 13],
    ['V = 0, for a write', { valid: 0 }, true, 15],
    ['R = 0 and W = 1', { read: 0 }, true, 15],
    ['W = 0, for a write', { write: 0 }, true, 15],
    ['W = 0, for a read', { write: 0 }, false, 0],
    ['U = 0', { user: 0 }, false, 13],
    ['A = 0', { accessed: 0 }, false, 13],
    ['D = 0, for a write', { dirty: 0 }, true, 15],
    ['D = 0, for a read', { dirty: 0 }, false, 0],
    ['N = 1', { napot: 1 }, false, 13],
    ['X alone', { read: 0, write: 0, execute: 1 }, false, 13],
  ])('with %s', (_, flags, write, cause) => {
    const { faults } = run({ prepare: (w) => w.context(0, firstStage(w, { flags })) }, { write });
    expect(faults).toEqual(cause === 0 ? [] : [cause]);
  });

  it.each<[string, (w: RiscvWorld) => void, number]>([
    ['a misaligned superpage', (w) => w.map(w.page('root'), 3, { iova: 0, address: 0x1000, leafLevel: 2 }), 13],
    ['a path without a leaf', (w) => w.map(w.page('root'), 3, { iova: 0x1000, address: 0, flags: pointer }), 13],
    [
      'A in a pointer',
      (w) => w.map(w.page('root'), 3, { iova: 0, address: 0, leafLevel: 2, flags: { ...pointer, accessed: 1 } }),
      13,
    ],
    [
      'a table out of memory',
      (w) => w.map(w.page('root'), 3, { iova: 0, address: 2 ** 40, leafLevel: 2, flags: pointer }),
      5,
    ],
  ])('with %s fault', (_, map, cause) => {
    const prepare = (w: RiscvWorld): void => {
      map(w);
      w.context(0, { pscid: 5, firstMode: sv39, firstTable: w.page('root') });
    };
    expect(run({ prepare }).faults).toEqual([cause]);
  });

  it('fault for addresses that are not canonical', () => {
    const prepare = (w: RiscvWorld): number => w.context(0, firstStage(w));
    expect(run({ prepare }, { iova: 2 ** 38 + 0x1000 }).faults).toEqual([13]);
    expect(run({ prepare }, { iova: 2 ** 38 + 0x1000, write: true }).faults).toEqual([15]);
  });
});

/** Bits of an entry that leads to a table. */
const pointer = { read: 0, write: 0, user: 0, accessed: 0, dirty: 0 };

describe('second-stage tables', () => {
  it.each([
    ['Sv39x4', 8, 3],
    ['Sv48x4', 9, 4],
    ['Sv57x4', 10, 5],
  ])('of %s', (_, mode, levels) => {
    const prepare = (w: RiscvWorld): number => w.context(0, secondStage(w, ['data'], mode));
    const world = new RiscvWorld({ prepare, dma: { nic: { iova: 0 } } });
    // The guest address of `data` is its host address.
    const again = new RiscvWorld({ prepare, dma: { nic: { iova: world.page('data') } } });
    const { reached, events } = again.run();
    expect(reached).toEqual([world.page('data')]);
    expect(events('page-table-read')).toHaveLength(levels);
    expect(world.run().faults).toEqual([21]);
  });

  it('have two address bits more in the root', () => {
    const iova = 2 ** 40 + 0x1000;
    const prepare = (w: RiscvWorld): void => {
      const secondTable = w.page('guest root', 4);
      w.map(secondTable, 3, { iova, address: w.page('data') });
      w.context(0, { gscid: 3, secondMode: 8, secondTable });
    };
    const { world, reached } = run({ prepare }, { iova });
    expect(reached).toEqual([world.page('data')]);
    expect(run({ prepare }, { iova: 2 ** 41, write: true }).faults).toEqual([23]);
  });

  it('translate every table address of a first stage, and its result', () => {
    const names = ['root', 'data'];
    const prepare = (w: RiscvWorld): void => {
      const first = firstStage(w);
      const tables = [2, 3].map((level) => `page table ${w.page('root')} ${level} 0`);
      w.context(0, { ...first, ...secondStage(w, [...names, ...tables]) });
    };
    const { world, reached, events } = run({ prepare });
    expect(reached).toEqual([world.page('data')]);
    // Three first-stage entries, and four second-stage walks of three reads each.
    expect(
      events('page-table-read')
        .map(({ stage }) => stage[0])
        .join(''),
    ).toBe('sssfsssfsssfsss');
  });

  it('that lack the page of a table fault by the kind of access that the request is', () => {
    const prepare = (w: RiscvWorld): number => w.context(0, { ...firstStage(w), ...secondStage(w, ['data']) });
    expect(run({ prepare }).faults).toEqual([21]);
    expect(run({ prepare }, { write: true }).faults).toEqual([23]);
  });
});

describe('a process directory', () => {
  /** Leads processes of device 0 to contexts; `pid` has the tables of {@link firstStage}. */
  function directory(w: RiscvWorld, { mode, pid, context = {} }: { mode: number; pid: number; context?: object }) {
    const { firstTable, firstMode } = firstStage(w);
    let table = w.page('process directory');
    const root = table;
    const bits = [8, 9, 3];
    for (let level = mode - 1; level > 0; level -= 1) {
      const shift = bits.slice(0, level).reduce((sum, each) => sum + each, 0);
      const entry = table + ((pid >>> shift) & ((1 << (bits[level] as number)) - 1)) * 8;
      table = w.page(`PDT ${level}`);
      w.write(entry, encodeDirectoryEntry({ valid: 1, table }));
    }
    const values = { valid: 1, pscid: 6, mode: firstMode ?? 0, table: firstTable ?? 0, ...context };
    w.write(table + (pid & 0xff) * 16, encodeProcessContext(values));
    return { processDirectory: 1, firstMode: mode, firstTable: root };
  }

  it.each([
    ['PD8', 1, 0x7f],
    ['PD17', 2, 0x1_2345],
    ['PD20', 3, 0xf_1234],
  ])('%s is read a doubleword at a time', (_, mode, pid) => {
    const prepare = (w: RiscvWorld): number => w.context(0, directory(w, { mode, pid }));
    const { world, reached, events } = run({ prepare }, { pasid: pid });
    expect(reached).toEqual([world.page('data')]);
    const reads = events('entry-read').map(({ structure }) => structure);
    expect(reads.filter((structure) => structure === 'riscv-pdt-entry')).toHaveLength(mode - 1);
    expect(reads.filter((structure) => structure === 'riscv-process-context')).toHaveLength(2);
  });

  it.each<[string, { mode: number; pid: number; context?: object }, number, number]>([
    ['has no valid context', { mode: 1, pid: 1, context: { valid: 0 } }, 1, 266],
    ['has a misconfigured context', { mode: 1, pid: 1, context: { mode: 3 } }, 1, 267],
    ['has no valid entry', { mode: 2, pid: 1 }, 0x100, 266],
    ['is not wide enough', { mode: 1, pid: 1 }, 0x100, 260],
  ])('that %s faults', (_, what, pasid, cause) => {
    expect(run({ prepare: (w) => w.context(0, directory(w, what)) }, { pasid }).faults).toEqual([cause]);
  });

  it('takes requests without a process to the first stage Bare, or with DPE to process 0', () => {
    const prepare = (defaultProcess: number) => (w: RiscvWorld) =>
      w.context(0, { ...directory(w, { mode: 1, pid: 0 }), defaultProcess });
    expect(run({ prepare: prepare(0) }).reached).toEqual([0x1000]);
    const { world, reached } = run({ prepare: prepare(1) });
    expect(reached).toEqual([world.page('data')]);
  });

  it('that is not there refuses requests with a process', () => {
    expect(run({ prepare: (w) => w.context(0, firstStage(w)) }, { pasid: 1 }).faults).toEqual([260]);
  });

  it('is in guest memory under a second stage', () => {
    const tables = (w: RiscvWorld): readonly string[] =>
      [2, 3].map((level) => `page table ${w.page('root')} ${level} 0`);
    const prepare =
      (more: readonly string[]) =>
      (w: RiscvWorld): number =>
        w.context(0, {
          ...directory(w, { mode: 1, pid: 3 }),
          ...secondStage(w, ['root', 'data', ...tables(w), ...more]),
        });
    const { world, reached } = run({ prepare: prepare(['process directory']) }, { pasid: 3 });
    expect(reached).toEqual([world.page('data')]);
    expect(run({ prepare: prepare([]) }, { pasid: 3 }).faults).toEqual([21]);
  });
});
