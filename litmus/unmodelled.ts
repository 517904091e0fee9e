/** Something of a test that the machine does not have, at a line of its file. */
export class UnmodelledInTest extends Error {
  readonly line: number;

  constructor(line: number, what: string) {
    super(what);
    this.line = line;
  }
}

export function unmodelled(line: number, what: string): never {
  throw new UnmodelledInTest(line, what);
}
