import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { qwordsOf } from '../../qword.ts';
import { isPosted } from '../../vtd/entries/interrupt-remapping-entry.ts';
import { defineFlow } from '../flow-definition.ts';
import { interruptEntryFor } from './interrupt-table.ts';
import type { VtdDriver } from './vtd-driver.ts';

const flushes = ['full', 'none', 'no-clflush'] as const;
const flush = {
  type: 'choice',
  summary:
    'full: clflush where walks are not coherent, then the interrupt entry cache by index; none: neither; no-clflush: the cache alone.',
  values: flushes,
  default: 'full',
} as const;
const index = { type: 'interrupt', summary: 'Index of the entry.' } as const;
const source = 'drivers/iommu/intel/irq_remapping.c; VT-d 9.9, 9.10, 6.2.7';

/*  CPU                               IOMMU
 *  ===                               =====
 *  store low  (PDAL of the new descriptor)
 *                                    read IRTE: new PDAL, old PDAH   <-- torn
 *  store high (PDAH of the new descriptor)
 *  invalidate interrupt entry
 *
 *  An entry is 128 bits that hardware reads at once, so one compare-exchange of 16 bytes leaves nothing to tear.
 */
export const irteModify = defineFlow({
  name: 'vtd/irte-modify',
  summary: 'Change an interrupt remapping table entry, or set one up (modify_irte).',
  source,
  parameters: {
    index,
    to: { type: 'interrupt-target', summary: 'What the entry says then.' },
    order: {
      type: 'choice',
      summary:
        'two-stores: low, then high half; high-first: the other way round; by-format: a 16-byte compare-exchange where the old or the new entry is posted, else two stores (Linux); compare-exchange: always that.',
      values: ['two-stores', 'high-first', 'by-format', 'compare-exchange'],
    },
    flush,
  },
  *start({ cpu, vtd }, { index: entryIndex, to, order, flush: how }): Flow {
    const { interrupts } = vtd;
    const address = interrupts.entryAddress(entryIndex);
    const target = interruptEntryFor(interrupts.target(to));
    const [low, high] = qwordsOf(target) as [bigint, bigint];
    yield interrupts.lock(cpu);
    yield vtd.beginUpdate(address, [target]);
    const oldLow = yield* cpu.load64(address);
    const involvesPosted = isPosted(target, 0) || ((oldLow >> 15n) & 1n) === 1n;
    if (order === 'compare-exchange' || (order === 'by-format' && involvesPosted)) {
      const oldHigh = yield* cpu.load64(address + 8);
      yield* cpu.compareExchange(address, {
        widthBits: 128,
        expected: (oldHigh << 64n) | oldLow,
        desired: (high << 64n) | low,
      });
    } else if (order === 'high-first') {
      yield* cpu.store64(address + 8, high);
      yield* cpu.store64(address, low);
    } else {
      yield* cpu.store64(address, low);
      yield* cpu.store64(address + 8, high);
    }
    yield flushInterruptEntry({ vtd, cpu }, entryIndex, how);
    yield interrupts.unlock(cpu);
    yield vtd.endUpdate(address, target);
  },
});

/*  CPU                               IOMMU
 *  ===                               =====
 *  store low = 0 (P=0)
 *  store high = 0
 *  (no invalidation)
 *                                    interrupt by the cached entry   <-- stale
 */
export const irteClear = defineFlow({
  name: 'vtd/irte-clear',
  summary: 'Free an interrupt remapping table entry (clear_entries).',
  source,
  parameters: { index, flush },
  *start({ cpu, vtd }, { index: entryIndex, flush: how }): Flow {
    const { interrupts } = vtd;
    const address = interrupts.entryAddress(entryIndex);
    const zero = new Uint32Array(4);
    yield interrupts.lock(cpu);
    yield vtd.beginUpdate(address, [zero]);
    yield cpu.store64(address, 0n);
    yield cpu.store64(address + 8, 0n);
    yield flushInterruptEntry({ vtd, cpu }, entryIndex, how);
    yield interrupts.unlock(cpu);
    yield vtd.endUpdate(address, zero);
  },
});

function* flushInterruptEntry(
  { vtd, cpu }: { readonly vtd: VtdDriver; readonly cpu: Cpu },
  entryIndex: number,
  how: (typeof flushes)[number],
): Flow {
  if (how === 'full') {
    yield vtd.flushCache(cpu, vtd.interrupts.entryAddress(entryIndex), 16);
  }
  if (how !== 'none') {
    yield vtd.queue.submitSync(cpu, [
      { kind: 'interrupt-entry', granularity: 'index', index: entryIndex, indexMask: 0 },
    ]);
  }
}
