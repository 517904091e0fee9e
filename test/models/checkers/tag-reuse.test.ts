import { describe, expect, it } from 'vitest';
import { tagReuse } from '../../../models/checkers/tag-reuse.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { seen, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

/** One DMA by the old domain; then the device moves to the new one. */
function move(clean: string, vtd: object, warm = true): VtdRun {
  const values = { pasid: 1, clean };
  const world = vtdWorld({
    vtd,
    domains: { old: { stage: 'second' }, new: { stage: 'second', map: { 4096: 'page2' } } },
    attach: [{ pasid: 1, domain: 'old' }],
    tasks: {
      *driver(parts) {
        yield flowTask('vtd/detach', { ...values, domain: 'old', order: 'entry-first' })(parts);
        yield flowTask('vtd/attach', { ...values, domain: 'new', order: 'tags-first' })(parts);
      },
    },
    dma: { traffic: { pasid: 1 } },
    checkers: [tagReuse],
  });
  return world.runWith({
    legs: warm ? [{ run: 'traffic', until: seen('dma') }] : [],
    prefer: ['driver', 'invalidation fetch', 'invalidation'],
  });
}

const iotlb = { iotlbEntries: 1 };

describe('tag-reuse', () => {
  it('is broken when an ID is handed out while the IOTLB holds a row with it, and the run goes on', () => {
    const run = move('never', iotlb);
    expect(run.outcome.violations).toEqual([
      {
        rule: 'tag-reuse',
        message: 'DID 2 is used for a domain while the iotlb still holds what another domain has left under it',
        source: 'VT-d 6.5.3.3 (re-use of a Domain-ID)',
        subject: 'domain ID in the iotlb',
      },
    ]);
    expect(run.outcome.end).toBe('finished');
  });

  it('is broken by a row of a paging-structure cache too', () => {
    expect(move('never', { secondStagePagingEntries: 1 }).outcome.violations.map(({ subject }) => subject)).toEqual([
      'domain ID in the second-stage-paging',
    ]);
  });

  it.each(['on-entry-change', 'on-release', 'on-allocation'])('is not broken where caches are cleaned %s', (clean) => {
    const run = move(clean, { ...iotlb, pasidCacheEntries: 1, secondStagePagingEntries: 2 });
    expect(run.rules).toEqual([]);
    expect(run.events('tag-released')).toEqual([{ kind: 'tag-released', did: 2 }]);
    expect(run.events('tag-allocated')).toEqual([{ kind: 'tag-allocated', did: 2 }]);
  });

  it('is not broken where nothing was cached, and by rows that another has replaced or dropped', () => {
    expect(move('never', iotlb, false).rules).toEqual([]);
    expect(move('never', {}).rules).toEqual([]);
  });

  it('counts a row that one with the same look-up tags replaces once', () => {
    // A read and a write fill the same row; the flush drops it, and nothing is left of the ID.
    const world = vtdWorld({
      vtd: iotlb,
      domains: { old: { stage: 'second' }, new: { stage: 'second' } },
      attach: [{ pasid: 1, domain: 'old' }],
      tasks: {
        *driver(parts) {
          yield flowTask('vtd/detach', { pasid: 1, domain: 'old', order: 'entry-first' })(parts);
          yield flowTask('vtd/attach', { pasid: 1, domain: 'new', order: 'tags-first' })(parts);
        },
      },
      dma: { reads: { pasid: 1 }, writes: { pasid: 1, write: true } },
      checkers: [tagReuse],
    });
    const run = world.runWith({
      legs: [
        { run: 'reads', until: seen('dma') },
        { run: 'writes', until: seen('dma', 2) },
      ],
      prefer: ['driver', 'invalidation fetch', 'invalidation'],
    });
    expect(run.events('cache-filled')).toHaveLength(2);
    expect(run.events('cache-dropped')).toHaveLength(2);
    expect(run.rules).toEqual([]);
  });
});
