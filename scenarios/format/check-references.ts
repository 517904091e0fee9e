import { checkers, kernelRules } from '../../models/checkers/checkers.ts';
import { reachMarks } from '../../models/checkers/reach.ts';
import { checkFlow } from './check-flow.ts';
import { checkMachine, checkRoom } from './check-machine.ts';
import { checkSteps } from './check-steps.ts';
import { type Problem, reference } from './problem.ts';
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
    return reference('device', task.device, devices, ['tasks', name, 'device']);
  }
  if ('steps' in task) {
    return checkSteps(world, task.steps, ['tasks', name, 'steps']);
  }
  return checkFlow(world, { name: task.flow, values: task.with, path: ['tasks', name] });
}
