import { Operation, type StepContext } from '../../sim/operation.ts';
import type { Window } from './window.ts';

/** Answers of look-up steps; faults are negative. */
export const miss = 0;
export const hit = 1;

/**
 * One step of a hardware process: made once, yielded as often as needed. It answers with a number: an address or a
 * count when all is well, a negative fault reason otherwise; everything else it leaves in arena words.
 */
export class WalkStep extends Operation<number> {
  readonly label: string;
  readonly #work: (context: StepContext) => number;

  constructor(label: string, window: Window, work: (context: StepContext) => number) {
    super(window.minNs, window.maxNs);
    this.label = label;
    this.#work = work;
  }

  execute(context: StepContext): number {
    return this.#work(context);
  }
}
