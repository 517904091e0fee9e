import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/** Passes every choice on to another scheduler and keeps the answers, for a replay. */
export class RecordingScheduler implements Scheduler {
  readonly name: string;
  readonly drawsTimes: boolean;
  readonly #inner: Scheduler;
  choices: number[] = [];

  constructor(inner: Scheduler) {
    this.#inner = inner;
    this.name = inner.name;
    this.drawsTimes = inner.drawsTimes;
  }

  begin(): void {
    this.choices = [];
    this.#inner.begin();
  }

  choose(point: ChoicePoint): number {
    const answer = this.#inner.choose(point);
    this.choices.push(answer);
    return answer;
  }

  stepTaken(processId: number, operation: Operation): void {
    this.#inner.stepTaken?.(processId, operation);
  }
}
