import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { staleTranslation } from '../../../models/checkers/stale-translation.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import { qwordsOf } from '../../../models/qword.ts';
import { done, invalidate } from '../../support/vtd-queue.ts';
import { seen, type TaskBody, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const gpu = 0x18;

/** Two devices of one domain, with room for every intermediate entry and no IOTLB. */
const shared: WorldSketch = {
  devices: { nic: 0x10, gpu },
  domains: { a: { stage: 'second', did: 6, map: { 4096: 'page1', 2105344: 'page2' } } },
  attach: [
    { device: 'nic', pasid: 1, domain: 'a' },
    { device: 'gpu', pasid: 2, domain: 'a' },
  ],
  vtd: { firstStagePagingEntries: 8, secondStagePagingEntries: 8 },
};

const levelsRead = (run: VtdRun): readonly number[] => run.events('page-table-read').map(({ level }) => level);
const inTurn = { legs: [], prefer: ['traffic', 'other'] };

describe('a paging-structure cache', () => {
  it.each([
    ['second', [4, 3, 2, 1, 1]],
    ['first', [4, 3, 2, 1, 1]],
  ] as const)('lets a second walk of a %s stage begin at the deepest table', (stage, levels) => {
    const domains = { a: { stage, did: 6 } };
    const world = vtdWorld({ ...shared, domains, dma: { traffic: { pasid: 1, repeat: 2 } } });
    expect(levelsRead(world.runWith(inTurn))).toEqual(levels);
  });

  it('gives the next deepest table to another address: the PDPE covers 1 GB', () => {
    const world = vtdWorld({ ...shared, dma: { traffic: { pasid: 1 }, other: { pasid: 1, iova: 0x20_2000 } } });
    expect(levelsRead(world.runWith(inTurn))).toEqual([4, 3, 2, 1, 2, 1]);
  });

  it('shares rows of the second stage between devices of a domain, and keeps those of a first stage by PASID', () => {
    const levels = (stage: 'first' | 'second', pasid: number): readonly number[] =>
      levelsRead(
        vtdWorld({
          ...shared,
          domains: { a: { stage, did: 6 } },
          attach: [
            { device: 'nic', pasid: 1, domain: 'a' },
            { device: 'gpu', pasid, domain: 'a' },
          ],
          dma: { traffic: { pasid: 1 }, other: { sid: gpu, pasid } },
        }).runWith(inTurn),
      );
    expect(levels('second', 2)).toEqual([4, 3, 2, 1, 1]);
    expect(levels('first', 2)).toEqual([4, 3, 2, 1, 4, 3, 2, 1]);
    expect(levels('first', 1)).toEqual([4, 3, 2, 1, 1]);
  });

  it('shortens the second-stage walks of a nested walk, those of first-stage tables too', () => {
    const nested = { a: { stage: 'nested', did: 6 } } as const;
    const world = vtdWorld({ ...shared, domains: nested, dma: { traffic: { pasid: 1, repeat: 2 } } });
    const run = world.runWith(inTurn);
    const text = run.events('page-table-read').map(({ stage, level }) => `${stage[0]}${level}`);
    // Each first-stage entry and the page take a second-stage walk; from the second on it is one read, as all lie in 2 MB.
    const all = ['s4', 's3', 's2', 's1', 'f4', 's1', 'f3', 's1', 'f2', 's1', 'f1', 's1'];
    expect(text).toEqual([...all, 's1', 'f1', 's1']);
  });

  it('keeps entries read on the way to a leaf that is not there', () => {
    const world = vtdWorld({ ...shared, dma: { traffic: { pasid: 1, iova: 0x3000 }, other: { pasid: 1 } } });
    const run = world.runWith(inTurn);
    expect(run.faults).toEqual([0x79]);
    expect(levelsRead(run)).toEqual([4, 3, 2, 1, 1]);
  });

  it('does not give a table to an access that the path has no right for', () => {
    const readOnly: WorldSketch['prepare'] = ({ domain, system, write }) => {
      // The top entry loses W: what is below it may be read only.
      const top = domain('a').secondStageTable;
      write(top, [(system.memory.read(top) & ~2) >>> 0]);
    };
    const dma = { traffic: { pasid: 1 }, other: { pasid: 1, write: true } };
    const run = vtdWorld({ ...shared, prepare: readOnly, dma }).runWith(inTurn);
    expect(run.faults).toEqual([0x85]);
    expect(levelsRead(run)).toEqual([4, 3, 2, 1, 4]);
  });

  it('has no rows, and walks begin at the top, where a scenario says 0', () => {
    const vtd = { firstStagePagingEntries: 0, secondStagePagingEntries: 0 };
    const run = vtdWorld({ ...shared, vtd, dma: { traffic: { pasid: 1, repeat: 2 } } }).runWith(inTurn);
    expect(levelsRead(run)).toEqual([4, 3, 2, 1, 4, 3, 2, 1]);
    expect(run.events('cache-filled')).toEqual([]);
  });
});

describe('an IOTLB invalidation with paging-structure caches', () => {
  const submit: TaskBody = ({ cpu, vtd }) => vtd.queue.submitSync(cpu, [invalidate.iotlb(6)]);
  const world = vtdWorld({
    ...shared,
    tasks: { task: submit },
    dma: { traffic: { pasid: 1, repeat: 2 }, other: { sid: gpu, pasid: 2 } },
  });
  const run = world.runWith({
    legs: [
      { run: 'traffic', until: seen('dma') },
      { run: 'other', until: seen('cache-hit') },
      { run: 'task', until: seen('register-written') },
      { run: 'invalidation fetch', until: seen('descriptor-fetched', 2) },
      { run: 'invalidation', until: 'it waits' },
      // The invalidation waits for `other`; the next request of `traffic` begins below a row that is about to go.
      { run: 'traffic', until: seen('cache-hit', 2) },
      { run: 'other', until: seen('dma', 2) },
      { run: 'invalidation', until: done('iotlb') },
    ],
    prefer: ['invalidation', 'task', 'traffic'],
  });

  it('is complete only after a walk that began below a dropped row has reached memory', () => {
    const at = (kind: string): number => run.records.findLastIndex(({ event }) => event.kind === kind);
    expect(run.events('dma')).toHaveLength(3);
    expect(at('status-written')).toBeGreaterThan(at('dma'));
    expect(at('invalidation-done')).toBeLessThan(at('dma'));
  });

  it('keeps that walk from bringing rows back', () => {
    const dropped = run.records.findIndex(({ event }) => event.kind === 'invalidation-done');
    expect(run.records.slice(dropped).filter(({ event }) => event.kind === 'cache-filled')).toEqual([]);
  });
});

describe('timeline T2: SSPTPTR and DID of an entry changed by two 64-bit stores', () => {
  /** Both devices have `a` (DID 6); the nic gets `b` (DID 9), SSPTPTR first, and both invalidations of DID 6. */
  const replace: TaskBody = function* ({ cpu, vtd, domain }) {
    const address = vtd.pasidEntryAddress('nic', 1);
    const target = pasidEntryFor(domain('b'));
    const mixed = pasidEntryFor({ ...domain('b'), did: 6 });
    const [low, high] = qwordsOf(target) as [bigint, bigint];
    yield vtd.beginUpdate(address, [mixed, target]);
    yield cpu.store64(address, low);
    yield cpu.store64(address + 8, high);
    yield vtd.queue.submitSync(cpu, [invalidate.pasidCache(6, 1), invalidate.piotlb(6, 1)]);
    yield vtd.endUpdate(address, target);
  };
  const world = (iotlbEntries: number) =>
    vtdWorld({
      ...shared,
      domains: { a: { stage: 'second', did: 6 }, b: { stage: 'second', did: 9, map: { 4096: 'page2' } } },
      vtd: { secondStagePagingEntries: 8, iotlbEntries },
      tasks: { replace },
      dma: { traffic: { pasid: 1 }, other: { sid: gpu, pasid: 2 } },
      checkers: [staleTranslation],
    });
  const direction = {
    legs: [
      { run: 'replace', until: seen('store') },
      { run: 'traffic', until: seen('dma') },
    ],
    prefer: ['replace', 'invalidation fetch', 'invalidation', 'other'],
  };

  it('leads the other device, which still has DID 6, into the tables of the new domain', () => {
    const small = world(2);
    const run = small.runWith(direction);
    expect(run.rules).toEqual(['stale-translation']);
    expect(run.events('dma').at(-1)).toMatchObject({ sid: gpu, address: small.parts.page('page2') });
  });

  it('does no such thing before the nic has used the mixed entry', () => {
    const run = world(0).runWith({ legs: [], prefer: ['replace', 'invalidation fetch', 'invalidation', 'other'] });
    expect(run.rules).toEqual([]);
  });
});

describe('a row built from an entry that is no longer there', () => {
  it('is right for another device with the same tables under the same DID', () => {
    const move: TaskBody = function* ({ cpu, vtd, domain }) {
      const address = vtd.pasidEntryAddress('nic', 1);
      const target = pasidEntryFor(domain('b'));
      const [low, high] = qwordsOf(target) as [bigint, bigint];
      yield vtd.beginUpdate(address, [target]);
      yield cpu.store128(address, (high << 64n) | low);
      yield vtd.queue.submitSync(cpu, [invalidate.pasidCache(6, 1), invalidate.piotlb(6, 1)]);
      yield vtd.endUpdate(address, target);
    };
    const world = vtdWorld({
      ...shared,
      domains: { a: { stage: 'second', did: 6 }, b: { stage: 'second', did: 9, map: { 4096: 'page2' } } },
      tasks: { move },
      dma: { traffic: { pasid: 1, repeat: 2 }, other: { sid: gpu, pasid: 2 } },
      checkers,
    });
    const run = world.runWith({
      legs: [{ run: 'traffic', until: seen('dma') }],
      prefer: ['move', 'invalidation fetch', 'invalidation', 'other'],
    });
    expect(run.rules).toEqual([]);
    expect(run.events('cache-hit').length).toBeGreaterThan(0);
    expect(world.rulesOver(200)).toEqual(new Map());
  });
});
