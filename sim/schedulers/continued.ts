import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/** A scheduler that has begun already, and has been asked something before the run: the run goes on from there. */
export class ContinuedScheduler implements Scheduler {
  readonly name: string;
  readonly drawsTimes: boolean;
  readonly #inner: Scheduler;

  constructor(inner: Scheduler) {
    this.#inner = inner;
    this.name = inner.name;
    this.drawsTimes = inner.drawsTimes;
  }

  begin(): void {
    // Done before.
  }

  choose(point: ChoicePoint): number {
    return this.#inner.choose(point);
  }

  stepTaken(processId: number, operation: Operation): void {
    this.#inner.stepTaken?.(processId, operation);
  }
}
