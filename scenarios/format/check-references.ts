import { checkers, kernelRules } from '../../models/checkers/checkers.ts';
import { reachMarks } from '../../models/checkers/reach.ts';
import { type FlowDefinition, notPresent, type ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import { atsHint } from './check-invalidations.ts';
import { checkLegacyStage, checkMachine, checkPasid, checkRoom } from './check-machine.ts';
import { checkSteps } from './check-steps.ts';
import { closest } from './diagnostic.ts';
import { type Problem, reference, unknownName, wrong } from './problem.ts';
import type { World, WorldTask } from './schema.ts';

export const ruleNames: readonly string[] = [...checkers, ...kernelRules].map(({ rule }) => rule);
export const reachNames: readonly string[] = reachMarks.map(({ name }) => name);

/** Checks what a world says against itself, and every name in it against what the world defines. */
export function checkReferences(world: World): readonly Problem[] {
  const problems = [
    ...checkMachine(world),
    ...Object.entries(world.tasks).flatMap(([name, task]) => checkTask(world, name, task)),
  ];
  return problems.length > 0 ? problems : checkRoom(world);
}

function checkTask(world: World, name: string, task: WorldTask): readonly Problem[] {
  const devices = Object.keys(world.platform.devices);
  if ('dma' in task) {
    const unknown = reference('device', task.device, devices, ['tasks', name, 'device']);
    return unknown.length > 0 ? unknown : checkAts(world, task, ['tasks', name, 'dma']);
  }
  if ('steps' in task) {
    return checkSteps(world, task.steps, ['tasks', name, 'steps']);
  }
  const flow = flows.find((candidate) => candidate.name === task.flow);
  if (flow === undefined) {
    const known = flows.map((candidate) => candidate.name);
    return [{ path: ['tasks', name, 'flow'], part: 'value', ...unknownName('flow', task.flow, known) }];
  }
  const problems: Problem[] = [...checkFlowMode(world, flow, ['tasks', name, 'flow'])];
  const parameters = Object.entries(flow.parameters);
  const names = parameters.map(([parameter]) => parameter);
  const free = names.filter((parameter) => task.with[parameter] === undefined);
  const meant = new Set<string>();
  for (const key of Object.keys(task.with).filter((each) => !names.includes(each))) {
    const { hint } = unknownName('parameter', key, names);
    const path = ['tasks', name, 'with', key];
    problems.push({ path, part: 'key', message: `${flow.name} has no parameter "${key}"`, hint });
    // A name that is misspelt is not missing as well.
    meant.add(closest(key, free) ?? '');
  }
  for (const [key, spec] of parameters) {
    const path = ['tasks', name, 'with', key];
    const value = task.with[key];
    if (value !== undefined) {
      problems.push(...checkArgument({ spec, key, value, path }, world));
    } else if (!('default' in spec) && !meant.has(key)) {
      const hint = `${key}: ${spec.summary}`;
      problems.push({ path: ['tasks', name], part: 'key', message: `${flow.name} needs the parameter "${key}"`, hint });
    }
  }
  return problems;
}

/** A function without ATS asks for no translations; with it, it needs entries that let it. */
function checkAts(
  world: World,
  { device, dma }: Extract<WorldTask, { dma: object }>,
  path: readonly PropertyKey[],
): readonly Problem[] {
  const ats = world.platform.devices[device]?.ats;
  const hasAts = ats !== false;
  if (dma.ats === true && !hasAts) {
    return [wrong([...path, 'ats'], `"${device}" has no ATS`, atsHint(device))];
  }
  if (typeof ats === 'object' && !ats.present) {
    return [{ path, part: 'key', message: `"${device}" is gone from the bus: it has no requests` }];
  }
  return hasAts && dma.ats !== false && dma.pasid !== undefined && world.platform.iommu.mode === 'legacy'
    ? [wrong([...path, 'pasid'], 'legacy mode has no translation requests with PASID', 'leave the PASID out')]
    : [];
}

/** A flow that takes a PASID writes tables that legacy mode lacks; one that takes a domain without a PASID, only those it has. */
function checkFlowMode(
  world: World,
  { name, parameters }: FlowDefinition,
  path: readonly PropertyKey[],
): readonly Problem[] {
  const types = Object.values(parameters).map(({ type }) => type);
  const needs = types.includes('pasid') ? 'scalable' : types.includes('domain') ? 'legacy' : undefined;
  return needs === undefined || needs === world.platform.iommu.mode
    ? []
    : [wrong(path, `${name} is for ${needs} mode`, `set platform.iommu.mode: ${needs}`)];
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
      if (spec.orNotPresent && value === notPresent) {
        return [];
      }
      return [
        ...reference('domain', String(value), Object.keys(world.domains), path),
        ...checkLegacyStage(world, String(value), path),
      ];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [wrong(path, `${key} must be true or false, got ${value}`)];
    case 'pasid':
      return typeof value === 'number' && value >= 0 && value <= 0xf_ffff
        ? checkPasid(world, value, path)
        : [wrong(path, `${key} must be a PASID, 0 to 0xfffff, got ${value}`)];
    case 'choice':
      return typeof value !== 'boolean' && spec.values.includes(String(value))
        ? []
        : [{ path, part: 'value', ...unknownName(`value of ${key}`, String(value), spec.values) }];
  }
}
