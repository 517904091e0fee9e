import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { wrongDomain } from '../../../models/checkers/wrong-domain.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { seen, type VtdRun, type VtdWorld, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const gpu = 0x18;

/** `gpu` is attached to `b` under the domain ID of `a`, and brings b's tables into the cache that `nic` walks by. */
function shared(sketch: WorldSketch = {}): VtdWorld {
  return vtdWorld({
    vtd: { secondStagePagingEntries: 1 },
    devices: { nic: 0x10, gpu },
    domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 5, map: { 4096: 'page2' } } },
    attach: [
      { pasid: 1, domain: 'a' },
      { device: 'gpu', pasid: 1, domain: 'b' },
    ],
    dma: { first: { sid: gpu, pasid: 1 }, second: { pasid: 1 } },
    checkers: [wrongDomain],
    ...sketch,
  });
}

const firstThenSecond = { legs: [{ run: 'first', until: seen('dma') }] };

describe('wrong-domain', () => {
  it('is broken by DMA that a cache leads into the memory of another domain', () => {
    const run = shared().runWith(firstThenSecond);
    expect(run.outcome.violations).toEqual([
      {
        rule: 'wrong-domain',
        message: expect.stringMatching(/^nic reached 0x[0-9a-f]+, memory of b, while attached to a$/),
        source: 'VT-d 6.2.3.1',
        subject: 'nic in b',
      },
    ]);
  });

  it.each([
    ['no table is cached', { vtd: {} }],
    [
      'the domains have IDs of their own',
      { domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 6, map: { 4096: 'page2' } } } },
    ],
    ['both domains map the page', { domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 5 } } }],
  ] as const satisfies readonly (readonly [string, WorldSketch])[])('is not broken where %s', (_, sketch) => {
    const run = shared(sketch).runWith(firstThenSecond);
    expect(run.events('dma')).toHaveLength(2);
    expect(run.rules).toEqual([]);
  });

  it('is not broken by a pass-through device, which may reach all memory', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'pass-through', did: 1 }, b: { stage: 'second', did: 6, map: { 0: 'page2' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1, iova: 0x9000 } },
      prepare: ({ page }) => page('page2'),
      checkers: [wrongDomain],
    });
    expect(world.runWith({ legs: [] }).rules).toEqual([]);
  });

  it('leaves a translation from the old entry of the device to stale-translation', () => {
    const world = vtdWorld({
      vtd: { iotlbEntries: 1 },
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6, map: { 4096: 'page2' } } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', order: 'whole-low', flush: 'none' }),
      },
      dma: { traffic: { pasid: 1, repeat: 2 } },
      checkers,
    });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('dma') }], prefer: ['driver'] });
    expect(run.rules).toContain('stale-translation');
    expect(run.rules).not.toContain('wrong-domain');
  });

  /** A page of `a` is unmapped and then mapped in `b`, while the IOTLB still has it for `nic`, attached to `a`. */
  function remapped(flush: string): VtdRun {
    const world = vtdWorld({
      vtd: { iotlbEntries: 1 },
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6, map: {} } },
      attach: [{ pasid: 1, domain: 'a' }],
      changes: [{ domain: 'a' }, { domain: 'b', page: 'page1' }],
      tasks: {
        *driver(parts) {
          yield flowTask('vtd/unmap', { domain: 'a', iova: 0x1000, flush })(parts);
          yield flowTask('vtd/map', { domain: 'b', iova: 0x1000, page: 'page1', allocate: true })(parts);
        },
      },
      dma: { traffic: { pasid: 1, repeat: 2 } },
      checkers,
    });
    return world.runWith({
      legs: [{ run: 'traffic', until: seen('dma') }],
      prefer: ['driver', 'invalidation fetch', 'invalidation'],
    });
  }

  it('follows pages that go from one domain to another', () => {
    expect(remapped('none').rules).toEqual(['stale-translation', 'wrong-domain']);
    expect(remapped('cache-tags').rules).toEqual([]);
  });
});
