import type { FlowEnvironment } from '../models/linux/flow-definition.ts';
import { flows } from '../models/linux/flows.ts';
import { assert } from '../sim/assert.ts';
import type { Flow } from '../sim/operation.ts';

/** Begins a driver flow with the parameters of a scenario, defaults filled in; both have been checked. */
export function flowWith(
  name: string,
  values: Readonly<Record<string, unknown>>,
): (environment: FlowEnvironment) => Flow {
  const flow = flows.find((candidate) => candidate.name === name);
  assert(flow !== undefined, `flow ${name} is known`);
  const defaults = Object.entries(flow.parameters).map(([key, spec]) => [
    key,
    'default' in spec ? spec.default : undefined,
  ]);
  // A choice is text to the flow, also where its values look like numbers.
  const given = Object.entries(values).map(([key, value]) => [
    key,
    flow.parameters[key]?.type === 'choice' ? String(value) : value,
  ]);
  const parameters = { ...Object.fromEntries(defaults), ...Object.fromEntries(given) };
  return (environment) => flow.start(environment, parameters);
}
