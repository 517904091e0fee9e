import { describe, expect, it } from 'vitest';
import { reachMarks } from '../../../models/checkers/reach.ts';
import { interruptEntryFor } from '../../../models/linux/vtd/interrupt-table.ts';
import type { EndpointSketch } from '../../support/test-endpoints.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate, type RingEntry } from '../../support/vtd-queue.ts';
import type { Direction } from '../../support/vtd-schedules.ts';
import { nic, seen, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

interface Case {
  readonly world?: WorldSketch;
  readonly schedule: Direction;
}

const values = { pasid: 1, domain: 'a', order: 'present-bit-first' };
const teardown = flowTask('vtd/pasid-teardown', values);
const base: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  tasks: { driver: teardown },
  dma: { traffic: { pasid: 1 } },
};
const queue = ['invalidation fetch', 'invalidation'];
const isPasidEntry = (event: { readonly structure: string }): boolean => event.structure === 'pasid-entry';
const trafficFirst: Direction = { legs: [], prefer: ['traffic'] };
const driverFirst: Direction = { legs: [], prefer: ['driver', ...queue] };
const unflushed: WorldSketch = {
  tasks: { driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'clear-first', flush: 'none' }) },
};
const silent: WorldSketch = { tasks: { driver: flowTask('vtd/pasid-teardown', { ...values, faultIgnore: 'kept' }) } };
const afterChange = { run: 'driver', until: seen('entry-changed') } as const;

const toCpu = interruptEntryFor({ format: 'remapped', sid: nic, vector: 0x41, destination: 1 });
/** The teardown is the update, whatever the interrupt has to do with it. */
const interrupting = (entry: Uint32Array): WorldSketch => ({
  interrupts: { entries: { 3: entry }, sources: { interrupts: { index: 3 } } },
});
const overtaking: Direction = {
  legs: [{ run: 'traffic', until: seen('translation-completion') }],
  prefer: ['driver', ...queue, 'nic device TLB'],
};

/** A PASID-based IOTLB invalidation with granularity 0. */
const refused = [6, 0, 0, 0, 0, 0, 0, 0];

function submits(batch: readonly RingEntry[], endpoints: EndpointSketch): WorldSketch {
  return {
    endpoints,
    system: { linux: { queuedInvalidation: 'whole-batch' } },
    tasks: {
      *driver({ cpu, vtd }) {
        yield* vtd.queue.submitSync(cpu, batch);
      },
    },
  };
}

const bursts: WorldSketch = {
  tasks: {
    *driver({ cpu, vtd }) {
      yield* vtd.queue.submitSync(cpu, [invalidate.deviceTlb(), invalidate.deviceTlb()]);
    },
  },
};

const cases: Readonly<Record<string, { readonly reached: Case; readonly missed: Case }>> = {
  'fetch-overlaps-update': {
    reached: {
      schedule: { legs: [{ run: 'traffic', until: seen('entry-read', 1, isPasidEntry) }], prefer: ['driver'] },
    },
    // All four quanta are in: the fetch is over.
    missed: {
      schedule: { legs: [{ run: 'traffic', until: seen('entry-read', 4, isPasidEntry) }], prefer: ['driver'] },
    },
  },
  'dma-during-update': {
    reached: {
      schedule: { legs: [{ run: 'traffic', until: seen('page-table-read') }, afterChange], prefer: ['traffic'] },
    },
    missed: { schedule: { legs: [{ run: 'traffic', until: seen('dma') }], prefer: ['driver'] } },
  },
  'fault-during-update': {
    reached: { schedule: { legs: [afterChange], prefer: ['traffic'] } },
    // Without a store behind its end the update is over when the fault comes.
    missed: { world: { ...unflushed }, schedule: driverFirst },
  },
  'dma-translated': { reached: { schedule: trafficFirst }, missed: { schedule: driverFirst } },
  'dma-faulted': { reached: { schedule: driverFirst }, missed: { schedule: trafficFirst } },
  // The teardown leaves FPD=1 in one world and 0 in the other.
  'fault-reported': { reached: { schedule: driverFirst }, missed: { world: silent, schedule: driverFirst } },
  'fault-not-reported': { reached: { world: silent, schedule: driverFirst }, missed: { schedule: driverFirst } },
  'fault-overflow': {
    reached: { world: { vtd: { faultRecords: 1 }, dma: { traffic: { pasid: 1, repeat: 2 } } }, schedule: driverFirst },
    missed: { world: { vtd: { faultRecords: 1 } }, schedule: driverFirst },
  },
  'interrupt-delivered': {
    reached: { world: interrupting(toCpu), schedule: trafficFirst },
    missed: { world: interrupting(new Uint32Array(4)), schedule: trafficFirst },
  },
  'interrupt-blocked': {
    reached: { world: interrupting(new Uint32Array(4)), schedule: trafficFirst },
    missed: { world: interrupting(toCpu), schedule: trafficFirst },
  },
  'interrupt-during-update': {
    reached: {
      world: interrupting(toCpu),
      schedule: { legs: [{ run: 'interrupts', until: seen('entry-read') }, afterChange], prefer: ['interrupts'] },
    },
    missed: { world: interrupting(toCpu), schedule: { legs: [], prefer: ['interrupts'] } },
  },
  'cache-hit': {
    reached: { world: { vtd: { iotlbEntries: 1 }, dma: { traffic: { pasid: 1, repeat: 2 } } }, schedule: trafficFirst },
    missed: { world: { dma: { traffic: { pasid: 1, repeat: 2 } } }, schedule: trafficFirst },
  },
  'device-tlb-hit': {
    reached: { world: { ats: {}, dma: { traffic: { pasid: 1, repeat: 2 } } }, schedule: trafficFirst },
    // A device TLB without rows asks for each DMA.
    missed: { world: { ats: { entries: 0 }, dma: { traffic: { pasid: 1, repeat: 2 } } }, schedule: trafficFirst },
  },
  'translation-discarded': {
    reached: { world: { ats: {} }, schedule: overtaking },
    missed: { world: { ats: { marksInFlight: false } }, schedule: overtaking },
  },
  'invalidation-answered': {
    reached: { world: submits([invalidate.deviceTlb()], { [nic]: 1 }), schedule: driverFirst },
    missed: { world: submits([invalidate.iotlb()], { [nic]: 1 }), schedule: driverFirst },
  },
  'link-blocked': {
    reached: { world: { ...bursts, ats: { queueDepth: 1 } }, schedule: driverFirst },
    missed: { world: { ...bursts, ats: { queueDepth: 2 } }, schedule: driverFirst },
  },
  'descriptor-refused': {
    reached: { world: submits([refused], {}), schedule: driverFirst },
    missed: { world: submits([invalidate.iotlb()], {}), schedule: driverFirst },
  },
  'descriptor-lost': {
    reached: { world: submits([invalidate.deviceTlb()], { [nic]: 'gone' }), schedule: driverFirst },
    missed: { world: submits([invalidate.deviceTlb()], { [nic]: 1 }), schedule: driverFirst },
  },
  'line-evicted': {
    reached: {
      world: { system: { coherentWalks: false, evictionLimit: 1 } },
      schedule: { legs: [{ run: 'driver', until: seen('store') }], prefer: ['cache eviction'] },
    },
    missed: {
      world: { system: { coherentWalks: false } },
      schedule: { legs: [{ run: 'driver', until: seen('store') }], prefer: ['cache eviction'] },
    },
  },
};

function reachedBy(name: string, { world, schedule }: Case): boolean {
  const built = vtdWorld({ ...base, ...world, reach: [name] });
  const run = built.runWith(schedule);
  expect(run.outcome.end).toBe('finished');
  return built.reached.has(name);
}

describe('a reach mark', () => {
  it('has a case here, and the other way round', () => {
    expect(Object.keys(cases).toSorted()).toEqual(reachMarks.map(({ name }) => name).toSorted());
  });

  it.each(Object.entries(cases))('%s is reached by one world and not by its neighbour', (name, { reached, missed }) => {
    expect(reachedBy(name, reached)).toBe(true);
    expect(reachedBy(name, missed)).toBe(false);
  });

  it.each(['dma-during-update', 'fault-during-update'])('%s ends with the end of the update', (name) => {
    const world = vtdWorld({
      ...base,
      ...unflushed,
      attach: [
        { pasid: 1, domain: 'a' },
        { pasid: 2, domain: 'a' },
      ],
      dma: { traffic: { pasid: 1 }, other: { pasid: 2 } },
      reach: [name],
    });
    const run = world.runWith(driverFirst);
    expect([run.events('dma').length, run.events('fault').length]).toEqual([1, 1]);
    expect(world.reached).toEqual(new Set());
  });
});
