import { describe, expect, it } from 'vitest';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { EndpointBus } from '../../../models/pcie/endpoint-bus.ts';
import { encodeFirstStagePagingEntry } from '../../../models/vtd/entries/first-stage-paging-entry.ts';
import { TranslationUnit } from '../../../models/vtd/translation-unit.ts';
import { type Places, pagingEntry, placesOf, setBit, setBits, setPointer } from '../../support/vtd-tables.ts';
import { type VtdRun, vtdWorld, type WorldParts, type WorldSketch } from '../../support/vtd-world.ts';

function walk(stage: Stage, prepare: (parts: WorldParts, places: Places) => void, sketch: WorldSketch = {}): VtdRun {
  const world = vtdWorld({
    domains: { a: { stage, did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    dma: { traffic: { pasid: 1, iova: 0x1234 } },
    prepare: (parts) => prepare(parts, placesOf(parts)),
    ...sketch,
  });
  return world.runWith(1);
}

function levelsRead(run: VtdRun): readonly string[] {
  return run.events('page-table-read').map(({ stage, level }) => `${stage} ${level}`);
}

function pageAddress(parts: WorldParts): number {
  return parts.page('page1');
}

describe('a page walk', () => {
  it.each(['first', 'second'] as const)(
    'of the %s stage alone reads one entry a level and keeps the offset',
    (stage) => {
      let page = 0;
      const run = walk(stage, (parts) => {
        page = pageAddress(parts);
      });
      expect(levelsRead(run)).toEqual([4, 3, 2, 1].map((level) => `${stage} ${level}`));
      expect(run.events('dma')).toMatchObject([{ iova: 0x1234, address: page + 0x234 }]);
    },
  );

  it('that is nested is two-dimensional: 4 levels on 4 levels are 24 reads', () => {
    let page = 0;
    const run = walk('nested', (parts) => {
      page = pageAddress(parts);
    });
    const second = [4, 3, 2, 1].map((level) => `second ${level}`);
    const expected = [4, 3, 2, 1].flatMap((level) => [...second, `first ${level}`]);
    // The address of each first-stage table goes through the second stage, and so does the result.
    expect(levelsRead(run)).toEqual([...expected, ...second]);
    expect(levelsRead(run)).toHaveLength(24);
    expect(run.events('dma')).toMatchObject([{ address: page + 0x234 }]);
  });

  it('of a nested entry faults for what its second stage does not map', () => {
    const run = walk('nested', (parts, at) => {
      const { firstStageTable: guest, secondStageTable: table } = parts.domain('a');
      expect(at.pasid).toBeGreaterThan(0);
      const entry = pagingEntry(parts, { table, address: guest, level: 1 });
      setBits(parts, entry, { high: 1, low: 0, value: 0n });
    });
    expect(run.faults).toEqual([0x79]);
    expect(levelsRead(run)).toEqual(['second 4', 'second 3', 'second 2', 'second 1']);
  });

  it('is not taken for a pass-through entry', () => {
    const run = walk('pass-through', () => {});
    expect(levelsRead(run)).toEqual([]);
    expect(run.events('dma')).toMatchObject([{ address: 0x1234 }]);
  });

  it('of a legacy pass-through context entry is not taken either', () => {
    const run = walk('pass-through', () => {}, { vtd: { mode: 'legacy' }, dma: { traffic: { iova: 0x1234 } } });
    expect(levelsRead(run)).toEqual([]);
    expect(run.events('dma')).toMatchObject([{ address: 0x1234 }]);
  });

  it.each([
    { stage: 'first', level: 2, pageBytes: 0x20_0000 },
    { stage: 'first', level: 3, pageBytes: 0x4000_0000 },
    { stage: 'second', level: 2, pageBytes: 0x20_0000 },
    { stage: 'second', level: 3, pageBytes: 0x4000_0000 },
  ] as const)('of the $stage stage ends at a page of $pageBytes bytes', ({ stage, level, pageBytes }) => {
    const run = walk(stage, (parts, at) => {
      const entry = stage === 'first' ? at.first(level) : at.second(level);
      setPointer(parts, entry, 12, pageBytes);
      setBit(parts, entry, 7, 1);
    });
    expect(levelsRead(run)).toEqual([4, 3, 2, 1].slice(0, 5 - level).map((l) => `${stage} ${l}`));
    expect(run.events('dma')).toMatchObject([{ address: pageBytes + 0x1234 }]);
  });

  it('reads five levels when FSPM says so', () => {
    const run = walk('first', (parts, at) => {
      const top = parts.page('level 5');
      const address = parts.domain('a').firstStageTable;
      const entry = { present: 1, readWrite: 1, userSupervisor: 1, accessed: 1, address };
      parts.write(top, encodeFirstStagePagingEntry(entry));
      setPointer(parts, at.pasid, 140, top);
      setBits(parts, at.pasid, { high: 131, low: 130, value: 1n });
    });
    expect(levelsRead(run)).toEqual([5, 4, 3, 2, 1].map((level) => `first ${level}`));
    expect(run.events('dma')).toHaveLength(1);
  });

  it('reads three levels when AW says 39 bits', () => {
    const run = walk('second', (parts, at) => {
      const table = at.second(3) & ~0xfff;
      setPointer(parts, at.pasid, 12, table);
      setBits(parts, at.pasid, { high: 4, low: 2, value: 1n });
    });
    expect(levelsRead(run)).toEqual([3, 2, 1].map((level) => `second ${level}`));
    expect(run.events('dma')).toHaveLength(1);
  });

  it('stops the run where hardware would set an accessed or dirty flag', () => {
    const write = { traffic: { pasid: 1, write: true } };
    const accessed = walk('first', (parts, at) => setBit(parts, at.first(2), 5, 0));
    expect(accessed.outcome).toMatchObject({ end: 'unmodelled', detail: expect.stringContaining('accessed') });
    const dirty = walk('first', (parts, at) => setBit(parts, at.first(1), 6, 0), { dma: write });
    expect(dirty.outcome).toMatchObject({ end: 'unmodelled', detail: expect.stringContaining('dirty') });
    expect(walk('first', (parts, at) => setBit(parts, at.first(1), 6, 0)).outcome.end).toBe('finished');
  });

  it('stops the run for a request to the interrupt range', () => {
    const at = (iova: number) => walk('pass-through', () => {}, { dma: { traffic: { pasid: 1, iova } } }).outcome;
    expect(at(0xfee0_0000)).toMatchObject({ end: 'unmodelled' });
    expect(at(0xfeef_ffff)).toMatchObject({ end: 'unmodelled' });
    expect(at(0xfedf_f000).end).toBe('finished');
    expect(at(0xfef0_0000).end).toBe('finished');
  });

  it('of a write leaves the data in memory', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1, iova: 0x1234, write: true } },
    });
    world.runWith(1);
    expect(world.system.memory.read(world.parts.page('page1') + 0x234)).not.toBe(0);
    expect(world.system.memory.read(world.parts.page('page1') + 0x238)).toBe(0);
  });

  it.each([
    { mode: 'scalable', reason: 0x38 },
    { mode: 'legacy', reason: 0x8 },
  ] as const)('in $mode mode faults when RTADDR is not in memory', ({ mode, reason }) => {
    const world = vtdWorld({
      vtd: { mode },
      prepare: ({ system }) => {
        const { arena, kernel, memory, registry, trace } = system;
        const rootTable = memory.byteCount;
        const ports = {
          arena,
          kernel,
          memory,
          registry,
          trace,
          deviceTlbs: new EndpointBus(),
          writeBuffer: undefined,
          queueAddress: 0,
          rootTable,
        };
        const walker = new TranslationUnit(system.config.vtd, ports).addWalker('elsewhere');
        const request = { sid: 0x10, pasid: -1, iova: 0x1000, write: false };
        kernel.addProcess({ name: 'elsewhere', kind: 'task', body: () => walker.dma(request) });
      },
    });
    expect(world.runWith(1).faults).toEqual([reason]);
  });
});
