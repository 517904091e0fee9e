import type { FlowEnvironment } from '../models/linux/flow-definition.ts';
import type { MemoryRange } from '../models/memory/memory-range.ts';
import { loadsOfFlow } from './flow-with.ts';
import type { WorldTask } from './format/schema.ts';
import type { InlineStep } from './format/steps-schema.ts';
import type { InlineDriver } from './inline-steps.ts';

type Loads = readonly MemoryRange[] | undefined;

/** Where the code of a task loads from; undefined: anywhere. */
export function loadsOfTask(
  task: Exclude<WorldTask, { dma: object } | { interrupt: object }>,
  driver: InlineDriver,
  environment: FlowEnvironment,
): Loads {
  const union = (parts: readonly Loads[]): Loads =>
    parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  const ofSteps = (steps: readonly InlineStep[]): Loads => union(steps.map(ofStep));
  const at = (place: string): Loads => [{ address: driver.addressOf(place), byteCount: 8 }];
  const ofStep = (step: InlineStep): Loads => {
    if ('flow' in step) return loadsOfFlow(step.flow, step.with, environment);
    if ('load' in step) return at(step.load.from);
    if ('wait' in step) return at(step.wait.for);
    if ('if' in step) return union([ofSteps(step.do), ofSteps(step.else)]);
    if ('repeat' in step) return ofSteps(step.steps);
    if (
      'mmio' in step ||
      'store' in step ||
      'fence' in step ||
      'lock' in step ||
      'unlock' in step ||
      'begin' in step ||
      'end' in step
    ) {
      return [];
    }
    return driver.ownLoads;
  };
  return 'flow' in task ? loadsOfFlow(task.flow, task.with, environment) : ofSteps(task.steps);
}
