import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { staleTranslation } from '../../../models/checkers/stale-translation.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { seen, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

const warm = { contextCacheEntries: 1, pasidCacheEntries: 1, iotlbEntries: 1 } as const;

/** One DMA before the driver begins, the others once it has done all. */
function around(flush: string, vtd: object, iova = 0x1000, only = checkers): VtdRun {
  const world = vtdWorld({
    vtd: { ...warm, ...vtd },
    domains: { a: { stage: 'first', did: 5, map: { 4096: 'page1', 8192: 'page2' } } },
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first', flush }) },
    dma: { before: { pasid: 1 }, after: { pasid: 1, iova, repeat: 3 } },
    checkers: only,
  });
  return world.runWith({
    legs: [{ run: 'before', until: seen('dma') }],
    prefer: ['driver', 'invalidation fetch', 'invalidation'],
  });
}

describe('stale-translation', () => {
  it('is broken by an IOTLB row that no invalidation has dropped', () => {
    const run = around('pasid-cache-only', {});
    expect(run.outcome.end).toBe('violated');
    expect(run.outcome.violations).toContainEqual({
      rule: 'stale-translation',
      message: expect.stringMatching(
        /^nic reached 0x[0-9a-f]+ by a translation built from the old nic\.pasid\[1\], whose invalidation software had seen complete$/,
      ),
      source: 'VT-d 6.5.3.3, 6.2.3.1',
      subject: 'nic.pasid[1]',
    });
  });

  it('is broken by a PASID-cache row that builds a new translation of another page', () => {
    const run = around('iotlb-only', {}, 0x2000, [staleTranslation]);
    expect(run.rules).toEqual(['stale-translation']);
    expect(run.events('cache-hit').map(({ cache }) => cache)).toContain('pasid-cache');
  });

  it('is broken where the invalidations name another DID', () => {
    expect(around('wrong-did', {}).rules).toEqual(['invalidation-order', 'stale-translation']);
  });

  it('is reported once, by the first DMA, and ends the run', () => {
    const run = around('none', {}, 0x1000, [staleTranslation]);
    expect(run.rules).toEqual(['stale-translation']);
    expect(run.events('dma')).toHaveLength(2);
  });

  it.each(['full', 'none'])('is not broken with flush "%s" where nothing was cached', (flush) => {
    const nothing = { contextCacheEntries: 0, pasidCacheEntries: 0, iotlbEntries: 0 };
    const run = around(flush, nothing, 0x1000, [staleTranslation]);
    expect(run.rules).toEqual([]);
    expect(run.faults).toEqual([0x59, 0x59, 0x59]);
  });

  it('is not broken after all that the table asks for', () => {
    const run = around('full', {});
    expect(run.rules).toEqual([]);
    expect(run.faults).toEqual([0x59, 0x59, 0x59]);
  });

  it('is not broken by an old translation before software was told', () => {
    const world = vtdWorld({
      vtd: warm,
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' }) },
      dma: { traffic: { pasid: 1, repeat: 3 } },
      checkers,
    });
    const run = world.runWith({
      legs: [
        { run: 'traffic', until: seen('dma') },
        { run: 'driver', until: seen('entry-changed') },
        { run: 'traffic', until: seen('dma', 2) },
      ],
      prefer: ['driver', 'invalidation fetch', 'invalidation'],
    });
    expect(run.events('dma')).toHaveLength(2);
    expect(run.rules).toEqual([]);
  });

  it('is not broken by a torn entry, which is no old one', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        *driver({ cpu, vtd }) {
          yield* cpu.store64(vtd.pasidEntryAddress('nic', 1) + 8, 9n | (1n << 23n));
        },
      },
      dma: { traffic: { pasid: 1 } },
      checkers: [staleTranslation],
    });
    const run = world.runWith({ legs: [], prefer: ['driver'] });
    expect(run.events('entry-used').at(-1)).toMatchObject({ present: true, version: 0 });
    expect(run.events('dma')).toHaveLength(1);
    expect(run.rules).toEqual([]);
  });

  it('is not broken by a translation built from the entry that came next', () => {
    const world = vtdWorld({
      vtd: warm,
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6, map: { 4096: 'page2' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', order: 'teardown-setup' }) },
      dma: { before: { pasid: 1 }, after: { pasid: 1, repeat: 2 } },
      checkers,
    });
    const run = world.runWith({
      legs: [{ run: 'before', until: seen('dma') }],
      prefer: ['driver', 'invalidation fetch', 'invalidation'],
    });
    expect(run.rules).toEqual([]);
    const page2 = world.parts.page('page2');
    expect(run.events('dma').map(({ address }) => address)).toEqual([world.parts.page('page1'), page2, page2]);
  });
});
