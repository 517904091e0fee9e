import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import type { VtdConfig } from '../../../models/vtd/vtd-config.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { done, invalidate } from '../../support/vtd-queue.ts';
import type { Direction } from '../../support/vtd-schedules.ts';
import { seen, type TaskBody, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const base: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [
    { pasid: 1, domain: 'a' },
    { pasid: 2, domain: 'a' },
  ],
};
const queueFirst = ['task', 'invalidation fetch', 'invalidation', 'traffic', 'other'];

/** Position of the first event that fits, or -1. */
function at(run: VtdRun, kind: string, matches: (event: object) => boolean = () => true): number {
  return run.records.findIndex(({ event }) => event.kind === kind && matches(event));
}

function submitting(...descriptors: readonly InvalidationDescriptor[]): WorldSketch {
  const task: TaskBody = ({ cpu, vtd }) => vtd.queue.submitSync(cpu, descriptors);
  return { ...base, tasks: { task } };
}

const isPasidEntry = (event: object): boolean => 'structure' in event && event.structure === 'pasid-entry';
const readOneQuantum: Direction = {
  legs: [{ run: 'traffic', until: seen('entry-read', 1, isPasidEntry) }],
  prefer: queueFirst,
};

describe('a PASID-cache invalidation', () => {
  it('is done only after the fetch in flight has brought its entry in', () => {
    const world = vtdWorld({ ...submitting(invalidate.pasidCache()), dma: { traffic: { pasid: 1 } } });
    const run = world.runWith(readOneQuantum);
    expect(at(run, 'invalidation-done')).toBeGreaterThan(at(run, 'entry-used', isPasidEntry));
    expect(at(run, 'status-written')).toBeGreaterThan(at(run, 'invalidation-done'));
  });

  it('waits as well for a request that has not come to its PASID entry yet', () => {
    const world = vtdWorld({ ...submitting(invalidate.pasidCache()), dma: { traffic: { pasid: 1 } } });
    const legs = [
      { run: 'traffic', until: seen('entry-read', 1, ({ structure }) => structure === 'scalable-context-entry') },
    ];
    const run = world.runWith({ legs, prefer: queueFirst });
    expect(at(run, 'invalidation-done')).toBeGreaterThan(at(run, 'entry-used', isPasidEntry));
  });

  it('drops what that fetch has put into the cache', () => {
    const vtd = { pasidCacheEntries: 1 };
    const world = vtdWorld({ ...submitting(invalidate.pasidCache()), vtd, dma: { traffic: { pasid: 1 } } });
    const run = world.runWith(readOneQuantum);
    const isPasidCache = (event: object): boolean => 'cache' in event && event.cache === 'pasid-cache';
    expect(at(run, 'cache-filled', isPasidCache)).toBeGreaterThan(-1);
    expect(at(run, 'cache-dropped', isPasidCache)).toBeGreaterThan(at(run, 'cache-filled', isPasidCache));
  });

  it('waits for nothing where the knob says so', () => {
    const vtd = { invalidationWaitsForFetch: false };
    const world = vtdWorld({ ...submitting(invalidate.pasidCache()), vtd, dma: { traffic: { pasid: 1 } } });
    const run = world.runWith(readOneQuantum);
    expect(at(run, 'status-written')).toBeGreaterThan(-1);
    expect(at(run, 'status-written')).toBeLessThan(at(run, 'entry-used', isPasidEntry));
  });

  it('does not wait for a request whose entry is known, and an IOTLB invalidation does', () => {
    const legs = [{ run: 'traffic', until: seen('page-table-read') }];
    const order = (descriptor: InvalidationDescriptor): number => {
      const world = vtdWorld({ ...submitting(descriptor), dma: { traffic: { pasid: 1 } } });
      const run = world.runWith({ legs, prefer: queueFirst });
      return Math.sign(at(run, 'status-written') - at(run, 'dma'));
    };
    expect(order(invalidate.pasidCache())).toBe(-1);
    expect(order(invalidate.iotlb())).toBe(1);
    expect(order(invalidate.piotlb())).toBe(1);
  });

  it('does not wait for a request that starts after it', () => {
    const world = vtdWorld({
      ...submitting(invalidate.pasidCache()),
      dma: { traffic: { pasid: 1 }, other: { pasid: 1 } },
    });
    const run = world.runWith({
      legs: [
        { run: 'traffic', until: seen('entry-read', 1, isPasidEntry) },
        { run: 'task', until: seen('register-written') },
        { run: 'invalidation fetch', until: seen('descriptor-fetched') },
        { run: 'invalidation', until: 'it waits' },
        { run: 'other', until: seen('entry-read', 2, isPasidEntry) },
        { run: 'traffic', until: seen('entry-used', 1, isPasidEntry) },
      ],
      prefer: queueFirst,
    });
    expect(run.outcome.end).toBe('finished');
    expect(at(run, 'status-written')).toBeLessThan(at(run, 'dma'));
  });
});

describe('a context-cache invalidation', () => {
  it('waits for the fetch of a context entry and not for that of a PASID entry', () => {
    const order = (structure: string): number => {
      const world = vtdWorld({ ...submitting(invalidate.context()), dma: { traffic: { pasid: 1 } } });
      const legs = [{ run: 'traffic', until: seen('entry-read', 1, (event) => event.structure === structure) }];
      const run = world.runWith({ legs, prefer: queueFirst });
      const used = (event: object): boolean => 'structure' in event && event.structure === structure;
      return Math.sign(at(run, 'invalidation-done') - at(run, 'entry-used', used));
    };
    expect(order('scalable-context-entry')).toBe(1);
    expect(order('pasid-entry')).toBe(-1);
  });
});

describe('an IOTLB invalidation', () => {
  const cached: WorldSketch = { ...submitting(invalidate.piotlb()), vtd: { iotlbEntries: 2 } };

  it('is complete for software only after a request that a dropped row had translated has reached memory', () => {
    const world = vtdWorld({ ...cached, dma: { traffic: { pasid: 1, repeat: 2 } } });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('cache-hit') }], prefer: queueFirst });
    expect(run.events('cache-dropped')).toHaveLength(1);
    const both = run.records.findLastIndex(({ event }) => event.kind === 'dma');
    expect(run.events('dma')).toHaveLength(2);
    expect(at(run, 'status-written')).toBeGreaterThan(both);
  });

  it('drains a second request that hit the row while the invalidation waited for the first', () => {
    const world = vtdWorld({ ...cached, dma: { traffic: { pasid: 1, repeat: 2 }, other: { pasid: 1 } } });
    const run = world.runWith({
      legs: [
        { run: 'traffic', until: seen('cache-hit') },
        { run: 'task', until: seen('register-written') },
        { run: 'invalidation fetch', until: seen('descriptor-fetched', 2) },
        { run: 'invalidation', until: 'it waits' },
        // The invalidation waits for `traffic`; `other` finds the row that is about to go.
        { run: 'other', until: seen('cache-hit', 2) },
        { run: 'traffic', until: seen('dma', 2) },
        { run: 'invalidation', until: done('piotlb') },
      ],
      prefer: queueFirst,
    });
    const last = run.records.findLastIndex(({ event }) => event.kind === 'dma');
    expect(run.events('dma')).toHaveLength(3);
    expect(at(run, 'invalidation-done')).toBeLessThan(last);
    expect(at(run, 'status-written')).toBeGreaterThan(last);
  });
});

describe('a page-selective invalidation', () => {
  const other = { addressMask: 0, address: 0, hint: false };
  const same = { ...other, addressMask: 1 };
  const drain = { drainReads: true, drainWrites: true };
  const tags = { did: 5, pasid: 1 };
  const piotlb = { kind: 'piotlb', granularity: 'page', ...tags } as const;
  const iotlb = { kind: 'iotlb', granularity: 'page', did: 5, ...drain } as const;
  /** Whether software is told before (-1) or after (1) a request to 0x1000, on its way to memory, has arrived. */
  const told = (
    descriptor: InvalidationDescriptor,
    pageInvalidationDrains: 'range' | 'all' = 'range',
    stage: 'first' | 'second' = 'first',
  ): number => {
    const world = vtdWorld({
      ...submitting(descriptor),
      domains: { a: { stage, did: 5 } },
      vtd: { iotlbEntries: 2, pageInvalidationDrains },
      dma: { traffic: { pasid: 1, repeat: 2 } },
    });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('cache-hit') }], prefer: queueFirst });
    const last = run.records.findLastIndex(({ event }) => event.kind === 'dma');
    return Math.sign(at(run, 'status-written') - last);
  };

  it('drains requests to its range', () => {
    expect(told({ ...piotlb, ...same })).toBe(1);
    expect(told({ ...iotlb, ...same }, 'range', 'second')).toBe(1);
  });

  it('leaves other requests alone, unless the knob says that it drains all of its domain and PASID', () => {
    expect(told({ ...piotlb, ...other })).toBe(-1);
    expect(told({ ...piotlb, ...other }, 'all')).toBe(1);
    expect(told({ ...iotlb, ...other }, 'range', 'second')).toBe(-1);
    expect(told({ ...iotlb, ...other }, 'all', 'second')).toBe(1);
    expect(told({ ...piotlb, ...other, pasid: 2 }, 'all')).toBe(-1);
  });

  it('of second-stage addresses drains every request of the domain that has a first stage, as it drops their rows', () => {
    expect(told({ ...iotlb, ...other })).toBe(1);
  });
});

describe('a coarser invalidation', () => {
  const dropped = (invalidationScope: 'exact' | 'coarser') =>
    vtdWorld({
      ...submitting(invalidate.piotlb(5, 2)),
      vtd: { iotlbEntries: 2, invalidationScope },
      dma: { traffic: { pasid: 1 } },
    }).runWith({ legs: [{ run: 'traffic', until: seen('dma') }], values: { 'invalidation scope': () => 1 } });

  it('may drop every row of its cache, and is reported as what software asked for', () => {
    expect(dropped('exact').events('cache-dropped')).toEqual([]);
    const run = dropped('coarser');
    expect(run.events('cache-dropped')).toEqual([expect.objectContaining({ pasid: 1 })]);
    expect(run.events('invalidation-done')).toEqual([expect.objectContaining({ granularity: 'pasid', pasid: 2 })]);
  });
});

describe('the fixed teardown', () => {
  const world = (vtd: Partial<VtdConfig>, stage: 'first' | 'nested' = 'first') =>
    vtdWorld({
      ...base,
      domains: { a: { stage, did: 5 } },
      vtd: { fetchOrder: 'any', ...vtd },
      tasks: { task: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' }) },
      dma: { traffic: { pasid: 1, repeat: 2 } },
      checkers,
    });

  it.each(['first', 'nested'] as const)('of a %s-stage entry holds if invalidations wait for fetches', (stage) => {
    expect(world({}, stage).rulesOver(400)).toEqual(new Map());
  });

  it.each([
    { invalidationWaitsForFetch: true, rules: [] },
    { invalidationWaitsForFetch: false, rules: ['corrupted-entry'] },
  ])('under a fetch that has read quantum 0 breaks $rules if waiting is $invalidationWaitsForFetch', (knob) => {
    const { invalidationWaitsForFetch, rules } = knob;
    const run = world({ invalidationWaitsForFetch, fetchOrder: 'ascending' }).runWith(readOneQuantum);
    expect(run.rules).toEqual(rules);
  });
});
