import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { BondList } from './bond-list.ts';
import { type Command, invalidateVma } from './commands.ts';
import type { RiscvDomain } from './domains.ts';
import type { RiscvDriver } from './riscv-driver.ts';
import type { PairedBarrier } from './versions.ts';

/** How the walk of the bonds begins: what orders the load that finds the first of them. */
type ListLoad = 'relaxed' | 'acquire';

export interface Invalidation {
  readonly domain: RiscvDomain;
  /** Pages to invalidate; left out: all of the domain. */
  readonly iovas?: readonly number[];
  readonly barrier: PairedBarrier;
  readonly listLoad: ListLoad;
  /** False: without an IOFENCE.C, once the head of the queue has passed the last command. */
  readonly fences: boolean;
}

/** What one IOMMU was asked for. */
interface Sent {
  readonly commands: readonly Command[];
  /** Index of the last command. */
  readonly last: number;
  /** Errors that its queue had had before. */
  readonly errors: bigint;
}

/*  Inv CPU                                     Attach CPU                  IOMMU
 *  =======                                     ==========                  =====
 *  store leaf = 0    (in the store buffer)
 *  barrier X
 *  load domain->bonds: empty
 *                                              link bond
 *                                              barrier Y
 *                                              device context, V = 1
 *                                                                          walk: the old leaf
 *  (nothing to invalidate)
 *                                              Not with a full barrier as X: it waits for the store of the leaf.
 */

/**
 * riscv_iommu_iotlb_inval: commands to each IOMMU that the domain has a bond with, then a fence to each. The list may
 * change between the two walks.
 */
export function* invalidateIotlb(riscv: RiscvDriver, cpu: Cpu, invalidation: Invalidation): Flow {
  const { domain, barrier, listLoad, fences } = invalidation;
  const bonds = riscv.bonds(domain);
  if (barrier !== 'none') {
    yield cpu.barrier(barrier);
  }
  const commands = commandsFor(yield* riscv.pscidOf(domain), invalidation);
  const sent = new Map<number, Sent>();
  // rcu_read_lock() and rcu_read_unlock() around these two order nothing.
  yield eachIommu(riscv, cpu, { bonds, listLoad }, function* (iommu): Flow {
    const queue = riscv.queue(iommu);
    const errors = yield* queue.errorsSoFar(cpu);
    let last = 0;
    for (const command of commands) {
      last = yield* queue.send(cpu, command);
    }
    sent.set(iommu, { commands, last, errors });
  });
  if (sent.size === 0) {
    yield riscv.note('no bond on the list: nothing to invalidate');
  }
  yield eachIommu(riscv, cpu, { bonds, listLoad }, function* (iommu): Flow {
    const queue = riscv.queue(iommu);
    const asked = sent.get(iommu);
    if (fences) {
      yield queue.sync(cpu, asked);
    } else if (asked !== undefined) {
      yield queue.waitFor(cpu, asked.last);
    }
  });
}

/** One command for each page, or one for the PSCID. */
function commandsFor(pscid: number, { iovas }: Invalidation): readonly Command[] {
  return iovas === undefined ? [invalidateVma({ pscid })] : iovas.map((iova) => invalidateVma({ pscid, iova }));
}

/** list_for_each_entry_rcu, with something to do for each bond whose IOMMU is not that of the one before. */
function* eachIommu(
  riscv: RiscvDriver,
  cpu: Cpu,
  { bonds, listLoad }: { readonly bonds: BondList; readonly listLoad: ListLoad },
  visit: (iommu: number) => Flow,
): Flow {
  let last = -1;
  for (
    let node = yield* cpu.load64(bonds.head, listLoad);
    Number(node) !== bonds.head;
    node = yield* cpu.load64(Number(node), 'dependent')
  ) {
    if (node === 0n) {
      yield riscv.note('a bond is on the list before its next is set: the kernel would follow a null pointer');
      return;
    }
    const { iommu } = bonds.bondAt(Number(node)).device;
    if (iommu !== last) {
      yield visit(iommu);
    }
    last = iommu;
  }
}
