import type { ParameterSpec } from '../../models/linux/flow-definition.ts';
import { interruptTableEntries } from '../../models/vtd/interrupt-requester.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';

const lineBytes = 64;

/** What is wrong with interrupt remapping, tasks aside. */
export function checkInterrupts(world: VtdWorld): readonly Problem[] {
  const { descriptors, targets, entries } = world.interrupts;
  const problems: Problem[] = [];
  const addresses = new Map<number, string>();
  for (const [name, { address }] of Object.entries(descriptors)) {
    const path = ['interrupts', 'descriptors', name, 'address'];
    const other = addresses.get(address);
    if (address % lineBytes !== 0) {
      const hint = `the line begins at 0x${(address - (address % lineBytes)).toString(16)}`;
      problems.push(wrong(path, 'a posted-interrupt descriptor is aligned to 64 bytes', hint));
    } else if (other !== undefined) {
      problems.push(wrong(path, `the descriptor "${other}" is already there`));
    }
    addresses.set(address, name);
  }
  for (const [name, target] of Object.entries(targets)) {
    const path = ['interrupts', 'targets', name];
    const { device } = target;
    problems.push(...reference('device', device, Object.keys(world.platform.devices), [...path, 'device']));
    if (target.format === 'posted') {
      problems.push(...reference('descriptor', target.descriptor, Object.keys(descriptors), [...path, 'descriptor']));
    }
  }
  const owners = new Set<number>();
  for (const [i, { index, target }] of entries.entries()) {
    const path = ['interrupts', 'entries', i];
    problems.push(...checkTarget(world, target, [...path, 'target']));
    if (owners.has(index)) {
      problems.push(wrong([...path, 'index'], `the entry of interrupt ${index} already says something`));
    }
    owners.add(index);
  }
  return problems;
}

/** An argument of a flow that is an interrupt or says where one goes. */
export function checkInterruptArgument(
  { type }: Pick<ParameterSpec, 'type'>,
  value: string | number | boolean,
  { world, path }: { readonly world: VtdWorld; readonly path: readonly PropertyKey[] },
): readonly Problem[] {
  if (type === 'interrupt-target') {
    return checkTarget(world, String(value), path);
  }
  return typeof value === 'number' && value >= 0 && value < interruptTableEntries
    ? []
    : [wrong(path, `an interrupt is an index of the table, 0 to ${interruptTableEntries - 1}, got ${value}`)];
}

function checkTarget({ interrupts }: VtdWorld, name: string, path: readonly PropertyKey[]): readonly Problem[] {
  return reference('interrupt target', name, Object.keys(interrupts.targets), path);
}
