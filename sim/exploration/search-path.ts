import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/** One step of a path: who takes it, and the answers to the choices inside it. */
interface PathStep {
  readonly processId: number;
  readonly values: readonly number[];
}

/** A run as a search sees it. */
export interface SearchPath {
  /** Answers to choices that are asked before the first step. */
  readonly start: readonly number[];
  readonly steps: readonly PathStep[];
}

/**
 * Takes the steps of a path in their order, then whoever comes first. A search that left the windows out of account
 * may have found an order that they forbid: then {@link isPossible} turns false.
 */
export class PathScheduler implements Scheduler {
  readonly name = 'path';
  readonly drawsTimes = false;
  isPossible = true;
  readonly #path: SearchPath;
  #next = 0;
  #values: readonly number[] = [];
  #nextValue = 0;

  constructor(path: SearchPath) {
    this.#path = path;
  }

  begin(): void {
    this.isPossible = true;
    this.#next = 0;
    this.#values = this.#path.start;
    this.#nextValue = 0;
  }

  choose({ kind, count, candidates }: ChoicePoint): number {
    if (kind !== 'process') {
      const answer = this.#values[this.#nextValue] ?? 0;
      this.#nextValue += 1;
      return Math.min(answer, count - 1);
    }
    const wanted = this.#path.steps[this.#next]?.processId;
    const place = wanted === undefined ? 0 : candidates.subarray(0, count).indexOf(wanted);
    return Math.max(place, 0);
  }

  stepTaken(processId: number): void {
    const step = this.#path.steps[this.#next];
    this.isPossible &&= step === undefined || step.processId === processId;
    this.#values = step?.values ?? [];
    this.#nextValue = 0;
    this.#next += 1;
  }
}
