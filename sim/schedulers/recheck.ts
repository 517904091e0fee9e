import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/** Two runs with the same answers were not the same run: something in sim/ or models/ is not deterministic. */
export class NondeterminismError extends Error {
  override readonly name = 'NondeterminismError';
}

interface Asked {
  readonly kind: ChoicePoint['kind'];
  readonly name: string;
  readonly count: number;
  readonly candidates: readonly number[];
  readonly answer: number;
}

/**
 * Runs everything twice and compares: the first pass asks another scheduler and notes every choice point; the second
 * gives the same answers and insists on the same points.
 */
export class RecheckScheduler implements Scheduler {
  readonly name = 'recheck';
  readonly drawsTimes: boolean;
  readonly #inner: Scheduler;
  #asked: Asked[] = [];
  #next = -1;

  constructor(inner: Scheduler) {
    this.#inner = inner;
    this.drawsTimes = inner.drawsTimes;
  }

  begin(): void {
    if (this.#next === -1) {
      this.#asked = [];
      this.#inner.begin();
    } else {
      this.#next = 0;
    }
  }

  choose(point: ChoicePoint): number {
    if (this.#next === -1) {
      const answer = this.#inner.choose(point);
      this.#asked.push({ ...copyOf(point), answer });
      return answer;
    }
    const first = this.#asked[this.#next];
    this.#next += 1;
    const now = copyOf(point);
    if (first === undefined || describe(first) !== describe(now)) {
      throw new NondeterminismError(
        `choice ${this.#next - 1} was ${first === undefined ? 'not asked' : describe(first)} in the first run ` +
          `and is ${describe(now)} in the second`,
      );
    }
    return first.answer;
  }

  stepTaken(processId: number, operation: Operation): void {
    if (this.#next === -1) {
      this.#inner.stepTaken?.(processId, operation);
    }
  }

  /** Runs twice; `digestOf` is called after each run. Throws {@link NondeterminismError}. */
  runTwice<T>(run: (scheduler: Scheduler) => T, digestOf: (result: T) => string): T {
    this.#next = -1;
    const first = run(this);
    const digest = digestOf(first);
    this.#next = 0;
    const second = run(this);
    const asked = this.#next;
    this.#next = -1;
    if (asked !== this.#asked.length) {
      throw new NondeterminismError(`the first run asked for ${this.#asked.length} choices, the second for ${asked}`);
    }
    const again = digestOf(second);
    if (digest !== again) {
      throw new NondeterminismError(`the same choices gave digest ${digest} first and ${again} then`);
    }
    return second;
  }
}

function copyOf(point: ChoicePoint): Omit<Asked, 'answer'> {
  const candidates = point.kind === 'process' ? Array.from(point.candidates.subarray(0, point.count)) : [];
  return { kind: point.kind, name: point.name, count: point.count, candidates };
}

function describe(asked: Omit<Asked, 'answer'>): string {
  return `${asked.kind} "${asked.name}" of ${asked.count} [${asked.candidates.join(' ')}]`;
}
