import { describe, expect, it } from 'vitest';
import { invalidationOrder } from '../../../models/checkers/invalidation-order.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { everyPage, type InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { nic, type TaskBody, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

type Entry = 'root' | 'context' | 'pasid';

interface Change {
  readonly mode?: 'scalable' | 'legacy';
  readonly stage?: Stage;
  readonly entry?: Entry;
  readonly facts?: WorldSketch['facts'];
  readonly ats?: WorldSketch['ats'];
}

/** Software clears P of an entry and takes that as complete after these invalidations, each waited for. */
function clearThen(descriptors: readonly InvalidationDescriptor[], change: Change = {}): VtdRun {
  const { mode = 'scalable', stage = 'first', entry = 'pasid', facts = {}, ats } = change;
  const driver: TaskBody = function* ({ cpu, vtd }) {
    const { rootEntryAddress, contextEntryAddress } = vtd.device('nic');
    const address =
      entry === 'pasid' ? vtd.pasidEntryAddress('nic', 1) : entry === 'root' ? rootEntryAddress : contextEntryAddress;
    const target = new Uint32Array(vtd.entryWords(address));
    yield* vtd.beginUpdate(address, [target]);
    yield* cpu.store64(address, 0n);
    for (const descriptor of descriptors) {
      yield* vtd.queue.submitSync(cpu, [descriptor]);
    }
    yield* vtd.endUpdate(address, target);
  };
  const world = vtdWorld({
    vtd: { mode },
    domains: { a: { stage, did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver },
    checkers: [invalidationOrder],
    facts,
    ...(ats === undefined ? {} : { ats }),
  });
  return world.runWith(1);
}

const range = { addressMask: 0, address: 0, hint: false };
const drain = { drainReads: true, drainWrites: true };
const contextDevice: InvalidationDescriptor = {
  kind: 'context',
  granularity: 'device',
  did: 0,
  sid: nic,
  functionMask: 0,
};
const otherDevice: InvalidationDescriptor = { ...contextDevice, sid: nic + 1 };
const pasidCacheDomain: InvalidationDescriptor = { kind: 'pasid-cache', granularity: 'domain', did: 5, pasid: 0 };
const pasidCacheGlobal: InvalidationDescriptor = { kind: 'pasid-cache', granularity: 'global', did: 0, pasid: 0 };
const iotlbGlobal: InvalidationDescriptor = { kind: 'iotlb', granularity: 'global', did: 0, ...range, ...drain };
const iotlbPage: InvalidationDescriptor = { kind: 'iotlb', granularity: 'page', did: 5, ...range, ...drain };
const { context, pasidCache, iotlb, piotlb } = invalidate;

const firstStage: Change = {};
const secondStage: Change = { stage: 'second' };
const legacyContext: Change = { mode: 'legacy', stage: 'second', entry: 'context' };
const scalableContext: Change = { entry: 'context' };
const scalableRoot: Change = { entry: 'root' };
const legacyRoot: Change = { ...legacyContext, entry: 'root' };

type Row = readonly [string, Change, readonly InvalidationDescriptor[]];

describe('invalidation-order', () => {
  // VT-d 6.5.3.3 Table 28, row "P 1->0", without device TLBs.
  it.each<Row>([
    ['a first-stage PASID entry', firstStage, [pasidCache(), piotlb()]],
    ['a first-stage PASID entry, coarser', firstStage, [pasidCacheDomain, iotlb()]],
    ['a first-stage PASID entry, all of it', firstStage, [pasidCacheGlobal, iotlbGlobal]],
    ['a pass-through PASID entry', { stage: 'pass-through' }, [pasidCache(), piotlb()]],
    ['a second-stage PASID entry', secondStage, [pasidCache(), iotlb()]],
    ['a nested PASID entry', { stage: 'nested' }, [pasidCache(), iotlb()]],
    ['a second-stage PASID entry, with more in between', secondStage, [pasidCache(), piotlb(), iotlb()]],
    ['a legacy context entry', legacyContext, [contextDevice, iotlb()]],
    ['a legacy context entry, coarser', legacyContext, [context(), iotlbGlobal]],
    ['a scalable context entry', scalableContext, [contextDevice, pasidCacheDomain, iotlb()]],
    ['a scalable root entry', scalableRoot, [context(), pasidCacheGlobal, iotlbGlobal]],
    ['a legacy root entry', legacyRoot, [context(), iotlbGlobal]],
  ])('holds for %s after its sequence', (_, change, descriptors) => {
    expect(clearThen(descriptors, change).rules).toEqual([]);
  });

  it.each<readonly [...Row, string]>([
    ['nothing', firstStage, [], 'a PASID-cache invalidation (pasid)'],
    ['the PASID cache alone', firstStage, [pasidCache()], 'a PASID-based IOTLB invalidation (pasid)'],
    ['the IOTLB alone', firstStage, [piotlb()], 'a PASID-cache invalidation (pasid)'],
    ['the IOTLB first', firstStage, [piotlb(), pasidCache()], 'a PASID-based IOTLB invalidation (pasid)'],
    ['another DID', firstStage, [pasidCache(6), piotlb(6)], 'a PASID-cache invalidation (pasid)'],
    ['another PASID', firstStage, [pasidCache(5, 2), piotlb(5, 2)], 'a PASID-cache invalidation (pasid)'],
    ['one page', firstStage, [pasidCache(), iotlbPage], 'a PASID-based IOTLB invalidation (pasid)'],
    ['PASID-based of a second stage', secondStage, [pasidCache(), piotlb()], 'an IOTLB invalidation (domain)'],
    ['PASID-based of a nested entry', { stage: 'nested' }, [pasidCache(), piotlb()], 'an IOTLB invalidation (domain)'],
    ['no context invalidation', legacyContext, [iotlb()], 'a context-cache invalidation (device)'],
    ['the context of another function', legacyContext, [otherDevice, iotlb()], 'a context-cache invalidation (device)'],
    ['no IOTLB invalidation', legacyContext, [contextDevice], 'an IOTLB invalidation (domain)'],
    ['no PASID cache in between', scalableContext, [contextDevice, iotlb()], 'a PASID-cache invalidation (domain)'],
    [
      'one device of a root',
      scalableRoot,
      [contextDevice, pasidCacheGlobal, iotlbGlobal],
      'a context-cache invalidation (global)',
    ],
    [
      'one domain of a root',
      scalableRoot,
      [context(), pasidCacheDomain, iotlbGlobal],
      'a PASID-cache invalidation (global)',
    ],
    ['one domain of a legacy root', legacyRoot, [context(), iotlb()], 'an IOTLB invalidation (global)'],
  ])('is broken by %s', (_, change, descriptors, missing) => {
    const { outcome } = clearThen(descriptors, change);
    expect(outcome.violations).toEqual([
      {
        rule: 'invalidation-order',
        message: expect.stringContaining(`changed, and software went on without ${missing}, in this order`),
        source: 'VT-d 6.5.3.3, 6.2.3.1',
        subject: expect.stringMatching(/^nic\.|^root/),
      },
    ]);
    // It is a rule of programming: the run goes on, to see whether harm comes of it.
    expect(outcome.end).toBe('finished');
  });

  it('names the entry and its old DID', () => {
    expect(clearThen([]).outcome.violations[0]?.message).toMatch(/^nic\.pasid\[1\] changed.*for the old DID 5$/);
  });

  it('asks for nothing when an entry becomes present and CM = 0', () => {
    for (const order of ['barrier', 'sync-before-present']) {
      const world = vtdWorld({
        domains: { a: { stage: 'first', did: 5 } },
        pasids: [1],
        tasks: { driver: flowTask('vtd/pasid-setup', { pasid: 1, domain: 'a', order }) },
        checkers: [invalidationOrder],
      });
      expect(world.runWith(1).rules).toEqual([]);
    }
  });

  it('asks anew after a store that comes behind the invalidation', () => {
    const run = (storesAgain: boolean): VtdRun => {
      const world = vtdWorld({
        domains: { a: { stage: 'first', did: 5 } },
        attach: [{ pasid: 1, domain: 'a' }],
        tasks: {
          *driver({ cpu, vtd, domain }) {
            const entry = vtd.pasidEntryAddress('nic', 1);
            const q1 = yield* cpu.load64(entry + 8);
            const target = pasidEntryFor({ ...domain('a'), did: 6 });
            yield* vtd.beginUpdate(entry, [target]);
            yield* cpu.store64(entry + 8, (q1 & ~0xffffn) | 6n);
            yield* vtd.queue.submitSync(cpu, [pasidCache()]);
            if (storesAgain) {
              // PGSNP, for which a target of its own is declared.
              target[2] = (target[2] as number) | (1 << 24);
              yield* vtd.beginUpdate(entry, [target]);
              yield* cpu.store64(entry + 8, (q1 & ~0xffffn) | 6n | (1n << 24n));
            }
            yield* vtd.queue.submitSync(cpu, [piotlb()]);
            yield* vtd.endUpdate(entry, target);
          },
        },
        checkers: [invalidationOrder],
      });
      return world.runWith(1);
    };
    expect(run(false).rules).toEqual([]);
    expect(run(true).rules).toEqual(['invalidation-order']);
  });

  it('is reported once a run', () => {
    const teardown = (pasid: number): TaskBody =>
      flowTask('vtd/pasid-teardown', { pasid, domain: 'a', order: 'present-bit-first', flush: 'none' });
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [
        { pasid: 1, domain: 'a' },
        { pasid: 2, domain: 'a' },
      ],
      tasks: { one: teardown(1), two: teardown(2) },
      checkers: [invalidationOrder],
    });
    expect(world.runWith(1).rules).toEqual(['invalidation-order']);
  });
});

describe('invalidation-order of a device with ATS', () => {
  const endpoint = { sid: nic, pfsid: nic, maxInvalidationsPending: 0, address: 0, addressMask: everyPage };
  const plain: InvalidationDescriptor = { kind: 'device-tlb', ...endpoint };
  const ofPasid: InvalidationDescriptor = { kind: 'pasid-device-tlb', pasid: 1, globalPasid: false, ...endpoint };
  const ofAll: InvalidationDescriptor = { ...ofPasid, pasid: 0, globalPasid: true };
  const first: Change = { ats: {} };
  const context: Change = { ...legacyContext, ats: {} };
  const missing = 'a PASID-based device-TLB invalidation (global)';

  it.each<Row>([
    ['its PASID', first, [pasidCache(), piotlb(), ofPasid]],
    ['every PASID', first, [pasidCache(), piotlb(), ofAll]],
    ['a second-stage entry', { ...first, stage: 'second' }, [pasidCache(), iotlb(), ofPasid]],
    ['a second time', first, [ofPasid, pasidCache(), piotlb(), ofPasid]],
    ['a legacy context entry', context, [contextDevice, iotlb(), plain]],
    ['a legacy root entry', { ...legacyRoot, ats: {} }, [invalidate.context(), iotlbGlobal, plain]],
  ])('holds with the device TLB last: %s', (_, change, descriptors) => {
    expect(clearThen(descriptors, change).rules).toEqual([]);
  });

  it.each<readonly [...Row, string]>([
    ['none', first, [pasidCache(), piotlb()], missing],
    ['before the IOTLB', first, [pasidCache(), ofPasid, piotlb()], missing],
    ['of another PASID', first, [pasidCache(), piotlb(), { ...ofPasid, pasid: 2 }], missing],
    ['of a page', first, [pasidCache(), piotlb(), { ...ofPasid, address: 0x1000, addressMask: 0 }], missing],
    ['without PASID', first, [pasidCache(), piotlb(), plain], missing],
    [
      'of a page, for a context entry',
      context,
      [contextDevice, iotlb(), { ...plain, address: 0x1000, addressMask: 0 }],
      'a device-TLB invalidation (global)',
    ],
  ])('is broken with %s', (_, change, descriptors, text) => {
    const { rules, outcome } = clearThen(descriptors, change);
    expect(rules).toEqual(['invalidation-order']);
    expect(outcome.violations[0]?.message).toContain(text);
  });
});
