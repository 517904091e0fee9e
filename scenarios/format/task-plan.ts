import type { ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import type { World, WorldTask } from './schema.ts';
import type { InlineStep } from './steps-schema.ts';

/** Table entries that one machine follows. */
export const maxTrackedEntries = 32;

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
  if ('set' in step) return access(step.set.entry, ['set', 'entry']);
  if ('begin' in step) return declare(step.begin.entry, 'begin');
  if ('end' in step) return declare(step.end.entry, 'end');
  if ('if' in step) return [...placesOf(step.do, [...path, 'do']), ...placesOf(step.else, [...path, 'else'])];
  return 'repeat' in step ? placesOf(step.steps, [...path, 'steps']) : [];
}

/** Every step, those inside others too, in the order of the file. */
export function allSteps(steps: readonly InlineStep[]): readonly InlineStep[] {
  return steps.flatMap((step) => {
    if ('if' in step) return [step, ...allSteps(step.do), ...allSteps(step.else)];
    return 'repeat' in step ? [step, ...allSteps(step.steps)] : [step];
  });
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

export function flowsOfTask(task: WorldTask): readonly FlowUse[] {
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

/**
 * Names of the pages that tasks name, in the order of the file: inline steps first, then doorbells. `pageOf` gives the
 * page that the text of a place names, if it names one.
 */
export function pagesOfTasks({ tasks }: World, pageOf: (place: string) => string | undefined): readonly string[] {
  const uses = Object.values(tasks).flatMap((task) => ('steps' in task ? placesOf(task.steps, []) : []));
  const doorbells = Object.values(tasks).flatMap((task) => ('dma' in task ? (task.dma.after ?? []) : []));
  return [...new Set([...uses.flatMap(({ text }) => pageOf(text) ?? []), ...doorbells])];
}

export function parseRequesterId(text: string): number {
  const [bus, device, fn] = text.split(/[:.]/).map((part) => Number.parseInt(part, 16)) as [number, number, number];
  return (bus << 8) | (device << 3) | fn;
}
