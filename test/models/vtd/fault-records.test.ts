import { describe, expect, it } from 'vitest';
import { setBit } from '../../support/vtd-tables.ts';
import { type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

/** Requests without a PASID entry, 59h each; `silent` of them through an entry with FPD. */
function faults({ faultRecords, loud, silent = 0 }: { faultRecords: number; loud: number; silent?: number }): VtdRun {
  const world = vtdWorld({
    vtd: { faultRecords },
    pasids: [1, 2],
    prepare: (parts) => setBit(parts, parts.vtd.pasidEntryAddress('nic', 2), 1, 1),
    dma: {
      loud: { pasid: 1, repeat: loud },
      ...(silent > 0 ? { silent: { pasid: 2, repeat: silent } } : {}),
    },
  });
  return world.runWith({ legs: [], prefer: ['silent', 'loud'] });
}

describe('fault recording registers', () => {
  it.each([
    { faultRecords: 0, loud: 4, lost: 0 },
    { faultRecords: 1, loud: 1, lost: 0 },
    { faultRecords: 1, loud: 2, lost: 1 },
    { faultRecords: 2, loud: 4, lost: 2 },
    { faultRecords: 4, loud: 4, lost: 0 },
  ])('$faultRecords of them lose $lost of $loud faults (0: as many as there are faults)', (row) => {
    const run = faults(row);
    expect(run.faults).toEqual(Array.from({ length: row.loud }, () => 0x59));
    expect(run.events('fault-overflow')).toEqual(
      Array.from({ length: row.lost }, () => ({ kind: 'fault-overflow', sid: 0x10, reason: 0x59 })),
    );
  });

  it('are not taken by faults that FPD keeps back', () => {
    const run = faults({ faultRecords: 1, loud: 1, silent: 3 });
    expect(run.events('fault').map(({ recorded }) => recorded)).toEqual([false, false, false, true]);
    expect(run.events('fault-overflow')).toEqual([]);
  });

  it('begin every run empty', () => {
    const world = vtdWorld({ vtd: { faultRecords: 1 }, pasids: [1], dma: { loud: { pasid: 1 } } });
    for (const seed of [1, 2]) {
      expect(world.runWith(seed).events('fault-overflow')).toEqual([]);
    }
  });
});
