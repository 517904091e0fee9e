/** Exit codes of every command; README and `--help` list them, so a change is a change of the interface. */
export const exitCodes = {
  /** Every case did what it is expected to do. */
  asExpected: 0,
  /** Some case did not. */
  notAsExpected: 1,
  /** An option or argument that makes no sense. */
  usage: 2,
  /** A scenario, litmus test or recording that is invalid, missing, or does not fit. */
  invalidInput: 3,
  /** A limit was reached, something is not modelled, or a run was lost: the runs say nothing. */
  inconclusive: 4,
  /** No file or no case was found, so there is no result. */
  nothingRan: 5,
  /** A fault of tornread itself, non-determinism included. */
  internal: 70,
  /** 128 + the signal's number, as shells have it. */
  SIGINT: 130,
  SIGTERM: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For `--help`. */
export const exitCodesHelp = `Exit codes:
  0    all as expected
  1    some case not as expected
  2    wrong usage
  3    invalid scenario, litmus test or recording
  4    inconclusive: a limit reached, a run lost, or something not modelled
  5    nothing ran: no file or no case found
  70   internal error, non-determinism included
  130  interrupted (143: terminated); the results so far are printed`;
