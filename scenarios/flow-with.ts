import type { FlowDefinition, FlowEnvironment } from '../models/linux/flow-definition.ts';
import { flows } from '../models/linux/flows.ts';
import type { MemoryRange } from '../models/memory/memory-range.ts';
import { assert } from '../sim/assert.ts';
import type { Flow } from '../sim/operation.ts';

/** Begins a driver flow with the parameters of a scenario, defaults filled in; both have been checked. */
export function flowWith(
  name: string,
  values: Readonly<Record<string, unknown>>,
): (environment: FlowEnvironment) => Flow {
  const flow = flowNamed(name);
  const parameters = parametersOf(flow, values);
  return (environment) => flow.start(environment, parameters);
}

/** Where a driver flow with these parameters loads from; undefined: anywhere. */
export function loadsOfFlow(
  name: string,
  values: Readonly<Record<string, unknown>>,
  environment: FlowEnvironment,
): readonly MemoryRange[] | undefined {
  const flow = flowNamed(name);
  return flow.loads(environment, parametersOf(flow, values));
}

function flowNamed(name: string): FlowDefinition {
  const flow = flows.find((candidate) => candidate.name === name);
  assert(flow !== undefined, `flow ${name} is known`);
  return flow;
}

function parametersOf(
  { parameters }: FlowDefinition,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const defaults = Object.entries(parameters).map(([key, spec]) => [key, 'default' in spec ? spec.default : undefined]);
  // A choice is text to the flow, also where its values look like numbers.
  const given = Object.entries(values).map(([key, value]) => [
    key,
    parameters[key]?.type === 'choice' ? String(value) : value,
  ]);
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(given) };
}
