import { assert } from './assert.ts';

/** What a step may ask for while it executes. */
export interface StepContext {
  /** The process whose step this is. */
  readonly processId: number;
  readonly nowNs: number;
  /**
   * A free choice inside the step: one of `count` alternatives, 0 to count - 1. `name` names the random stream, so a
   * choice added in one model does not shift the draws of another. `idle` is the kind of ChoicePoint of that name.
   */
  choose(name: string, count: number, kind?: 'value' | 'idle'): number;
  /**
   * One word of the process's own in the arena. What a part keeps here instead of in its results, a search sees as it is
   * now, not as it came about: parts that can go several ways to the same point should.
   */
  local: number;
  /** Round `round` of a retry loop of this process begins; the limit `maxRetries` turns it into a `livelock`. */
  retry(loop: string, round: number): void;
}

/**
 * What a process waits for, and then does: one step, the unit of interleaving. A process yields it; the scheduler
 * decides when, inside the window, it executes; the result goes back into the generator. `yield operation` is enough
 * where there is no result; `yield* operation` gives the result with its type.
 */
export abstract class Operation<T = unknown> {
  /** Earliest moment, relative to when the process asked for the step. */
  readonly minNs: number;
  /** Latest moment, relative to when the process asked; Infinity is allowed. */
  readonly maxNs: number;

  constructor(minNs = 0, maxNs = minNs) {
    assert(minNs <= maxNs, 'a window ends after it begins');
    this.minNs = minNs;
    this.maxNs = maxNs;
  }

  /** Executes at once, as part of the step before it: for ghost state and notes, never for anything shared. */
  get immediate(): boolean {
    return false;
  }

  /** Whether {@link ready} has to be asked. */
  get guarded(): boolean {
    return false;
  }

  /** What is waited for and done, for choice points and `stuck` reports. */
  abstract readonly label: string;
  abstract execute(context: StepContext): T;

  /** The guard of a blocking step: a function of arena words only. */
  ready(): boolean {
    return true;
  }

  [Symbol.iterator](): Iterator<Operation, T, unknown> {
    return new OnlyStep<T>(this);
  }
}

/** Yields one operation and returns its result; a generator in its place would cost three times as much. */
class OnlyStep<T> implements Iterator<Operation, T, unknown> {
  readonly #operation: Operation<T>;
  #asked = false;

  constructor(operation: Operation<T>) {
    this.#operation = operation;
  }

  next(result?: unknown): IteratorResult<Operation, T> {
    if (this.#asked) {
      return { done: true, value: result as T };
    }
    this.#asked = true;
    return { done: false, value: this.#operation };
  }
}

/**
 * The body of a process or a part of one. Between two yields it may look at nothing but its own locals. It yields steps,
 * and parts: `yield part()` runs the part to its end, for which the kernel keeps a stack, so that depth costs nothing;
 * `yield* part()` does the same, a little slower, and gives the result with its type.
 */
export type Flow<T = void> = Generator<Operation | Flow<unknown>, T, unknown>;

/** Lets time pass. */
export class Delay extends Operation<void> {
  readonly label: string;

  constructor(minNs: number, maxNs: number, label = 'delay') {
    super(minNs, maxNs);
    this.label = label;
  }

  execute(): void {}
}

/** A free choice as part of the step before it: one of `count` alternatives. */
export class Choose extends Operation<number> {
  override get immediate(): boolean {
    return true;
  }

  readonly label: string;
  readonly #count: number;
  readonly #kind: 'value' | 'idle';

  constructor(name: string, count: number, kind: 'value' | 'idle' = 'value') {
    super();
    this.label = name;
    this.#count = count;
    this.#kind = kind;
  }

  execute(context: StepContext): number {
    return context.choose(this.label, this.#count, this.#kind);
  }
}

/**
 * Says that of all a process has learnt so far only what `resume` holds matters from here on: `resume` makes a body that
 * goes on from this point, and two visits with the same `key` go on alike. Searches then see that runs which differ in
 * the past only have come together, and rebuild the process from here. A wrong key would hide schedules.
 */
export class Checkpoint extends Operation<void> {
  override get immediate(): boolean {
    return true;
  }

  readonly label = 'checkpoint';
  readonly key: number;
  readonly resume: () => Flow<void>;

  constructor(key: number, resume: () => Flow<void>) {
    super();
    this.key = key;
    this.resume = resume;
  }

  execute(): void {}
}

/** Blocks until a condition on arena words holds. */
export class WaitUntil extends Operation<void> {
  override get guarded(): boolean {
    return true;
  }

  readonly label: string;
  readonly #condition: () => boolean;

  constructor(label: string, condition: () => boolean, minNs = 0, maxNs = minNs) {
    super(minNs, maxNs);
    this.label = label;
    this.#condition = condition;
  }

  override ready(): boolean {
    return this.#condition();
  }

  execute(): void {}
}

/** The back edge of a loop that tries again, with the rounds it has made so far; see the rule `livelock`. */
export class Retry extends Operation<void> {
  readonly #round: number;
  override get immediate(): boolean {
    return true;
  }

  readonly label: string;

  constructor(loop: string, round: number) {
    super();
    this.label = loop;
    this.#round = round;
  }

  execute(context: StepContext): void {
    context.retry(this.label, this.#round);
  }
}

/** Runs `note` as part of the step before it: declarations of a flow to the checkers. */
export class Note<T = void> extends Operation<T> {
  override get immediate(): boolean {
    return true;
  }

  readonly label: string;
  readonly #note: (context: StepContext) => T;

  constructor(label: string, note: (context: StepContext) => T) {
    super();
    this.label = label;
    this.#note = note;
  }

  execute(context: StepContext): T {
    return this.#note(context);
  }
}
