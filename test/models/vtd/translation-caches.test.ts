import { describe, expect, it } from 'vitest';
import { setBit } from '../../support/vtd-tables.ts';
import { seen, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const twoPages = { 4096: 'page1', 8192: 'page2' } as const;
const base: WorldSketch = {
  domains: { a: { stage: 'first', did: 5, map: twoPages } },
  attach: [
    { pasid: 1, domain: 'a' },
    { pasid: 2, domain: 'a' },
    { pasid: 0, domain: 'a' },
  ],
};

function hits(run: VtdRun, cache: string): number {
  return run.events('cache-hit').filter((event) => event.cache === cache).length;
}

function fills(run: VtdRun, cache: string): number {
  return run.events('cache-filled').filter((event) => event.cache === cache).length;
}

/** One request after the other, in this order. */
function inTurn(requests: Record<string, object>, sketch: WorldSketch): VtdRun {
  const world = vtdWorld({ ...base, ...sketch, dma: requests });
  return world.runWith({ legs: [], prefer: Object.keys(requests) });
}

describe('the IOTLB', () => {
  const vtd = { iotlbEntries: 4 };
  it.each([
    ['another request of the same source, PASID and page', { pasid: 1, iova: 0x1abc }, 1],
    ['another page', { pasid: 1, iova: 0x2000 }, 0],
    ['another PASID', { pasid: 2 }, 0],
    ['a request without PASID', {}, 0],
    ['another source', { pasid: 1, sid: 0x18 }, 0],
  ] as const)('after a request with PASID 1 to 1000h: %s finds %i', (what, request, expected) => {
    const run = inTurn({ one: { pasid: 1 }, two: request }, { vtd, devices: { nic: 0x10, gpu: 0x18 } });
    expect(hits(run, 'iotlb'), what).toBe(expected);
  });

  it('keeps requests without PASID apart from those with it, and both under the PASID of the entry', () => {
    const run = inTurn({ one: {}, two: {} }, { vtd });
    expect(hits(run, 'iotlb')).toBe(1);
    expect(run.events('cache-filled').find(({ cache }) => cache === 'iotlb')).toMatchObject({ pasid: 0, did: 5 });
  });

  it('is found before any other cache or table is looked at, or after the PASID entry, as the knob says', () => {
    const first = inTurn({ one: { pasid: 1, repeat: 2 } }, { vtd });
    expect(first.events('entry-used').filter(({ structure }) => structure === 'pasid-entry')).toHaveLength(1);
    const last = inTurn({ one: { pasid: 1, repeat: 2 } }, { vtd: { ...vtd, iotlbFirst: false } });
    expect(last.events('entry-used').filter(({ structure }) => structure === 'pasid-entry')).toHaveLength(2);
    expect([hits(first, 'iotlb'), hits(last, 'iotlb')]).toEqual([1, 1]);
  });

  it.each([
    { comparesDid: false, expected: 1 },
    { comparesDid: true, expected: 0 },
  ])('finds a row of the DID the entry had before: $expected when it compares DIDs: $comparesDid', (knob) => {
    const world = vtdWorld({
      ...base,
      vtd: { ...vtd, iotlbFirst: false, iotlbLookupComparesDid: knob.comparesDid },
      dma: { traffic: { pasid: 1, repeat: 2 } },
      tasks: {
        *writer({ cpu, vtd: driver }) {
          yield* cpu.store64(driver.pasidEntryAddress('nic', 1) + 8, 9n | (1n << 23n));
        },
      },
    });
    const legs = [
      { run: 'traffic', until: seen('dma') },
      { run: 'writer', until: seen('store') },
    ];
    expect(hits(world.runWith({ legs }), 'iotlb')).toBe(knob.expected);
  });

  it('walks again for an access of the other kind, and keeps one row: a row proves no more than its walk did', () => {
    const run = inTurn(
      { read: { pasid: 1 }, write: { pasid: 1, write: true, repeat: 2 }, again: { pasid: 1 } },
      { vtd },
    );
    expect(fills(run, 'iotlb')).toBe(3);
    expect(hits(run, 'iotlb')).toBe(1);
    // The row of the other kind of access is replaced, not evicted: each of the later walks drops the one before.
    expect(run.events('cache-dropped').map(({ evicted }) => evicted)).toEqual([false, false]);
  });

  it('remembers where a translation came from', () => {
    const run = inTurn({ one: { pasid: 1, repeat: 3 } }, { vtd: { iotlbEntries: 1 } });
    const [walked, ...found] = run.events('dma').map(({ provenance }) => provenance);
    expect(walked).toHaveLength(4);
    expect(found).toEqual([walked, walked]);
  });
});

describe('a cache of small capacity', () => {
  const requests = { one: { pasid: 1, repeat: 2 }, two: { pasid: 2 }, three: { pasid: 1 } };
  it.each([
    { entries: 0, filled: 0, found: 0, evicted: 0 },
    { entries: 1, filled: 3, found: 1, evicted: 2 },
    { entries: 2, filled: 2, found: 2, evicted: 0 },
  ])('of $entries entries is filled $filled times and evicts $evicted', ({ entries, filled, found, evicted }) => {
    for (const [cache, vtd] of [
      ['iotlb', { iotlbEntries: entries }],
      ['pasid-cache', { pasidCacheEntries: entries }],
    ] as const) {
      const run = inTurn(requests, { vtd });
      expect([fills(run, cache), hits(run, cache)]).toEqual([filled, found]);
      expect(run.events('cache-dropped')).toEqual(
        Array(evicted).fill(expect.objectContaining({ cache, evicted: true })),
      );
    }
  });

  it('evicts any of its rows', () => {
    const world = vtdWorld({
      ...base,
      vtd: { iotlbEntries: 2 },
      dma: { one: { pasid: 1 }, two: { pasid: 2 }, three: { pasid: 1, iova: 0x2000 } },
    });
    const victims = new Set(
      Array.from({ length: 60 }, (_, seed) => world.runWith(seed).events('cache-dropped')[0]?.pasid),
    );
    expect(victims).toEqual(new Set([1, 2]));
  });

  it('keeps context entries by source, and those of another source do not serve', () => {
    const devices = { nic: 0x10, gpu: 0x18 };
    const vtd = { contextCacheEntries: 2 };
    const run = inTurn({ one: { pasid: 1 }, two: { pasid: 2 }, three: { pasid: 1, sid: 0x18 } }, { vtd, devices });
    expect([fills(run, 'context-cache'), hits(run, 'context-cache')]).toEqual([2, 1]);
  });
});

describe('the PASID cache', () => {
  it.each([
    { what: 'another source with the same PASID', sid: 0x18, pasid: 1, iova: 0x1000, found: 0 },
    { what: 'the same source with another PASID', sid: 0x10, pasid: 2, iova: 0x1000, found: 0 },
    { what: 'the same source and PASID with another page', sid: 0x10, pasid: 1, iova: 0x2000, found: 1 },
  ])('has $found rows for $what', ({ found, sid, pasid, iova }) => {
    const sketch = { vtd: { pasidCacheEntries: 4 }, devices: { nic: 0x10, gpu: 0x18 } };
    const run = inTurn({ one: { pasid: 1 }, two: { sid, pasid, iova } }, sketch);
    expect(hits(run, 'pasid-cache')).toBe(found);
  });
});

describe('what is cached with CM = 0 (VT-d 6.1)', () => {
  const vtd = { contextCacheEntries: 4, pasidCacheEntries: 4, iotlbEntries: 4 };
  const broken = {
    'a context entry that is not present': { what: 'context', expected: [] },
    'a PASID entry that is not present': { what: 'pasid', expected: ['context-cache'] },
    'a leaf that is not present': { what: 'leaf', expected: ['context-cache', 'pasid-cache'] },
    nothing: { what: 'nothing', expected: ['context-cache', 'pasid-cache', 'iotlb'] },
  } as const;

  it.each(Object.entries(broken))('for %s is what did not fault', (_, { what, expected }) => {
    const run = inTurn(
      { one: { pasid: 1, iova: what === 'leaf' ? 0x3000 : 0x1000 } },
      {
        vtd,
        prepare: (parts) => {
          if (what === 'context') {
            setBit(parts, parts.vtd.device('nic').contextEntryAddress, 0, 0);
          } else if (what === 'pasid') {
            setBit(parts, parts.vtd.pasidEntryAddress('nic', 1), 0, 0);
          }
        },
      },
    );
    expect(run.events('cache-filled').map(({ cache }) => cache)).toEqual(expected);
  });

  it('serves later requests of other pages with provenance and all', () => {
    const run = inTurn({ one: { pasid: 1 }, two: { pasid: 1, iova: 0x2000 } }, { vtd });
    expect([hits(run, 'context-cache'), hits(run, 'pasid-cache'), hits(run, 'iotlb')]).toEqual([1, 1, 0]);
    const [walked, cached] = run.events('dma').map(({ provenance }) => provenance);
    expect(cached).toEqual(walked);
    expect(run.events('entry-read').filter(({ structure }) => structure === 'pasid-entry')).toHaveLength(4);
  });

  it('outlives the entry in memory until it is invalidated', () => {
    const world = vtdWorld({
      ...base,
      vtd: { pasidCacheEntries: 1 },
      dma: { traffic: { pasid: 1, repeat: 3 } },
      tasks: {
        *writer({ cpu, vtd: driver }) {
          yield* cpu.store64(driver.pasidEntryAddress('nic', 1), 0n);
          yield* driver.queue.submitSync(cpu, [{ kind: 'pasid-cache', granularity: 'pasid', did: 6, pasid: 1 }]);
          yield* driver.queue.submitSync(cpu, [{ kind: 'pasid-cache', granularity: 'pasid', did: 5, pasid: 1 }]);
        },
      },
    });
    const run = world.runWith({
      legs: [
        { run: 'traffic', until: seen('dma') },
        { run: 'writer', until: seen('register-written') },
        { run: 'invalidation fetch', until: seen('descriptor-fetched', 2) },
        { run: 'invalidation', until: seen('status-written') },
        // The wrong DID has dropped nothing: still the old entry.
        { run: 'traffic', until: seen('dma', 2) },
      ],
      prefer: ['writer', 'invalidation fetch', 'invalidation', 'traffic'],
    });
    expect(run.events('dma')).toHaveLength(2);
    expect(run.faults).toEqual([0x59]);
  });
});
