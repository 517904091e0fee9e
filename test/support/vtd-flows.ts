import { flows } from '../../models/linux/flows.ts';
import type { TaskBody } from './vtd-world.ts';

/** A task that is one driver flow, for `nic` unless the values say otherwise; defaults are the flow's own. */
export function flowTask(name: string, values: Readonly<Record<string, unknown>>): TaskBody {
  const flow = flows.find((candidate) => candidate.name === name);
  if (flow === undefined) {
    throw new Error(`there is no flow ${name}`);
  }
  const defaults = Object.entries(flow.parameters).flatMap(([key, spec]) =>
    'default' in spec ? [[key, spec.default] as const] : [],
  );
  return ({ cpu, vtd }) => flow.start({ cpu, vtd }, { ...Object.fromEntries(defaults), device: 'nic', ...values });
}
