import type { Operation } from '../operation.ts';
import { StepChoices } from './step-choices.ts';

/** One state on the path a search is on, and what is left to try from it. Made once for each depth and used again. */
export class SearchFrame {
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
  readonly choices = new StepChoices();
  /** A step of the active process has ended the run: nothing is independent of that. */
  hasEnded = false;

  /** Task that took the last task step on the way here, or -1, and tasks left so far that could have gone on. */
  lastTask = -1;
  preemptions = 0;

  /** By process: its part of the footprint stack while it sleeps; awake where the part is empty. */
  readonly sleepFrom: Int32Array;
  readonly sleepTo: Int32Array;

  constructor(processCount: number) {
    this.todo = new Int32Array(processCount);
    this.sleepFrom = new Int32Array(processCount);
    this.sleepTo = new Int32Array(processCount);
  }

  /** For the first state of a path. */
  beginPath(): void {
    this.lastTask = -1;
    this.preemptions = 0;
    this.sleepTo.set(this.sleepFrom);
  }

  isAsleep(id: number): boolean {
    return (this.sleepTo[id] as number) > (this.sleepFrom[id] as number);
  }

  /** The sleeping processes as bits. */
  get sleepers(): number {
    let bits = 0;
    for (let id = 0; id < this.sleepTo.length; id += 1) {
      bits |= this.isAsleep(id) ? 1 << id : 0;
    }
    return bits;
  }
}
