import { describe, expect, it } from 'vitest';
import { type QueueGeneration, queueResult, slotsWalked } from '../../../models/linux/vtd/queue-fault-check.ts';
import { slotStatus } from '../../../models/linux/vtd/queue-ring.ts';
import type { EndpointSketch } from '../../support/test-endpoints.ts';
import { invalidate, type RingEntry } from '../../support/vtd-queue.ts';
import { type TaskBody, type VtdRun, type VtdWorld, vtdWorld } from '../../support/vtd-world.ts';

const [gone, hangs, answers] = [5, 6, 7];
const endpoints: EndpointSketch = { [gone]: 'gone', [hangs]: 'silent', [answers]: 1 };
/** A PASID-based IOTLB invalidation with granularity 0. */
const refused = [6, 0, 0, 0, 0, 0, 0, 0];

interface QueueSketch {
  readonly kernel: QueueGeneration;
  /** One task for each: it submits the batch, and says what came back by a store to `results`. */
  readonly batches: readonly (readonly RingEntry[])[];
  readonly recordsErrorSource?: boolean;
  readonly itags?: number;
  readonly queueSlots?: number;
}

function submitters({ kernel, batches, recordsErrorSource = true, itags = 1, queueSlots = 16 }: QueueSketch): VtdWorld {
  const tasks: Record<string, TaskBody> = {};
  for (const [i, batch] of batches.entries()) {
    tasks[`cpu${i}`] = function* ({ cpu, vtd, page }) {
      const result = yield* vtd.queue.trySubmit(cpu, batch);
      yield* cpu.store32(page('results') + i * 4, BigInt(result >>> 0));
    };
  }
  return vtdWorld({
    endpoints,
    devices: { nic: gone, hung: hangs, other: answers },
    vtd: { recordsErrorSource, itags, queueSlots },
    system: { linux: { queuedInvalidation: kernel }, limits: { maxEvents: 20_000, maxTimeNs: 1e13, maxRetries: 3 } },
    prepare: ({ page }) => page('results'),
    tasks,
  });
}

/** `0 -110`: what each task was told; or the rule that ended the run. */
function told(world: VtdWorld): (run: VtdRun) => string {
  const results = world.parts.page('results');
  return (run) => {
    if (run.outcome.end !== 'finished') {
      return run.rules.join(' ');
    }
    const stores = run.events('store').filter(({ address }) => address >= results && address < results + 64);
    return stores
      .toSorted((a, b) => a.address - b.address)
      .map(({ words }) => (words[0] as number) | 0)
      .join(' ');
  };
}

function outcomesOf(sketch: QueueSketch): ReadonlySet<string> {
  const world = submitters(sketch);
  return world.outcomes(told(world));
}

/** Two CPUs have too many schedules to try them all here; scenarios are searched. */
function sampled(world: VtdWorld): ReadonlySet<string> {
  return new Set(Array.from({ length: 100 }, (_, seed) => told(world)(world.runWith(seed))));
}

describe('the walk of desc_status after a time-out', () => {
  it.each([
    // Three submissions of one descriptor: waits in 1, 3 and 5; all fetched.
    { head: 6, tail: 6, oddOnly: false, slots: [5, 4, 3, 2, 1, 0, 7, 6], ends: true },
    { head: 6, tail: 6, oddOnly: true, slots: [5, 3, 1, 7], ends: true },
    // Hardware is at slot 3, software has written up to slot 5: the slots 3 to 5 are still to come.
    { head: 3, tail: 6, oddOnly: false, slots: [2, 1, 0, 7, 6], ends: true },
    // head | 1 takes slot 3 along.
    { head: 3, tail: 6, oddOnly: true, slots: [3, 1, 7], ends: true },
    // A submission of two descriptors: wait in 2, IQT at 3, and slot 2 is even.
    { head: 3, tail: 3, oddOnly: false, slots: [2, 1, 0, 7, 6, 5, 4, 3], ends: true },
    { head: 3, tail: 3, oddOnly: true, slots: [3, 1, 7, 5], ends: false },
    // Around the ring.
    { head: 0, tail: 2, oddOnly: false, slots: [7, 6, 5, 4, 3, 2], ends: true },
    { head: 0, tail: 1, oddOnly: true, slots: [7, 5, 3, 1], ends: false },
  ])('from IQH $head to IQT $tail, odd slots only: $oddOnly', ({ head, tail, oddOnly, slots, ends }) => {
    expect(slotsWalked({ head, tail, slotCount: 8, oddOnly })).toEqual({ slots, ends });
  });
});

describe.each(['odd-slots', 'retry-for-ever', 'presence-check', 'whole-batch', 'own-functions'] as const)(
  '%s',
  (kernel) => {
    it('returns 0 when all goes well, and gives its slots back', () => {
      const iotlb = [invalidate.iotlb()];
      const world = submitters({ kernel, batches: [iotlb, [invalidate.deviceTlb(answers)]], queueSlots: 8 });
      expect(sampled(world)).toEqual(new Set(['0 0']));
      const status = world.system.places.find(({ name }) => name === 'desc_status')?.address ?? 0;
      world.runWith(1);
      for (let slot = 0; slot < 8; slot += 1) {
        expect(world.system.memory.read(status + slot * 4)).toBe(slotStatus.free);
      }
    });

    it('goes round a small ring for as long as it likes', () => {
      const world = vtdWorld({
        vtd: { queueSlots: 4 },
        endpoints,
        system: { linux: { queuedInvalidation: kernel } },
        tasks: {
          *driver({ cpu, vtd }) {
            for (let round = 0; round < 9; round += 1) {
              yield* vtd.queue.submitSync(cpu, [invalidate.iotlb(round)]);
            }
          },
        },
      });
      const run = world.runWith(1);
      expect(run.outcome.end).toBe('finished');
      expect(run.events('invalidation-done')).toHaveLength(9);
    });

    it('waits for ever for room that the ring does not have', () => {
      const three = [invalidate.iotlb(5), invalidate.iotlb(6), invalidate.iotlb(7)];
      expect(outcomesOf({ kernel, batches: [three], queueSlots: 4 })).toEqual(new Set(['stuck']));
      expect(outcomesOf({ kernel, batches: [three.slice(1)], queueSlots: 4 })).toEqual(new Set(['0']));
    });

    it('returns -EINVAL for a refused first descriptor; what is behind it is executed', () => {
      const world = submitters({ kernel, batches: [[refused, invalidate.iotlb()]] });
      expect(world.outcomes((run) => `${told(world)(run)} ${run.events('invalidation-done').length}`)).toEqual(
        new Set([`${queueResult.invalid} 1`]),
      );
    });
  },
);

describe('a refused descriptor that is not the first of its batch', () => {
  const batches = [[invalidate.iotlb(), refused]];

  it.each(['odd-slots', 'retry-for-ever', 'presence-check'] as const)('makes %s wait for ever', (kernel) => {
    expect(outcomesOf({ kernel, batches })).toEqual(new Set(['stuck']));
  });

  it('is found in the whole batch by its fix', () => {
    expect(outcomesOf({ kernel: 'whole-batch', batches })).toEqual(new Set([`${queueResult.invalid}`]));
  });

  it('holds up others until its owner has put it right', () => {
    const others = [...batches, [invalidate.iotlb(6)]];
    const world = submitters({ kernel: 'whole-batch', batches: others });
    expect(sampled(world)).toEqual(new Set([`${queueResult.invalid} 0`]));
  });
});

describe('a request that times out', () => {
  const batches = [[invalidate.deviceTlb(gone)]];

  it.each(['odd-slots', 'retry-for-ever'] as const)('is submitted again for ever by %s', (kernel) => {
    expect(outcomesOf({ kernel, batches })).toEqual(new Set(['livelock']));
  });

  it('gives -ETIMEDOUT if the function is gone', () => {
    expect(outcomesOf({ kernel: 'presence-check', batches })).toEqual(new Set([`${queueResult.timedOut}`]));
  });

  it('is submitted again for ever if the function is there and hangs', () => {
    expect(outcomesOf({ kernel: 'presence-check', batches: [[invalidate.deviceTlb(hangs)]] })).toEqual(
      new Set(['livelock']),
    );
  });

  it('is submitted again for ever if hardware does not say whose it is', () => {
    expect(outcomesOf({ kernel: 'presence-check', batches, recordsErrorSource: false })).toEqual(new Set(['livelock']));
  });

  it('of a function that no device is gives -ETIMEDOUT', () => {
    expect(outcomesOf({ kernel: 'presence-check', batches: [[invalidate.deviceTlb(99)]] })).toEqual(
      new Set([`${queueResult.timedOut}`]),
    );
  });

  it('is an endless walk for two descriptors in odd slots', () => {
    const run = submitters({
      kernel: 'odd-slots',
      batches: [[invalidate.iotlb(), invalidate.deviceTlb(gone)]],
    }).runWith(1);
    expect(run.outcome.violations[0]?.message).toContain('the walk of desc_status in qi_check_fault');
  });
});

describe('two CPUs, and each takes only its own time-out for its own', () => {
  it('the one whose function answers is never told of an error', () => {
    const world = submitters({
      kernel: 'own-functions',
      batches: [[invalidate.deviceTlb(gone)], [invalidate.iotlb(), invalidate.deviceTlb(answers)]],
    });
    expect(sampled(world)).toEqual(new Set(['-110 0']));
  });
});

describe('two CPUs, one of which waits for a function that is gone', () => {
  const world = submitters({
    kernel: 'presence-check',
    batches: [[invalidate.deviceTlb(gone)], [invalidate.deviceTlb(answers)]],
  });

  it('whoever handles the time-out is told; the other sees ABORT, submits again, and is told what comes of that', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 400; seed += 1) {
      const run = world.runWith(seed);
      const batchCount = run.events('batch-submitted').length;
      seen.add(`${told(world)(run)} in ${batchCount}`);
    }
    // The one that answers was first, or handled the time-out itself (and is told although it is another's), or was
    // aborted and submitted again; the other one then times out once more, or has been told.
    expect(seen).toContain('-110 0 in 2');
    expect(seen).toContain('-110 0 in 3');
    expect(seen).toContain('-110 -110 in 3');
    for (const each of seen) {
      expect(each).toMatch(/^-110 (0|-110) in [23]$/);
    }
  });
});
