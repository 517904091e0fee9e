import type { Problem } from './problem.ts';
import type { InlineStep, InlineTarget, RiscvTarget } from './steps-schema.ts';
import type { PlaceUse } from './task-plan.ts';

type Path = readonly PropertyKey[];

/** What steps may say, where that is different for each IOMMU. */
export interface StepRules {
  place(use: PlaceUse): readonly Problem[];
  target(use: TargetUse): readonly Problem[];
  /** A step that only this IOMMU has. */
  own(step: InlineStep, path: Path): readonly Problem[];
}

export interface TargetUse {
  readonly target: InlineTarget | RiscvTarget;
  /** The place of the entry that becomes this. */
  readonly entry: string;
  readonly path: Path;
}
