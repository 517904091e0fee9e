import { describe, expect, it } from 'vitest';
import { fence, invalidateDdt, invalidateVma } from '../../../models/linux/riscv/commands.ts';
import { contextWords, pagingTarget } from '../../../models/linux/riscv/context-encoding.ts';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { qwordsOf } from '../../../models/qword.ts';
import { type FlowUse, RiscvDriverWorld } from '../../support/riscv-driver-world.ts';

const unmap: FlowUse = ['riscv/unmap', { domain: 'a', iova: 0x1000 }];
const attach: FlowUse = ['riscv/attach-paging', { device: 'nic', domain: 'a' }];
const cmdIll = 0x400;
const cqmf = 0x100;

describe('commands and device contexts', () => {
  it('are the worked examples of the specification', () => {
    expect(qwordsOf(invalidateVma({ pscid: 5 }))).toEqual([0x1_0000_5001n, 0n]);
    expect(qwordsOf(invalidateVma({ pscid: 5, iova: 0x1234_5000 }))).toEqual([0x1_0000_5401n, 0x048d_1400n]);
    expect(qwordsOf(fence())).toEqual([0x3002n, 0n]);
    expect(qwordsOf(fence({ reads: false, writes: false }))).toEqual([2n, 0n]);
    expect(qwordsOf(invalidateDdt(0x108))).toEqual([0x0001_0802_0000_0003n, 0n]);
    const domain = new RiscvDriverWorld({ tasks: { t: [unmap] } }).driver.domain('a');
    const target = pagingTarget({ ...domain, firstStageTable: 0x80200 * 4096 }, 5);
    expect(qwordsOf(contextWords(target, 8))).toEqual([1n, 0n, 0x5000n, 0x8000_0000_0008_0200n]);
    expect(qwordsOf(contextWords({ ...target, isValid: false }, 16))).toHaveLength(8);
  });

  it('are in the ring as a flow sends them', () => {
    const world = new RiscvDriverWorld({
      tasks: { t: [attach, unmap, ['riscv/attach-blocking', { device: 'nic' }]] },
    });
    expect(world.run().outcome.violations).toEqual([]);
    const [ddt, vma, page, iofence] = ['1080200000003 0', '100005001 0', '100005401 400', '3002 0'];
    const [after, unmapped, cleared, rewritten, wiped] = [
      [ddt, vma, iofence],
      [page, iofence],
      [ddt, vma, iofence],
      [ddt, iofence],
      [vma, iofence],
    ];
    expect(world.commands()).toEqual([...after, ...unmapped, ...cleared, ...rewritten, ...wiped]);
  });
});

describe('riscv_iommu_queue_send', () => {
  const twoCpus = (memoryModel: MemoryModelName, afterDoorbell: 'mmiowb' | 'mb', seeds = 100): ReadonlySet<number> => {
    const world = new RiscvDriverWorld({
      memoryModel,
      afterDoorbell,
      attach: { nic: 'a' },
      tasks: { one: [unmap], two: [['riscv/attach-blocking', { device: 'nic', order: 'bond-first', wipe: 'no' }]] },
    });
    const counts = new Set<number>();
    for (let seed = 1; seed <= seeds; seed += 1) {
      expect(world.run(seed).outcome.violations).toEqual([]);
      counts.add(world.commands().length);
    }
    return counts;
  };

  it.each([
    ['sc', 'mmiowb'],
    ['x86-tso', 'mmiowb'],
    ['rvwmo', 'mmiowb'],
    ['armv8', 'mb'],
    ['portable', 'mb'],
  ] as const)('tells hardware of each command once when two CPUs send, under %s with %s', (model, barrier) => {
    // 5 of the detach, and of the unmap 2, none, or the first: the second walk of the bonds may find nothing any more.
    expect([...twoCpus(model, barrier)].toSorted()).toEqual([5, 6, 7]);
  });

  it('lets doorbells overtake each other where mmiowb is nothing: hardware goes round the ring', () => {
    expect(Math.max(...twoCpus('armv8', 'mmiowb', 1000))).toBeGreaterThan(60);
  });

  it('waits for room in a ring of 4', () => {
    const sequence = Array.from({ length: 3 }, () => unmap);
    const world = new RiscvDriverWorld({ slotCount: 4, attach: { nic: 'a' }, tasks: { t: sequence } });
    expect(world.run().outcome.violations).toEqual([]);
    expect(world.commands()).toHaveLength(6);
    // q->head moves only when the ring is full: after 3 commands, and after 6 would be next.
    expect(world.run().steps.filter((step) => step === 'W cmdq.head')).toHaveLength(1);
  });
});

describe('riscv_iommu_queue_wait', () => {
  it('takes an error for success, as 7.0 does', () => {
    const world = new RiscvDriverWorld({ errors: { 0: cmdIll }, attach: { nic: 'a' }, tasks: { t: [unmap] } });
    const { outcome, events, steps } = world.run();
    expect(outcome.violations).toEqual([]);
    expect(events.filter(({ kind }) => kind === 'error-ignored')).toEqual([
      { kind: 'error-ignored', slots: [1, 0], error: 0 },
    ]);
    expect(steps.at(-1)).toBe('free page');
    expect(world.commands()).toEqual([]);
  });

  it('waits for ever where it looks at the head only', () => {
    const world = new RiscvDriverWorld({
      errors: { 0: cmdIll },
      onError: 'head-only',
      attach: { nic: 'a' },
      tasks: { t: [unmap] },
    });
    expect(world.run().outcome.violations.map(({ rule }) => rule)).toEqual(['stuck']);
  });

  it.each([
    ['cmd_ill', cmdIll, ['2 0', '3002 0', '100005401 400', '3002 0']],
    ['cqmf', cqmf, ['100005401 400', '3002 0', '100005401 400', '3002 0']],
  ])('sends again what %s may have lost, in the variant that resubmits', (_, bit, commands) => {
    const world = new RiscvDriverWorld({
      errors: { 0: bit },
      onError: 'resubmits',
      attach: { nic: 'a' },
      tasks: { t: [unmap] },
    });
    expect(world.run().outcome.violations).toEqual([]);
    expect(world.commands()).toEqual(commands);
  });

  it('has whoever waits send again, when another CPU has cleared the error', () => {
    const world = new RiscvDriverWorld({
      errors: { 1: cqmf },
      onError: 'resubmits',
      devices: { nic: 0, gpu: 0 },
      domains: { a: { stage: 'first', pscid: 5 }, b: { stage: 'first', pscid: 6 } },
      attach: { nic: 'a', gpu: 'b' },
      tasks: { a: [unmap], b: [['riscv/unmap', { domain: 'b', iova: 0x1000 }]] },
    });
    let resentByBoth = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      expect(world.run(seed).outcome.violations).toEqual([]);
      resentByBoth += world.commands().length === 8 ? 1 : 0;
    }
    expect(resentByBoth).toBeGreaterThan(0);
  });

  it('is woken by the interrupt thread, which clears errors and sends nothing', () => {
    const world = new RiscvDriverWorld({
      errors: { 0: cqmf },
      onError: 'head-only',
      attach: { nic: 'a' },
      tasks: { t: [unmap], irq: [['riscv/cmdq-interrupt', {}]] },
    });
    const { outcome, steps } = world.run();
    expect(outcome.violations).toEqual([]);
    expect(steps).toContain('W ipsr=1');
    expect(world.commands()).toEqual(['100005401 400', '3002 0']);
  });
});
