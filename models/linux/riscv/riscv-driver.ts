import type { Arena } from '../../../sim/arena.ts';
import { assert } from '../../../sim/assert.ts';
import { WordArray } from '../../../sim/containers.ts';
import { Note } from '../../../sim/operation.ts';
import type { EntryRegistry } from '../../entry-registry.ts';
import type { MemoryRange } from '../../memory/memory-range.ts';
import type { PhysicalMemory } from '../../memory/physical-memory.ts';
import type { SystemTrace } from '../../trace-events.ts';
import type { PageAllocator } from '../page-allocator.ts';
import { BondList } from './bond-list.ts';
import { CommandQueue, type CommandQueueOptions } from './command-queue.ts';
import { isPaging, type RiscvDevice, type RiscvDomain, type RiscvLeaf } from './domains.ts';
import { Pscids } from './pscids.ts';

/** Where an IOMMU is. */
interface RiscvIommuPlaces {
  /** Address of its registers. */
  readonly registers: number;
  readonly ringAddress: number;
  /** Commands in the ring: a power of two. */
  readonly slotCount: number;
}

export interface RiscvDriverPorts {
  readonly arena: Arena;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly pages: PageAllocator;
  readonly iommus: readonly RiscvIommuPlaces[];
  readonly queue: CommandQueueOptions;
  /** Memory for the driver's own words, 8 bytes aligned, by their name in the source. */
  readonly place: (name: string, byteCount: number) => number;
}

const maxDevices = 16;

/** What the RISC-V IOMMU driver knows: IOMMUs, devices, domains, who is attached to what, and where it all is. */
export class RiscvDriver {
  readonly registry: EntryRegistry;
  readonly pages: PageAllocator;
  readonly queues: readonly CommandQueue[];
  readonly pscids: Pscids;
  readonly #ports: RiscvDriverPorts;
  readonly #devices = new Map<string, RiscvDevice>();
  readonly #domains = new Map<string, RiscvDomain>();
  readonly #bonds = new Map<string, BondList>();
  readonly #pageAddresses = new Map<string, number>();
  /** info->domain: 1 + the number of a paging domain, or 0. */
  readonly #attached: WordArray;

  constructor(ports: RiscvDriverPorts) {
    const { arena, trace, iommus, place } = ports;
    this.#ports = ports;
    this.registry = ports.registry;
    this.pages = ports.pages;
    this.pscids = new Pscids(arena, trace);
    this.#attached = new WordArray(arena, 'linux.info-domain', maxDevices);
    this.queues = iommus.map((iommu, i) => {
      const word = (name: string): number => place(`${iommus.length > 1 ? `iommu${i} ` : ''}${name}`, 4);
      const words = { prod: word('cmdq.prod'), head: word('cmdq.head'), tail: word('cmdq.tail') };
      const errors = { errorCount: word('cmdq.errors'), errorLock: word('cmdq.error_lock') };
      return new CommandQueue({ ...iommu, ...words, ...errors }, ports.queue, trace);
    });
  }

  addDevice(device: Omit<RiscvDevice, 'index'>): RiscvDevice {
    const known = { ...device, index: this.#devices.size };
    assert(known.index < maxDevices, `there are at most ${maxDevices} devices`);
    this.#devices.set(device.name, known);
    for (const bonds of this.#bonds.values()) {
      bonds.addDevice(known);
    }
    return known;
  }

  addDomain(domain: RiscvDomain): void {
    const index = this.#domains.size;
    this.#domains.set(domain.name, domain);
    if (!isPaging(domain)) {
      return;
    }
    const bonds = new BondList(domain.name, this.#ports, maxDevices);
    this.#bonds.set(domain.name, bonds);
    for (const device of this.#devices.values()) {
      bonds.addDevice(device);
    }
    if (domain.pscid !== 0) {
      this.pscids.give(index, domain.pscid);
    }
  }

  /** Before the run: a device is attached, with its bond; the device context is not written. */
  addAttachment(deviceName: string, domainName: string): void {
    const device = this.device(deviceName);
    const domain = this.domain(domainName);
    if (isPaging(domain)) {
      this.bonds(domain).linkAtStart(device);
      this.#attached.set(device.index, 1 + this.#indexOf(domain));
    }
  }

  /** A page that flows can name. */
  addPage(name: string, address: number): void {
    this.#pageAddresses.set(name, address);
  }

  device(name: string): RiscvDevice {
    const device = this.#devices.get(name);
    assert(device !== undefined, `device ${name} is known`);
    return device;
  }

  domain(name: string): RiscvDomain {
    const domain = this.#domains.get(name);
    assert(domain !== undefined, `domain ${name} is known`);
    return domain;
  }

  pageAddress(name: string): number {
    const address = this.#pageAddresses.get(name);
    assert(address !== undefined, `page ${name} is known`);
    return address;
  }

  leaf({ name, leaves }: RiscvDomain, iova: number): RiscvLeaf {
    const leaf = leaves.get(iova);
    assert(leaf !== undefined, `domain ${name} has tables for 0x${iova.toString(16)}`);
    return leaf;
  }

  bonds({ name }: RiscvDomain): BondList {
    const bonds = this.#bonds.get(name);
    assert(bonds !== undefined, `${name} is a paging domain`);
    return bonds;
  }

  /** The queue of an IOMMU by its number. */
  queue(iommu: number): CommandQueue {
    const queue = this.queues[iommu];
    assert(queue !== undefined, `there is an IOMMU ${iommu}`);
    return queue;
  }

  /** domain->pscid as it is now. */
  pscidOf(domain: RiscvDomain): Note<number> {
    const index = this.#indexOf(domain);
    return new Note('domain->pscid', () => this.pscids.of(index));
  }

  /** ida_alloc_range when a domain is made. */
  allocatePscid(domain: RiscvDomain): Note<number> {
    const index = this.#indexOf(domain);
    return new Note('ida_alloc_range', () => this.pscids.allocate(index));
  }

  freePscid(domain: RiscvDomain): Note {
    const index = this.#indexOf(domain);
    return new Note('ida_free', () => this.pscids.free(index));
  }

  /** info->domain: the paging domain that a device is attached to, under the lock of its group. */
  attachedDomain(device: RiscvDevice): Note<RiscvDomain | undefined> {
    return new Note('info->domain', () => [...this.#domains.values()][this.#attached.get(device.index) - 1]);
  }

  setAttachedDomain(device: RiscvDevice, domain: RiscvDomain | undefined): Note {
    const value = domain === undefined ? 0 : 1 + this.#indexOf(domain);
    return new Note('info->domain', () => this.#attached.set(device.index, value));
  }

  /** What the kernel log would say. */
  note(text: string): Note {
    const notes = this.#ports.trace.channel('flow-note');
    return new Note('kernel log', () => {
      if (notes.active) {
        notes.emit({ kind: 'flow-note', text });
      }
    });
  }

  /**
   * Where flows load from: words of the queues, and of each part that a flow is about what is left out here of the
   * others. A search has to keep in mind what others have overwritten there, and nowhere else.
   */
  loadsOf(parts: {
    readonly leaf?: RiscvLeaf;
    readonly walks?: RiscvDomain;
    readonly attaches?: RiscvDevice;
  }): readonly MemoryRange[] {
    const { leaf, walks, attaches } = parts;
    const queues = this.queues.flatMap(({ places: { head, tail, errorCount } }) => [head, tail, errorCount]);
    const bonds = attaches === undefined ? [] : [...this.#bonds.values()].flatMap((list) => list.links);
    return [
      ...queues.map((address) => ({ address, byteCount: 4 })),
      ...(leaf === undefined ? [] : [{ address: leaf.address, byteCount: 8 }]),
      ...(walks === undefined ? [] : this.bonds(walks).links),
      ...bonds,
      ...(attaches === undefined ? [] : [{ address: attaches.contextAddress, byteCount: 32 }]),
    ];
  }

  /** Declares that an entry is about to change, and to what; the last target is the final one. */
  beginUpdate(entryAddress: number, targets: readonly ArrayLike<number>[], hitless = false): Note {
    const entry = this.registry.entryAt(entryAddress);
    return new Note('update begins', () => this.registry.beginUpdate(entry, targets, hitless));
  }

  /** What of tc an update of a device context leaves as it is: all but V, for declarations. */
  keptFlags({ contextAddress }: RiscvDevice): Note<number> {
    const { memory } = this.#ports;
    return new Note('tc', () => memory.read(contextAddress) & ~1);
  }

  /** The same where what it may become has to do with what it is now, in memory. */
  beginUpdateFrom(
    entryAddress: number,
    targetsFrom: (before: readonly number[]) => readonly ArrayLike<number>[],
  ): Note {
    const { memory } = this.#ports;
    const entry = this.registry.entryAt(entryAddress);
    const { wordCount } = this.registry.modelOf(entry);
    return new Note('update begins', () => {
      const before = Array.from({ length: wordCount }, (_, i) => memory.read(entryAddress + i * 4) >>> 0);
      this.registry.beginUpdate(entry, targetsFrom(before), false);
    });
  }

  /** Declares that software takes the change as complete: nothing older may be in use from here. */
  endUpdate(entryAddress: number, target: ArrayLike<number>): Note {
    const entry = this.registry.entryAt(entryAddress);
    return new Note('update ends', () => this.registry.endUpdate(entry, target));
  }

  #indexOf({ name }: RiscvDomain): number {
    return [...this.#domains.keys()].indexOf(name);
  }
}
