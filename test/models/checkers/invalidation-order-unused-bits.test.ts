import { describe, expect, it } from 'vitest';
import { invalidationOrder } from '../../../models/checkers/invalidation-order.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import { qwordsOf } from '../../../models/qword.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { type TaskBody, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

const { pasidCache, piotlb } = invalidate;

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
