import { closest } from '../../diagnostics/diagnostic.ts';
import { checkWrite } from './check-doorbells.ts';
import { checkFlow } from './check-flow.ts';
import { riscvStepRules } from './check-riscv-steps.ts';
import { vtdStepRules } from './check-vtd-steps.ts';
import { type Problem, wrong } from './problem.ts';
import { isRiscv, type World } from './schema.ts';
import type { StepRules } from './step-rules.ts';
import type { InlineStep } from './steps-schema.ts';
import { placesOf } from './task-plan.ts';

/** More steps than this in one run help nobody, and some of them take no time at all. */
const maxUnrolledSteps = 100_000;

type Path = readonly PropertyKey[];

/** What is wrong with the inline steps of a task, beyond their form. */
export function checkSteps(world: World, steps: readonly InlineStep[], path: Path): readonly Problem[] {
  const rules = isRiscv(world) ? riscvStepRules(world) : vtdStepRules(world);
  const registers = new Set(registersOf(steps));
  const count = unrolledCount(steps);
  return [
    ...placesOf(steps, path).flatMap((use) => rules.place(use)),
    ...steps.flatMap((step, i) => checkStep(step, { world, rules, registers, path: [...path, i] })),
    ...(count > maxUnrolledSteps
      ? [{ path, part: 'key' as const, message: `loops make ${count} steps; the limit is ${maxUnrolledSteps}` }]
      : []),
  ];
}

interface StepScope {
  readonly world: World;
  readonly rules: StepRules;
  /** Names that loads of the task give. */
  readonly registers: ReadonlySet<string>;
  readonly path: Path;
}

function checkStep(step: InlineStep, scope: StepScope): readonly Problem[] {
  const { world, rules, path } = scope;
  const inner = (steps: readonly InlineStep[], key: string): readonly Problem[] =>
    steps.flatMap((each, i) => checkStep(each, { ...scope, path: [...path, key, i] }));
  if ('store' in step) {
    const { value, bits } = step.store;
    return BigInt(value) < 1n << BigInt(bits)
      ? []
      : [wrong([...path, 'store', 'value'], `the value needs more than ${bits} bits`, bitsHint(bits))];
  }
  if ('mmio' in step) {
    return checkWrite(world, step.mmio, [...path, 'mmio']);
  }
  if ('flow' in step) {
    return checkFlow(world, { name: step.flow, values: step.with, path });
  }
  if ('begin' in step) {
    return step.begin.targets.flatMap((target, i) =>
      rules.target({ target, entry: step.begin.entry, path: [...path, 'begin', 'targets', i] }),
    );
  }
  if ('end' in step) {
    return rules.target({ ...step.end, path: [...path, 'end', 'target'] });
  }
  if ('if' in step) {
    return [
      ...checkRegister(step.if.value, [...path, 'if', 'value'], scope.registers),
      ...inner(step.do, 'do'),
      ...inner(step.else, 'else'),
    ];
  }
  if (!('repeat' in step)) {
    return rules.own(step, path);
  }
  const until = typeof step.repeat === 'number' ? undefined : step.repeat.until.value;
  // A value that is not loaded anew in the loop never changes: the loop ends at once or not at all.
  const loaded = new Set(registersOf(step.steps));
  return [
    ...(until === undefined ? [] : checkRegister(until, [...path, 'repeat', 'until', 'value'], loaded)),
    ...inner(step.steps, 'steps'),
  ];
}

function bitsHint(bits: number): string {
  return bits === 128 ? 'the widest store is of 128 bits' : `set bits: ${bits * 2}, or store it in parts`;
}

function checkRegister(name: string, path: Path, registers: ReadonlySet<string>): readonly Problem[] {
  if (registers.has(name)) {
    return [];
  }
  const near = closest(name, registers);
  const hint = near === undefined ? `add "load: { from: ..., as: ${name} }"` : `did you mean "${near}"?`;
  return [wrong(path, `no load here gives "${name}"`, hint)];
}

/** Names that loads of the steps give. */
export function loadedNames(steps: readonly InlineStep[]): readonly string[] {
  return steps.flatMap((step) => {
    if ('load' in step) return [step.load.as];
    if ('if' in step) return [...loadedNames(step.do), ...loadedNames(step.else)];
    return 'repeat' in step ? loadedNames(step.steps) : [];
  });
}

function registersOf(steps: readonly InlineStep[]): readonly string[] {
  return steps.flatMap((step) => {
    if ('load' in step) return [step.load.as];
    if ('submit' in step || 'passed' in step) return 'as' in step && step.as !== undefined ? [step.as] : [];
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
