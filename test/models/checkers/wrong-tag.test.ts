import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { wrongTag } from '../../../models/checkers/wrong-tag.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { seen, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

/**
 * `slow` has latched the old entry when the driver stores the new one and invalidates the PASID cache; `quick` brings the
 * new entry into the PASID cache; then `slow` fills the IOTLB.
 */
function race(iotlbTagFrom: 'walk' | 'pasid-cache', newDid: number): VtdRun {
  const world = vtdWorld({
    vtd: { pasidCacheEntries: 1, iotlbEntries: 2, iotlbTagFrom },
    domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: newDid, map: { 4096: 'page2' } } },
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', order: 'whole-low' }) },
    dma: { slow: { pasid: 1 }, quick: { pasid: 1 } },
    checkers: newDid === 5 ? [wrongTag] : checkers,
  });
  return world.runWith({
    legs: [
      { run: 'slow', until: seen('page-table-read', 4) },
      { run: 'driver', until: seen('register-written') },
      { run: 'invalidation fetch', until: 'it waits' },
      { run: 'invalidation', until: seen('invalidation-done') },
      { run: 'quick', until: seen('cache-filled', 2, ({ cache }) => cache === 'pasid-cache') },
    ],
    prefer: ['slow'],
  });
}

describe('wrong-tag', () => {
  it('is broken by a translation of the old table that is kept under the DID of the new entry', () => {
    expect(race('pasid-cache', 8).outcome.violations).toEqual([
      {
        rule: 'wrong-tag',
        message: expect.stringMatching(
          /^iotlb of nic keeps the table at 0x[0-9a-f]+ under DID 8, with which it was never programmed$/,
        ),
        source: 'VT-d 6.2.3.1, 6.2.1 Table 17',
        subject: 'iotlb of nic',
      },
    ]);
  });

  it('is not broken where the tag comes from the walk itself', () => {
    expect(race('walk', 8).rules).toEqual([]);
  });

  it('is not broken where old and new table have one DID', () => {
    expect(race('pasid-cache', 5).rules).toEqual([]);
  });

  it('is broken by a torn entry whose halves are known from other entries', () => {
    const run = (bothDeclared: boolean): VtdRun => {
      const world = vtdWorld({
        vtd: { pasidCacheEntries: 1 },
        domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 6, map: { 4096: 'page2' } } },
        attach: [{ pasid: 1, domain: 'a' }, ...(bothDeclared ? [{ pasid: 2, domain: 'b' }] : [])],
        tasks: {
          // q0 has the new table while q1 has the old DID.
          *driver({ cpu, vtd, domain }) {
            const q0 = 1n | (2n << 2n) | (2n << 6n) | BigInt(domain('b').secondStageTable);
            yield* cpu.store64(vtd.pasidEntryAddress('nic', 1), q0);
          },
        },
        dma: { traffic: { pasid: 1 } },
        checkers: [wrongTag],
      });
      return world.runWith({ legs: [], prefer: ['driver'] });
    };
    expect(run(true).rules).toEqual(['wrong-tag']);
    // A pointer that software never programmed anywhere is a matter of corrupted-entry.
    expect(run(false).rules).toEqual([]);
  });

  it('knows legacy context entries as well', () => {
    const run = (did: bigint): VtdRun => {
      const world = vtdWorld({
        vtd: { mode: 'legacy', contextCacheEntries: 2 },
        domains: { a: { stage: 'second', did: 5 } },
        attach: [{ domain: 'a' }],
        tasks: {
          *driver({ cpu, vtd }) {
            yield* cpu.store64(vtd.device('nic').contextEntryAddress + 8, 2n | (did << 8n));
          },
        },
        dma: { traffic: {} },
        checkers: [wrongTag],
      });
      return world.runWith({ legs: [], prefer: ['driver'] });
    };
    expect(run(6n).rules).toEqual(['wrong-tag']);
    expect(run(5n).rules).toEqual([]);
  });

  it('is not broken by pass-through entries, which have no table to keep', () => {
    const world = vtdWorld({
      vtd: { pasidCacheEntries: 2, iotlbEntries: 2 },
      domains: { a: { stage: 'pass-through', did: 1 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        *driver({ cpu, vtd }) {
          yield* cpu.store64(vtd.pasidEntryAddress('nic', 1) + 8, 9n | (1n << 23n));
        },
      },
      dma: { traffic: { pasid: 1 } },
      checkers: [wrongTag],
    });
    expect(world.runWith({ legs: [], prefer: ['driver'] }).rules).toEqual([]);
  });
});
