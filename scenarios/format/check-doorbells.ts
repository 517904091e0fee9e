import { atsHint } from './check-invalidations.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { World, WorldTask } from './schema.ts';

/** A posted write goes to a function of which something here depends on it. */
export function checkWrite({ platform }: World, device: string, path: readonly PropertyKey[]): readonly Problem[] {
  const { devices } = platform;
  return devices[device]?.ats === false
    ? [wrong(path, `"${device}" has no ATS: nothing here depends on a write to it`, atsHint(device))]
    : reference('device', device, Object.keys(devices), path);
}

/**
 * The write that a function waits for is sure to be made, whatever else happens: only the link can then hold it up. Time
 * stands still in a search, so a function could not tell there whether software is late or will never write.
 */
export function checkDoorbells({ platform, tasks }: World): readonly Problem[] {
  return Object.entries(platform.devices).flatMap(([device, { ats }]) => {
    const waits = typeof ats === 'object' && ats.answersAfterDoorbell;
    if (!waits || Object.values(tasks).some((task) => surelyWrites(task, device))) {
      return [];
    }
    const path = ['platform', 'devices', device, 'ats', 'answersAfterDoorbell'];
    const hint = `let a task begin with "mmio: ${device}", or set answers: never`;
    return [wrong(path, `no task is sure to write to "${device}" without waiting for anything before`, hint)];
  });
}

function surelyWrites(task: WorldTask, device: string): boolean {
  const steps = 'steps' in task ? task.steps : [];
  const write = steps.findIndex((step) => 'mmio' in step && step.mmio === device);
  const waitsForNothing = (step: (typeof steps)[number]): boolean =>
    'store' in step || 'load' in step || 'fence' in step || 'begin' in step || 'end' in step || 'mmio' in step;
  return write >= 0 && steps.slice(0, write).every(waitsForNothing);
}
