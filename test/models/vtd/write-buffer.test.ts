import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { staleTranslation } from '../../../models/checkers/stale-translation.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { seen, type TaskBody, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

/** A chipset with CAP.RWBF = 1, and one request. */
const base: WorldSketch = {
  capabilities: { RWBF: 1 },
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  dma: { traffic: { pasid: 1 } },
};
const clear: TaskBody = function* ({ cpu, vtd }) {
  yield cpu.store64(vtd.pasidEntryAddress('nic', 1), 0n);
};

describe('a store behind a write buffer', () => {
  it('is not seen by table walks until something drives it out', () => {
    const after = { legs: [], prefer: ['clear'] };
    const faults = (RWBF: number): readonly number[] =>
      vtdWorld({ ...base, capabilities: { RWBF }, tasks: { clear } }).runWith(after).faults;
    expect(faults(1)).toEqual([]);
    expect(faults(0)).toEqual([0x59]);
  });

  it('may leave it by itself at any moment', () => {
    const world = vtdWorld({ ...base, system: { evictionLimit: 1 }, tasks: { clear } });
    expect(world.outcomes(({ faults }) => faults.length)).toEqual(new Set([0, 1]));
    const never = vtdWorld({ ...base, tasks: { clear } });
    expect(never.outcomes(({ faults }) => faults.length)).toEqual(new Set([0]));
  });

  it('is driven out by GCMD.WBF before GSTS.WBFS is clear again', () => {
    const flush: TaskBody = function* ({ cpu, vtd }) {
      yield cpu.store64(vtd.pasidEntryAddress('nic', 1), 0n);
      yield vtd.flushWriteBuffer(cpu);
    };
    const run = vtdWorld({ ...base, tasks: { flush } }).runWith({
      legs: [{ run: 'flush', until: seen('register-written') }],
      prefer: ['write buffer flush', 'flush'],
    });
    expect(run.events('register-written')).toEqual([{ kind: 'register-written', register: 'GCMD', words: [2 ** 27] }]);
    expect(run.events('write-buffer-flushed')).toEqual([{ kind: 'write-buffer-flushed', lines: 1 }]);
    expect(run.events('register-read').at(-1)).toMatchObject({ register: 'GSTS', words: [0] });
    expect(run.faults).toEqual([0x59]);
  });

  it.each([
    ['context', invalidate.context()],
    ['PASID-cache', invalidate.pasidCache()],
    ['IOTLB', invalidate.iotlb()],
    ['PASID-based IOTLB', invalidate.piotlb()],
  ])('is driven out by a %s invalidation', (_, descriptor) => {
    const task: TaskBody = function* ({ cpu, vtd }) {
      yield cpu.store64(vtd.pasidEntryAddress('nic', 1), 0n);
      yield vtd.queue.submitSync(cpu, [descriptor]);
    };
    const run = vtdWorld({ ...base, tasks: { task } }).runWith({
      legs: [],
      prefer: ['task', 'invalidation fetch', 'invalidation'],
    });
    expect(run.events('write-buffer-flushed')).toHaveLength(1);
    expect(run.faults).toEqual([0x59]);
  });

  it('has nothing to do with chipsets that have none: GCMD.WBF is over at once', () => {
    const task: TaskBody = function* ({ cpu }) {
      yield cpu.writeRegister(0xfed9_0018, 32, 1n << 27n);
      yield cpu.waitForRegister(0xfed9_001c, 2 ** 27, 'WBFS');
    };
    const run = vtdWorld({ ...base, capabilities: { RWBF: 0 }, tasks: { task } }).runWith(1);
    expect(run.outcome.end).toBe('finished');
  });
});

describe('an entry set up behind a write buffer', () => {
  const setup = (flush: string): WorldSketch => ({
    ...base,
    attach: [],
    pasids: [1],
    tasks: { setup: flowTask('vtd/pasid-setup', { pasid: 1, domain: 'a', order: 'barrier', flush }) },
  });

  it('is read as not present after its update without a flush, which is reported', () => {
    const world = vtdWorld({ ...setup('none'), checkers });
    expect(world.runWith({ legs: [], prefer: ['setup'] }).rules).toEqual(['stale-translation']);
    expect(vtdWorld({ ...setup('linux'), checkers }).rulesOver(200)).toEqual(new Map());
  });

  it('may be read as not present before the end of its update', () => {
    const world = vtdWorld({ ...setup('linux'), checkers: [staleTranslation] });
    const legs = [{ run: 'setup', until: seen('store') }];
    const run = world.runWith({ legs, prefer: ['traffic'] });
    expect(run.faults).toEqual([0x59]);
    expect(run.rules).toEqual([]);
  });
});
