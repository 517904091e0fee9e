import { describe, expect, it } from 'vitest';
import type { FetchOrder } from '../../../models/vtd/vtd-config.ts';
import { seen, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

const sketch: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  dma: { traffic: { pasid: 1 } },
};

function quanta(run: VtdRun, structure = 'pasid-entry'): readonly number[] {
  return run
    .events('entry-read')
    .filter((event) => event.structure === structure)
    .map(({ quantum }) => quantum);
}

/** Steps in which parts of a structure were read. */
function readSteps(run: VtdRun, structure: string): readonly number[] {
  return run.records.flatMap(({ event, stepNumber }) =>
    event.kind === 'entry-read' && event.structure === structure ? [stepNumber] : [],
  );
}

function ordersOver(fetchOrder: FetchOrder, seeds: number, fetchedQuanta: 2 | 4 = 4): ReadonlySet<string> {
  const world = vtdWorld({ ...sketch, vtd: { fetchOrder, fetchedQuanta } });
  return new Set(Array.from({ length: seeds }, (_, seed) => quanta(world.runWith(seed)).join('')));
}

describe('the read of a table entry', () => {
  it.each([
    ['ascending', '0123'],
    ['descending', '3210'],
  ] as const)('takes the quanta of a PASID entry in %s order, whatever the schedule', (order, expected) => {
    expect(ordersOver(order, 20)).toEqual(new Set([expected]));
  });

  it('takes them in all 24 orders where the order is any', () => {
    const orders = ordersOver('any', 500);
    expect(orders.size).toBe(24);
    expect([...orders].map((order) => [...order].toSorted().join(''))).toEqual(Array(24).fill('0123'));
  });

  it('takes only the two with fields where the knob says so', () => {
    expect(ordersOver('any', 50, 2)).toEqual(new Set(['01', '10']));
  });

  it('is one step for each 128 bits of a PASID entry, and one event of 128 bits each', () => {
    const run = vtdWorld(sketch).runWith(1);
    expect(new Set(readSteps(run, 'pasid-entry')).size).toBe(4);
    const reads = run.events('entry-read').filter(({ structure }) => structure === 'pasid-entry');
    expect(reads.map(({ words }) => words.length)).toEqual([4, 4, 4, 4]);
  });

  it('is two steps for a scalable-mode context entry and one for the root half and the directory entry', () => {
    const run = vtdWorld(sketch).runWith(1);
    expect(new Set(readSteps(run, 'scalable-context-entry')).size).toBe(2);
    expect(readSteps(run, 'scalable-root-entry')).toHaveLength(1);
    expect(readSteps(run, 'pasid-directory-entry')).toHaveLength(1);
    const words = run.events('entry-read').map(({ structure, words: read }) => [structure, read.length * 32]);
    expect(words).toContainEqual(['pasid-directory-entry', 64]);
    expect(words).toContainEqual(['scalable-context-entry', 128]);
  });

  it('is one step of 128 bits for the root and context entry of legacy mode', () => {
    const legacy: WorldSketch = { domains: { a: { stage: 'second', did: 5 } }, attach: [{ domain: 'a' }] };
    const run = vtdWorld({ ...legacy, vtd: { mode: 'legacy' }, dma: { traffic: {} } }).runWith(1);
    expect(run.events('entry-read').map(({ structure, words }) => [structure, words.length * 32])).toEqual([
      ['root-entry', 128],
      ['context-entry', 128],
    ]);
    expect(readSteps(run, 'context-entry')).toHaveLength(1);
  });

  it('lets a store come between any two quanta, and the entry is what was read when', () => {
    for (const before of [0, 1, 2, 3]) {
      const world = vtdWorld({
        ...sketch,
        tasks: {
          *writer({ cpu, vtd }) {
            for (let q = 0; q < 8; q += 1) {
              yield* cpu.store64(vtd.pasidEntryAddress('nic', 1) + q * 8, 0n);
            }
          },
        },
      });
      const run = world.runWith({
        legs: [
          { run: 'traffic', until: seen('entry-read', before + 1, ({ structure }) => structure === 'pasid-entry') },
          { run: 'writer', until: seen('store', 8) },
        ],
      });
      const used = run.events('entry-used').find(({ structure }) => structure === 'pasid-entry');
      const isZero = [0, 1, 2, 3].map((q) => used?.words.slice(q * 4, q * 4 + 4).every((word) => word === 0));
      // Quanta 2 and 3 of a first-stage entry are zero from the start.
      expect(isZero).toEqual([false, before < 1, true, true]);
      expect(used?.present).toBe(true);
      expect(used?.version).toBe(before < 1 ? 0 : 1);
    }
  });

  it('uses the upper half of a scalable root entry for devices from 16 on', () => {
    const world = vtdWorld({ ...sketch, devices: { nic: 0x80 }, dma: { traffic: { sid: 0x80, pasid: 1 } } });
    const run = world.runWith(1);
    expect(run.events('entry-read')[0]).toMatchObject({
      structure: 'scalable-root-entry',
      address: world.system.rootTable + 8,
    });
    expect(run.events('dma')).toHaveLength(1);
  });

  it('of a request without PASID goes to the entry of RID_PASID', () => {
    const world = vtdWorld({ ...sketch, attach: [{ pasid: 0, domain: 'a' }], dma: { traffic: {} } });
    const run = world.runWith(1);
    const read = run.events('entry-read').find(({ structure }) => structure === 'pasid-entry');
    expect(read?.address).toBe(world.parts.vtd.pasidEntryAddress('nic', 0));
    expect(run.events('dma')).toMatchObject([{ pasid: -1 }]);
  });
});

describe('the read of an entry by walks that are not coherent (ECAP.C = 0)', () => {
  const clearing = (flushes: boolean): WorldSketch => ({
    ...sketch,
    system: { coherentWalks: false },
    tasks: {
      *writer({ cpu, vtd }) {
        yield* cpu.store64(vtd.pasidEntryAddress('nic', 1), 0n);
        if (flushes) {
          yield* vtd.flushCache(cpu, vtd.pasidEntryAddress('nic', 1), 64);
        }
      },
    },
  });

  it.each([
    { flushes: false, faults: [] },
    { flushes: true, faults: [0x59] },
  ])('sees a store only once its line was written back (clflush: $flushes)', ({ flushes, faults }) => {
    const run = vtdWorld(clearing(flushes)).runWith({ legs: [], prefer: ['writer', 'traffic'] });
    expect(run.faults).toEqual(faults);
  });

  it('sees it as well once the line was evicted', () => {
    const world = vtdWorld({ ...clearing(false), system: { coherentWalks: false, evictionLimit: 1 } });
    const run = world.runWith({
      legs: [
        { run: 'writer', until: seen('store') },
        { run: 'cache eviction', until: seen('line-evicted') },
      ],
    });
    expect(run.faults).toEqual([0x59]);
  });
});
