import { checkers, kernelRules } from '../../models/checkers/checkers.ts';
import { reachMarks } from '../../models/checkers/reach.ts';
import { checkDoorbells } from './check-doorbells.ts';
import { checkFlow } from './check-flow.ts';
import { checkInterrupts } from './check-interrupts.ts';
import { atsHint } from './check-invalidations.ts';
import { checkVtdMachine, checkVtdRoom } from './check-machine.ts';
import { checkRiscvMachine, checkRiscvRoom } from './check-riscv-world.ts';
import { checkSteps, loadedNames } from './check-steps.ts';
import { type Problem, reference, wrong } from './problem.ts';
import { isRiscv, type World, type WorldTask } from './schema.ts';

export const ruleNames: readonly string[] = [...checkers, ...kernelRules].map(({ rule }) => rule);
export const reachNames: readonly string[] = reachMarks.map(({ name }) => name);

/** Checks what a world says against itself, and every name in it against what the world defines. */
export function checkReferences(world: World): readonly Problem[] {
  const problems = [
    ...(isRiscv(world) ? checkRiscvMachine(world) : [...checkVtdMachine(world), ...checkInterrupts(world)]),
    ...Object.entries(world.tasks).flatMap(([name, task]) => checkTask(world, name, task)),
    ...checkDoorbells(world),
    ...checkForbidden(world),
  ];
  if (problems.length > 0) {
    return problems;
  }
  return isRiscv(world) ? checkRiscvRoom(world) : checkVtdRoom(world);
}

function checkTask(world: World, name: string, task: WorldTask): readonly Problem[] {
  const devices = Object.keys(world.platform.devices);
  if ('interrupt' in task) {
    return reference('device', task.device, devices, ['tasks', name, 'device']);
  }
  if ('dma' in task) {
    const unknown = reference('device', task.device, devices, ['tasks', name, 'device']);
    return unknown.length > 0 ? unknown : checkAts(world, task, ['tasks', name, 'dma']);
  }
  if ('steps' in task) {
    return checkSteps(world, task.steps, ['tasks', name, 'steps']);
  }
  return checkFlow(world, { name: task.flow, values: task.with, path: ['tasks', name] });
}

/** An outcome speaks of values that loads of tasks give. */
function checkForbidden({ forbidden, tasks }: World): readonly Problem[] {
  const known = Object.entries(tasks).flatMap(([name, task]) =>
    'steps' in task ? loadedNames(task.steps).map((value) => `${name}.${value}`) : [],
  );
  return forbidden.flatMap((outcome, i) =>
    Object.keys(outcome).flatMap((name) => reference('value', name, known, ['forbidden', i, name])),
  );
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
  const isLegacy = !isRiscv(world) && world.platform.iommu.mode === 'legacy';
  return hasAts && dma.ats !== false && dma.pasid !== undefined && isLegacy
    ? [wrong([...path, 'pasid'], 'legacy mode has no translation requests with PASID', 'leave the PASID out')]
    : [];
}
