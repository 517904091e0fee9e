import { closest } from '../../diagnostics/diagnostic.ts';
import { type FlowDefinition, notPresent, type ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../models/linux/flows.ts';
import { pageBytes } from '../../models/memory/physical-memory.ts';
import { vtdMappedBits } from './check-domains.ts';
import { checkInterruptArgument } from './check-interrupts.ts';
import { checkDid, checkLegacyStage, checkPasid } from './check-machine.ts';
import { parsePlace } from './place.ts';
import { type Problem, reference, unknownName, wrong } from './problem.ts';
import { riscvMappedBits } from './riscv-plan.ts';
import { isRiscv, type World } from './schema.ts';
import { changedPagesOf, type FlowUse } from './task-plan.ts';

/** What is wrong with a flow and its parameters; `path` leads to the task or step that runs it. */
export function checkFlow(world: World, use: FlowUse & { readonly path: readonly PropertyKey[] }): readonly Problem[] {
  const flow = flows.find(({ name }) => name === use.name);
  if (flow === undefined) {
    const known = flows.map((candidate) => candidate.name);
    return [{ path: [...use.path, 'flow'], part: 'value', ...unknownName('flow', use.name, known) }];
  }
  const ofOther = checkIommu(world, flow, [...use.path, 'flow']);
  if (ofOther.length > 0) {
    return ofOther;
  }
  const problems: Problem[] = [...checkFlowMode(world, flow, [...use.path, 'flow'])];
  const parameters = Object.entries(flow.parameters);
  const names = parameters.map(([parameter]) => parameter);
  const free = names.filter((parameter) => use.values[parameter] === undefined);
  const meant = new Set<string>();
  for (const key of Object.keys(use.values).filter((each) => !names.includes(each))) {
    const { hint } = unknownName('parameter', key, names);
    const path = [...use.path, 'with', key];
    problems.push({ path, part: 'key', message: `${flow.name} has no parameter "${key}"`, hint });
    // A name that is misspelt is not missing as well.
    meant.add(closest(key, free) ?? '');
  }
  for (const [key, spec] of parameters) {
    const path = [...use.path, 'with', key];
    const value = use.values[key];
    if (value !== undefined) {
      problems.push(...checkArgument(world, { spec, key, value, path, use }));
    } else if (!('default' in spec) && !meant.has(key)) {
      const hint = `${key}: ${spec.summary}`;
      problems.push({ path: use.path, part: 'key', message: `${flow.name} needs the parameter "${key}"`, hint });
    }
  }
  return problems;
}

/** A flow is of the driver of one IOMMU. */
function checkIommu(world: World, { name, iommu }: FlowDefinition, path: readonly PropertyKey[]): readonly Problem[] {
  const { model } = world.platform.iommu;
  if (iommu === model) {
    return [];
  }
  const last = name.split('/').at(-1);
  const same = flows.find((other) => other.iommu === model && other.name.split('/').at(-1) === last);
  const hint = same === undefined ? `flows of this driver begin with ${model}/` : `did you mean "${same.name}"?`;
  return [wrong(path, `${name} is of the driver of another IOMMU: this one is ${model}`, hint)];
}

/** A flow that takes a PASID writes tables that legacy mode lacks; one for a device and a domain alone, those it has. */
function checkFlowMode(
  world: World,
  { name, mode, parameters }: FlowDefinition,
  path: readonly PropertyKey[],
): readonly Problem[] {
  if (isRiscv(world)) {
    return [];
  }
  const types = Object.values(parameters).map(({ type }) => type);
  const isLegacy = types.includes('domain') && types.includes('device');
  const needs = mode ?? (types.includes('pasid') ? 'scalable' : isLegacy ? 'legacy' : undefined);
  return needs === undefined || needs === world.platform.iommu.mode
    ? []
    : [wrong(path, `${name} is for ${needs} mode`, `set platform.iommu.mode: ${needs}`)];
}

interface Argument {
  readonly use: FlowUse;
  readonly spec: ParameterSpec;
  readonly key: string;
  readonly value: string | number | boolean;
  readonly path: readonly PropertyKey[];
}

function checkArgument(world: World, { spec, key, value, path, use }: Argument): readonly Problem[] {
  switch (spec.type) {
    case 'device':
      return reference('device', String(value), Object.keys(world.platform.devices), path);
    case 'domain':
      if (spec.orNotPresent && value === notPresent) {
        return [];
      }
      return [
        ...reference('domain', String(value), domainsOf(world, spec.orNotPresent), path),
        ...(isRiscv(world) ? [] : checkLegacyStage(world, String(value), path)),
        ...(isRiscv(world) || spec.anyDid ? [] : checkDid(world, String(value), path)),
      ];
    case 'interrupt':
    case 'interrupt-target':
      return isRiscv(world) ? [] : checkInterruptArgument(spec, value, { world, path });
    case 'iova':
      return checkIova(world, { value, path, use });
    case 'page':
      return checkPageName(world, value, path);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [wrong(path, `${key} must be true or false, got ${value}`)];
    case 'pasid':
      return typeof value === 'number' && value >= 0 && value <= 0xf_ffff
        ? isRiscv(world)
          ? []
          : checkPasid(world, value, path)
        : [wrong(path, `${key} must be a PASID, 0 to 0xfffff, got ${value}`)];
    case 'choice':
      return typeof value !== 'boolean' && spec.values.includes(String(value))
        ? []
        : [{ path, part: 'value', ...unknownName(`value of ${key}`, String(value), spec.values) }];
  }
}

/** A page of a domain has to be there to go, and must not be there to come. */
function checkIova(world: World, { value, path, use }: Pick<Argument, 'value' | 'path' | 'use'>): readonly Problem[] {
  const name = String(use.values.domain);
  const domain = Object.hasOwn(world.domains, name) ? world.domains[name] : undefined;
  if (typeof value !== 'number' || value < 0 || value % pageBytes !== 0) {
    return [wrong(path, `an IOVA is the beginning of a 4 KB page, got ${value}`)];
  }
  if (domain === undefined) {
    return [];
  }
  const bits = 'mode' in domain ? riscvMappedBits(domain) : vtdMappedBits(domain);
  if (bits === 0) {
    return [wrong(path, `"${name}" is a domain of stage ${domain.stage}: it has no page tables`)];
  }
  if (value >= 2 ** bits) {
    return [wrong(path, `the IOVA is too great: tables of stage ${domain.stage} map ${bits} bits`)];
  }
  const isMappedFirst = Object.keys(domain.map).some((iova) => Number(iova) === value);
  const changes = changedPagesOf(world).filter((change) => change.domain === name && change.iova === value);
  const text = `0x${value.toString(16)}`;
  if (use.values.page === undefined) {
    return isMappedFirst || changes.some(({ page }) => page !== undefined)
      ? []
      : [wrong(path, `"${name}" has no page at ${text}`, `add ${text} to the map of "${name}", or map it in a flow`)];
  }
  return isMappedFirst && changes.every(({ page }) => page !== undefined)
    ? [wrong(path, `"${name}" has a page at ${text} already, and no flow unmaps it`)]
    : [];
}

function checkPageName(world: World, value: unknown, path: readonly PropertyKey[]): readonly Problem[] {
  if (typeof value !== 'string' || parsePlace(value) === undefined || value.includes('.')) {
    return [wrong(path, `a page of memory has a name, got ${value}`)];
  }
  return Object.hasOwn(world.platform.devices, value) ? [wrong(path, `"${value}" is a device, not a page`)] : [];
}

function domainsOf({ domains }: World, orNotPresent = false): readonly string[] {
  return [...Object.keys(domains), ...(orNotPresent ? [notPresent] : [])];
}
