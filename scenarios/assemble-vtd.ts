import type { CheckerFacts } from '../models/checkers/checker.ts';
import { vtdWords } from '../models/checkers/spec-words.ts';
import { notPresent } from '../models/linux/flow-definition.ts';
import { buildDomain, type DomainTrees, type PageTableMemory, pageOfLeaf } from '../models/linux/page-table-builder.ts';
import { contextEntryFor } from '../models/linux/vtd/context-entry-update.ts';
import { pasidEntryFor } from '../models/linux/vtd/pasid-encoding.ts';
import type { Domain } from '../models/linux/vtd/vtd-driver.ts';
import { valueOfWords } from '../models/qword.ts';
import type { VtdSystemConfig } from '../models/system-config.ts';
import type { VtdStructure } from '../models/trace-events.ts';
import { defaultCapabilities } from '../models/vtd/capabilities.ts';
import { encodePasidDirectoryEntry } from '../models/vtd/entries/pasid-directory-entry.ts';
import { encodeRootEntry } from '../models/vtd/entries/root-entry.ts';
import { encodeScalableContextEntry } from '../models/vtd/entries/scalable-context-entry.ts';
import { encodeScalableRootHalf } from '../models/vtd/entries/scalable-root-entry.ts';
import { vtdEntryModels } from '../models/vtd/entry-models.ts';
import { faultReasons } from '../models/vtd/fault-reasons.ts';
import { VtdSystem } from '../models/vtd-system.ts';
import { assert } from '../sim/assert.ts';
import { assembleInterrupts } from './assemble-interrupts.ts';
import { type AssembledWorld, Assembly, commonConfigOf, definedOf, type EntryOwner } from './assembly.ts';
import { domainFacts } from './domain-facts.ts';
import { entryValues } from './format/check-entry-fields.ts';
import type { VtdWorld, WorldTask } from './format/schema.ts';
import { domainsInOrder, sharedTables } from './format/shared-tables.ts';
import { changedPagesOf, pagesOfTasks, parseRequesterId } from './format/task-plan.ts';
import { contextTableName, pageOfPlace, pasidsOf, pasidTableName } from './format/vtd-plan.ts';
import type { InlineDriver } from './inline-steps.ts';
import { vtdInlineDriver } from './vtd-inline-steps.ts';

interface DeviceTables {
  readonly name: string;
  readonly sid: number;
  readonly contextTable: number;
  readonly directory: number;
}

/** A machine with a VT-d unit. */
export function assembleVtd(world: VtdWorld, reach: readonly string[]): AssembledWorld {
  return new VtdAssembly(world, new VtdSystem(systemConfigOf(world))).build(reach);
}

class VtdAssembly extends Assembly<VtdWorld, VtdSystem, Domain> {
  protected prepare(): void {
    const { platform } = this.world;
    const ram = {
      memory: this.system.memory,
      allocatePage: (name: string) => this.system.allocatePage(name),
      trees: new Map<string, DomainTrees>(),
    };
    const tables = Object.keys(platform.devices).map((name) => this.#addDevice(name));
    this.addEndpoints();
    for (const name of domainsInOrder(this.world)) {
      this.#addDomain(ram, name);
    }
    // A page made in the middle of a run would have its address from the runs before.
    for (const name of pagesOfTasks(this.world, pageOfPlace)) {
      this.page(name);
    }
    for (const device of tables) {
      this.#writeStart(device);
    }
    this.#writeLeftovers();
    for (const device of tables) {
      this.#track(device);
    }
    for (const { address, name } of assembleInterrupts(this.world, this.system)) {
      this.#trackOne(address, name, 'interrupt-remapping-entry', { sid: -1, pasid: -1 });
    }
    this.#trackPagingEntries();
  }

  protected inlineDriver(): InlineDriver {
    return vtdInlineDriver(this.system.driver, (name) => this.page(name));
  }

  protected addPage(name: string, address: number): void {
    this.system.driver.addPage(name, address);
  }

  protected iommuOf(): undefined {
    return undefined;
  }

  protected addInterruptSource(name: string, { device, interrupt }: Extract<WorldTask, { interrupt: object }>): void {
    this.system.addInterruptSource(name, { sid: this.system.driver.device(device).sid, ...interrupt });
  }

  #addDomain(ram: PageTableMemory, name: string): void {
    const domain = this.world.domains[name];
    assert(domain !== undefined, `domain ${name} is known`);
    const map = Object.entries(domain.map).map(([iova, target]) => ({
      iova: Number(iova),
      address: this.page(typeof target === 'string' ? target : target.page),
      writable: typeof target === 'string' || target.writable,
    }));
    const { stage, did, entry } = domain;
    const shares = sharedTables(this.world, domain);
    const mappedLater = changedPagesOf(this.world).flatMap((change) =>
      change.domain === name && change.page !== undefined
        ? [{ iova: change.iova, address: this.page(change.page) }]
        : [],
    );
    const plan = { name, stage, did, map, mappedLater };
    this.system.driver.addDomain(buildDomain(ram, { ...plan, entry: entryValues(entry), shares }));
  }

  get #isScalable(): boolean {
    return this.world.platform.iommu.mode === 'scalable';
  }

  #device(name: string): VtdWorld['platform']['devices'][string] {
    const device = this.world.platform.devices[name];
    assert(device !== undefined, `device ${name} is known`);
    return device;
  }

  #addDevice(name: string): DeviceTables {
    const { requesterId, ats } = this.#device(name);
    const sid = parseRequesterId(requesterId);
    const { rootTable, driver } = this.system;
    const bus = sid >>> 8;
    const devfn = sid & 0xff;
    const upper = this.#isScalable && devfn >= 0x80;
    const contextTable = this.page(contextTableName(sid, this.#isScalable));
    const directory = this.#isScalable ? this.page(`${name} PASID directory`) : 0;
    driver.addDevice({
      name,
      sid,
      rootEntryAddress: rootTable + bus * 16 + (upper ? 8 : 0),
      contextEntryAddress: this.#isScalable ? contextTable + (devfn & 0x7f) * 32 : contextTable + devfn * 16,
      pasidDirectoryAddress: directory,
      ats: ats !== false,
      present: typeof ats !== 'object' || ats.present,
    });
    for (const pasid of this.#isScalable ? pasidsOf(this.world, name) : []) {
      if (!driver.hasPasidTable(name, pasid)) {
        driver.addPasidTable(name, pasid, this.page(pasidTableName(name, pasid)));
      }
    }
    return { name, sid, contextTable, directory };
  }

  #writeStart({ name, contextTable, directory }: DeviceTables): void {
    const { memory, driver } = this.system;
    const device = driver.device(name);
    const isMissing = (entry: string, pasid?: number): boolean =>
      this.world.start.notPresent.some(
        (missing) =>
          missing.device === name &&
          missing.entry === entry &&
          (pasid === undefined || missing.pasid >>> 6 === pasid >>> 6),
      );
    if (!isMissing('root')) {
      const encodeRoot = this.#isScalable ? encodeScalableRootHalf : encodeRootEntry;
      memory.initialise(device.rootEntryAddress, encodeRoot({ present: 1, contextTablePointer: contextTable }));
    }
    if (this.#isScalable && !isMissing('context')) {
      const words = encodeScalableContextEntry({
        present: 1,
        deviceTlbEnable: Number(device.ats),
        pasidEnable: 1,
        pasidDirectoryPointer: directory,
        ridPasid: this.#device(name).ridPasid,
      });
      memory.initialise(device.contextEntryAddress, words);
    }
    for (const pasid of this.#isScalable ? pasidsOf(this.world, name) : []) {
      if (!isMissing('pasid-directory', pasid)) {
        const pasidTablePointer = driver.pasidTableAddress(name, pasid);
        memory.initialise(directory + (pasid >>> 6) * 8, encodePasidDirectoryEntry({ present: 1, pasidTablePointer }));
      }
    }
    for (const { device: of, pasid, domain } of this.world.start.attach) {
      if (of === name && domain !== notPresent) {
        const attached = driver.addAttachment(name, pasid, domain);
        if (this.#isScalable) {
          memory.initialise(driver.pasidEntryAddress(name, pasid), pasidEntryFor(attached));
        } else {
          memory.initialise(device.contextEntryAddress, contextEntryFor(attached, device));
        }
      }
    }
  }

  #writeLeftovers(): void {
    const { memory, driver } = this.system;
    for (const { device, pasid, domain } of this.world.start.leftover) {
      memory.initialise(driver.pasidEntryAddress(device, pasid), pasidEntryFor(driver.domain(domain)));
    }
  }

  #track({ name, sid }: DeviceTables): void {
    const { driver } = this.system;
    const device = driver.device(name);
    this.#trackOne(device.rootEntryAddress, `${name}.root`, this.#isScalable ? 'scalable-root-entry' : 'root-entry', {
      sid,
      pasid: -1,
    });
    const contextStructure = this.#isScalable ? 'scalable-context-entry' : 'context-entry';
    this.#trackOne(device.contextEntryAddress, `${name}.context`, contextStructure, { sid, pasid: -1 });
    for (const pasid of this.#isScalable ? pasidsOf(this.world, name) : []) {
      const directoryEntry = device.pasidDirectoryAddress + (pasid >>> 6) * 8;
      this.#trackOne(directoryEntry, `${name}.directory[${pasid >>> 6}]`, 'pasid-directory-entry', { sid, pasid });
      const address = driver.pasidEntryAddress(name, pasid);
      const { leftover } = this.world.start;
      const isLeftover = leftover.some((entry) => entry.device === name && entry.pasid === pasid);
      this.#trackOne(address, `${name}.pasid[${pasid}]`, 'pasid-entry', { sid, pasid, isLeftover });
    }
  }

  /** Only those that software changes: with the others nothing can go stale. */
  #trackPagingEntries(): void {
    const { driver } = this.system;
    for (const { domain: name, iova } of changedPagesOf(this.world)) {
      const domain = driver.domain(name);
      const structure = domain.stage === 'second' ? 'second-stage-paging-entry' : 'first-stage-paging-entry';
      this.#trackOne(driver.leafAddress(domain, iova), `${name}.map[0x${iova.toString(16)}]`, structure, {
        sid: -1,
        pasid: -1,
        domain,
      });
    }
  }

  #trackOne(address: number, name: string, structure: VtdStructure, owner: EntryOwner<Domain>): void {
    this.trackOne(address, name, vtdEntryModels[structure], owner);
  }

  protected facts(): CheckerFacts {
    const { registry, driver } = this.system;
    const { iommu } = this.world.platform;
    return {
      ...this.commonFacts,
      domains: Object.keys(this.world.domains).map((name) => domainFacts(driver.domain(name), registry)),
      pageOfLeaf: (entry, words) => {
        const domain = this.owners[entry]?.domain;
        return domain === undefined ? undefined : pageOfLeaf(domain, valueOfWords(words));
      },
      mode: iommu.mode,
      words: vtdWords,
      hasProcessContexts: () => iommu.mode === 'scalable',
      walksSeeStores: iommu.coherentWalks && iommu.capabilities.RWBF !== 1,
      cachingMode: iommu.capabilities.CM === 1,
      faultReason: (code) => {
        const reason = faultReasons.get(code);
        return { text: reason?.text ?? 'unknown reason', onlyTornEntryGives: reason?.onlyTornEntryGives === true };
      },
    };
  }
}

function systemConfigOf(world: VtdWorld): VtdSystemConfig {
  const { iommu, linux } = world.platform;
  return {
    ...commonConfigOf(world),
    coherentWalks: iommu.coherentWalks,
    vtd: { ...iommu, capabilities: Object.freeze({ ...defaultCapabilities, ...definedOf(iommu.capabilities) }) },
    linux,
  };
}
