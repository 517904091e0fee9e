import { describe, expect, it } from 'vitest';
import type { MemoryModelName } from '../../../models/memory/memory-model.ts';
import { RiscvDriverWorld } from '../../support/riscv-driver-world.ts';

function race(
  memoryModel: MemoryModelName,
  unmap: Readonly<Record<string, unknown>>,
  attach: Readonly<Record<string, unknown>>,
  entries: number,
) {
  const world = new RiscvDriverWorld({
    memoryModel,
    storeBufferEntries: entries,
    device: true,
    tasks: {
      unmap: [['riscv/unmap', { domain: 'a', iova: 0x1000, ...unmap }]],
      attach: [['riscv/attach-paging', { device: 'nic', domain: 'a', ...attach }]],
    },
  });
  const start = Date.now();
  const r = world.explore();
  return { ...r, ms: Date.now() - start };
}

describe('x', () => {
  it('y', () => {
    for (const model of ['rvwmo'] as const) for (const n of [2,3,4]) {
        console.log('v4-no-first', n, model, race(model, { version: 'v4' }, { version: 'v4', invalidateFirst: 'no' }, n));
        console.log('v5-mail', n, model, race(model, { version: 'v5-mail' }, { version: 'v5-mail' }, n));
        console.log('up', n, model, race(model, { version: 'upstream' }, { version: 'upstream' }, n));
      }
    expect(1).toBe(1);
  }, 1000000);
});
