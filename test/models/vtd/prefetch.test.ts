import { describe, expect, it } from 'vitest';
import { staleTranslation } from '../../../models/checkers/stale-translation.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { seen, type TaskBody, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const base: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  vtd: { prefetchLimit: 1, pasidCacheEntries: 1, iotlbEntries: 1 },
  dma: { traffic: { pasid: 1 } },
};
const decided = 'prefetch for traffic, decided';
const walker = 'prefetch for traffic';

describe('a prefetch', () => {
  it('fills the caches for a source of DMA without moving data', () => {
    const run = vtdWorld(base).runWith({
      legs: [
        { run: decided, until: 'it waits' },
        { run: walker, until: 'it waits' },
      ],
    });
    const first = run.records.findIndex(({ event }) => event.kind === 'request');
    const before = run.records.slice(0, first).map(({ event }) => event.kind);
    expect(before.filter((kind) => kind === 'cache-filled')).toHaveLength(2);
    expect(before).not.toContain('dma');
    // The request itself then finds its translation.
    expect(run.events('cache-hit')).toEqual([expect.objectContaining({ cache: 'iotlb' })]);
    expect(run.events('dma')).toHaveLength(1);
  });

  it('is free not to happen, happens no more often than the limit, and not at all without one', () => {
    const counts = (prefetchLimit: number) =>
      vtdWorld({
        ...base,
        domains: { a: { stage: 'pass-through', did: 5 } },
        vtd: { ...base.vtd, fetchedQuanta: 2, pasidCacheEntries: 0, iotlbEntries: 0, prefetchLimit },
      });
    const most = (limit: number): number =>
      Math.max(...Array.from({ length: 50 }, (_, seed) => counts(limit).runWith(seed).events('prefetch').length));
    expect([most(0), most(1), most(2)]).toEqual([0, 1, 2]);
    expect(
      counts(3)
        .runWith({ legs: [], prefer: ['traffic'] })
        .events('prefetch'),
    ).toEqual([]);
  });

  it('faults silently', () => {
    const run = vtdWorld({ ...base, attach: [], pasids: [1], dma: { traffic: { pasid: 1 } } }).runWith({
      legs: [
        { run: decided, until: 'it waits' },
        { run: walker, until: 'it waits' },
      ],
    });
    expect(run.events('entry-used').filter(({ reason }) => reason === 0x59)).toHaveLength(2);
    expect(run.faults).toEqual([0x59]);
  });

  it('is waited for by an invalidation like any walk', () => {
    const task: TaskBody = ({ cpu, vtd }) => vtd.queue.submitSync(cpu, [invalidate.iotlb(5)]);
    const run = vtdWorld({ ...base, tasks: { task } }).runWith({
      legs: [
        { run: decided, until: 'it waits' },
        { run: walker, until: seen('page-table-read') },
      ],
      prefer: ['task', 'invalidation fetch', 'invalidation', walker],
    });
    const at = (kind: string): number => run.records.findIndex(({ event }) => event.kind === kind);
    expect(at('cache-dropped')).toBeGreaterThan(at('cache-filled'));
    expect(at('status-written')).toBeGreaterThan(at('cache-dropped'));
  });

  it('makes a quiet device go by an entry that is gone', () => {
    const clear: TaskBody = function* ({ cpu, vtd }) {
      const address = vtd.pasidEntryAddress('nic', 1);
      yield vtd.beginUpdate(address, [new Uint32Array(16)]);
      yield cpu.store64(address, 0n);
      yield vtd.endUpdate(address, new Uint32Array(16));
    };
    const run = (prefetchLimit: number) =>
      vtdWorld({
        ...base,
        vtd: { ...base.vtd, prefetchLimit },
        tasks: { clear },
        checkers: [staleTranslation],
      }).runWith({
        legs:
          prefetchLimit === 0
            ? []
            : [
                { run: decided, until: 'it waits' },
                { run: walker, until: 'it waits' },
              ],
        prefer: ['clear'],
      }).rules;
    expect(run(0)).toEqual([]);
    expect(run(1)).toEqual(['stale-translation']);
  });
});
