import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { interruptEntryFor } from '../../../models/linux/vtd/interrupt-table.ts';
import { encodeRemappedInterruptEntry } from '../../../models/vtd/entries/interrupt-remapping-entry.ts';
import { encodePostedInterruptDescriptor } from '../../../models/vtd/entries/posted-interrupt-descriptor.ts';
import { nic, seen, type TaskBody, vtdWorld } from '../../support/vtd-world.ts';

const toCpu1 = interruptEntryFor({ format: 'remapped', sid: nic, vector: 0x41, destination: 1 });
const toCpu2 = interruptEntryFor({ format: 'remapped', sid: nic, vector: 0x52, destination: 2 });
const guestAddress = 0x1_0000_1000;
const toGuest = (urgent = false) =>
  interruptEntryFor({ format: 'posted', sid: nic, vector: 0x31, descriptor: guestAddress, urgent });
const guest = (suppressed = 0) => ({
  address: guestAddress,
  words: encodePostedInterruptDescriptor({ suppressed, notificationVector: 0xf2, notificationDestination: 3 }),
});

/** A task that invalidates interrupt entries and waits. */
const invalidate =
  (index: number, indexMask: number, granularity: 'global' | 'index' = 'index'): TaskBody =>
  ({ vtd, cpu }) =>
    vtd.queue.submitSync(cpu, [{ kind: 'interrupt-entry', granularity, index, indexMask }]);
const queue = ['invalidation fetch', 'invalidation'];

describe('a remapped interrupt', () => {
  it('goes to the vector and CPU of its entry', () => {
    const run = vtdWorld({ interrupts: { entries: { 3: toCpu1 }, sources: { traffic: { index: 3 } } } }).runWith(1);
    expect(run.events('interrupt')).toEqual([
      { kind: 'interrupt', sid: nic, index: 3, vector: 0x41, destination: 1, provenance: [expect.any(Number)] },
    ]);
    expect(run.events('entry-read')).toHaveLength(1);
  });

  it.each([
    { name: 'an index beyond the table', index: 256, entry: toCpu1, reason: 0x21 },
    { name: 'an entry that is not present', index: 4, entry: toCpu1, reason: 0x22 },
    { name: 'reserved bits', index: 3, entry: Uint32Array.from([...toCpu1.slice(0, 3), 1]), reason: 0x24 },
    {
      name: 'another requester',
      index: 3,
      entry: interruptEntryFor({ format: 'remapped', sid: 0x18, vector: 0x41, destination: 1 }),
      reason: 0x26,
    },
    { name: 'a descriptor where no memory is', index: 3, entry: toGuest(), reason: 0x27 },
  ])('is blocked by $name', ({ index, entry, reason }) => {
    const world = vtdWorld({
      vtd: { interruptCacheEntries: 1 },
      interrupts: { entries: { 3: entry }, sources: { traffic: { index, repeat: 2 } } },
    });
    const run = world.runWith(1);
    expect(run.events('interrupt-blocked')).toEqual(
      [1, 2].map(() => expect.objectContaining({ sid: nic, index, reason, recorded: true })),
    );
    expect(run.events('interrupt')).toEqual([]);
    // With CM = 0 what faults is not cached; that the descriptor is bad the entry does not say.
    expect(run.events('cache-filled')).toHaveLength(reason === 0x27 ? 1 : 0);
  });

  it.each([
    { present: 0, reason: 0x22 },
    { present: 1, reason: 0x26 },
  ])('that FPD silences is blocked without a report (P = $present)', ({ present, reason }) => {
    const entry = encodeRemappedInterruptEntry({ present, faultProcessingDisable: 1, sid: 1, sourceValidation: 1 });
    const world = vtdWorld({ interrupts: { entries: { 3: entry }, sources: { traffic: { index: 3 } } } });
    expect(world.runWith(1).events('interrupt-blocked')).toMatchObject([{ reason, recorded: false }]);
  });

  it('is verified anew where the entry comes from the cache', () => {
    const world = vtdWorld({
      vtd: { interruptCacheEntries: 1 },
      interrupts: { entries: { 3: toCpu1 }, sources: { own: { index: 3 }, rogue: { sid: 0x18, index: 3 } } },
    });
    const run = world.runWith({ legs: [], prefer: ['own', 'rogue'] });
    expect(run.events('cache-hit')).toMatchObject([{ cache: 'interrupt-entry-cache', sid: 0x18, pasid: 3 }]);
    expect(run.events('interrupt-blocked')).toMatchObject([{ sid: 0x18, reason: 0x26 }]);
  });
});

describe('a posted interrupt', () => {
  it.each([
    // The second finds ON set, as no software clears it.
    { suppressed: 0, urgent: false, notifies: [true, false] },
    { suppressed: 1, urgent: false, notifies: [false, false] },
    { suppressed: 1, urgent: true, notifies: [true, false] },
  ])('with SN $suppressed and urgent $urgent notifies: $notifies', ({ suppressed, urgent, notifies }) => {
    const world = vtdWorld({
      interrupts: {
        descriptors: [guest(suppressed)],
        entries: { 3: toGuest(urgent) },
        sources: { traffic: { index: 3, repeat: 2 } },
      },
    });
    const run = world.runWith(1);
    expect(run.events('interrupt-posted')).toMatchObject(
      notifies.map((each) => ({ index: 3, descriptor: guestAddress, vector: 0x31, notifies: each })),
    );
    expect(run.events('interrupt')).toEqual(
      notifies[0] ? [expect.objectContaining({ vector: 0xf2, destination: 3, provenance: [] })] : [],
    );
  });

  it('is blocked by a descriptor with reserved bits', () => {
    const words = guest().words;
    words[8] = 4;
    const world = vtdWorld({
      interrupts: {
        descriptors: [{ address: guestAddress, words }],
        entries: { 3: toGuest() },
        sources: { traffic: { index: 3 } },
      },
    });
    expect(world.runWith(1).events('interrupt-blocked')).toMatchObject([{ reason: 0x28 }]);
  });

  it('begins every run with the descriptor as it was', () => {
    const world = vtdWorld({
      interrupts: { descriptors: [guest()], entries: { 3: toGuest() }, sources: { traffic: { index: 3 } } },
    });
    for (const seed of [1, 2]) {
      expect(world.runWith(seed).events('interrupt-posted')).toMatchObject([{ notifies: true }]);
    }
  });
});

describe('an invalidation of interrupt entries', () => {
  it.each([
    { index: 5, mask: 0, dropped: [5] },
    { index: 4, mask: 1, dropped: [4, 5] },
    { index: 5, mask: 1, dropped: [4, 5] },
    { index: 6, mask: 2, dropped: [4, 5, 6] },
    { index: 8, mask: 2, dropped: [8] },
    { index: 0, mask: 3, dropped: [4, 5, 6] },
    { index: 9, mask: 0, dropped: [] },
  ])('of index $index with mask $mask drops $dropped of 4, 5, 6 and 8', ({ index, mask, dropped }) => {
    expect(droppedBy(invalidate(index, mask))).toEqual(dropped);
  });

  it('of all drops all', () => {
    expect(droppedBy(invalidate(0, 0, 'global'))).toEqual([4, 5, 6, 8]);
  });

  it('waits for an interrupt that an old entry has remapped, and for no other (6.5.5)', () => {
    const arrived = (index: number): ReadonlySet<string> =>
      vtdWorld({
        interrupts: { entries: { 3: toCpu1 }, sources: { traffic: { index: 3 } } },
        tasks: { driver: invalidate(index, 0) },
      }).outcomes(({ records }) => {
        const kinds = records.map(({ event }) => event.kind);
        const [read, arrival] = [kinds.indexOf('entry-read'), kinds.indexOf('interrupt')];
        const [drop, told] = [kinds.indexOf('interrupt-entries-invalidated'), kinds.indexOf('status-written')];
        return read < drop && told < arrival ? 'told before it arrived' : 'in order';
      });
    expect(arrived(3)).toEqual(new Set(['in order']));
    expect(arrived(4)).toEqual(new Set(['in order', 'told before it arrived']));
  });

  it('is no walk to an invalidation of the IOTLB', () => {
    const world = vtdWorld({
      interrupts: { entries: { 3: toCpu1 }, sources: { traffic: { index: 3 } } },
      tasks: {
        driver: ({ vtd, cpu }) =>
          vtd.queue.submitSync(cpu, [{ kind: 'context', granularity: 'global', did: 0, sid: 0, functionMask: 0 }]),
      },
    });
    const run = world.runWith({
      legs: [{ run: 'traffic', until: seen('entry-read') }],
      prefer: ['driver', ...queue],
    });
    const kinds = run.records.map(({ event }) => event.kind);
    expect(kinds.indexOf('status-written')).toBeLessThan(kinds.indexOf('interrupt'));
  });
});

describe('the interrupt entry cache', () => {
  it('gives way to a new entry where it is full', () => {
    const world = vtdWorld({
      vtd: { interruptCacheEntries: 1 },
      interrupts: { entries: { 3: toCpu1, 4: toCpu2 }, sources: { a: { index: 3 }, b: { index: 4 } } },
    });
    const run = world.runWith({ legs: [], prefer: ['a', 'b'] });
    expect(run.events('cache-dropped')).toEqual([
      { kind: 'cache-dropped', cache: 'interrupt-entry-cache', sid: -1, pasid: 3, did: 0, evicted: true },
    ]);
  });

  it('without rows holds nothing', () => {
    const world = vtdWorld({ interrupts: { entries: { 3: toCpu1 }, sources: { a: { index: 3, repeat: 2 } } } });
    const run = world.runWith(1);
    expect(run.events('entry-read')).toHaveLength(2);
    expect(run.events('cache-filled')).toEqual([]);
  });
});

describe('the checkers, of interrupts', () => {
  const change = (declared: boolean): TaskBody =>
    function* ({ vtd, cpu }) {
      const address = vtd.interrupts.entryAddress(3);
      yield vtd.beginUpdate(address, declared ? [toCpu2] : []);
      yield cpu.store64(address, BigInt(toCpu2[0] as number) | (BigInt(toCpu2[1] as number) << 32n));
      yield vtd.endUpdate(address, declared ? toCpu2 : toCpu1);
    };
  const run = (declared: boolean, prefer: readonly string[]) =>
    vtdWorld({
      checkers,
      interrupts: { entries: { 3: toCpu1 }, sources: { traffic: { index: 3 } } },
      tasks: { driver: change(declared) },
    }).runWith({
      legs: prefer[0] === 'traffic' ? [{ run: 'traffic', until: seen('entry-read') }] : [],
      prefer: ['driver'],
    });

  it('find one that an old entry sent off', () => {
    expect(run(true, ['traffic']).outcome.violations).toEqual([
      {
        rule: 'stale-translation',
        message: 'interrupt 3 of nic went where the old irte[3] sent it, whose invalidation software had seen complete',
        source: 'VT-d 6.2.7, 6.5.2.7, 6.5.5',
        subject: 'irte[3]',
      },
    ]);
  });

  it('find nothing in one by the new entry', () => {
    expect(run(true, ['driver']).rules).toEqual([]);
  });

  it('find an entry that nobody declared', () => {
    expect(run(false, ['driver']).rules).toEqual(['corrupted-entry']);
  });

  it('find reserved bits, and not the other reasons', () => {
    const rules = (entry: Uint32Array, index: number) =>
      vtdWorld({ checkers, interrupts: { entries: { 3: entry }, sources: { traffic: { index } } } }).runWith(1).rules;
    expect(rules(Uint32Array.from([...toCpu1.slice(0, 3), 1]), 3)).toEqual(['unexpected-fault']);
    expect(rules(toCpu1, 4)).toEqual([]);
    expect(rules(toGuest(), 3)).toEqual([]);
  });
});

/** Indices that are gone from a cache with 4, 5, 6 and 8 in it. */
function droppedBy(driver: TaskBody): readonly number[] {
  const indices = [4, 5, 6, 8];
  const world = vtdWorld({
    vtd: { interruptCacheEntries: 4 },
    interrupts: {
      entries: Object.fromEntries(indices.map((index) => [index, toCpu1])),
      sources: Object.fromEntries(indices.map((index) => [`source-${index}`, { index }])),
    },
    tasks: { driver },
  });
  const run = world.runWith({ legs: [], prefer: indices.map((index) => `source-${index}`) });
  return run.events('cache-dropped').map(({ pasid }) => pasid);
}
