import type { Operation } from '../operation.ts';
import type { HistoryMark } from './process-histories.ts';
import { StepChoices } from './step-choices.ts';

/** One state on the path an explorer is on, and what is left to try from it. Made once for each depth and used again. */
export class PathFrame implements HistoryMark {
  /** Where the undo log, the fingerprint, the broken rules and the footprints stood. */
  mark = 0;
  hashLow = 0;
  hashHigh = 0;
  violations = 0;
  footprintsFrom = 0;

  /** Processes to try from here, and how many of them have been begun. */
  readonly todo: Int32Array;
  todoCount = 0;
  next = 0;

  /** Process whose step is being tried, or -1; what it waited for, and how much it had been given. */
  active = -1;
  operation: Operation | undefined;
  historyLength = 0;
  keyLow = 0;
  keyHigh = 0;
  readonly choices = new StepChoices();
  /** A step of the active process has ended the run: nothing is independent of that. */
  hasEnded = false;

  /** Where the footprints of the steps of the active process begin. */
  activeFrom = 0;

  /**
   * By process: footprint of the steps it could take here, as far as known, as part of the footprint stack. It has slept,
   * and where it sleeps no longer it is what the steps were before another one disturbed them.
   */
  readonly knownFrom: Int32Array;
  readonly knownTo: Int32Array;
  readonly #asleep: Uint8Array;

  constructor(processCount: number) {
    this.todo = new Int32Array(processCount);
    this.knownFrom = new Int32Array(processCount);
    this.knownTo = new Int32Array(processCount);
    this.#asleep = new Uint8Array(processCount);
  }

  add(id: number): void {
    this.todo[this.todoCount] = id;
    this.todoCount += 1;
  }

  isAsleep(id: number): boolean {
    return this.#asleep[id] === 1;
  }

  /** Puts to sleep the active process, of which everything has been tried. */
  tire(id: number, to: number): void {
    this.#asleep[id] = 1;
    this.knownFrom[id] = this.activeFrom;
    this.knownTo[id] = to;
  }

  /** Everyone is awake, and nothing is known of anyone. */
  forgetSleepers(): void {
    this.#asleep.fill(0);
    this.knownFrom.fill(0);
    this.knownTo.fill(0);
  }

  /** Has what `earlier` has, but for the process that has gone since. */
  inheritSleepers(earlier: PathFrame): void {
    // Faster than to set arrays as short as these.
    for (let id = 0; id < this.todo.length; id += 1) {
      this.#asleep[id] = earlier.#asleep[id] as number;
      this.knownFrom[id] = earlier.knownFrom[id] as number;
      this.knownTo[id] = earlier.knownTo[id] as number;
    }
    this.#asleep[earlier.active] = 0;
    this.knownTo[earlier.active] = this.knownFrom[earlier.active] as number;
  }

  get hasSleepers(): boolean {
    return this.#asleep.includes(1);
  }

  wake(id: number): void {
    this.#asleep[id] = 0;
  }

  wakeAll(): void {
    this.#asleep.fill(0);
  }
}
