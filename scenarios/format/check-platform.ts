import { type Problem, wrong } from './problem.ts';
import type { World } from './schema.ts';
import { maxTrackedEntries } from './task-plan.ts';

/** What is wrong with the times of CPUs. */
export function checkCpus({ platform }: World): readonly Problem[] {
  const { cpuStepNs, preemptMaxNs } = platform;
  if (preemptMaxNs === 'unbounded' || cpuStepNs <= preemptMaxNs) {
    return [];
  }
  const message = `a CPU step takes at least cpuStepNs, ${cpuStepNs}, but at most preemptMaxNs, ${preemptMaxNs}`;
  return [{ path: ['platform', 'cpuStepNs'], part: 'key', message, hint: 'make preemptMaxNs greater' }];
}

/** What a world takes of a machine: pages and entries that it has, and how many sources of requests it may have. */
interface Room {
  readonly pages: number;
  readonly entries: number;
  readonly sources: number;
}

/** Whether the machine has room for the world; only a world without other mistakes can be counted. */
export function checkRoom(world: World, { pages, entries, sources: limit }: Room): readonly Problem[] {
  const sources = Object.entries(world.tasks).filter(([, task]) => 'dma' in task || 'interrupt' in task);
  const { memoryPages } = world.platform;
  const problems: Problem[] = [];
  if (pages > memoryPages) {
    const message = `the scenario needs ${pages} pages of memory, and memoryPages is ${memoryPages}`;
    const hint =
      pages <= 4096 ? `set platform.memoryPages: ${pages}` : 'map fewer pages; platform.memoryPages can be up to 4096';
    problems.push({ path: ['platform', 'memoryPages'], part: 'key', message, hint });
  }
  if (entries > maxTrackedEntries) {
    const message = `the scenario has ${entries} table entries; the limit is ${maxTrackedEntries}`;
    problems.push({ path: ['platform', 'devices'], part: 'key', message, hint: 'use fewer devices or PASIDs' });
  }
  const [oneTooMany] = sources.slice(limit);
  if (oneTooMany !== undefined) {
    const message = `the scenario has ${sources.length} tasks with dma or interrupts; the limit is ${limit}`;
    problems.push({ path: ['tasks', oneTooMany[0]], part: 'key', message, hint: 'let one task repeat its requests' });
  }
  return problems;
}

/** Two devices have no requester ID in common. */
export function checkRequesterIds({ platform }: World): readonly Problem[] {
  const owners = new Map<string, string>();
  return Object.entries(platform.devices).flatMap(([device, { requesterId }]) => {
    const owner = owners.get(requesterId);
    owners.set(requesterId, owner ?? device);
    const path = ['platform', 'devices', device, 'requesterId'];
    return owner === undefined ? [] : [wrong(path, `${requesterId} is already the requester ID of "${owner}"`)];
  });
}

/** Pictures tell columns by names: a task has none of a process of the IOMMU. */
export function checkTaskNames({ tasks }: World, engines: readonly string[]): readonly Problem[] {
  return engines.flatMap((engineName): readonly Problem[] =>
    Object.hasOwn(tasks, engineName)
      ? [
          {
            path: ['tasks', engineName],
            part: 'key',
            message: `"${engineName}" is a part of the IOMMU; name it otherwise`,
          },
        ]
      : [],
  );
}
