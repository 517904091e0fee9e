import { notPresent } from '../../models/linux/flow-definition.ts';
import { maxWalkers } from '../../models/vtd/translation-unit.ts';
import { checkDomains } from './check-domains.ts';
import { checkCpus, checkRequesterIds, checkRoom, checkTaskNames } from './check-platform.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';
import { countPages, countTrackedEntries, pasidCount } from './vtd-plan.ts';

/** What is wrong with platform, domains and start, all names aside. */
export function checkVtdMachine(world: VtdWorld): readonly Problem[] {
  return [
    ...checkCpus(world),
    ...checkPlatform(world),
    ...checkRequesterIds(world),
    ...checkRidPasids(world),
    ...checkDomains(world),
    ...checkStart(world),
    ...checkTaskNames(world, ['invalidation']),
  ];
}

/** Whether the machine has room for the world; only a world without other mistakes can be counted. */
export function checkVtdRoom(world: VtdWorld): readonly Problem[] {
  // Hardware that walks ahead has another walker for each source.
  const sources = world.platform.iommu.prefetchLimit > 0 ? Math.floor(maxWalkers / 2) : maxWalkers;
  return checkRoom(world, { pages: countPages(world), entries: countTrackedEntries(world), sources });
}

function checkPlatform({ platform }: VtdWorld): readonly Problem[] {
  const { iommu } = platform;
  const problems: Problem[] = [];
  if (iommu.capabilities.RWBF === 1 && !iommu.coherentWalks) {
    problems.push({
      path: ['platform', 'iommu', 'capabilities', 'RWBF'],
      part: 'key',
      message:
        'stores stay in a write buffer or in CPU caches, not in both: there is one view of memory behind the CPUs',
      hint: 'set platform.iommu.coherentWalks: true',
    });
  }
  if (iommu.iotlbLookupComparesDid && iommu.iotlbFirst) {
    problems.push({
      path: ['platform', 'iommu', 'iotlbLookupComparesDid'],
      part: 'key',
      message: 'the DID is known only after the PASID entry, so it cannot be compared when the IOTLB comes first',
      hint: 'set platform.iommu.iotlbFirst: false',
    });
  }
  return problems;
}

/** Drivers here, and the checkers of device-TLB invalidations, take RID_PASID to be 0, as Linux does. */
function checkRidPasids({ platform }: VtdWorld): readonly Problem[] {
  return Object.entries(platform.devices).flatMap(([device, { ridPasid, ats }]) => {
    const path = ['platform', 'devices', device, 'ridPasid'];
    if (ridPasid !== 0 && platform.iommu.mode === 'legacy') {
      return [wrong(path, 'legacy mode has no RID_PASID', scalableHint)];
    }
    return ridPasid !== 0 && ats !== false ? [wrong(path, 'a device with ats has RID_PASID 0')] : [];
  });
}

function checkStart(world: VtdWorld): readonly Problem[] {
  const { start, platform } = world;
  const devices = Object.keys(platform.devices);
  const domains = Object.keys(world.domains);
  const isScalable = platform.iommu.mode === 'scalable';
  const problems: Problem[] = [];
  const entries = new Map<string, string>();
  for (const list of ['attach', 'leftover'] as const) {
    for (const [i, { device, pasid, domain }] of start[list].entries()) {
      const path = ['start', list, i];
      problems.push(...reference('device', device, devices, [...path, 'device']));
      if (list === 'leftover' || domain !== notPresent) {
        problems.push(...reference('domain', domain, domains, [...path, 'domain']));
      }
      problems.push(...checkPasid(world, pasid, [...path, 'pasid']));
      problems.push(...checkLegacyStage(world, domain, [...path, 'domain']));
      problems.push(...(list === 'leftover' ? checkDid(world, domain, [...path, 'domain']) : []));
      const entry = isScalable ? `PASID ${pasid} of "${device}"` : `the context entry of "${device}"`;
      const before = entries.get(entry);
      if (before !== undefined) {
        problems.push(wrong(path, `${entry} already has contents, by start.${before}`));
      }
      entries.set(entry, list);
    }
  }
  for (const [i, { device, entry, pasid }] of start.notPresent.entries()) {
    const path = ['start', 'notPresent', i];
    problems.push(...reference('device', device, devices, [...path, 'device']));
    problems.push(...checkPasid(world, pasid, [...path, 'pasid']));
    if (!isScalable && entry === 'pasid-directory') {
      problems.push(wrong([...path, 'entry'], 'legacy mode has no PASID directory', scalableHint));
    }
    if (!isScalable && entry === 'context' && entries.has(`the context entry of "${device}"`)) {
      problems.push(wrong(path, `the context entry of "${device}" cannot be attached and not present`));
    }
  }
  if (start.leftover.length > 0 && (platform.iommu.coherentWalks || !isScalable)) {
    problems.push({
      path: ['start', 'leftover'],
      part: 'key',
      message: 'left-over contents matter only in scalable mode, where walks are not coherent',
      hint: isScalable ? 'set platform.iommu.coherentWalks: false' : scalableHint,
    });
  }
  return problems;
}

const scalableHint = 'set platform.iommu.mode: scalable';

/** A PASID that needs a place in the tables. */
export function checkPasid({ platform }: VtdWorld, pasid: number, path: readonly PropertyKey[]): readonly Problem[] {
  if (platform.iommu.mode === 'legacy' && pasid !== 0) {
    return [wrong(path, 'legacy mode has no PASIDs', scalableHint)];
  }
  return pasid < pasidCount
    ? []
    : [wrong(path, `PASID ${pasid} has no place in the tables: the directory has room for 0 to ${pasidCount - 1}`)];
}

/** A legacy context entry leads to second-stage tables, or past all tables. */
export function checkLegacyStage(world: VtdWorld, domain: string, path: readonly PropertyKey[]): readonly Problem[] {
  const { stage } = Object.hasOwn(world.domains, domain) ? (world.domains[domain] ?? {}) : {};
  if (world.platform.iommu.mode === 'scalable' || (stage !== 'first' && stage !== 'nested')) {
    return [];
  }
  const message = `the stage of "${domain}" is ${stage}, and a legacy context entry takes second or pass-through`;
  return [wrong(path, message)];
}

/** What writes or invalidates by a domain ID needs one that does not change in the run. */
export function checkDid(world: VtdWorld, domain: string, path: readonly PropertyKey[]): readonly Problem[] {
  return Object.hasOwn(world.domains, domain) && world.domains[domain]?.did === undefined
    ? [wrong(path, `"${domain}" has no did, and its domain ID is needed here`, 'give the domain a did')]
    : [];
}
