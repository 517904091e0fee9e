import { checkers, kernelRules } from '../../models/checkers/checkers.ts';
import { reachMarks } from '../../models/checkers/reach.ts';
import type { ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import { closest } from './diagnostic.ts';
import type { World, WorldTask } from './schema.ts';

/** A mistake the schema cannot see: a name that leads nowhere, a flow's argument. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}

export const ruleNames: readonly string[] = [...checkers, ...kernelRules].map(({ rule }) => rule);
export const reachNames: readonly string[] = reachMarks.map(({ name }) => name);

/** A problem with a name, with the nearest known one as the hint. */
export function unknownName(what: string, name: string, known: readonly string[]): { message: string; hint: string } {
  const near = closest(name, known);
  const hint = near === undefined ? `known: ${known.join(', ') || 'none'}` : `did you mean "${near}"?`;
  return { message: `unknown ${what} "${name}"`, hint };
}

/** Checks every name in a world against what the world defines. */
export function checkReferences(world: World): readonly Problem[] {
  return [...checkStart(world), ...Object.entries(world.tasks).flatMap(([name, task]) => checkTask(world, name, task))];
}

function checkStart(world: World): readonly Problem[] {
  const problems: Problem[] = [];
  const devices = Object.keys(world.platform.devices);
  const domains = Object.keys(world.domains);
  for (const list of ['attach', 'leftover'] as const) {
    for (const [i, { device, domain }] of world.start[list].entries()) {
      problems.push(...reference('device', device, devices, ['start', list, i, 'device']));
      problems.push(...reference('domain', domain, domains, ['start', list, i, 'domain']));
    }
  }
  for (const [i, { device }] of world.start.notPresent.entries()) {
    problems.push(...reference('device', device, devices, ['start', 'notPresent', i, 'device']));
  }
  if (world.start.leftover.length > 0 && world.platform.iommu.coherentWalks) {
    problems.push({
      path: ['start', 'leftover'],
      part: 'key',
      message: 'left-over contents matter only where walks are not coherent',
      hint: 'set platform.iommu.coherentWalks: false',
    });
  }
  if (world.platform.iommu.iotlbLookupComparesDid && world.platform.iommu.iotlbFirst) {
    problems.push({
      path: ['platform', 'iommu', 'iotlbLookupComparesDid'],
      part: 'key',
      message: 'the DID is known only after the PASID entry, so it cannot be compared when the IOTLB comes first',
      hint: 'set platform.iommu.iotlbFirst: false',
    });
  }
  return problems;
}

function checkTask(world: World, name: string, task: WorldTask): readonly Problem[] {
  const devices = Object.keys(world.platform.devices);
  if ('dma' in task) {
    return reference('device', task.device, devices, ['tasks', name, 'device']);
  }
  if ('steps' in task) {
    return checkSteps(world, task.steps, ['tasks', name, 'steps']);
  }
  const flow = flows.find((candidate) => candidate.name === task.flow);
  if (flow === undefined) {
    const known = flows.map((candidate) => candidate.name);
    return [{ path: ['tasks', name, 'flow'], part: 'value', ...unknownName('flow', task.flow, known) }];
  }
  const problems: Problem[] = [];
  const parameters = Object.entries(flow.parameters);
  for (const key of Object.keys(task.with)) {
    if (flow.parameters[key] === undefined) {
      const known = parameters.map(([parameter]) => parameter);
      const problem = unknownName(`parameter of ${flow.name}`, key, known);
      problems.push({ path: ['tasks', name, 'with', key], part: 'key', ...problem });
    }
  }
  for (const [key, spec] of parameters) {
    const path = ['tasks', name, 'with', key];
    const value = task.with[key];
    if (value !== undefined) {
      problems.push(...checkArgument({ spec, key, value, path }, world));
    } else if (!('default' in spec)) {
      const hint = `${key}: ${spec.summary}`;
      problems.push({ path: ['tasks', name], part: 'key', message: `${flow.name} needs the parameter "${key}"`, hint });
    }
  }
  return problems;
}

interface Argument {
  readonly spec: ParameterSpec;
  readonly key: string;
  readonly value: string | number | boolean;
  readonly path: readonly PropertyKey[];
}

function checkArgument({ spec, key, value, path }: Argument, world: World): readonly Problem[] {
  switch (spec.type) {
    case 'device':
      return reference('device', String(value), Object.keys(world.platform.devices), path);
    case 'domain':
      return reference('domain', String(value), Object.keys(world.domains), path);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [wrong(path, `${key} must be true or false, got ${value}`)];
    case 'pasid':
      return typeof value === 'number' && value >= 0 && value <= 0xf_ffff
        ? []
        : [wrong(path, `${key} must be a PASID, 0 to 0xfffff, got ${value}`)];
    case 'choice':
      return spec.values.includes(String(value))
        ? []
        : [{ path, part: 'value', ...unknownName(`value of ${key}`, String(value), spec.values) }];
  }
}

function wrong(path: readonly PropertyKey[], message: string): Problem {
  return { path, part: 'value', message };
}

function reference(
  what: string,
  name: string,
  known: readonly string[],
  path: readonly PropertyKey[],
): readonly Problem[] {
  return known.includes(name) ? [] : [{ path, part: 'value', ...unknownName(what, name, known) }];
}

/** Places in inline steps whose device does not exist; a bare name is a page and is made when first named. */
function checkSteps(world: World, steps: unknown, path: readonly PropertyKey[]): readonly Problem[] {
  const devices = Object.keys(world.platform.devices);
  const domains = Object.keys(world.domains);
  if (typeof steps === 'string') {
    const match = /^([a-z][a-z0-9-]*)\.(?:root|context|directory|pasid)/.exec(steps);
    return match === null ? [] : reference('device', match[1] ?? '', devices, path);
  }
  if (typeof steps !== 'object' || steps === null) {
    return [];
  }
  return Object.entries(steps).flatMap(([key, value]) => {
    const step = Array.isArray(steps) ? Number(key) : key;
    if (key === 'domain' && typeof value === 'string') {
      return reference('domain', value, domains, [...path, key]);
    }
    if (key === 'device' && typeof value === 'string') {
      return reference('device', value, devices, [...path, key]);
    }
    return checkSteps(world, value, [...path, step]);
  });
}
