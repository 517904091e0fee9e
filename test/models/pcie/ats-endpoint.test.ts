import { describe, expect, it } from 'vitest';
import { everyPage, type InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { enumerateSchedules } from '../../support/enumerate-schedules.ts';
import { done, invalidate, ringWorld, waitOf } from '../../support/vtd-queue.ts';
import { nic, seen, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const base = {
  ats: {},
  domains: { a: { stage: 'first', did: 5, map: { 4096: 'page1', 8192: 'page2' } } },
  attach: [{ pasid: 1, domain: 'a' }],
  dma: { traffic: { pasid: 1 } },
} as const satisfies WorldSketch;
const endpoint = { sid: nic, pfsid: nic, maxInvalidationsPending: 0 };
const ofPasid1 = {
  kind: 'pasid-device-tlb',
  pasid: 1,
  globalPasid: false,
  ...endpoint,
  address: 0,
  addressMask: everyPage,
} as const satisfies InvalidationDescriptor;
const engines = ['doorbell', 'invalidation fetch', 'invalidation', 'nic device TLB'];

function at(run: VtdRun, kind: string, from = 0): number {
  return run.records.findIndex(({ event }, i) => i >= from && event.kind === kind);
}

describe('a function with ATS', () => {
  it('asks once for a page, and does DMA by what it holds from then on', () => {
    const run = vtdWorld({ ...base, dma: { traffic: { pasid: 1, repeat: 3 } } }).runWith(1);
    expect(run.events('translation-request')).toHaveLength(1);
    expect(run.events('translated-request')).toHaveLength(3);
    expect(run.events('cache-hit').map(({ cache }) => cache)).toEqual(['device-tlb', 'device-tlb']);
    expect(run.events('request')).toEqual([]);
    expect(run.events('dma')).toHaveLength(3);
  });

  it('asks each time without rows', () => {
    const run = vtdWorld({ ...base, ats: { entries: 0 }, dma: { traffic: { pasid: 1, repeat: 3 } } }).runWith(1);
    expect(run.events('translation-request')).toHaveLength(3);
    expect(run.events('dma')).toHaveLength(3);
  });

  it('asks again for the other kind of access, and for the other page', () => {
    const dma = { traffic: { pasid: 1 }, writes: { pasid: 1, write: true }, other: { pasid: 1, iova: 0x2000 } };
    const run = vtdWorld({ ...base, ats: { entries: 4 }, dma }).runWith({ legs: [], prefer: Object.keys(dma) });
    expect(run.events('translation-request')).toHaveLength(3);
  });

  it('tells requests with PASID and without one apart', () => {
    const attach = [
      { pasid: 0, domain: 'a' },
      { pasid: 1, domain: 'a' },
    ];
    const dma = { with: { pasid: 1 }, without: {}, again: { pasid: 1 } };
    const run = vtdWorld({ ...base, ats: { entries: 4 }, attach, dma }).runWith({ legs: [], prefer: Object.keys(dma) });
    expect(run.events('translation-request').map(({ pasid }) => pasid)).toEqual([1, -1]);
    expect(run.events('dma')).toHaveLength(3);
  });

  it('may send untranslated requests as well', () => {
    const run = vtdWorld({ ...base, dma: { traffic: { pasid: 1, ats: false } } }).runWith(1);
    expect(run.events('request')).toHaveLength(1);
    expect(run.events('translation-request')).toEqual([]);
    expect(run.events('dma')).toHaveLength(1);
  });

  it('turns ATS off when a translation request is unsupported, and goes on untranslated', () => {
    const prepare: WorldSketch['prepare'] = ({ system, vtd }) => {
      const { contextEntryAddress } = vtd.device('nic');
      system.memory.initialise(contextEntryAddress, [system.memory.read(contextEntryAddress) & ~4]);
    };
    const run = vtdWorld({ ...base, dma: { traffic: { pasid: 1, repeat: 3 } }, prepare }).runWith(1);
    expect(run.faults).toEqual([0x44]);
    expect(run.events('ats-disabled')).toHaveLength(1);
    expect(run.events('request')).toHaveLength(2);
    expect(run.events('dma')).toHaveLength(2);
  });

  it('throws away the answers that are on their way when it turns ATS off, and drops its rows', () => {
    const world = vtdWorld({
      ...base,
      dma: { first: { pasid: 1 }, second: { pasid: 1, iova: 0x2000 }, unsupported: { pasid: 0x2001 } },
    });
    const run = world.runWith({
      legs: [
        { run: 'first', until: seen('dma') },
        { run: 'second', until: seen('translation-completion', 2) },
        { run: 'unsupported', until: seen('ats-disabled') },
      ],
    });
    expect(run.faults).toEqual([0x46]);
    expect(run.events('cache-dropped')).toMatchObject([{ cache: 'device-tlb' }]);
    expect(run.events('translation-discarded')).toMatchObject([{ iova: 0x2000 }]);
    expect(run.events('request')).toMatchObject([{ iova: 0x2000 }]);
    expect(run.events('dma')).toHaveLength(2);
  });
});

describe('an answer that an invalidation overtakes', () => {
  const overtaken = (marksInFlight: boolean, descriptor: InvalidationDescriptor, until = 'translation-completion') =>
    ringWorld(() => [descriptor], { ...base, ats: { marksInFlight } }).runWith({
      legs: [{ run: 'traffic', until: seen(until as 'translation-completion') }],
      prefer: engines,
    });

  it.each(['translation-request', 'page-table-read', 'translation-completion'])(
    'is thrown away, and asked for again, when it comes after %s',
    (until) => {
      const run = overtaken(true, ofPasid1, until);
      expect(run.events('translation-discarded')).toHaveLength(1);
      expect(run.events('translation-request')).toHaveLength(2);
      expect(run.events('cache-filled').filter(({ cache }) => cache === 'device-tlb')).toHaveLength(1);
      expect(run.events('dma')).toHaveLength(1);
    },
  );

  it('is kept by a function that marks nothing', () => {
    const run = overtaken(false, ofPasid1);
    expect(run.events('translation-request')).toHaveLength(1);
    expect(at(run, 'cache-filled')).toBeGreaterThan(at(run, 'device-tlb-completion'));
  });

  it.each<readonly [string, InvalidationDescriptor]>([
    [
      'another page',
      { kind: 'pasid-device-tlb', pasid: 1, globalPasid: false, ...endpoint, address: 0x2000, addressMask: 0 },
    ],
    ['requests without PASID', { kind: 'device-tlb', ...endpoint, address: 0, addressMask: everyPage }],
  ])('is good when the invalidation is about %s', (_, descriptor) => {
    expect(overtaken(true, descriptor).events('translation-discarded')).toEqual([]);
  });
});

describe('an invalidation request is answered', () => {
  const ring = (sketch: WorldSketch, descriptor: InvalidationDescriptor = ofPasid1) =>
    ringWorld((p) => [descriptor, waitOf(p, 1)], { ...base, ...sketch });
  const translated = { run: 'traffic', until: seen('translated-request') } as const;

  it('only after DMA by the old translation has reached memory', () => {
    const run = ring({}).runWith({ legs: [translated], prefer: engines });
    expect(at(run, 'ats-invalidation-received')).toBeLessThan(at(run, 'dma'));
    expect(at(run, 'cache-dropped')).toBeLessThan(at(run, 'dma'));
    expect(at(run, 'device-tlb-completion')).toBeGreaterThan(at(run, 'dma'));
    expect(at(run, 'status-written')).toBeGreaterThan(at(run, 'dma'));
  });

  it('at once by a function that does not wait for its DMA', () => {
    const run = ring({ ats: { waitsForDma: false } }).runWith({ legs: [translated], prefer: engines });
    expect(at(run, 'status-written')).toBeLessThan(at(run, 'dma'));
  });

  it('at once where the DMA under way is to a page it is not about', () => {
    const other = { ...ofPasid1, address: 0x2000, addressMask: 0 };
    const run = ring({}, other).runWith({ legs: [translated], prefer: engines });
    expect(at(run, 'status-written')).toBeLessThan(at(run, 'dma'));
  });

  it('not held up by DMA that begins after it', () => {
    const run = ring({ dma: { traffic: { pasid: 1 }, other: { pasid: 1 } } }).runWith({
      legs: [
        translated,
        { run: 'doorbell', until: seen('register-written') },
        { run: 'invalidation fetch', until: seen('descriptor-fetched') },
        { run: 'invalidation', until: seen('device-tlb-request') },
        { run: 'nic device TLB', until: seen('ats-invalidation-received') },
        { run: 'other', until: seen('translated-request', 2) },
        { run: 'traffic', until: seen('dma') },
        { run: 'nic device TLB', until: done('pasid-device-tlb') },
      ],
    });
    expect(at(run, 'device-tlb-completion')).toBeLessThan(at(run, 'dma', at(run, 'dma') + 1));
  });

  it('after the walks and DMA of an IOTLB invalidation before it, which does not wait for translated requests', () => {
    const world = ringWorld((p) => [invalidate.iotlb(), waitOf(p, 1)], base);
    const run = world.runWith({ legs: [translated], prefer: engines });
    expect(at(run, 'status-written')).toBeGreaterThan(-1);
    expect(at(run, 'status-written')).toBeLessThan(at(run, 'dma'));
  });

  it('though a context-cache invalidation waits for the context entry that a translated request is fetching', () => {
    const isContext = ({ structure }: { structure: string }): boolean => structure === 'scalable-context-entry';
    const run = ringWorld(() => [invalidate.context()], base).runWith({
      legs: [translated, { run: 'traffic', until: seen('entry-read', 3, isContext) }],
      prefer: engines,
    });
    expect(run.events('entry-used').filter(isContext)).toHaveLength(2);
    const second = run.records.findLastIndex(({ event }) => event.kind === 'entry-used' && isContext(event));
    expect(at(run, 'invalidation-done')).toBeGreaterThan(second);
  });

  it.each([
    { ats: { answers: 'never' }, answered: 0, lost: 3 },
    { ats: { answers: 1 }, answered: 1, lost: 2 },
    { ats: { answers: 2 }, answered: 2, lost: 1 },
    { ats: { present: false }, answered: 0, lost: 3 },
    { ats: { answers: 'always' }, answered: 3, lost: 0 },
  ] as const)('as often as the function does: $ats', ({ ats, answered, lost }) => {
    const world = ringWorld(() => [ofPasid1, ofPasid1, ofPasid1], { ...base, ats, dma: {} });
    const run = world.runWith(1);
    expect(run.events('device-tlb-completion')).toHaveLength(answered);
    // The first time-out stops the queue; what was sent by then is lost one by one.
    expect(run.events('device-tlb-timeout').length > 0).toBe(lost > 0);
    expect(run.events('ats-invalidation-received')).toHaveLength(answered);
  });

  it('in any order', () => {
    const world = ringWorld(() => [ofPasid1, invalidate.deviceTlb()], { ...base, dma: {} });
    const orders = world.outcomes((run) =>
      run
        .events('device-tlb-completion')
        .map(({ itag }) => itag)
        .join(),
    );
    // Or the second is sent only after the first was answered, with the ITag that is free again.
    expect(orders).toEqual(new Set(['0,1', '1,0', '0,0']));
  });
});

/*
 * One DMA through a pass-through entry without any cache: 1 look-up in the device TLB; IOTLB, context cache, root entry,
 * 2 quanta of the context entry, PASID cache, directory entry, 2 quanta of the PASID entry, IOTLB fill: 10; the answer
 * comes: 1; context cache, root entry, 2 quanta, access: 5. The invalidation is doorbell, fetch, execution and service, in
 * this order. With p of the 17 steps before the service, the other three stand among them in C(p+3, 3) ways, and what is
 * left has one order: sum of C(p+3, 3) for p = 0 to 17 = C(21, 4).
 */
describe('every order of one DMA and one invalidation', () => {
  const world = () =>
    ringWorld(() => [ofPasid1], {
      ats: { entries: 0 },
      vtd: { fetchedQuanta: 2 },
      domains: { a: { stage: 'pass-through', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1 } },
    });

  it('is 5985 in number', () => {
    expect([...enumerateSchedules(world().system.kernel)]).toHaveLength(5985);
  });

  it('is of four kinds, as often as they have to be', () => {
    const small = world();
    const counts = new Map<string, number>();
    const { kernel, trace } = small.system;
    trace.record(true);
    for (const { outcome } of enumerateSchedules(kernel)) {
      const kinds = trace.records.map(({ event }) => event.kind);
      const received = kinds.indexOf('ats-invalidation-received');
      const answered = kinds.indexOf('device-tlb-completion');
      const isDiscarded = kinds.includes('translation-discarded');
      const hasWaited = kinds.indexOf('dma') > received && kinds.indexOf('dma') < answered;
      const kind = isDiscarded
        ? 'overtaken'
        : hasWaited
          ? 'drained'
          : answered < kinds.indexOf('dma')
            ? 'before'
            : 'after';
      expect(outcome.end).toBe('finished');
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      trace.clear();
    }
    trace.record(false);
    // p = 0; p = 1 to 11: C(15, 4) - 1; p = 12 to 16: C(20, 4) - C(15, 4); p = 17: C(20, 3).
    expect(Object.fromEntries(counts)).toEqual({ before: 1, overtaken: 1364, drained: 3480, after: 1140 });
  });
});
