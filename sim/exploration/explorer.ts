import type { Violation } from '../violation.ts';
import type { SearchPath } from './search-path.ts';

/** What every explorer is told by its user. */
export interface ExplorerOptions {
  /** Called with each broken rule of each execution; the path that led there is made when asked for. */
  readonly onViolation: (violation: Violation, pathOf: () => SearchPath) => void;
  /** Called at each final state, before anything is taken back. */
  readonly onRest?: () => void;
}

/** How far an explorer has come. */
export interface ExplorerProgress {
  /** Orders followed until nothing new lay ahead. */
  readonly executions: number;
  readonly transitions: number;
  /** Most steps of an execution. */
  readonly deepest: number;
  /** What kept an execution from its end: a limit, or what is not modelled; or ''. */
  readonly cutShort: string;
  /** A guess, from the branches of the present path. */
  readonly fractionDone: number;
}

/** Goes through the orders of a world, a piece at a time. */
export interface Explorer {
  readonly progress: ExplorerProgress;
  /** Takes up to `transitions` steps, and ends `maxExecutions` executions in all; false when nothing is left to try. */
  advance(transitions: number, maxExecutions?: number): boolean;
  /** Leaves the kernel to ordinary runs. */
  close(): void;
}
