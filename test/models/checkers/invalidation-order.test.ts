import { describe, expect, it } from 'vitest';
import { invalidationOrder } from '../../../models/checkers/invalidation-order.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { qwordsOf } from '../../../models/qword.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { nic, type TaskBody, type VtdRun, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

type Entry = 'root' | 'context' | 'pasid';

interface Change {
  readonly mode?: 'scalable' | 'legacy';
  readonly stage?: Stage;
  readonly entry?: Entry;
  readonly facts?: WorldSketch['facts'];
}

/** Software clears P of an entry and takes that as complete after these invalidations, each waited for. */
function clearThen(descriptors: readonly InvalidationDescriptor[], change: Change = {}): VtdRun {
  const { mode = 'scalable', stage = 'first', entry = 'pasid', facts = {} } = change;
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

describe('a store to bits out of use', () => {
  /** First stage becomes second stage by one store of quantum 0, and what is left of the first stage is cleaned. */
  function replaceThenClean(laterInvalidations: readonly InvalidationDescriptor[], critical = true): VtdRun {
    const driver: TaskBody = function* ({ cpu, vtd }) {
      const address = vtd.pasidEntryAddress('nic', 1);
      const target = pasidEntryFor(vtd.domain('b'));
      const [q0, q1] = qwordsOf(target) as [bigint, bigint];
      yield* vtd.beginUpdate(address, [target]);
      if (critical) {
        yield* cpu.store128(address, (q1 << 64n) | q0);
        yield* vtd.queue.submitSync(cpu, [pasidCache()]);
        yield* cpu.store64(address + 16, 0n);
      } else {
        yield* cpu.store64(address + 16, 0n);
        yield* vtd.queue.submitSync(cpu, [pasidCache()]);
        yield* cpu.store128(address, (q1 << 64n) | q0);
      }
      for (const descriptor of laterInvalidations) {
        yield* vtd.queue.submitSync(cpu, [descriptor]);
      }
      yield* vtd.endUpdate(address, target);
    };
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'second', did: 8 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver },
      checkers: [invalidationOrder],
    });
    return world.runWith(1);
  }

  it('does not ask again for the PASID-cache invalidation that is done', () => {
    expect(replaceThenClean([piotlb()]).rules).toEqual([]);
  });

  it('takes nothing off what is owed', () => {
    expect(replaceThenClean([]).rules).toEqual(['invalidation-order']);
  });

  it('is not one when the bits are still in use: what was invalidated before the switch does not count', () => {
    expect(replaceThenClean([piotlb()], false).rules).toEqual(['invalidation-order']);
  });
});
