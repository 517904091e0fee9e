import type { Arena } from '../../../sim/arena.ts';
import { assert } from '../../../sim/assert.ts';
import { type Flow, Note, type Operation } from '../../../sim/operation.ts';
import type { EntryRegistry } from '../../entry-registry.ts';
import type { Cpu } from '../../memory/cpu.ts';
import { lineBytes } from '../../memory/physical-memory.ts';
import type { SystemTrace } from '../../trace-events.ts';
import type { Capabilities } from '../../vtd/capabilities.ts';
import type { PasidEntryValues } from '../../vtd/entries/pasid-entry.ts';
import { writeBufferFlush } from '../../vtd/translation-unit.ts';
import type { PageAllocator } from '../page-allocator.ts';
import { CacheTags, cacheTagsOf } from './cache-tags.ts';
import type { DomainIds } from './domain-ids.ts';
import type { InterruptTable } from './interrupt-table.ts';
import type { QueuedInvalidation } from './queued-invalidation.ts';

export type Stage = 'first' | 'second' | 'nested' | 'pass-through';

/** A leaf paging entry, and the page of memory that it maps when a run begins. */
export interface Leaf {
  readonly address: number;
  readonly page: number | undefined;
}

/** An iommu domain, with its tables in memory. */
export interface Domain {
  readonly name: string;
  readonly stage: Stage;
  /** -1 for a domain that is given its ID with its first attachment. */
  readonly did: number;
  readonly allocatesId: boolean;
  /** Physical address of the first-stage table (guest-physical when nested); 0 when there is none. */
  readonly firstStageTable: number;
  readonly secondStageTable: number;
  /** Fields of the PASID entry that are other than what the driver sets. */
  readonly entry?: PasidEntryValues;
  /** Leaf paging entries by IOVA, of the first stage where there are two; of shared tables those of all who share. */
  readonly leaves: ReadonlyMap<number, Leaf>;
  /** What is added to the address of a page in them: the guest's view of a nested domain. */
  readonly leafBase: number;
}

export interface Device {
  readonly name: string;
  /** Requester ID: bus, device, function. */
  readonly sid: number;
  /** Address of the 64-bit half of the root entry (scalable) or of the root entry (legacy) that leads to it. */
  readonly rootEntryAddress: number;
  readonly contextEntryAddress: number;
  readonly pasidDirectoryAddress: number;
  /** info->ats_enabled. */
  readonly ats: boolean;
  /** Left out: it is there; false: its configuration space reads as all ones. */
  readonly present?: boolean;
}

export interface VtdDriverPorts {
  readonly registry: EntryRegistry;
  readonly queue: QueuedInvalidation;
  readonly interrupts: InterruptTable;
  readonly arena: Arena;
  readonly trace: SystemTrace;
  readonly pages: PageAllocator;
  readonly domainIds: DomainIds;
  /** ECAP.C: without it every table store has to be written back with clflush. */
  readonly coherentWalks: boolean;
  readonly capabilities: Pick<Capabilities, 'CM' | 'RWBF'>;
  /** Addresses of GCMD and GSTS. */
  readonly commandRegister: number;
  readonly statusRegister: number;
  readonly isScalable: boolean;
  /** iommu->lock. */
  readonly lockAddress: number;
  /** The word of a new spin lock, by its name in the source. */
  readonly placeLock: (name: string) => number;
}

/** What changes of a domain in a run, besides its tables. */
interface DomainState {
  readonly index: number;
  readonly cacheTags: CacheTags;
  /** domain->cache_lock. */
  readonly cacheLock: number;
}

/** What the intel-iommu driver knows: devices, domains, and where their table entries are. */
export class VtdDriver {
  readonly registry: EntryRegistry;
  readonly queue: QueuedInvalidation;
  readonly interrupts: InterruptTable;
  readonly pages: PageAllocator;
  readonly domainIds: DomainIds;
  readonly #ports: VtdDriverPorts;
  readonly #didLockAddress: number;
  readonly #devices = new Map<string, Device>();
  readonly #domains = new Map<string, Domain>();
  readonly #domainStates = new Map<string, DomainState>();
  readonly #pageAddresses = new Map<string, number>();
  /** Address of the PASID table for a device and the upper PASID bits. */
  readonly #pasidTables = new Map<string, number>();

  constructor(ports: VtdDriverPorts) {
    this.#ports = ports;
    this.registry = ports.registry;
    this.queue = ports.queue;
    this.interrupts = ports.interrupts;
    this.pages = ports.pages;
    this.domainIds = ports.domainIds;
    this.#didLockAddress = ports.placeLock('iommu->did_lock');
  }

  /** CAP.CM: hardware may cache what is not present. */
  get cachingMode(): boolean {
    return this.#ports.capabilities.CM === 1;
  }

  get isScalable(): boolean {
    return this.#ports.isScalable;
  }

  /** 32-bit words of the tracked entry at an address. */
  entryWords(address: number): number {
    return this.registry.modelOf(this.registry.entryAt(address)).wordCount;
  }

  addDevice(device: Device): void {
    this.#devices.set(device.name, device);
  }

  addDomain(domain: Domain): void {
    const { arena, placeLock } = this.#ports;
    const cacheTags = new CacheTags(arena, domain.name);
    const cacheLock = placeLock(`${domain.name}->cache_lock`);
    if (!domain.allocatesId) {
      this.domainIds.reserve(domain.did);
    }
    this.#domains.set(domain.name, domain);
    this.#domainStates.set(domain.name, { index: this.#domainStates.size, cacheTags, cacheLock });
  }

  /** Before the run: a device, or a PASID of it, is attached, with domain ID and cache tags; the entry is not written. */
  addAttachment(device: string, pasid: number, domainName: string): Domain {
    const domain = this.domain(domainName);
    const index = this.domainIndex(domain);
    const attached = domain.allocatesId ? { ...domain, did: this.domainIds.acquire(index).did } : domain;
    for (const tag of cacheTagsOf(this.device(device), { did: attached.did, pasid })) {
      this.cacheTags(domain).assign(tag);
    }
    return attached;
  }

  /** A page that flows can name. */
  addPage(name: string, address: number): void {
    this.#pageAddresses.set(name, address);
  }

  addPasidTable(device: string, pasid: number, address: number): void {
    this.#pasidTables.set(`${device}/${pasid >>> 6}`, address);
  }

  device(name: string): Device {
    const device = this.#devices.get(name);
    assert(device !== undefined, `device ${name} is known`);
    return device;
  }

  /** The device with a requester ID. */
  deviceOf(sid: number): Device | undefined {
    return [...this.#devices.values()].find((device) => device.sid === sid);
  }

  domain(name: string): Domain {
    const domain = this.#domains.get(name);
    assert(domain !== undefined, `domain ${name} is known`);
    return domain;
  }

  /** A device with this requester ID is known, and there. */
  isPresent(sid: number): boolean {
    return [...this.#devices.values()].some((device) => device.sid === sid && device.present !== false);
  }

  pageAddress(name: string): number {
    const address = this.#pageAddresses.get(name);
    assert(address !== undefined, `page ${name} is known`);
    return address;
  }

  /** Address of the leaf paging entry of an IOVA. */
  leafAddress({ name, leaves }: Domain, iova: number): number {
    const leaf = leaves.get(iova);
    assert(leaf !== undefined, `domain ${name} has tables for 0x${iova.toString(16)}`);
    return leaf.address;
  }

  cacheTags({ name }: Domain): CacheTags {
    return this.#stateOf(name).cacheTags;
  }

  /** The domain with the ID it has now; undefined if it has none, as nothing is attached to it. */
  domainWithId(name: string): Domain | undefined {
    const domain = this.domain(name);
    if (!domain.allocatesId) {
      return domain;
    }
    const did = this.domainIds.idOf(this.domainIndex(domain));
    return did === undefined ? undefined : { ...domain, did };
  }

  /** Number of a domain among all, for the allocator of domain IDs. */
  domainIndex({ name }: Domain): number {
    return this.#stateOf(name).index;
  }

  hasPasidTable(device: string, pasid: number): boolean {
    return this.#pasidTables.has(`${device}/${pasid >>> 6}`);
  }

  pasidTableAddress(device: string, pasid: number): number {
    const address = this.#pasidTables.get(`${device}/${pasid >>> 6}`);
    assert(address !== undefined, `device ${device} has a table for PASID ${pasid}`);
    return address;
  }

  pasidEntryAddress(device: string, pasid: number): number {
    return this.pasidTableAddress(device, pasid) + (pasid & 63) * 64;
  }

  lock(cpu: Cpu): Operation<void> {
    return cpu.lock(this.#ports.lockAddress, 'iommu->lock');
  }

  unlock(cpu: Cpu): Operation<void> {
    return cpu.unlock(this.#ports.lockAddress);
  }

  /** iommu->did_lock, here a spin lock. */
  lockDomainIds(cpu: Cpu): Operation<void> {
    return cpu.lock(this.#didLockAddress, 'iommu->did_lock');
  }

  unlockDomainIds(cpu: Cpu): Operation<void> {
    return cpu.unlock(this.#didLockAddress);
  }

  lockCacheTags(cpu: Cpu, { name }: Domain): Operation<void> {
    return cpu.lock(this.#stateOf(name).cacheLock, `${name}->cache_lock`);
  }

  unlockCacheTags(cpu: Cpu, { name }: Domain): Operation<void> {
    return cpu.unlock(this.#stateOf(name).cacheLock);
  }

  /** __iommu_flush_cache: clflush_cache_range, with its two mb(), when walks are not coherent. */
  *flushCache(cpu: Cpu, address: number, byteCount: number): Flow {
    if (this.#ports.coherentWalks) {
      return;
    }
    yield cpu.barrier('mb');
    for (let line = address & -lineBytes; line < address + byteCount; line += lineBytes) {
      yield cpu.flushLine(line);
    }
    yield cpu.barrier('mb');
  }

  /** What the kernel log would say: a warning, for pictures and logs. */
  note(text: string): Note {
    const notes = this.#ports.trace.channel('flow-note');
    return new Note('kernel log', () => {
      if (notes.active) {
        notes.emit({ kind: 'flow-note', text });
      }
    });
  }

  /** iommu_flush_write_buffer: nothing without CAP.RWBF, else GCMD.WBF and a wait for GSTS.WBFS. */
  *flushWriteBuffer(cpu: Cpu): Flow {
    const { capabilities, commandRegister, statusRegister } = this.#ports;
    if (capabilities.RWBF === 0) {
      return;
    }
    yield cpu.writeRegister(commandRegister, 32, BigInt(writeBufferFlush));
    yield cpu.waitForRegister(statusRegister, writeBufferFlush, 'the flush of the write buffer');
  }

  /** Declares that an entry is about to change, and to what; the last target is the final one. */
  beginUpdate(entryAddress: number, targets: readonly ArrayLike<number>[], hitless = false): Note {
    const entry = this.registry.entryAt(entryAddress);
    return new Note('update begins', () => this.registry.beginUpdate(entry, targets, hitless));
  }

  /** Declares that software takes the change as complete: nothing older may be in use from here. */
  endUpdate(entryAddress: number, target: ArrayLike<number>): Note {
    const entry = this.registry.entryAt(entryAddress);
    return new Note('update ends', () => this.registry.endUpdate(entry, target));
  }

  #stateOf(domain: string): DomainState {
    const state = this.#domainStates.get(domain);
    assert(state !== undefined, `domain ${domain} is known`);
    return state;
  }
}
