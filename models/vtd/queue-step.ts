import { Operation, type StepContext } from '../../sim/operation.ts';
import type { Window } from './vtd-config.ts';

/** The one step of an engine of the queue: it waits until there is work and then does a piece of it. */
export class QueueStep extends Operation<void> {
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
