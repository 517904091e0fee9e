import type { Flow } from '../../../sim/operation.ts';
import { defineFlow } from '../flow-definition.ts';

/*  CPU                               memory            IOMMU
 *  ===                               ======            =====
 *  zero the new table (in the cache)
 *  cmpxchg directory[i] = table | P
 *                                    line evicted
 *                                                      read directory: P=1
 *                                                      read PASID entry: what the page held before
 *  clflush table
 *  clflush directory[i]
 */
export const pasidTablePublish = defineFlow({
  name: 'vtd/pasid-table-publish',
  summary: 'Publish a new PASID table in the directory (intel_pasid_get_entry), walks not coherent.',
  source: 'drivers/iommu/intel/pasid.c before and after 22d169bdd284; VT-d ECAP.C',
  parameters: {
    device: { type: 'device', summary: 'Whose directory.' },
    pasid: { type: 'pasid', summary: 'A PASID of the new table.' },
    order: {
      type: 'choice',
      summary:
        'publish-first: cmpxchg, then clflush of table and entry; flush-first: clflush table, cmpxchg, clflush entry.',
      values: ['publish-first', 'flush-first'],
    },
  },
  *start({ cpu, vtd }, { device, pasid, order }): Flow {
    const table = vtd.pasidTableAddress(device, pasid);
    const address = vtd.device(device).pasidDirectoryAddress + (pasid >>> 6) * 8;
    const value = BigInt(table) | 1n;
    const target = [Number(value & 0xffff_ffffn), Number(value >> 32n)];
    yield vtd.beginUpdate(address, [target]);
    // alloc_pgtable_page() zeroes the page; only the line of this PASID's entry is read by anyone here.
    const line = table + (pasid & 63) * 64;
    yield cpu.storeBlock(line, [0, 0, 0, 0, 0, 0, 0, 0]);
    yield cpu.storeBlock(line + 32, [0, 0, 0, 0, 0, 0, 0, 0]);
    yield cpu.barrier('dma_wmb');
    if (order === 'flush-first') {
      yield vtd.flushCache(cpu, table, 4096);
    }
    yield cpu.compareExchange(address, { widthBits: 64, expected: 0n, desired: value });
    if (order === 'publish-first') {
      yield vtd.flushCache(cpu, table, 4096);
    }
    yield vtd.flushCache(cpu, address, 8);
    yield vtd.endUpdate(address, target);
  },
});
