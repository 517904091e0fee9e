import { describe, expect, it } from 'vitest';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { RiscvDriverWorld } from '../../support/riscv-driver-world.ts';

type Values = Readonly<Record<string, unknown>>;

/*
 * The litmus test W+RWC that the flows of the driver come to, with the least device there can be: unmap stores the leaf
 * and looks at the list; attach puts the bond on the list and makes the device context valid; the device reads that, and
 * the leaf. Verdicts: an axiomatic enumeration of the bare test, for each pair of barriers.
 */
function canReachFreedPage(memoryModel: MemoryModelName, unmap: Values, attach: Values): boolean {
  const world = new RiscvDriverWorld({
    memoryModel,
    device: true,
    afterDoorbell: memoryModel === 'rvwmo' ? 'mmiowb' : 'mb',
    tasks: {
      unmap: [['riscv/unmap', { domain: 'a', iova: 0x1000, version: 'v4', ...unmap }]],
      attach: [
        ['riscv/attach-paging', { device: 'nic', domain: 'a', version: 'v4', invalidateFirst: 'no', ...attach }],
      ],
    },
  });
  return world.explore().isBroken;
}

const pairs: readonly [string, Values, Values][] = [
  ['no barrier (v4)', {}, {}],
  ['dma_wmb, and smp_wmb at the new bond (v5 of the mail)', { barrier: 'dma_wmb' }, { barrier: 'smp_wmb' }],
  ['load-acquire of the list', { listLoad: 'acquire' }, { barrier: 'smp_mb' }],
  ['relaxed cmpxchg', { store: 'cmpxchg-relaxed' }, { barrier: 'smp_wmb' }],
  ['cmpxchg', { store: 'cmpxchg' }, { barrier: 'smp_wmb' }],
  ['smp_mb, and only the unlock at the new bond', { barrier: 'smp_mb' }, {}],
  ['smp_mb, and smp_wmb at the new bond', { barrier: 'smp_mb' }, { barrier: 'smp_wmb' }],
  ['smp_mb twice (7.0)', { barrier: 'smp_mb' }, { barrier: 'smp_mb' }],
];

describe('unmap against attach', () => {
  it.each([
    ['sc', [false, false, false, false, false, false, false, false]],
    // Every cmpxchg is a locked one.
    ['x86-tso', [true, true, true, false, false, false, false, false]],
    ['rvwmo', [true, true, true, true, false, false, false, false]],
  ] as const)('under %s comes out as the barriers say', { timeout: 120_000 }, (memoryModel, verdicts) => {
    expect(pairs.map(([name, unmap, attach]) => [name, canReachFreedPage(memoryModel, unmap, attach)])).toEqual(
      pairs.map(([name], i) => [name, verdicts[i]]),
    );
  });
});
