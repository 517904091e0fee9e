import { maxRiscvWalkers } from '../../models/riscv/riscv-iommu.ts';
import { checkMap } from './check-map.ts';
import { checkCpus, checkRequesterIds, checkRoom, checkTaskNames } from './check-platform.ts';
import { type Problem, reference, wrong } from './problem.ts';
import {
  countRiscvEntries,
  countRiscvPages,
  directoryIndices,
  processBits,
  processesOf,
  riscvMappedBits,
} from './riscv-plan.ts';
import type { RiscvWorld } from './schema.ts';
import { parseRequesterId } from './task-plan.ts';

type Path = readonly PropertyKey[];

/** What is wrong with a RISC-V machine, domains and start, tasks aside. */
export function checkRiscvMachine(world: RiscvWorld): readonly Problem[] {
  return [
    ...checkCpus(world),
    ...checkRequesterIds(world),
    ...checkDeviceIds(world),
    ...checkDirectories(world),
    ...checkDomains(world),
    ...checkStart(world),
    ...checkTaskNames(world, ['command fetch', 'command']),
  ];
}

/** Whether the machine has room for the world; only a world without other mistakes can be counted. */
export function checkRiscvRoom(world: RiscvWorld): readonly Problem[] {
  return checkRoom(world, {
    pages: countRiscvPages(world),
    entries: countRiscvEntries(world),
    sources: maxRiscvWalkers,
  });
}

/** A device ID is no wider than the directory has levels for, else every request faults (cause 260). */
function checkDeviceIds(world: RiscvWorld): readonly Problem[] {
  const { levels } = world.platform.iommu;
  return Object.entries(world.platform.devices).flatMap(([device, { requesterId }]) => {
    const needed = directoryIndices(world, parseRequesterId(requesterId)).findLastIndex((index) => index > 0) + 1;
    const path = ['platform', 'devices', device, 'requesterId'];
    const message = `the device ID of ${requesterId} needs ${needed} levels of the device directory, and there are ${levels}`;
    return needed <= levels ? [] : [wrong(path, message, `set platform.iommu.levels: ${needed}`)];
  });
}

/** Without a process directory a request with a process faults (cause 260): that is for hardware to find. */
function checkDirectories(world: RiscvWorld): readonly Problem[] {
  return Object.entries(world.platform.devices).flatMap(([device, { processDirectory, ats }]) =>
    processDirectory !== 'none' && processesOf(world, device).length === 0 && ats === false
      ? [
          wrong(
            ['platform', 'devices', device, 'processDirectory'],
            `no task and no start.attach names a process of "${device}"`,
            'set processDirectory: none',
          ),
        ]
      : [],
  );
}

function checkDomains(world: RiscvWorld): readonly Problem[] {
  const owners = new Map<number, string>();
  return Object.entries(world.domains).flatMap(([name, domain]) => {
    const { stage, pscid, gscid, map } = domain;
    const path = ['domains', name];
    const bits = riscvMappedBits(domain);
    const isPaging = bits > 0;
    const problems: Problem[] = isPaging ? [...checkMap(name, domain, bits)] : [];
    for (const [iova, target] of Object.entries(map)) {
      if (typeof target === 'object' && target.offset > 0 && !world.platform.hugePages.includes(target.page)) {
        const hint = `set platform.hugePages: [${target.page}]`;
        problems.push(wrong([...path, 'map', iova, 'offset'], `"${target.page}" has 4 KB`, hint));
      }
    }
    if (!isPaging && Object.keys(map).length > 0) {
      problems.push({ path: [...path, 'map'], part: 'key', message: `a domain of stage ${stage} has no page tables` });
    }
    if (!isPaging && pscid !== undefined) {
      problems.push({ path: [...path, 'pscid'], part: 'key', message: `a domain of stage ${stage} has no PSCID` });
    }
    if (gscid !== 0 && stage !== 'second' && stage !== 'nested') {
      problems.push({ path: [...path, 'gscid'], part: 'key', message: `a domain of stage ${stage} has no GSCID` });
    }
    const owner = typeof pscid === 'number' ? owners.get(pscid) : undefined;
    if (typeof pscid === 'number') {
      owners.set(pscid, owner ?? name);
    }
    if (owner !== undefined) {
      problems.push(wrong([...path, 'pscid'], `${pscid} is already the PSCID of "${owner}"`));
    }
    return problems;
  });
}

function checkStart(world: RiscvWorld): readonly Problem[] {
  const { start, platform } = world;
  const devices = Object.keys(platform.devices);
  const domains = Object.keys(world.domains);
  const problems: Problem[] = [];
  const contexts = new Set<string>();
  for (const list of ['attach', 'leftover'] as const) {
    const entries: readonly { device: string; domain: string; pasid?: number | undefined }[] = start[list];
    for (const [i, { device, domain, pasid }] of entries.entries()) {
      const path = ['start', list, i];
      problems.push(...reference('device', device, devices, [...path, 'device']));
      problems.push(...reference('domain', domain, domains, [...path, 'domain']));
      problems.push(...checkProcess(world, { device, pasid, path }));
      problems.push(...checkAttached(world, domain, [...path, 'domain']));
      const context =
        pasid === undefined ? `the context of "${device}"` : `the context of process ${pasid} of "${device}"`;
      if (contexts.has(context)) {
        problems.push(wrong(path, `${context} already has contents`));
      }
      contexts.add(context);
    }
  }
  return problems;
}

/** A domain that a flow makes is attached by a flow. */
function checkAttached(world: RiscvWorld, name: string, path: Path): readonly Problem[] {
  const domain = Object.hasOwn(world.domains, name) ? world.domains[name] : undefined;
  return domain?.pscid === 'none'
    ? [wrong(path, `"${name}" has no PSCID yet`, 'leave pscid out, or attach the domain in a flow')]
    : [];
}

/** A device with a process directory has its domains in process contexts, another one has one in its device context. */
function checkProcess(
  { platform }: RiscvWorld,
  { device, pasid, path }: { readonly device: string; readonly pasid: number | undefined; readonly path: Path },
): readonly Problem[] {
  const known = Object.hasOwn(platform.devices, device) ? platform.devices[device] : undefined;
  if (known === undefined) {
    return [];
  }
  const { processDirectory } = known;
  if (pasid === undefined) {
    return processDirectory === 'none'
      ? []
      : [wrong(path, `the context of "${device}" leads to process contexts`, 'add a pasid; 0 is of requests without')];
  }
  if (processDirectory === 'none') {
    const hint = `set platform.devices.${device}.processDirectory: pd8`;
    return [wrong([...path, 'pasid'], `"${device}" has no process contexts`, hint)];
  }
  const bits = processBits[processDirectory];
  return pasid < 2 ** bits
    ? []
    : [wrong([...path, 'pasid'], `process ${pasid} has no place in a directory of ${bits} bits`)];
}
