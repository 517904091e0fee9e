import type { Operation } from './operation.ts';

/**
 * One free choice. The kernel reuses one object for all points of a run: a scheduler that keeps something copies it.
 */
export interface ChoicePoint {
  /**
   * `process`: which of the eligible processes takes the next step. `delay`: how many ns after `minNs` a step happens
   * (asked only of schedulers that draw times). `value`: anything inside a step. `idle`: how many steps of other work a
   * task does before it begins; it only serves strategies that pick uniformly, so that tasks begin at any moment, and 0
   * is right for all others.
   */
  kind: 'process' | 'delay' | 'value' | 'idle';
  /** Name of the choice; also names its random stream. */
  name: string;
  /** Alternatives are 0 to count - 1; always at least 2. */
  count: number;
  /** For `process`: ids of the eligible processes, in ascending order, in the first `count` places. */
  candidates: Int32Array;
  /** By process id: what each process waits to do next; undefined for one that has ended. */
  operations: readonly (Operation | undefined)[];
}

/** The whole seam between the kernel and every strategy: random, replay, exploration, shrinking. */
export interface Scheduler {
  readonly name: string;
  /**
   * True: each step gets a drawn moment in its window, and the least moment comes first. False: a process may go next
   * if its earliest moment is not after the least latest moment of all (the window rule), and clocks move no further
   * than they must.
   */
  readonly drawsTimes: boolean;
  /** Called before each run. */
  begin(): void;
  /** One of 0 to `point.count - 1`. */
  choose(point: ChoicePoint): number;
  /** Told of every step right before it is taken, also where there was nothing to choose. */
  stepTaken?(processId: number, operation: Operation): void;
  /** Told when the step has been taken and its process has gone on to the next. */
  stepDone?(processId: number): void;
}
