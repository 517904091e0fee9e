/**
 * One free choice. The kernel reuses one object for all points of a run: a scheduler that keeps something copies it.
 */
export interface ChoicePoint {
  /**
   * `process`: which of the eligible processes takes the next step. `delay`: how many ns after `minNs` a step happens
   * (asked only of schedulers that draw times). `value`: anything inside a step.
   */
  kind: 'process' | 'delay' | 'value';
  /** Name of the choice; also names its random stream. */
  name: string;
  /** Alternatives are 0 to count - 1; always at least 2. */
  count: number;
  /** For `process`: ids of the eligible processes, in ascending order, in the first `count` places. */
  candidates: Int32Array;
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
}
