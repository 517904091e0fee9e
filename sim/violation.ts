/** One broken rule, found at one step of one run. */
export interface Violation {
  /** Rule name; part of the interface (docs/scenario-format.md lists them). */
  readonly rule: string;
  /** One sentence: what happened. */
  readonly message: string;
  /** Where the rule stands: section of a specification or a mail. */
  readonly source: string;
  /**
   * What broke the rule, without what another schedule may change (an address, a count): two violations are the same
   * failure if rule and subject are. Left out: the message says no more than that.
   */
  readonly subject?: string;
}

/** Whether two runs failed in the same way. */
export function isSameFailure(a: Violation, b: Violation): boolean {
  return a.rule === b.rule && (a.subject ?? a.message) === (b.subject ?? b.message);
}

/** Limits of one run, each with a name that the report gives when it is reached. */
export interface RunLimits {
  /** Steps of all processes together. */
  readonly maxEvents: number;
  /** Simulated time. */
  readonly maxTimeNs: number;
  /** Rounds of one retry loop before it counts as `livelock`. */
  readonly maxRetries: number;
}

/** How one run ended. */
export interface RunOutcome {
  /**
   * `finished`: every task ended and nothing is pending; `violated`: a rule that stops the run was broken; `limit` and
   * `unmodelled`: the run says nothing about the case.
   */
  readonly end: 'finished' | 'violated' | 'limit' | 'unmodelled';
  /** For `limit` and `unmodelled`: which one. */
  readonly detail: string;
  /** Every rule broken, in the order found; a rule that does not stop the run may precede one that does. */
  readonly violations: readonly Violation[];
  /** Steps taken. */
  readonly events: number;
  readonly nowNs: number;
}
