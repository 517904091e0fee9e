import type { Operation } from '../operation.ts';
import { StepChoices } from './step-choices.ts';

const awake = -1;

/** One state on the path an explorer is on, and what is left to try from it. Made once for each depth and used again. */
export class PathFrame {
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

  /** By process: its part of the footprint stack while it sleeps. */
  readonly sleepFrom: Int32Array;
  readonly sleepTo: Int32Array;

  constructor(processCount: number) {
    this.todo = new Int32Array(processCount);
    this.sleepFrom = new Int32Array(processCount);
    this.sleepTo = new Int32Array(processCount);
  }

  add(id: number): void {
    this.todo[this.todoCount] = id;
    this.todoCount += 1;
  }

  isAsleep(id: number): boolean {
    return this.sleepTo[id] !== awake;
  }

  putToSleep(id: number, from: number, to: number): void {
    this.sleepFrom[id] = from;
    this.sleepTo[id] = to;
  }

  wake(id: number): void {
    this.sleepTo[id] = awake;
  }

  wakeAll(): void {
    this.sleepTo.fill(awake);
  }
}
