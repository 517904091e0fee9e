import { closest } from '../../diagnostics/diagnostic.ts';
import { checkFlow } from './check-flow.ts';
import { checkInvalidation } from './check-invalidations.ts';
import { checkDid, checkLegacyStage, checkPasid } from './check-machine.ts';
import { type Place, parsePlace } from './place.ts';
import { type Problem, reference, wrong } from './problem.ts';
import type { World } from './schema.ts';
import type { InlineStep, InlineTarget } from './steps-schema.ts';
import { type PlaceUse, placesOf } from './world-plan.ts';

/** More steps than this in one run help nobody, and some of them take no time at all. */
const maxUnrolledSteps = 100_000;

/** Quadwords of each entry, by mode. */
const qwordCounts = {
  scalable: { root: 1, context: 4, directory: 1, pasid: 8 },
  legacy: { root: 2, context: 2, directory: 0, pasid: 0 },
} as const;

type Path = readonly PropertyKey[];

/** What is wrong with the inline steps of a task, beyond their form. */
export function checkSteps(world: World, steps: readonly InlineStep[], path: Path): readonly Problem[] {
  const registers = new Set(registersOf(steps));
  const count = unrolledCount(steps);
  return [
    ...placesOf(steps, path).flatMap((use) => checkPlace(world, use)),
    ...steps.flatMap((step, i) => checkStep(step, { world, registers, path: [...path, i] })),
    ...(count > maxUnrolledSteps
      ? [{ path, part: 'key' as const, message: `loops make ${count} steps; the limit is ${maxUnrolledSteps}` }]
      : []),
  ];
}

function checkPlace(world: World, { text, path, use, bits }: PlaceUse): readonly Problem[] {
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

function checkPage(world: World, { name }: Place, { path, use }: Pick<PlaceUse, 'path' | 'use'>): readonly Problem[] {
  if (use === 'declare') {
    return [wrong(path, 'an update is of an entry: device.root, device.context, device.directory or device.pasid')];
  }
  return Object.hasOwn(world.platform.devices, name)
    ? [wrong(path, `"${name}" is a device, not a page`, `name one of its entries, as in ${name}.pasid[1]`)]
    : [];
}

interface StepScope {
  readonly world: World;
  /** Names that loads of the task give. */
  readonly registers: ReadonlySet<string>;
  readonly path: Path;
}

function checkStep(step: InlineStep, scope: StepScope): readonly Problem[] {
  const { world, path } = scope;
  const inner = (steps: readonly InlineStep[], key: string): readonly Problem[] =>
    steps.flatMap((each, i) => checkStep(each, { ...scope, path: [...path, key, i] }));
  if ('store' in step) {
    const { value, bits } = step.store;
    return BigInt(value) < 1n << BigInt(bits)
      ? []
      : [wrong([...path, 'store', 'value'], `the value needs more than ${bits} bits`, bitsHint(bits))];
  }
  if ('flow' in step) {
    return checkFlow(world, { name: step.flow, values: step.with, path });
  }
  if ('submit' in step) {
    return [
      ...checkBatch(world, step.submit.length, [...path, 'submit']),
      ...step.submit.flatMap((invalidation, i) => checkInvalidation(world, invalidation, [...path, 'submit', i])),
    ];
  }
  if ('begin' in step) {
    return step.begin.targets.flatMap((target, i) =>
      checkTarget(world, { target, entry: step.begin.entry, path: [...path, 'begin', 'targets', i] }),
    );
  }
  if ('end' in step) {
    return checkTarget(world, { ...step.end, path: [...path, 'end', 'target'] });
  }
  if ('if' in step) {
    return [
      ...checkRegister(step.if.value, [...path, 'if', 'value'], scope.registers),
      ...inner(step.do, 'do'),
      ...inner(step.else, 'else'),
    ];
  }
  if (!('repeat' in step)) {
    return [];
  }
  const until = typeof step.repeat === 'number' ? undefined : step.repeat.until.value;
  // A value that is not loaded anew in the loop never changes: the loop ends at once or not at all.
  const loaded = new Set(registersOf(step.steps));
  return [
    ...(until === undefined ? [] : checkRegister(until, [...path, 'repeat', 'until', 'value'], loaded)),
    ...inner(step.steps, 'steps'),
  ];
}

/** qi_submit_sync waits until the ring has room for the batch, its wait, and one slot that always stays free. */
function checkBatch({ platform }: World, count: number, path: Path): readonly Problem[] {
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

function bitsHint(bits: number): string {
  return bits === 128 ? 'the widest store is of 128 bits' : `set bits: ${bits * 2}, or store it in parts`;
}

function checkTarget(
  world: World,
  { target, entry, path }: { readonly target: InlineTarget; readonly entry: string; readonly path: Path },
): readonly Problem[] {
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

function checkRegister(name: string, path: Path, registers: ReadonlySet<string>): readonly Problem[] {
  if (registers.has(name)) {
    return [];
  }
  const near = closest(name, registers);
  const hint = near === undefined ? `add "load: { from: ..., as: ${name} }"` : `did you mean "${near}"?`;
  return [wrong(path, `no load here gives "${name}"`, hint)];
}

function registersOf(steps: readonly InlineStep[]): readonly string[] {
  return steps.flatMap((step) => {
    if ('load' in step) return [step.load.as];
    if ('submit' in step) return step.as === undefined ? [] : [step.as];
    if ('if' in step) return [...registersOf(step.do), ...registersOf(step.else)];
    return 'repeat' in step ? registersOf(step.steps) : [];
  });
}

/** Steps of a run when each loop with a number goes round that often. */
function unrolledCount(steps: readonly InlineStep[]): number {
  return steps.reduce((sum, step) => {
    if ('if' in step) return sum + 1 + Math.max(unrolledCount(step.do), unrolledCount(step.else));
    if (!('repeat' in step)) return sum + 1;
    const times = typeof step.repeat === 'number' ? step.repeat : 1;
    return sum + times * (1 + unrolledCount(step.steps));
  }, 0);
}
