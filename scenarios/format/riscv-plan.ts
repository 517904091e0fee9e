import { isPaging } from '../../models/linux/riscv/domains.ts';
import { parseRiscvPlace } from './riscv-place.ts';
import type { RiscvWorld } from './schema.ts';
import { allSteps, type ChangedPage, changedPagesOf, pagesOfTasks, parseRequesterId, placesOf } from './task-plan.ts';

type Device = RiscvWorld['platform']['devices'][string];
type Domain = RiscvWorld['domains'][string];

/** Page 0, which is never given out. */
const fixedPages = 1;
/** Words of the driver, in bytes: of each queue, of each domain, and of each device in a domain (bonds). */
const driverBytes = { queue: 80, domain: 32, bond: 32 } as const;
const entriesPerTable = 512;
const pageBytes = 4096;
/** Pages in a huge one. */
export const hugePageCount = 512;
/** A second-stage root is 16 KB, aligned to that: 4 pages, and up to 3 before them. */
const secondStageRootPages = 7;

/** How many IOMMUs a world has. */
export function iommuCount({ platform }: RiscvWorld): number {
  return 1 + Math.max(0, ...Object.values(platform.devices).map(({ iommu }) => iommu));
}

/** DDI 0 to 2 of a device ID (RISC-V IOMMU, Device directory table): the lowest index is that of the device context. */
export function directoryIndices({ platform }: RiscvWorld, deviceId: number): readonly [number, number, number] {
  const leafBits = platform.iommu.deviceContext === 'base' ? 7 : 6;
  return [
    deviceId % 2 ** leafBits,
    Math.floor(deviceId / 2 ** leafBits) % entriesPerTable,
    Math.floor(deviceId / 2 ** (leafBits + 9)),
  ];
}

/** Name of the page of the table of a directory level that leads to a device; level 1 has the device contexts. */
export function directoryTableName(world: RiscvWorld, device: Device, level: number): string {
  const indices = directoryIndices(world, parseRequesterId(device.requesterId));
  const above = indices.slice(level, world.platform.iommu.levels).reverse();
  const which = iommuCount(world) > 1 ? ` of IOMMU ${device.iommu}` : '';
  return `DDT${which} L${level}${above.map((index) => ` ${index}`).join('')}`;
}

/** PDI 0 to 2 of a process ID (RISC-V IOMMU, Process directory table). */
export function processIndices(process: number): readonly [number, number, number] {
  return [process & 0xff, (process >>> 8) & 0x1ff, process >>> 17];
}

export const processLevels = { none: 0, pd8: 1, pd17: 2, pd20: 3 } as const;
export const processBits = { none: 0, pd8: 8, pd17: 17, pd20: 20 } as const;

export function processTableName(device: string, level: number, process: number, levels: number): string {
  const above = processIndices(process).slice(level, levels).reverse();
  return `${device} PDT L${level}${above.map((index) => ` ${index}`).join('')}`;
}

/** Every process of a device that needs a place in the directory, in order of first mention; 0 is of requests without. */
export function processesOf({ platform, start, tasks }: RiscvWorld, device: string): readonly number[] {
  const { processDirectory = 'none' } = platform.devices[device] ?? {};
  if (processDirectory === 'none') {
    return [];
  }
  const processes = new Set<number>();
  for (const { device: of, pasid } of start.attach) {
    if (of === device && pasid !== undefined) {
      processes.add(pasid);
    }
  }
  for (const task of Object.values(tasks)) {
    if ('dma' in task && task.device === device) {
      processes.add(task.dma.pasid ?? 0);
    }
    for (const { text } of 'steps' in task ? placesOf(task.steps, []) : []) {
      const place = parseRiscvPlace(text);
      if (place?.name === device && (place.structure === 'pc' || place.structure === 'pdt')) {
        processes.add(place.index ?? 0);
      }
    }
  }
  return [...processes].filter((process) => process < 2 ** processBits[processDirectory]);
}

/** The page that a place names, if it is not an entry. */
export function pageOfRiscvPlace(text: string): string | undefined {
  const place = parseRiscvPlace(text);
  return place?.structure === undefined ? place?.name : undefined;
}

/** Leaf PTEs that tasks change, by flows and by inline steps, and those below the tables that they name. */
export function changedLeaves(world: RiscvWorld): readonly ChangedPage[] {
  return [...changedPagesOf(world), ...namedPtes(world, 'pte'), ...changedTables(world)];
}

/** PTEs that lead to last-level tables, and that inline steps name: the first IOVA of each. */
export function changedTables(world: RiscvWorld): readonly ChangedPage[] {
  return namedPtes(world, 'table');
}

function namedPtes({ tasks }: RiscvWorld, structure: 'pte' | 'table'): readonly ChangedPage[] {
  const uses = Object.values(tasks).flatMap((task) => ('steps' in task ? placesOf(task.steps, []) : []));
  return uses.flatMap(({ text }) => {
    const place = parseRiscvPlace(text);
    return place?.structure === structure && place.index !== undefined
      ? [{ domain: place.name, iova: place.index, page: undefined }]
      : [];
  });
}

/** Pages that inline steps name other than by a place: what a PTE becomes, and what is given back. */
export function pagesOfSteps({ tasks }: RiscvWorld): readonly string[] {
  const steps = Object.values(tasks).flatMap((task) => ('steps' in task ? allSteps(task.steps) : []));
  const names = steps.flatMap((step) => {
    if ('free' in step) return pageOfRiscvPlace(step.free) ?? [];
    const targets =
      'begin' in step ? step.begin.targets : 'end' in step ? [step.end.target] : 'set' in step ? [step.set.to] : [];
    return targets.flatMap((target) => (typeof target === 'object' && 'page' in target ? [target.page] : []));
  });
  return [...new Set(names)];
}

/** Address bits that the tables of a domain map; 0: it has none. The upper half of a first stage is not canonical. */
export function riscvMappedBits({ stage, mode }: Pick<Domain, 'stage' | 'mode'>): number {
  const bits = { sv39: 39, sv48: 48, sv57: 57 }[mode];
  if (!isPaging({ stage })) {
    return 0;
  }
  return stage === 'second' ? bits + 2 : bits - 1;
}

/** Pages of memory that a world takes; of a nested domain as many as its second-stage tables can need. */
export function countRiscvPages(world: RiscvWorld): number {
  const { platform, domains } = world;
  const names = new Set([...pagesOfTasks(world, pageOfRiscvPlace), ...pagesOfSteps(world)]);
  for (const [name, device] of Object.entries(platform.devices)) {
    for (let level = 1; level <= platform.iommu.levels; level += 1) {
      names.add(directoryTableName(world, device, level));
    }
    const levels = processLevels[device.processDirectory];
    for (const process of processesOf(world, name)) {
      for (let level = 1; level <= levels; level += 1) {
        names.add(processTableName(name, level, process, levels));
      }
    }
  }
  let tables = 0;
  for (const [name, domain] of Object.entries(domains)) {
    const changed = changedLeaves(world).filter((change) => change.domain === name);
    for (const target of Object.values(domain.map)) {
      names.add(typeof target === 'string' ? target : target.page);
    }
    for (const { page } of changed.filter((change) => change.page !== undefined)) {
      names.add(page as string);
    }
    tables += countTables(domain, [...Object.keys(domain.map).map(Number), ...changed.map(({ iova }) => iova)], world);
  }
  const isHuge = (name: string): boolean => platform.hugePages.includes(name);
  const huge = [...names].filter(isHuge).length;
  // With what is left out before them, so that they are aligned.
  const hugePages = huge === 0 ? 0 : huge * (hugePageCount - 1) + hugePageCount;
  return fixedPages + iommuCount(world) + driverPages(world) + names.size + hugePages + tables;
}

function driverPages(world: RiscvWorld): number {
  const devices = Object.keys(world.platform.devices).length;
  const domains = Object.keys(world.domains).length;
  const bytes = iommuCount(world) * driverBytes.queue + domains * (driverBytes.domain + devices * driverBytes.bond);
  return 1 + Math.floor(bytes / pageBytes);
}

function countTables(
  { stage, mode }: Pick<Domain, 'stage' | 'mode'>,
  iovas: readonly number[],
  { platform }: RiscvWorld,
): number {
  if (!isPaging({ stage })) {
    return 0;
  }
  let count = stage === 'second' ? secondStageRootPages : 1;
  const levels = { sv39: 3, sv48: 4, sv57: 5 }[mode];
  for (let level = 2; level <= levels; level += 1) {
    const bytes = pageBytes * entriesPerTable ** (level - 1);
    count += new Set(iovas.map((iova) => Math.floor(iova / bytes))).size;
  }
  const ofSecond = secondStageRootPages + (levels - 2) + Math.ceil(platform.memoryPages / entriesPerTable);
  return stage === 'nested' ? count + ofSecond : count;
}

/** Table entries of a world that the registry follows. */
export function countRiscvEntries(world: RiscvWorld): number {
  const { devices, iommu } = world.platform;
  const names = new Set<string>();
  for (const [name, device] of Object.entries(devices)) {
    names.add(`context ${device.requesterId}`);
    for (let level = 1; level < iommu.levels; level += 1) {
      names.add(directoryTableName(world, device, level));
    }
    const levels = processLevels[device.processDirectory];
    for (const process of processesOf(world, name)) {
      names.add(`${name} ${process}`);
      for (let level = 1; level < levels; level += 1) {
        names.add(processTableName(name, level, process, levels));
      }
    }
  }
  for (const { domain, iova } of changedLeaves(world)) {
    names.add(`leaf ${domain} ${iova}`);
  }
  for (const { domain, iova } of changedTables(world)) {
    names.add(`table ${domain} ${Math.floor(iova / (pageBytes * entriesPerTable))}`);
  }
  return names.size;
}
