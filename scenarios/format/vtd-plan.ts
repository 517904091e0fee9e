import { interruptEntriesOf, interruptIndicesOf } from './interrupt-plan.ts';
import { parsePlace } from './place.ts';
import type { VtdWorld } from './schema.ts';
import { changedPagesOf, flowsOfTask, pagesOfTasks, parseRequesterId, placesOf } from './task-plan.ts';

/** A PASID directory of 128 entries, the smallest there is (VT-d 9.4, PDTS = 0), leads to this many PASIDs. */
export const pasidCount = 128 * 64;
/** Page 0, which is never given out, root table, invalidation queue, and the driver's data. */
const fixedPages = 4;
const entriesPerTable = 512;

/** Every PASID of a device that needs tables: those that the scenario speaks of, in order of first mention. */
export function pasidsOf({ platform, start, tasks }: VtdWorld, device: string): readonly number[] {
  const ridPasid = platform.devices[device]?.ridPasid ?? 0;
  const pasids = new Set<number>();
  for (const attachment of [...start.attach, ...start.leftover, ...start.notPresent]) {
    if (attachment.device === device) {
      pasids.add(attachment.pasid);
    }
  }
  for (const task of Object.values(tasks)) {
    if ('dma' in task && task.device === device) {
      pasids.add(task.dma.pasid ?? ridPasid);
    }
    for (const { values } of flowsOfTask(task).filter((flow) => flow.values.device === device)) {
      pasids.add(typeof values.pasid === 'number' ? values.pasid : 0);
    }
    if ('steps' in task) {
      for (const { text } of placesOf(task.steps, [])) {
        const place = parsePlace(text);
        if (place?.name === device && (place.structure === 'pasid' || place.structure === 'directory')) {
          pasids.add(place.pasid);
        }
      }
    }
  }
  // A request may carry any PASID; one beyond the directory faults and needs no table.
  return [...pasids].filter((pasid) => pasid < pasidCount);
}

/** The page that a place names, if it is not an entry of a device. */
export function pageOfPlace(text: string): string | undefined {
  const place = parsePlace(text);
  return place?.structure === undefined ? place?.name : undefined;
}

export function contextTableName(sid: number, isScalable: boolean): string {
  const bus = sid >>> 8;
  return `context table ${bus}${isScalable ? ((sid & 0x80) !== 0 ? ' upper' : ' lower') : ''}`;
}

export function pasidTableName(device: string, pasid: number): string {
  return `${device} PASID table ${pasid >>> 6}`;
}

/** Pages of memory that a world takes; of a nested domain as many as its second-stage tables can need. */
export function countPages(world: VtdWorld): number {
  const { platform, domains } = world;
  const isScalable = platform.iommu.mode === 'scalable';
  const names = new Set(pagesOfTasks(world, pageOfPlace));
  let tables = 0;
  for (const [device, { requesterId }] of Object.entries(platform.devices)) {
    names.add(contextTableName(parseRequesterId(requesterId), isScalable));
    if (isScalable) {
      names.add(`${device} PASID directory`);
      for (const pasid of pasidsOf(world, device)) {
        names.add(pasidTableName(device, pasid));
      }
    }
  }
  for (const [domain, { stage, map }] of Object.entries(domains)) {
    const changed = changedPagesOf(world).filter((change) => change.domain === domain);
    for (const target of Object.values(map)) {
      names.add(typeof target === 'string' ? target : target.page);
    }
    for (const { page } of changed.filter((change) => change.page !== undefined)) {
      names.add(page as string);
    }
    const iovas = [...Object.keys(map).map(Number), ...changed.map(({ iova }) => iova)];
    tables += stage === 'pass-through' ? 0 : countTables(iovas);
    tables += stage === 'nested' ? 3 + Math.ceil(platform.memoryPages / entriesPerTable) : 0;
  }
  // The interrupt remapping table is a page.
  return fixedPages + names.size + tables + (interruptIndicesOf(world).length > 0 ? 1 : 0);
}

/** Tables of four levels that map these pages: the top one, and one for each table entry in use above the last level. */
function countTables(iovas: readonly number[]): number {
  const pageBytes = 4096;
  let count = 1;
  for (const level of [2, 3, 4]) {
    const entryBytes = pageBytes * entriesPerTable ** (level - 1);
    count += new Set(iovas.map((iova) => Math.floor(iova / entryBytes))).size;
  }
  return count;
}

/** Table entries of a world that the registry follows. */
export function countTrackedEntries(world: VtdWorld): number {
  const { devices, iommu } = world.platform;
  const isScalable = iommu.mode === 'scalable';
  const names = new Set<string>();
  for (const [device, { requesterId }] of Object.entries(devices)) {
    const sid = parseRequesterId(requesterId);
    names.add(`root of ${contextTableName(sid, isScalable)}`);
    names.add(`context ${sid}`);
    for (const pasid of isScalable ? pasidsOf(world, device) : []) {
      names.add(pasidTableName(device, pasid));
      names.add(`${device} ${pasid}`);
    }
  }
  for (const { domain, iova } of changedPagesOf(world)) {
    names.add(`leaf ${domain} ${iova}`);
  }
  return names.size + interruptEntriesOf(world).length;
}
