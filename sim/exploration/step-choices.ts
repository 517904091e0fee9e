import { assert } from '../assert.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';

/**
 * The choices inside one step, as an odometer: a search executes the step once for every sequence of answers. Idle
 * choices are answered 0 unless asked otherwise: a search that has every order gains nothing from a later beginning.
 */
export class StepChoices implements Scheduler {
  readonly name = 'search';
  readonly drawsTimes = false;
  digits: number[] = [];
  readonly #triesIdling: boolean;
  #counts: number[] = [];
  #next = 0;

  constructor(triesIdling = false) {
    this.#triesIdling = triesIdling;
  }

  /** For another step: no answers yet. */
  clear(): void {
    if (this.digits.length > 0) {
      this.digits = [];
      this.#counts = [];
    }
    this.#next = 0;
  }

  /** Before the step is executed again. */
  begin(): void {
    this.#next = 0;
  }

  choose({ kind, name, count: possible }: ChoicePoint): number {
    const count = kind === 'idle' && !this.#triesIdling ? 1 : possible;
    const position = this.#next;
    this.#next += 1;
    if (position === this.digits.length) {
      this.digits.push(0);
      this.#counts.push(count);
    }
    assert(this.#counts[position] === count, `"${name}" has as many alternatives as the time before`);
    return this.digits[position] as number;
  }

  /** Whether there is another sequence of answers; it comes next. */
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
