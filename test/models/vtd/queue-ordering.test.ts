import { describe, expect, it } from 'vitest';
import { invalidate, type RingEntry, ringWorld, waitOf } from '../../support/vtd-queue.ts';
import type { VtdRun, WorldParts } from '../../support/vtd-world.ts';

/** Invalidations by kind and DID, waits by the data they write, in the order in which they complete. */
function completions(run: VtdRun): string {
  return run.records
    .flatMap(({ event }) => {
      if (event.kind === 'invalidation-done') {
        return [`${event.invalidation}${event.did}`];
      }
      switch (event.kind) {
        case 'interrupt-entries-invalidated':
          return [`interrupt-entry${event.index}`];
        // A request is on its way; its answer is what a wait waits for.
        case 'device-tlb-request':
          return [`${event.pasid < 0 ? '' : 'pasid-'}device-tlb${event.sid}`];
        case 'status-written':
          return [`wait${event.data}`];
        default:
          return [];
      }
    })
    .join(' ');
}

function ordersOf(
  entries: (parts: WorldParts) => readonly RingEntry[],
  deviceTlbWaitsForPiotlb = true,
): ReadonlySet<string> {
  return ringWorld(entries, { vtd: { deviceTlbWaitsForPiotlb }, endpoints: { 5: 1, 6: 1 } }).outcomes(completions);
}

// VT-d 6.5.2.12: the later kind waits for all earlier ones of these kinds; every other pair is unordered.
const waitsFor = {
  context: [],
  pasidCache: ['context'],
  iotlb: ['context', 'pasidCache'],
  piotlb: ['context', 'pasidCache'],
  interruptEntry: [],
  deviceTlb: ['iotlb', 'interruptEntry'],
  pasidDeviceTlb: ['iotlb', 'piotlb', 'interruptEntry'],
} as const satisfies Record<keyof typeof invalidate, readonly (keyof typeof invalidate)[]>;
const kinds = Object.keys(waitsFor) as readonly (keyof typeof invalidate)[];
const spelled = {
  context: 'context',
  pasidCache: 'pasid-cache',
  iotlb: 'iotlb',
  piotlb: 'piotlb',
  interruptEntry: 'interrupt-entry',
  deviceTlb: 'device-tlb',
  pasidDeviceTlb: 'pasid-device-tlb',
} as const;
const pairs = kinds.flatMap((earlier) =>
  kinds.map((later) => ({ earlier, later, ordered: (waitsFor[later] as readonly string[]).includes(earlier) })),
);

describe('two invalidations of one queue', () => {
  it.each(pairs)('$earlier, then $later: kept in order: $ordered', ({ earlier, later, ordered }) => {
    const [first, second] = [`${spelled[earlier]}5`, `${spelled[later]}6`];
    const expected = ordered ? [`${first} ${second}`] : [`${first} ${second}`, `${second} ${first}`];
    expect(ordersOf(() => [invalidate[earlier](5), invalidate[later](6)], false)).toEqual(new Set(expected));
  });

  it('a plain device-TLB one is kept behind a PASID-based IOTLB one if hardware does what the list leaves out', () => {
    expect(ordersOf(() => [invalidate.piotlb(5), invalidate.deviceTlb(6)], true)).toEqual(
      new Set(['piotlb5 device-tlb6']),
    );
  });

  it('a device-TLB one waits until the IOTLB one is complete, not only begun', () => {
    const orders = ordersOf(() => [invalidate.context(), invalidate.iotlb(), invalidate.deviceTlb(5)]);
    expect(orders).toEqual(new Set(['context5 iotlb5 device-tlb5']));
  });

  it('and two more: context, PASID cache, IOTLB in a row need no wait between them', () => {
    expect(
      ordersOf(() => [invalidate.context(), invalidate.pasidCache(), invalidate.iotlb(), invalidate.piotlb()]),
    ).toEqual(new Set(['context5 pasid-cache5 iotlb5 piotlb5', 'context5 pasid-cache5 piotlb5 iotlb5']));
  });

  it('wait for all earlier ones, not only for the last', () => {
    const orders = ordersOf(() => [invalidate.pasidCache(5), invalidate.pasidCache(6), invalidate.iotlb(7)]);
    expect(orders).toEqual(new Set(['pasid-cache5 pasid-cache6 iotlb7', 'pasid-cache6 pasid-cache5 iotlb7']));
  });
});

describe('a wait descriptor', () => {
  it('completes after the answer to a device-TLB invalidation, not after the request', () => {
    const answers = (run: VtdRun): string =>
      run.records
        .flatMap(({ event }) =>
          event.kind === 'device-tlb-completion' || event.kind === 'status-written' ? [event.kind] : [],
        )
        .join(' ');
    const world = ringWorld((parts) => [invalidate.deviceTlb(5), waitOf(parts, 1)], { endpoints: { 5: 2 } });
    expect(world.outcomes(answers)).toEqual(new Set(['device-tlb-completion device-tlb-completion status-written']));
  });

  it('completes after everything before it, in whatever order that comes', () => {
    expect(ordersOf((parts) => [invalidate.iotlb(5), invalidate.piotlb(6), waitOf(parts, 1)])).toEqual(
      new Set(['iotlb5 piotlb6 wait1', 'piotlb6 iotlb5 wait1']),
    );
  });

  it('covers only what came since the wait before it', () => {
    const orders = ordersOf((parts) => [invalidate.iotlb(5), waitOf(parts, 1), invalidate.iotlb(6), waitOf(parts, 2)]);
    const legal = (order: string): boolean =>
      /iotlb5.*wait1/.test(order) && /iotlb6.*wait2/.test(order) && order.split(' ').length === 4;
    expect([...orders].filter((order) => !legal(order))).toEqual([]);
    // All six ways to shuffle two ordered pairs.
    expect(orders.size).toBe(6);
    expect(orders).toContain('iotlb6 wait2 iotlb5 wait1');
  });

  it.each([
    { fence: false, expected: ['wait1 iotlb5', 'iotlb5 wait1'] },
    { fence: true, expected: ['wait1 iotlb5'] },
  ])('with FN = $fence lets what follows start before it: $expected', ({ fence, expected }) => {
    expect(ordersOf((parts) => [waitOf(parts, 1, { fence }), invalidate.iotlb(5)])).toEqual(new Set(expected));
  });

  it('with FN = 1 holds later waits back too, and what is before it still goes in any order', () => {
    const orders = ordersOf((parts) => [
      invalidate.iotlb(5),
      invalidate.context(6),
      waitOf(parts, 1, { fence: true }),
      waitOf(parts, 2),
    ]);
    expect(orders).toEqual(new Set(['iotlb5 context6 wait1 wait2', 'context6 iotlb5 wait1 wait2']));
  });

  it('may complete before an earlier wait that has nothing to wait for', () => {
    expect(ordersOf((parts) => [waitOf(parts, 1), waitOf(parts, 2)])).toEqual(new Set(['wait1 wait2', 'wait2 wait1']));
  });
});
