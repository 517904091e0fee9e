import { Operation, type StepContext } from '../sim/operation.ts';
import type { Window } from './iommu/window.ts';

/** For what hardware may do at any moment, or never. */
export const anyTime: Window = { minNs: 0, maxNs: Number.POSITIVE_INFINITY };

/** The one step of a hardware engine: it waits until there is work and then does a piece of it. */
export class EngineStep extends Operation<void> {
  override get guarded(): boolean {
    return true;
  }

  readonly label: string;
  readonly #ready: () => boolean;
  readonly #work: (context: StepContext) => void;

  constructor(
    label: string,
    window: Window,
    step: { readonly ready: () => boolean; readonly work: (context: StepContext) => void },
  ) {
    super(window.minNs, window.maxNs);
    this.label = label;
    this.#ready = step.ready;
    this.#work = step.work;
  }

  override ready(): boolean {
    return this.#ready();
  }

  execute(context: StepContext): void {
    this.#work(context);
  }
}
