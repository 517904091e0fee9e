import { assert } from '../../sim/assert.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { ChoicePoint, Scheduler } from '../../sim/scheduler.ts';
import type { RunOutcome } from '../../sim/violation.ts';

/** One complete run, and the answers that led through it. */
export interface ScheduleRun {
  readonly outcome: RunOutcome;
  readonly choices: readonly number[];
}

/** Told of every step of every run, with the processes that could have taken one. */
export interface ScheduleObserver {
  begin(): void;
  step(processId: number, candidates: readonly number[]): void;
}

export interface EnumerationOptions {
  /** More runs than this are a mistake in the test, not a reason to wait. */
  readonly maxSchedules?: number;
  /** True: the drawn moment of each step is a choice too; only for windows of a few ns. */
  readonly drawsTimes?: boolean;
  readonly observer?: ScheduleObserver;
}

/**
 * Every run a world has, by brute force: the choices are the digits of an odometer, each run is done from the start, and
 * nothing is remembered but the digits. It shares no idea with the explorers it is the judge of.
 */
export function* enumerateSchedules(kernel: Kernel, options: EnumerationOptions = {}): Generator<ScheduleRun> {
  const { maxSchedules = 100_000, drawsTimes = false } = options;
  const odometer = new Odometer(drawsTimes, options.observer);
  let runs = 0;
  do {
    assert(runs < maxSchedules, `the world has at most ${maxSchedules} schedules`);
    runs += 1;
    const outcome = kernel.run(odometer);
    odometer.assertWholePrefixUsed();
    yield { outcome, choices: [...odometer.digits] };
  } while (odometer.turn());
}

/** Gives the digits so far, then 0 at every new choice; {@link turn} moves to the next sequence, depth first. */
class Odometer implements Scheduler {
  readonly name = 'odometer';
  readonly drawsTimes: boolean;
  digits: number[] = [];
  readonly #counts: number[] = [];
  #next = 0;
  readonly #observer: ScheduleObserver | undefined;
  #candidates: readonly number[] = [];

  constructor(drawsTimes: boolean, observer: ScheduleObserver | undefined) {
    this.drawsTimes = drawsTimes;
    this.#observer = observer;
  }

  begin(): void {
    this.#next = 0;
    this.#observer?.begin();
  }

  stepTaken(processId: number): void {
    this.#observer?.step(processId, this.#candidates.length > 0 ? this.#candidates : [processId]);
    this.#candidates = [];
  }

  choose({ kind, count, name, candidates }: ChoicePoint): number {
    if (kind === 'process' && this.#observer !== undefined) {
      this.#candidates = [...candidates.subarray(0, count)];
    }
    const position = this.#next;
    this.#next += 1;
    if (position === this.digits.length) {
      this.digits.push(0);
      this.#counts.push(count);
    }
    assert(this.#counts[position] === count, `"${name}" has as many alternatives as in the run before`);
    return this.digits[position] as number;
  }

  assertWholePrefixUsed(): void {
    assert(this.#next === this.digits.length, 'the run asks for every choice of the run before, up to the changed one');
  }

  /** False when every sequence has been given. */
  turn(): boolean {
    while (this.digits.length > 0) {
      const last = this.digits.length - 1;
      const digit = (this.digits[last] as number) + 1;
      if (digit < (this.#counts[last] as number)) {
        this.digits[last] = digit;
        return true;
      }
      this.digits.pop();
      this.#counts.pop();
    }
    return false;
  }
}
