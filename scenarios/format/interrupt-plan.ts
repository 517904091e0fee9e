import { flows } from '../../models/linux/flows.ts';
import { interruptTableEntries } from '../../models/vtd/interrupt-requester.ts';
import type { VtdWorld } from './schema.ts';

/** Indices of the table that a world speaks of, in ascending order; none if it does not remap interrupts. */
export function interruptIndicesOf({ interrupts, tasks }: VtdWorld): readonly number[] {
  const indices = [...interrupts.entries.map(({ index }) => index), ...Object.values(tasks).flatMap(indicesOfTask)];
  return [...new Set(indices)].sort((a, b) => a - b);
}

function indicesOfTask(task: VtdWorld['tasks'][string]): readonly number[] {
  if ('interrupt' in task) {
    return [task.interrupt.index];
  }
  const parameters = 'flow' in task ? (flows.find(({ name }) => name === task.flow)?.parameters ?? {}) : {};
  return Object.entries(parameters).flatMap(([key, { type }]) => {
    const value = 'flow' in task ? task.with[key] : undefined;
    return type === 'interrupt' && typeof value === 'number' ? [value] : [];
  });
}

/** Those of them that have an entry. */
export function interruptEntriesOf(world: VtdWorld): readonly number[] {
  return interruptIndicesOf(world).filter((index) => index < interruptTableEntries);
}
