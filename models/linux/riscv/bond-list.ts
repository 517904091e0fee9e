import type { Arena } from '../../../sim/arena.ts';
import { assert } from '../../../sim/assert.ts';
import { WordArray } from '../../../sim/containers.ts';
import { type Flow, Note } from '../../../sim/operation.ts';
import type { Cpu } from '../../memory/cpu.ts';
import type { MemoryRange } from '../../memory/memory-range.ts';
import type { PhysicalMemory } from '../../memory/physical-memory.ts';
import type { RiscvDevice } from './domains.ts';

/**
 * struct list_head as far as it is in memory: `next`. Nobody looks at `prev` but who holds the lock, and to them it is
 * what `next` says, so the stores to it can make no difference and are left out.
 */
const linkBytes = 8;

/** struct riscv_iommu_bond: a device that a domain is attached to. Its `dev` is set before the bond is on any list. */
export interface Bond {
  /** Address of its list_head. */
  readonly address: number;
  readonly device: RiscvDevice;
}

/**
 * Bonds of one device with one domain take turns: kfree_rcu gives memory back only when nobody can look at it any
 * more, so the next bond is elsewhere.
 */
const bondsPerDevice = 2;

export interface BondListPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  /** Memory of the driver, by its name in the source. */
  readonly place: (name: string, byteCount: number) => number;
}

/**
 * domain->bonds: an RCU list as words in memory. Bonds with one IOMMU are neighbours. Who changes it holds domain->lock;
 * who walks it holds nothing, and each load's address is what the load before has read.
 */
export class BondList {
  /** Address of domain->bonds. */
  readonly head: number;
  /** domain->lock. */
  readonly lockAddress: number;
  readonly name: string;
  readonly #ports: BondListPorts;
  readonly #bonds = new Map<number, Bond>();
  readonly #turns: WordArray;

  constructor(name: string, ports: BondListPorts, maxDevices: number) {
    this.name = name;
    this.#ports = ports;
    this.head = ports.place(`${name}->bonds`, linkBytes);
    this.lockAddress = ports.place(`${name}->lock`, 4);
    this.#turns = new WordArray(ports.arena, `linux.${name}.bond-turns`, maxDevices);
    this.#initialise(this.head, this.head);
  }

  /** Before the run: a device that may be attached. */
  addDevice(device: RiscvDevice): void {
    for (let turn = 0; turn < bondsPerDevice; turn += 1) {
      const suffix = turn === 0 ? '' : ` #${turn + 1}`;
      const address = this.#ports.place(`${this.name} bond ${device.name}${suffix}`, linkBytes);
      this.#bonds.set(address, { address, device });
    }
  }

  /** Before the run: the device is attached. */
  linkAtStart(device: RiscvDevice): void {
    const read = (address: number): number => this.#ports.memory.read(address) >>> 0;
    const bond = this.take(device);
    let at = this.head;
    for (let node = read(at); node !== this.head; node = read(node)) {
      if (this.bondAt(node).device.iommu === device.iommu) {
        at = node;
        break;
      }
    }
    this.#initialise(bond.address, read(at));
    this.#initialise(at, bond.address);
  }

  /** kzalloc: the memory of a bond that is not in use. */
  take(device: RiscvDevice): Bond {
    const bonds = [...this.#bonds.values()].filter((bond) => bond.device === device);
    const turn = this.#turns.get(device.index);
    this.#turns.set(device.index, (turn + 1) % bondsPerDevice);
    const bond = bonds[turn];
    assert(bond !== undefined, `${this.name} can be bonded with ${device.name}`);
    return bond;
  }

  /** What a walk loads from: `next` of each list_head. */
  get links(): readonly MemoryRange[] {
    return [this.head, ...this.#bonds.keys()].map((address) => ({ address, byteCount: linkBytes }));
  }

  bondAt(address: number): Bond {
    const bond = this.#bonds.get(address);
    assert(bond !== undefined, `there is a bond at 0x${address.toString(16)}`);
    return bond;
  }

  /** list_add_rcu: `publish` says how the bond becomes reachable, which is what readers pair with. */
  *addAfter(cpu: Cpu, bond: Bond, place: { at: number; next: number; publish: 'release' | 'relaxed' }): Flow {
    const { at, next, publish } = place;
    yield cpu.store64(bond.address, BigInt(next));
    yield cpu.store64(at, BigInt(bond.address), publish);
  }

  /** list_del_rcu of a bond that comes after `at`: its own `next` stays, for those who are looking at it. */
  *remove(cpu: Cpu, bond: Bond, at: number): Flow {
    const next = yield* cpu.load64(bond.address, 'dependent');
    yield cpu.store64(at, next);
  }

  /** kzalloc, as a step of its own would show nothing. */
  allocate(device: RiscvDevice): Note<Bond> {
    return new Note('kzalloc of a bond', () => this.take(device));
  }

  #initialise(address: number, next: number): void {
    this.#ports.memory.initialise(address, [next, 0]);
  }
}
