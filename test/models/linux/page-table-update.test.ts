import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { seen, type VtdRun, type VtdWorld, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const stages = ['first', 'second', 'nested'] as const satisfies readonly Stage[];

function world(stage: Stage, values: object, sketch: WorldSketch = {}): VtdWorld {
  return vtdWorld({
    vtd: { iotlbEntries: 2 },
    domains: { a: { stage, did: 5, map: { 4096: 'page1', 8192: 'page2' } } },
    attach: [{ pasid: 1, domain: 'a' }],
    changes: [{ domain: 'a' }],
    tasks: { driver: flowTask('vtd/unmap', { domain: 'a', iova: 0x1000, ...values }) },
    checkers,
    ...sketch,
  });
}

/** One DMA of each page before the driver begins; then the driver; then one DMA of each again. */
function around(stage: Stage, values: object): VtdRun {
  const dma = { pasid: 1, write: true };
  return world(stage, values, {
    dma: { first: dma, other: { ...dma, iova: 0x2000 }, again: dma, last: { ...dma, iova: 0x2000 } },
  }).runWith({
    legs: [
      { run: 'first', until: seen('dma') },
      { run: 'other', until: seen('dma', 2) },
    ],
    prefer: ['driver', 'invalidation fetch', 'invalidation', 'again', 'last'],
  });
}

describe('vtd/unmap', () => {
  it.each(stages)(
    'drops the page of a %s-stage domain from the IOTLB, and no other page where hardware can tell',
    (stage) => {
      const run = around(stage, {});
      expect(run.rules).toEqual([]);
      expect(run.faults).toEqual([stage === 'second' ? 0x79 : 0x71]);
      expect(run.events('dma')).toHaveLength(3);
      expect(run.events('cache-dropped')).toHaveLength(1);
      expect(run.events('cache-hit')).toHaveLength(1);
      expect(run.events('invalidation-done')).toMatchObject([
        { invalidation: stage === 'second' ? 'iotlb' : 'piotlb', granularity: 'page', did: 5, iova: 0x1000 },
      ]);
    },
  );

  it.each(stages)('leaves a stale translation of a freed page behind without a flush (%s)', (stage) => {
    const run = around(stage, { flush: 'none' });
    expect(run.rules).toEqual(['stale-translation', 'use-after-free']);
    expect(run.outcome.violations.map(({ subject }) => subject)).toEqual(['a.map[0x1000]', 'DMA of nic']);
    expect(run.events('dma')).toHaveLength(3);
  });

  it('leaves a stale translation behind also where the page is not freed', () => {
    expect(around('first', { flush: 'none', free: 'never' }).rules).toEqual(['stale-translation']);
  });

  it('frees the page that the leaf entry led to, after the flush is complete', () => {
    const sketch = world('nested', {});
    const run = sketch.runWith({ legs: [] });
    const kinds = run.records.map(({ event }) => event.kind);
    expect(run.events('page-freed')).toEqual([{ kind: 'page-freed', address: sketch.parts.page('page1') }]);
    expect(kinds.indexOf('page-freed')).toBeGreaterThan(kinds.lastIndexOf('status-written'));
  });

  it.each([
    { flush: 'cache-tags', waits: 2 },
    { flush: 'batched', waits: 1 },
  ])('with flush $flush submits two tags with $waits waits', ({ flush, waits }) => {
    const attach = [1, 2].map((pasid) => ({ pasid, domain: 'a' }));
    const run = world('first', { flush }, { attach }).runWith(1);
    expect(run.events('status-written')).toHaveLength(waits);
    expect(
      run
        .events('invalidation-done')
        .map(({ pasid }) => pasid)
        .toSorted(),
    ).toEqual([1, 2]);
    expect(run.events('page-freed')).toHaveLength(1);
  });

  it.each(['cache-tags', 'batched'])('with flush %s keeps the page after an error that it looks at', (flush) => {
    // A unit that takes no address mask at all refuses every page-selective invalidation.
    const sketch: WorldSketch = {
      capabilities: { MAMV: -1 },
      system: { linux: { queuedInvalidation: 'whole-batch' } },
    };
    const told = (onError: string): VtdRun => world('first', { flush, onError }, sketch).runWith(1);
    expect(told('keep-page').events('page-freed')).toEqual([]);
    expect(told('keep-page').events('update-end')).toEqual([]);
    expect(told('ignore').events('page-freed')).toHaveLength(1);
    expect(told('ignore').rules).toEqual(['lost-invalidation']);
  });

  it('flushes nothing of a domain that has no cache tag', () => {
    const run = world('first', {}, { attach: [], pasids: [1] }).runWith({ legs: [] });
    expect(run.events('register-written')).toEqual([]);
    expect(run.events('page-freed')).toHaveLength(1);
  });

  it('flushes once for each cache tag, in list order', () => {
    const attach = [
      { pasid: 3, domain: 'a' },
      { pasid: 1, domain: 'a' },
      { device: 'gpu', pasid: 1, domain: 'a' },
    ];
    const run = world('first', {}, { devices: { nic: 0x10, gpu: 0x18 }, attach }).runWith({ legs: [] });
    expect(run.events('invalidation-done').map(({ pasid }) => pasid)).toEqual([3, 1]);
  });

  it('takes the leaf entry back to memory where legacy page walks do not snoop', () => {
    const legacy = world(
      'second',
      {},
      {
        vtd: { mode: 'legacy', iotlbEntries: 1 },
        system: { coherentWalks: false },
        attach: [{ domain: 'a' }],
        dma: { traffic: { repeat: 2 } },
      },
    );
    const run = legacy.runWith({
      legs: [{ run: 'traffic', until: seen('dma') }],
      prefer: ['driver', 'invalidation fetch', 'invalidation'],
    });
    expect(run.events('line-flushed').length).toBeGreaterThan(0);
    expect(run.rules).toEqual([]);
    expect(run.faults).toEqual([0x6]);
  });
});

describe('vtd/map', () => {
  const mapping = (stage: Stage, sketch: WorldSketch = {}): VtdWorld =>
    vtdWorld({
      domains: { a: { stage, did: 5, map: {} } },
      attach: [{ pasid: 1, domain: 'a' }],
      changes: [{ domain: 'a', page: 'page1' }],
      tasks: { driver: flowTask('vtd/map', { domain: 'a', iova: 0x1000, page: 'page1' }) },
      dma: { traffic: { pasid: 1, write: true, repeat: 2 } },
      checkers,
      ...sketch,
    });

  it.each(stages)('lets a %s-stage walk reach the page from its store on, and invalidates nothing', (stage) => {
    const sketch = mapping(stage);
    const run = sketch.runWith({ legs: [{ run: 'traffic', until: seen('fault') }], prefer: ['driver'] });
    expect(run.rules).toEqual([]);
    expect(run.faults).toEqual([stage === 'second' ? 0x79 : 0x71]);
    expect(run.events('dma').map(({ address }) => address)).toEqual([sketch.parts.page('page1')]);
    expect(run.events('register-written')).toEqual([]);
  });

  it('takes a page from the allocator only once it has been freed', () => {
    const reuse = vtdWorld({
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6, map: {} } },
      attach: [
        { pasid: 1, domain: 'a' },
        { pasid: 2, domain: 'b' },
      ],
      changes: [{ domain: 'a' }, { domain: 'b', page: 'page1' }],
      tasks: {
        unmap: flowTask('vtd/unmap', { domain: 'a', iova: 0x1000 }),
        map: flowTask('vtd/map', { domain: 'b', iova: 0x1000, page: 'page1', allocate: true }),
      },
      dma: { traffic: { pasid: 2 } },
      checkers,
    });
    const run = reuse.runWith({ legs: [], prefer: ['map', 'unmap', 'invalidation fetch', 'invalidation'] });
    const order = run.records
      .map(({ event }) => event.kind)
      .filter((kind) => kind.startsWith('page-') && kind !== 'page-table-read');
    expect(order).toEqual(['page-freed', 'page-allocated']);
    expect(run.rules).toEqual([]);
    expect(run.events('dma')).toHaveLength(1);
  });

  it('waits for ever for a page that nobody frees', () => {
    const task = flowTask('vtd/map', { domain: 'a', iova: 0x1000, page: 'page1', allocate: true });
    expect(mapping('first', { tasks: { driver: task }, dma: {} }).runWith({ legs: [] }).rules).toEqual(['stuck']);
  });
});
