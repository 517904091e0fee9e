import type { ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import { interruptEntriesOf, interruptIndicesOf } from './interrupt-plan.ts';
import { parsePlace } from './place.ts';
import type { World, WorldTask } from './schema.ts';
import type { InlineStep } from './steps-schema.ts';

/** A PASID directory of 128 entries, the smallest there is (VT-d 9.4, PDTS = 0), leads to this many PASIDs. */
export const pasidCount = 128 * 64;
/** Table entries that one machine follows. */
export const maxTrackedEntries = 32;
/** Page 0, which is never given out, root table, invalidation queue, and the driver's data. */
const fixedPages = 4;
const entriesPerTable = 512;

/** A place in an inline step, and what the step does there. */
export interface PlaceUse {
  readonly text: string;
  readonly path: readonly PropertyKey[];
  /** `declare`: begin and end are about a whole entry. */
  readonly use: 'access' | 'declare';
  readonly bits: 32 | 64 | 128;
}

/** Every place that steps name, in the order of the file. */
export function placesOf(steps: readonly InlineStep[], path: readonly PropertyKey[]): readonly PlaceUse[] {
  return steps.flatMap((step, i) => placesOfStep(step, [...path, i]));
}

function placesOfStep(step: InlineStep, path: readonly PropertyKey[]): readonly PlaceUse[] {
  const access = (text: string, rest: readonly PropertyKey[], bits: PlaceUse['bits'] = 64): readonly PlaceUse[] => [
    { text, path: [...path, ...rest], use: 'access', bits },
  ];
  const declare = (text: string, key: string): readonly PlaceUse[] => [
    { text, path: [...path, key, 'entry'], use: 'declare', bits: 64 },
  ];
  if ('store' in step) return access(step.store.to, ['store', 'to'], step.store.bits);
  if ('load' in step) return access(step.load.from, ['load', 'from']);
  if ('flush' in step) return access(step.flush, ['flush']);
  if ('wait' in step) return access(step.wait.for, ['wait', 'for'], 32);
  if ('lock' in step) return access(step.lock, ['lock'], 32);
  if ('unlock' in step) return access(step.unlock, ['unlock'], 32);
  if ('begin' in step) return declare(step.begin.entry, 'begin');
  if ('end' in step) return declare(step.end.entry, 'end');
  if ('if' in step) return [...placesOf(step.do, [...path, 'do']), ...placesOf(step.else, [...path, 'else'])];
  return 'repeat' in step ? placesOf(step.steps, [...path, 'steps']) : [];
}

/** A driver flow that a world runs: as a task, or as a step of one. */
export interface FlowUse {
  readonly name: string;
  readonly values: Readonly<Record<string, string | number | boolean>>;
}

function flowsOfSteps(steps: readonly InlineStep[]): readonly FlowUse[] {
  return steps.flatMap((step) => {
    if ('flow' in step) return [{ name: step.flow, values: step.with }];
    if ('if' in step) return [...flowsOfSteps(step.do), ...flowsOfSteps(step.else)];
    return 'repeat' in step ? flowsOfSteps(step.steps) : [];
  });
}

function flowsOfTask(task: WorldTask): readonly FlowUse[] {
  if ('flow' in task) return [{ name: task.flow, values: task.with }];
  return 'steps' in task ? flowsOfSteps(task.steps) : [];
}

/** Every flow of a world, in the order of the file. */
function flowsOf({ tasks }: World): readonly FlowUse[] {
  return Object.values(tasks).flatMap(flowsOfTask);
}

/** Values of all parameters of one type that a flow is given; of a value that is not of the type, nothing. */
function argumentsOf({ name, values }: FlowUse, type: ParameterSpec['type']): readonly (string | number | boolean)[] {
  const parameters = flows.find((flow) => flow.name === name)?.parameters ?? {};
  return Object.entries(parameters).flatMap(([key, spec]) => {
    const value = values[key];
    return spec.type === type && value !== undefined ? [value] : [];
  });
}

/** A leaf paging entry that a flow changes. */
export interface ChangedPage {
  readonly domain: string;
  readonly iova: number;
  /** Name of the page that is mapped there; undefined for a flow that maps none. */
  readonly page: string | undefined;
}

/** Every page of a domain that flows map or unmap, each change once, in the order of the file. */
export function changedPagesOf(world: World): readonly ChangedPage[] {
  return flowsOf(world).flatMap((flow) => {
    const [domain] = argumentsOf(flow, 'domain');
    const [page] = argumentsOf(flow, 'page');
    return argumentsOf(flow, 'iova').flatMap((iova) =>
      typeof domain === 'string' && typeof iova === 'number'
        ? [{ domain, iova, page: typeof page === 'string' ? page : undefined }]
        : [],
    );
  });
}

/** Every PASID of a device that needs tables: those that the scenario speaks of, in order of first mention. */
export function pasidsOf({ platform, start, tasks }: World, device: string): readonly number[] {
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

/** Names of the pages that tasks name, in the order of the file: inline steps first, then doorbells. */
export function pagesOfTasks({ tasks }: World): readonly string[] {
  const uses = Object.values(tasks).flatMap((task) => ('steps' in task ? placesOf(task.steps, []) : []));
  const places = uses.map(({ text }) => parsePlace(text)).filter((place) => place?.structure === undefined);
  const doorbells = Object.values(tasks).flatMap((task) => ('dma' in task ? (task.dma.after ?? []) : []));
  return [...new Set([...places.map((place) => place?.name ?? ''), ...doorbells])];
}

export function contextTableName(sid: number, isScalable: boolean): string {
  const bus = sid >>> 8;
  return `context table ${bus}${isScalable ? ((sid & 0x80) !== 0 ? ' upper' : ' lower') : ''}`;
}

export function pasidTableName(device: string, pasid: number): string {
  return `${device} PASID table ${pasid >>> 6}`;
}

export function parseRequesterId(text: string): number {
  const [bus, device, fn] = text.split(/[:.]/).map((part) => Number.parseInt(part, 16)) as [number, number, number];
  return (bus << 8) | (device << 3) | fn;
}

/** Pages of memory that a world takes; of a nested domain as many as its second-stage tables can need. */
export function countPages(world: World): number {
  const { platform, domains } = world;
  const isScalable = platform.iommu.mode === 'scalable';
  const names = new Set(pagesOfTasks(world));
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
export function countTrackedEntries(world: World): number {
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
