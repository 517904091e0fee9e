import type { CheckerFacts, DomainFacts } from '../models/checkers/checker.ts';
import { riscvWords } from '../models/checkers/spec-words.ts';
import { fence } from '../models/linux/riscv/commands.ts';
import { contextFor } from '../models/linux/riscv/context-encoding.ts';
import { isPaging, type RiscvDomain } from '../models/linux/riscv/domains.ts';
import { buildRiscvDomain, pageOfPte } from '../models/linux/riscv/page-table-builder.ts';
import { pageBytes } from '../models/memory/physical-memory.ts';
import { valueOfWords } from '../models/qword.ts';
import { defaultRiscvCapabilities } from '../models/riscv/capabilities.ts';
import { ddtpMode } from '../models/riscv/directory-pointer.ts';
import { encodeDeviceContext } from '../models/riscv/entries/device-context.ts';
import { processDirectoryMode } from '../models/riscv/entries/translation-modes.ts';
import { riscvEntryModels } from '../models/riscv/entry-models.ts';
import { faultCauses } from '../models/riscv/fault-causes.ts';
import type { RiscvIommu } from '../models/riscv/riscv-iommu.ts';
import { RiscvSystem, type RiscvSystemConfig } from '../models/riscv-system.ts';
import { assert } from '../sim/assert.ts';
import { type AssembledWorld, Assembly, commonConfigOf, definedOf } from './assembly.ts';
import {
  changedLeaves,
  changedTables,
  hugePageCount,
  iommuCount,
  pageOfRiscvPlace,
  pagesOfSteps,
} from './format/riscv-plan.ts';
import type { RiscvWorld } from './format/schema.ts';
import { pagesOfTasks } from './format/task-plan.ts';
import type { InlineDriver } from './inline-steps.ts';
import { processContextFor, riscvInlineDriver } from './riscv-inline-steps.ts';
import { type DeviceTables, RiscvTables } from './riscv-tables.ts';

/** A machine with one RISC-V IOMMU or two. */
export function assembleRiscv(world: RiscvWorld, reach: readonly string[]): AssembledWorld {
  return new RiscvAssembly(world, new RiscvSystem(systemConfigOf(world))).build(reach);
}

class RiscvAssembly extends Assembly<RiscvWorld, RiscvSystem, RiscvDomain> {
  #tables: RiscvTables | undefined;

  protected prepare(): void {
    const { platform, domains } = this.world;
    const { driver } = this.system;
    this.#tables = new RiscvTables(this.world, this.system, (name) => this.page(name));
    for (const [name, { iommu }] of Object.entries(platform.devices)) {
      const { deviceId, contextAddress } = this.tables.device(name);
      const contextWordCount = platform.iommu.deviceContext === 'base' ? 8 : 16;
      driver.addDevice({ name, deviceId, contextAddress, contextWordCount, iommu });
      const directory = this.tables.root(name);
      this.#iommu(iommu).preset({
        mode: ddtpMode.bare + platform.iommu.levels,
        directory,
        queueIsOn: true,
        queueInterrupts: true,
      });
    }
    this.addEndpoints();
    for (const name of Object.keys(domains)) {
      this.#addDomain(name);
    }
    // A page made in the middle of a run would have its address from the runs before.
    for (const name of [...pagesOfTasks(this.world, pageOfRiscvPlace), ...pagesOfSteps(this.world)]) {
      this.page(name);
    }
    for (const tables of this.tables.devices.values()) {
      this.#writeStart(tables);
    }
    for (const tables of this.tables.devices.values()) {
      this.#track(tables);
    }
    this.#trackPtes();
  }

  protected override allocate(name: string): number {
    return this.world.platform.hugePages.includes(name)
      ? this.system.allocatePages(name, hugePageCount)
      : this.system.allocatePage(name);
  }

  protected inlineDriver(): InlineDriver {
    return riscvInlineDriver({ riscv: this.system.driver, tables: this.tables, page: (name) => this.page(name) });
  }

  protected addPage(name: string, address: number): void {
    this.system.driver.addPage(name, address);
  }

  protected iommuOf(device: string): RiscvIommu {
    return this.#iommu(this.world.platform.devices[device]?.iommu ?? 0);
  }

  protected addInterruptSource(name: string): never {
    throw new Error(`${name}: interrupts are beside VT-d only`);
  }

  private get tables(): RiscvTables {
    assert(this.#tables !== undefined, 'directories come first');
    return this.#tables;
  }

  get #models(): ReturnType<typeof riscvEntryModels> {
    return riscvEntryModels(this.world.platform.iommu.deviceContext);
  }

  #iommu(number: number): RiscvIommu {
    const iommu = this.system.iommus[number];
    assert(iommu !== undefined, `there is an IOMMU ${number}`);
    return iommu;
  }

  #addDomain(name: string): void {
    const domain = this.world.domains[name];
    assert(domain !== undefined, `domain ${name} is known`);
    const { stage, gscid, mode } = domain;
    const map = Object.entries(domain.map).map(([iova, target]) => ({
      iova: Number(iova),
      address: typeof target === 'string' ? this.page(target) : this.page(target.page) + target.offset,
      writable: typeof target === 'string' || target.writable,
    }));
    const mappedLater = changedLeaves(this.world).flatMap((change) =>
      change.domain === name && change.page !== undefined
        ? [{ iova: change.iova, address: this.page(change.page) }]
        : [],
    );
    const { memory } = this.system;
    const ram = { memory, allocatePage: (page: string) => this.system.allocatePage(page) };
    const plan = { name, stage, pscid: this.#pscidOf(name), gscid, mode, map, mappedLater };
    this.system.driver.addDomain(buildRiscvDomain(ram, plan));
  }

  /** The PSCID that a domain has when a run begins: its own, else the lowest that is free; 0: none yet. */
  #pscidOf(name: string): number {
    const given = Object.values(this.world.domains).map(({ pscid }) => pscid);
    let next = 1;
    for (const [other, { stage, pscid }] of Object.entries(this.world.domains)) {
      while (given.includes(next)) {
        next += 1;
      }
      if (other === name) {
        return typeof pscid === 'number' ? pscid : pscid === 'none' || !isPaging({ stage }) ? 0 : next;
      }
      if (pscid === undefined && isPaging({ stage })) {
        next += 1;
      }
    }
    return 0;
  }

  #writeStart({ name, contextAddress, processRoot }: DeviceTables): void {
    const { memory, driver } = this.system;
    const { attach, leftover } = this.world.start;
    const { contextWordCount } = driver.device(name);
    for (const { device, pasid, domain: domainName } of attach) {
      const domain = driver.domain(domainName);
      if (device === name && pasid === undefined) {
        driver.addAttachment(name, domainName);
        memory.initialise(contextAddress, this.#withAts(name, contextFor(domain, domain.pscid, contextWordCount)));
      } else if (device === name && pasid !== undefined) {
        memory.initialise(this.tables.process(name, pasid).contextAddress, processContextFor(domain));
      }
    }
    for (const { device, domain: domainName } of leftover) {
      const domain = driver.domain(domainName);
      if (device === name) {
        const words = contextFor(domain, domain.pscid, contextWordCount);
        words[0] = (words[0] as number) & ~1;
        memory.initialise(contextAddress, words);
      }
    }
    if (processRoot !== 0) {
      const { deviceContext } = this.world.platform.iommu;
      const { processDirectory = 'none' } = this.world.platform.devices[name] ?? {};
      const mode = processDirectory === 'none' ? 0 : processDirectoryMode[processDirectory];
      const context = { valid: 1, processDirectory: 1, defaultProcess: 1, firstTable: processRoot, firstMode: mode };
      memory.initialise(contextAddress, this.#withAts(name, encodeDeviceContext(context, deviceContext)));
    }
  }

  /** EN_ATS, of a context that is valid. */
  #withAts(name: string, words: Uint32Array): Uint32Array {
    const { ats = false } = this.world.platform.devices[name] ?? {};
    const [first = 0] = words;
    words[0] = (first & 1) === 1 && ats !== false ? first | 2 : first;
    return words;
  }

  #track({ name, deviceId: sid, contextAddress, directory, processes }: DeviceTables): void {
    const models = this.#models;
    for (const entry of directory) {
      this.trackOne(entry.address, entry.name, models['riscv-ddt-entry'], { sid, pasid: -1 });
    }
    this.trackOne(contextAddress, `${name}.dc`, models['riscv-device-context'], { sid, pasid: -1 });
    for (const [pasid, process] of processes) {
      for (const entry of process.directory) {
        this.trackOne(entry.address, entry.name, models['riscv-pdt-entry'], { sid, pasid });
      }
      const context = models['riscv-process-context'];
      this.trackOne(process.contextAddress, `${name}.pc[${pasid}]`, context, { sid, pasid });
    }
  }

  /** Only those that software changes: with the others nothing can go stale. */
  #trackPtes(): void {
    const { driver } = this.system;
    const track = (name: string, address: number, entryName: string): void => {
      const domain = driver.domain(name);
      const structure = domain.stage === 'second' ? 'riscv-second-stage-pte' : 'riscv-first-stage-pte';
      this.trackOne(address, entryName, this.#models[structure], { sid: -1, pasid: -1, domain });
    };
    for (const { domain, iova } of changedLeaves(this.world)) {
      track(domain, driver.leaf(driver.domain(domain), iova).address, `${domain}.pte[0x${iova.toString(16)}]`);
    }
    for (const { domain, iova } of changedTables(this.world)) {
      const { tableEntryAddress } = driver.leaf(driver.domain(domain), iova);
      track(domain, tableEntryAddress, `${domain}.table[0x${iova.toString(16)}]`);
    }
  }

  protected facts(): CheckerFacts {
    const { driver } = this.system;
    const { devices } = this.world.platform;
    const withProcesses = new Set(
      Object.keys(devices).flatMap((name) =>
        devices[name]?.processDirectory === 'none' ? [] : [driver.device(name).deviceId],
      ),
    );
    return {
      ...this.commonFacts,
      domains: Object.keys(this.world.domains).map((name) => this.#domainFacts(driver.domain(name))),
      pageOfLeaf: (entry, words) => {
        const domain = this.owners[entry]?.domain;
        return domain === undefined ? undefined : pageOfPte(domain, valueOfWords(words));
      },
      words: riscvWords,
      hasProcessContexts: (sid) => withProcesses.has(sid),
      leavesBelow: (entry) => this.#leavesBelow(entry),
      walksSeeStores: true,
      cachingMode: false,
      faultReason: (code) => {
        const { text = 'unknown cause', onlyTornEntryGives = false } = faultCauses.get(code) ?? {};
        return { text, onlyTornEntryGives };
      },
    };
  }

  /** Leaf PTEs that are followed, of the table that a PTE leads to. */
  #leavesBelow(entry: number): readonly { readonly entry: number; readonly offset: number }[] {
    const { registry } = this.system;
    const { domain } = this.owners[entry] ?? {};
    return [...(domain?.leaves ?? [])].flatMap(([iova, { address, tableEntryAddress }]) => {
      const leaf = registry.entryAt(address);
      return leaf !== -1 && registry.entryAt(tableEntryAddress) === entry
        ? [{ entry: leaf, offset: iova % (hugePageCount * pageBytes) }]
        : [];
    });
  }

  #domainFacts({ name, stage, firstStageTable, secondStageTable, leaves: byIova }: RiscvDomain): DomainFacts {
    const { registry } = this.system;
    const leaves = [...byIova.values()].map(({ address, page }) => ({ entry: registry.entryAt(address), page }));
    return {
      name,
      stage,
      firstStageTable,
      secondStageTable,
      pages: leaves.flatMap(({ entry, page }) => (entry === -1 && page !== undefined ? [page] : [])),
      leaves: leaves.flatMap(({ entry }) => (entry === -1 ? [] : [entry])),
    };
  }
}

function systemConfigOf(world: RiscvWorld): RiscvSystemConfig {
  const { iommu, linux } = world.platform;
  const capabilities = Object.freeze({ ...defaultRiscvCapabilities, ...definedOf(iommu.capabilities) });
  return {
    ...commonConfigOf(world),
    coherentWalks: true,
    hasWriteBuffer: false,
    riscv: { ...iommu, capabilities },
    iommuCount: iommuCount(world),
    linux: {
      onError: linux.queueErrors,
      ordersDoorbell: linux.doorbellBarrier,
      afterDoorbell: linux.afterDoorbell,
      fence: fence({ reads: linux.fencePr, writes: linux.fencePw }),
    },
  };
}
