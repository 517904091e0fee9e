import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { invalidationOrder } from '../../../models/checkers/invalidation-order.ts';
import { staleTranslation } from '../../../models/checkers/stale-translation.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { seen, type TaskBody, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const base: WorldSketch = {
  capabilities: { CM: 1 },
  vtd: { contextCacheEntries: 1, pasidCacheEntries: 2 },
  domains: { a: { stage: 'first', did: 5 } },
  pasids: [1],
};
const legacy: WorldSketch = {
  ...base,
  vtd: { mode: 'legacy', contextCacheEntries: 1 },
  domains: { a: { stage: 'second', did: 5 } },
  pasids: [],
};
const twice = { traffic: { pasid: 1, repeat: 2 } };
const reads = (run: ReturnType<ReturnType<typeof vtdWorld>['runWith']>, structure: string): number =>
  run.events('entry-read').filter((event) => event.structure === structure && event.quantum === 0).length;

describe('with caching mode', () => {
  it('a PASID entry that is not present is kept under DID 0, and faults again without being read', () => {
    const run = vtdWorld({ ...base, dma: twice }).runWith(1);
    expect(run.faults).toEqual([0x59, 0x59]);
    expect(reads(run, 'pasid-entry')).toBe(1);
    const [fill] = run.events('cache-filled').filter(({ cache }) => cache === 'pasid-cache');
    expect(fill).toMatchObject({ did: 0, pasid: 1, pointer: -1 });
    expect(run.events('cached-fault')).toEqual([
      expect.objectContaining({ cache: 'pasid-cache', reason: 0x59, sid: 0x10, pasid: 1 }),
    ]);
  });

  it('a legacy context entry that is not present is, too', () => {
    const run = vtdWorld({ ...legacy, dma: { traffic: { repeat: 2 } } }).runWith(1);
    expect(run.faults).toEqual([0x2, 0x2]);
    expect(reads(run, 'context-entry')).toBe(1);
    expect(run.events('cache-filled')).toEqual([expect.objectContaining({ cache: 'context-cache', did: 0 })]);
  });

  it('a present entry is kept under its own DID, as without', () => {
    const attach = [{ pasid: 1, domain: 'a' }];
    const run = vtdWorld({ ...base, attach, dma: twice }).runWith(1);
    expect(run.faults).toEqual([]);
    expect(run.events('cache-filled').find(({ cache }) => cache === 'pasid-cache')).toMatchObject({ did: 5 });
    expect(run.events('cached-fault')).toEqual([]);
  });

  it('nothing of a first stage that is not present is kept', () => {
    const attach = [{ pasid: 1, domain: 'a' }];
    const vtd = { ...base.vtd, iotlbEntries: 2, firstStagePagingEntries: 8 };
    const dma = { traffic: { pasid: 1, iova: 0x3000, repeat: 2 } };
    const run = vtdWorld({ ...base, vtd, attach, dma }).runWith(1);
    expect(run.faults).toEqual([0x71, 0x71]);
    // The leaf is read again each time.
    expect(run.events('page-table-read').map(({ level }) => level)).toEqual([4, 3, 2, 1, 1]);
  });

  it.each([
    ['DID 0', invalidate.pasidCache(0, 1), 1],
    ['the DID the entry is about to have', invalidate.pasidCache(5, 1), 0],
  ] as const)('a PASID-cache invalidation by %s drops so many rows that fault: %#', (_, descriptor, dropped) => {
    const task: TaskBody = ({ cpu, vtd }) => vtd.queue.submitSync(cpu, [descriptor as InvalidationDescriptor]);
    const world = vtdWorld({ ...base, tasks: { task }, dma: { traffic: { pasid: 1 } } });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('fault') }] });
    expect(run.events('cache-dropped')).toHaveLength(dropped);
  });
});

describe('without caching mode', () => {
  it('nothing that faults is kept', () => {
    const run = vtdWorld({ ...base, capabilities: { CM: 0 }, dma: twice }).runWith(1);
    expect(run.faults).toEqual([0x59, 0x59]);
    expect(reads(run, 'pasid-entry')).toBe(2);
    expect(run.events('cached-fault')).toEqual([]);
  });
});

describe('an entry set up with caching mode', () => {
  const setup = (flush: string, CM = 1) =>
    vtdWorld({
      ...base,
      capabilities: { CM },
      tasks: { setup: flowTask('vtd/pasid-setup', { pasid: 1, domain: 'a', order: 'barrier', flush }) },
      dma: { traffic: { pasid: 1, repeat: 2 } },
      checkers,
    });
  const faultFirst = {
    legs: [{ run: 'traffic', until: seen('fault') }],
    prefer: ['setup', 'invalidation fetch', 'invalidation'],
  };

  it.each([
    ['none', ['invalidation-order', 'stale-translation']],
    ['write-buffer-only', ['invalidation-order', 'stale-translation']],
    ['linux', ['invalidation-order', 'stale-translation']],
    ['did-zero', []],
  ])('and flush: %s breaks %j', (flush, rules) => {
    expect(setup(flush).runWith(faultFirst).rules).toEqual(rules);
  });

  it('needs no invalidation with CM = 0', () => {
    expect(setup('none', 0).runWith(faultFirst).rules).toEqual([]);
    expect(setup('none', 0).rulesOver(200)).toEqual(new Map());
  });

  it('is not stale while its update goes on, nor for a fault that was read from memory', () => {
    const world = vtdWorld({
      ...base,
      tasks: { setup: flowTask('vtd/pasid-setup', { pasid: 1, domain: 'a', order: 'barrier', flush: 'none' }) },
      dma: { traffic: { pasid: 1 } },
      checkers: [staleTranslation],
    });
    // The only request has read P = 0 before the update ends, and faults after it.
    const legs = [
      { run: 'traffic', until: seen('entry-used', 1, ({ structure }) => structure === 'pasid-entry') },
      { run: 'setup', until: seen('update-end') },
    ];
    const run = world.runWith({ legs });
    expect(run.faults).toEqual([0x59]);
    expect(run.rules).toEqual([]);
  });
});

describe('a legacy context entry set up with caching mode', () => {
  it.each([
    ['none', ['invalidation-order', 'stale-translation']],
    ['linux', []],
  ])('and flush: %s breaks %j', (flush, rules) => {
    const world = vtdWorld({
      ...legacy,
      tasks: { setup: flowTask('vtd/context-setup', { domain: 'a', order: 'barrier', flush }) },
      dma: { traffic: { repeat: 2 } },
      checkers: [invalidationOrder, staleTranslation],
    });
    const legs = [{ run: 'traffic', until: seen('fault') }];
    expect(world.runWith({ legs, prefer: ['setup'] }).rules).toEqual(rules);
  });
});
