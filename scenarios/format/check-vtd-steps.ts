import { checkInvalidation } from './check-invalidations.ts';
import { checkDid, checkLegacyStage, checkPasid } from './check-machine.ts';
import { type Place, parsePlace } from './place.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { VtdWorld } from './schema.ts';
import type { StepRules, TargetUse } from './step-rules.ts';
import type { InlineInvalidation, InlineTarget } from './steps-schema.ts';
import type { PlaceUse } from './task-plan.ts';

/** Quadwords of each entry, by mode. */
const qwordCounts = {
  scalable: { root: 1, context: 4, directory: 1, pasid: 8 },
  legacy: { root: 2, context: 2, directory: 0, pasid: 0 },
} as const;

type Path = readonly PropertyKey[];

/** What steps may say beside VT-d; the schema has seen to the form of each. */
export function vtdStepRules(world: VtdWorld): StepRules {
  return {
    place: (use) => checkPlace(world, use),
    target: (use) => checkTarget(world, use),
    own: (step, path) =>
      'submit' in step
        ? [
            ...checkBatch(world, step.submit.length, [...path, 'submit']),
            ...step.submit.flatMap((invalidation, i) =>
              checkInvalidation(world, invalidation as InlineInvalidation, [...path, 'submit', i]),
            ),
          ]
        : [],
  };
}

function checkPlace(world: VtdWorld, { text, path, use, bits }: PlaceUse): readonly Problem[] {
  const place = parsePlace(text);
  if (place === undefined) {
    return [];
  }
  const { name, structure, qword, hasQword } = place;
  if (bits === 128 && qword % 2 === 1) {
    return [wrong(path, `a 16-byte store is aligned: to an even quadword, not to q${qword}`)];
  }
  if (structure === undefined) {
    return checkPage(world, place, { path, use });
  }
  const devices = Object.keys(world.platform.devices);
  const unknown = reference('device', name, devices, path);
  const { mode } = world.platform.iommu;
  const count = qwordCounts[mode][structure];
  if (unknown.length > 0) {
    return unknown;
  }
  if (count === 0) {
    return [wrong(path, `legacy mode has no ${name}.${structure}`, 'set platform.iommu.mode: scalable')];
  }
  if (place.hasIndex && (structure === 'root' || structure === 'context')) {
    return [wrong(path, `there is one ${name}.${structure}; only a directory and a pasid have an index`)];
  }
  if (use === 'declare' && hasQword) {
    return [wrong(path, 'an update is of a whole entry', `leave out ".q${qword}"`)];
  }
  if (qword + bits / 64 > count) {
    const quadwords = count === 1 ? 'its only quadword is q0' : `its quadwords are q0 to q${count - 1}`;
    const message = `${name}.${structure} has ${count * 64} bits: ${quadwords}`;
    return [wrong(path, bits === 128 && qword < count ? `${message}, and this store takes two` : message)];
  }
  return structure === 'pasid' || structure === 'directory' ? checkPasid(world, place.pasid, path) : [];
}

function checkPage(
  world: VtdWorld,
  { name }: Place,
  { path, use }: Pick<PlaceUse, 'path' | 'use'>,
): readonly Problem[] {
  if (use === 'declare') {
    return [wrong(path, 'an update is of an entry: device.root, device.context, device.directory or device.pasid')];
  }
  return Object.hasOwn(world.platform.devices, name)
    ? [wrong(path, `"${name}" is a device, not a page`, `name one of its entries, as in ${name}.pasid[1]`)]
    : [];
}

/** qi_submit_sync waits until the ring has room for the batch, its wait, and one slot that always stays free. */
function checkBatch({ platform }: VtdWorld, count: number, path: Path): readonly Problem[] {
  const { queueSlots } = platform.iommu;
  return count + 2 <= queueSlots
    ? []
    : [
        {
          path,
          part: 'key',
          message: `${count} descriptors and a wait never have room in a ring of ${queueSlots} slots, one of which stays free`,
          hint: 'submit fewer at once, or set platform.iommu.queueSlots',
        },
      ];
}

function checkTarget(world: VtdWorld, { entry, path, ...use }: TargetUse): readonly Problem[] {
  const target = use.target as InlineTarget;
  if (target === 'not-present') {
    return [];
  }
  const at = [...path, 'domain'];
  const unknown = reference('domain', target.domain, Object.keys(world.domains), at);
  const structure = parsePlace(entry)?.structure;
  if (unknown.length > 0 || structure === undefined) {
    return unknown;
  }
  const leadsToDomain = world.platform.iommu.mode === 'scalable' ? structure === 'pasid' : structure === 'context';
  return leadsToDomain
    ? [...checkLegacyStage(world, target.domain, at), ...checkDid(world, target.domain, at)]
    : [wrong(path, `a ${structure} entry leads to no domain`, 'the target of such an entry is not-present')];
}
