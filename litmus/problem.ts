/** One mistake in a litmus file, or one thing in it that is not modelled. Lines and columns count from 1; line 0: the file as a whole. */
export interface LitmusProblem {
  readonly line: number;
  readonly column: number;
  /** Column after the last marked character, on the same line. */
  readonly endColumn: number;
  readonly message: string;
  readonly hint?: string;
}

/** Where something stands in the text. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

/** Ends the reading of one instruction, statement or entry; what comes after it is still read. */
export class LitmusFault extends Error {
  override readonly name = 'LitmusFault';
  readonly problem: LitmusProblem;

  constructor(at: Position, message: string, hint?: string) {
    super(message);
    this.problem = problemAt(at, message, hint);
  }
}

function problemAt({ line, column, endColumn }: Position, message: string, hint?: string): LitmusProblem {
  return { line, column, endColumn, message, ...(hint === undefined ? {} : { hint }) };
}

/** A reader of more than this has stopped reading. */
const maxProblems = 100;

/** What is wrong with one file so far. */
export class Problems {
  readonly list: LitmusProblem[] = [];

  get isFull(): boolean {
    return this.list.length >= maxProblems;
  }

  add(at: Position, message: string, hint?: string): void {
    this.note(problemAt(at, message, hint));
  }

  /** Of two at one place, such as the end of a file that was cut, the first says more. */
  private note(problem: LitmusProblem): void {
    const isTold = this.list.some(({ line, column }) => line === problem.line && column === problem.column);
    if (!isTold && !this.isFull) this.list.push(problem);
  }

  /** Does `work`; a fault in it is noted, and the caller goes on after it. False: there was one. */
  guard(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof LitmusFault)) throw error;
      this.note(error.problem);
      return false;
    }
  }
}
