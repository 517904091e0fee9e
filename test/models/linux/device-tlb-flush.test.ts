import { describe, expect, it } from 'vitest';
import { flowTask } from '../../support/vtd-flows.ts';
import { vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

/** What a flow has invalidated, in order. */
function invalidations(flow: string, values: Readonly<Record<string, unknown>>, sketch: WorldSketch = {}): string {
  const world = vtdWorld({
    domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6 } },
    attach: [{ pasid: Number(values.pasid ?? 0), domain: 'a' }],
    tasks: { driver: flowTask(flow, values) },
    ...sketch,
  });
  const run = world.runWith(1);
  expect(run.outcome.end).toBe('finished');
  return run
    .events('invalidation-done')
    .map(({ invalidation, granularity, pasid }) => {
      const isDeviceTlb = invalidation === 'device-tlb' || invalidation === 'pasid-device-tlb';
      return isDeviceTlb ? `${invalidation} ${granularity} ${pasid}` : invalidation;
    })
    .join(', ');
}

const teardown = { pasid: 1, domain: 'a', order: 'present-bit-first' };
const replace = { pasid: 1, from: 'a', to: 'b', order: 'whole-low' };
const legacy = {
  vtd: { mode: 'legacy' },
  domains: { a: { stage: 'second', did: 5 }, b: { stage: 'second', did: 6 } },
} as const satisfies WorldSketch;
const last = 'pasid-device-tlb pasid 1';

describe('a flow of a device with ATS', () => {
  it.each([
    ['full', `pasid-cache, piotlb, ${last}`],
    ['none', ''],
    ['pasid-cache-only', 'pasid-cache'],
    ['iotlb-only', 'piotlb'],
    ['iotlb-first', `piotlb, pasid-cache, ${last}`],
    ['wrong-did', `pasid-cache, piotlb, ${last}`],
    ['device-tlb-first', `pasid-cache, ${last}, piotlb`],
    ['no-device-tlb', 'pasid-cache, piotlb'],
  ])('tears a PASID entry down with flush %s', (flush, expected) => {
    expect(invalidations('vtd/pasid-teardown', { ...teardown, flush }, { ats: {} })).toBe(expected);
  });

  it('flushes what RID_PASID stands for by type 3', () => {
    const values = { ...teardown, pasid: 0 };
    expect(invalidations('vtd/pasid-teardown', values, { ats: {} })).toBe('pasid-cache, piotlb, device-tlb pasid -1');
  });

  it.each([
    ['after', `pasid-cache, piotlb, ${last}`],
    ['before', `${last}, pasid-cache, piotlb`],
    ['before-and-after', `${last}, pasid-cache, piotlb, ${last}`],
  ])('replaces a PASID entry with the device TLB flushed %s', (deviceTlb, expected) => {
    expect(invalidations('vtd/pasid-replace', { ...replace, deviceTlb }, { ats: {} })).toBe(expected);
  });

  it.each([
    ['full', 'context, iotlb, device-tlb pasid -1'],
    ['device-tlb-first', 'context, device-tlb pasid -1, iotlb'],
    ['no-device-tlb', 'context, iotlb'],
  ])('clears and replaces a legacy context entry with flush %s', (flush, expected) => {
    const clear = { domain: 'a', order: 'present-bit-first', flush };
    expect(invalidations('vtd/context-clear', clear, { ...legacy, ats: {} })).toBe(expected);
    expect(invalidations('vtd/context-replace', { from: 'a', to: 'b', flush }, { ...legacy, ats: {} })).toBe(expected);
  });

  it('clears a root entry', () => {
    const run = invalidations('vtd/root-clear', { order: 'write-once' }, { ats: {} });
    expect(run).toBe('context, pasid-cache, iotlb, device-tlb pasid -1');
  });
});

describe('a flow of a device without ATS', () => {
  it('flushes no device TLB', () => {
    expect(invalidations('vtd/pasid-teardown', teardown)).toBe('pasid-cache, piotlb');
    expect(invalidations('vtd/pasid-replace', { ...replace, deviceTlb: 'before-and-after' })).toBe(
      'pasid-cache, piotlb',
    );
    expect(invalidations('vtd/context-replace', { from: 'a', to: 'b' }, legacy)).toBe('context, iotlb');
    expect(invalidations('vtd/root-clear', { order: 'write-once' })).toBe('context, pasid-cache, iotlb');
  });
});
