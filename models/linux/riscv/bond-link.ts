import type { Flow } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { Bond, BondList } from './bond-list.ts';
import { invalidateVma } from './commands.ts';
import type { RiscvDevice, RiscvDomain } from './domains.ts';
import type { RiscvDriver } from './riscv-driver.ts';
import type { PairedBarrier } from './versions.ts';

/** A device, and the domain it has a bond with. */
export interface Pair {
  readonly domain: RiscvDomain;
  readonly device: RiscvDevice;
}

export interface LinkOptions {
  /** How list_add_rcu makes the bond reachable. */
  readonly publish: 'release' | 'relaxed';
  /** Whether domain->lock is taken around it: its release orders the bond before whatever follows. */
  readonly locks: boolean;
  readonly barrier: PairedBarrier;
}

/** riscv_iommu_bond_link: a new bond behind the first one with the same IOMMU, or at the head of the list. */
export function* linkBond(riscv: RiscvDriver, cpu: Cpu, { domain, device }: Pair, options: LinkOptions): Flow {
  const { publish, locks, barrier } = options;
  const bonds = riscv.bonds(domain);
  const bond = yield* bonds.allocate(device);
  if (locks) {
    yield cpu.lock(bonds.lockAddress, `${domain.name}->lock`);
  }
  const first = Number(yield* cpu.load64(bonds.head));
  let node = first;
  while (node !== bonds.head && bonds.bondAt(node).device.iommu !== device.iommu) {
    node = Number(yield* cpu.load64(node, 'dependent'));
  }
  const next = node === bonds.head ? first : Number(yield* cpu.load64(node, 'dependent'));
  yield bonds.addAfter(cpu, bond, { at: node, next, publish });
  if (locks) {
    yield cpu.unlock(bonds.lockAddress);
  }
  if (barrier !== 'none') {
    yield cpu.barrier(barrier);
  }
}

/**
 * riscv_iommu_bond_unlink: the bond goes, and with the last one that the domain has with an IOMMU what that has cached
 * of its PSCID (`wipes`).
 */
export function* unlinkBond(riscv: RiscvDriver, cpu: Cpu, { domain, device }: Pair, wipes: boolean): Flow {
  const bonds = riscv.bonds(domain);
  yield cpu.lock(bonds.lockAddress, `${domain.name}->lock`);
  const { found, at, others } = yield* scan(cpu, bonds, device);
  if (found !== undefined) {
    yield bonds.remove(cpu, found, at);
  }
  yield cpu.unlock(bonds.lockAddress);
  if (others === 0 && wipes) {
    const queue = riscv.queue(device.iommu);
    const pscid = yield* riscv.pscidOf(domain);
    const errors = yield* queue.errorsSoFar(cpu);
    const wipe = invalidateVma({ pscid });
    yield* queue.send(cpu, wipe);
    yield queue.sync(cpu, { commands: [wipe], errors });
  }
}

interface Found {
  readonly found: Bond | undefined;
  /** What comes before it on the list. */
  readonly at: number;
  /** Other bonds with its IOMMU. */
  readonly others: number;
}

/** The bond of a device, and how many others there are with its IOMMU; the walk ends when it knows both. */
function* scan(cpu: Cpu, bonds: BondList, device: RiscvDevice): Flow<Found> {
  let found: Bond | undefined;
  let at = bonds.head;
  let others = 0;
  let last = bonds.head;
  for (
    let node = Number(yield* cpu.load64(bonds.head));
    node !== bonds.head && (found === undefined || others === 0);
    node = Number(yield* cpu.load64(node, 'dependent'))
  ) {
    const bond = bonds.bondAt(node);
    if (found === undefined && bond.device === device) {
      found = bond;
      at = last;
    } else if (bond.device.iommu === device.iommu) {
      others += 1;
    }
    last = node;
  }
  return { found, at, others };
}
