/** A broken claim about tornread itself, never about the user's input; the command line ends with exit code 70. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
}

/** Something real hardware or software does that no model here does; the run stops and says so. */
export class UnmodelledError extends Error {
  override readonly name = 'UnmodelledError';
}

/** States a claim that must hold; the message is the claim itself. Throws {@link InternalError}. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) {
    throw new InternalError(`assertion failed: ${claim}`);
  }
}

/** Ends the run with `unmodelled: what`; use it instead of leaving a behaviour out in silence. */
export function unmodelled(what: string): never {
  throw new UnmodelledError(what);
}

/** Makes a forgotten member of a union a compile error. */
export function unreachable(value: never): never {
  throw new InternalError(`unreachable: ${JSON.stringify(value)}`);
}
