import type { Arena } from './arena.ts';
import { assert } from './assert.ts';
import { Checkpoint, type Flow, Operation, type StepContext } from './operation.ts';
import { type ProcessSpec, ProcessTable } from './process-table.ts';
import type { ChoicePoint, Scheduler } from './scheduler.ts';
import type { RunLimits, Violation } from './violation.ts';

/** A body that goes on for ever without a step, or a run with too many of them. */
export class LimitReached extends Error {}

/** Told of everything a body is given back, so that a search can make it again. */
export interface BodyListener {
  /** A step or a note of the process has this result. */
  given(id: number, result: unknown): void;
  checkpoint(id: number, checkpoint: Checkpoint): void;
}

/**
 * Processes that take one step at a time when they are told to: what runs and searches have in common. Whose turn it is
 * is for {@link Kernel}, or for a search in sim/exploration, to say.
 */
export class Stepper implements StepContext {
  readonly arena: Arena;
  readonly limits: RunLimits;
  readonly processes: ProcessTable;
  /** Process whose step executes; -1 outside a step. */
  processId = -1;
  /** Steps taken in this run. */
  stepNumber = 0;
  /** Rules broken so far, in the order found. */
  violations: Violation[] = [];
  /** A rule that ends the run has been broken. */
  stopping = false;
  onViolation: (violation: Violation) => void = () => {};
  onFinish: () => void = () => {};
  /** Called with the next operation of a process that is neither done nor at a note. */
  onPending: (id: number, operation: Operation) => void = () => {};
  listener: BodyListener | undefined;

  readonly #clock: number;
  readonly #point: ChoicePoint;
  #scheduler: Scheduler | undefined;
  #now = 0;

  constructor(arena: Arena, limits: RunLimits) {
    this.arena = arena;
    this.limits = limits;
    this.processes = new ProcessTable(arena);
    this.#clock = arena.allocateTimes('kernel.clock', 1);
    const { operations } = this.processes;
    this.#point = { kind: 'value', name: '', count: 0, candidates: new Int32Array(0), operations };
  }

  get nowNs(): number {
    return this.#now;
  }

  /** The first `collectEligible()` places: ids of the processes that may go next, in ascending order. */
  get candidates(): Int32Array {
    return this.#point.candidates;
  }

  seal(): void {
    this.processes.seal();
    this.#point.candidates = new Int32Array(this.processes.count);
    this.arena.seal();
  }

  choose(name: string, count: number, kind: 'value' | 'idle' = 'value'): number {
    assert(count > 0, 'a choice has an alternative');
    return count === 1 ? 0 : this.ask(kind, name, count);
  }

  get local(): number {
    return this.arena.words[this.processes.localOf(this.processId)] as number;
  }

  set local(word: number) {
    this.arena.putUnseen(this.processes.localOf(this.processId), word);
  }

  ask(kind: ChoicePoint['kind'], name: string, count: number): number {
    const point = this.#point;
    point.kind = kind;
    point.name = name;
    point.count = count;
    const answer = (this.#scheduler as Scheduler).choose(point);
    assert(answer >= 0 && answer < count, `the answer to "${name}" is one of ${count} alternatives`);
    return answer;
  }

  retry(loop: string, round: number): void {
    if (round >= this.limits.maxRetries) {
      const name = this.processes.specs[this.processId]?.name;
      const message = `${name} went through "${loop}" ${round} times and is no further`;
      this.violate({ rule: 'livelock', message, source: 'limit maxRetries', subject: `${name} in ${loop}` }, true);
    }
  }

  /** Notes a broken rule; `stops` ends the run after this step. */
  violate(violation: Violation, stops: boolean): void {
    this.violations.push(violation);
    this.stopping ||= stops;
    this.onViolation(violation);
  }

  /** Back to the initial state; {@link start} is next. */
  begin(scheduler: Scheduler): void {
    this.arena.reset();
    this.processes.clear();
    this.#scheduler = scheduler;
    this.#now = 0;
    this.stepNumber = 0;
    this.violations = [];
    this.stopping = false;
    scheduler.begin();
  }

  /** Makes every body and takes it to its first step. */
  start(): void {
    for (const [id, { body }] of this.processes.specs.entries()) {
      this.processes.stacks[id] = typeof body === 'function' ? [body()] : [];
      this.#advance(id, undefined);
    }
    this.processId = -1;
  }

  /** Executes the pending operation of a process; the clock has been moved. */
  step(id: number, operation: Operation): void {
    this.stepNumber += 1;
    this.processId = id;
    const result = operation.execute(this);
    if (!this.stopping) {
      this.listener?.given(id, result);
      this.#advance(id, result);
    }
    this.processId = -1;
  }

  /**
   * The window rule: a process may go next exactly if its earliest moment is not after the least latest moment of all
   * pending ones. Leaves the ids in {@link candidates}; 0 when nothing that has to happen is left.
   */
  collectEligible(): number {
    const { candidates } = this.#point;
    const { operations, isGuarded, isOptional, latestNs, ignoresWindows } = this.processes;
    let leastLatestNs = Number.POSITIVE_INFINITY;
    let count = 0;
    let required = false;
    for (let id = 0; id < operations.length; id += 1) {
      const operation = operations[id];
      if (operation === undefined || (isGuarded[id] === 1 && !this.#guardHolds(id, operation))) {
        continue;
      }
      if (isOptional[id] === 0) {
        required = true;
        leastLatestNs = Math.min(leastLatestNs, latestNs[id] as number);
      }
      candidates[count] = id;
      count += 1;
    }
    if (!required) {
      return 0;
    }
    return ignoresWindows ? count : this.#keepEligible(count, leastLatestNs);
  }

  #keepEligible(count: number, leastLatestNs: number): number {
    const { candidates } = this.#point;
    const { earliestNs } = this.processes;
    let eligible = 0;
    for (let i = 0; i < count; i += 1) {
      const id = candidates[i] as number;
      if ((earliestNs[id] as number) <= leastLatestNs) {
        candidates[eligible] = id;
        eligible += 1;
      }
    }
    return eligible;
  }

  moveClock(atNs: number): void {
    if (atNs !== this.#now) {
      this.#now = atNs;
      this.arena.putTime(this.#clock, atNs);
    }
  }

  /** Nothing can happen any more: software that has not finished is stuck. */
  comeToRest(): void {
    const waiting = this.processes.waitingTasks();
    if (waiting.length === 0) {
      this.onFinish();
      return;
    }
    const message = `nothing can happen any more: ${waiting.join('; ')}`;
    this.violate({ rule: 'stuck', message, source: 'docs/architecture.md' }, true);
  }

  /** After the arena went back to an earlier state: what is at hand of it goes back too. */
  takeBack(id: number, operation: Operation | undefined): void {
    this.processes.takeBack(id, operation);
    this.#now = this.arena.getTime(this.#clock);
    this.processId = -1;
  }

  /** Makes the body of a process anew and gives it results `from` to `to - 1` again; nothing is executed. */
  rebuild(
    id: number,
    body: () => Flow<void>,
    { results, from, to }: { readonly results: readonly unknown[]; readonly from: number; readonly to: number },
  ): void {
    const stack: Flow<unknown>[] = [body()];
    this.processes.stacks[id] = stack;
    let value: unknown;
    let next = from;
    while (stack.length > 0) {
      const answer = (stack[stack.length - 1] as Flow<unknown>).next(value);
      if (answer.done === true) {
        stack.pop();
        value = answer.value;
      } else if (!(answer.value instanceof Operation)) {
        stack.push(answer.value);
        value = undefined;
      } else if (answer.value instanceof Checkpoint) {
        value = undefined;
      } else if (next === to) {
        this.processes.operations[id] = answer.value;
        return;
      } else {
        value = results[next];
        next += 1;
      }
    }
    assert(false, 'a body that is made anew stands at a step');
  }

  /** Feeds a result into a body and takes its next operation. */
  #advance(id: number, result: unknown): void {
    const { stacks, specs } = this.processes;
    const stack = stacks[id] as Flow<unknown>[];
    this.processId = id;
    let value = result;
    let immediates = 0;
    while (stack.length > 0) {
      const answer = (stack[stack.length - 1] as Flow<unknown>).next(value);
      if (answer.done === true) {
        stack.pop();
        value = answer.value;
        continue;
      }
      const yielded = answer.value;
      if (!(yielded instanceof Operation)) {
        stack.push(yielded);
        value = undefined;
      } else if (yielded.immediate) {
        value = yielded.execute(this);
        if (this.listener !== undefined) {
          this.#tell(this.listener, id, { operation: yielded, result: value });
        }
        immediates += 1;
        if (this.stopping) {
          return;
        }
        if (immediates > this.limits.maxEvents) {
          throw new LimitReached(`maxEvents: ${this.limits.maxEvents} notes and retries without a step`);
        }
      } else {
        this.#pend(id, yielded);
        return;
      }
    }
    const { body } = specs[id] as ProcessSpec;
    if (typeof body === 'function') {
      this.processes.finish(id);
    } else {
      this.#pend(id, body);
    }
  }

  #tell(
    listener: BodyListener,
    id: number,
    { operation, result }: { readonly operation: Operation; readonly result: unknown },
  ): void {
    if (operation instanceof Checkpoint) {
      listener.checkpoint(id, operation);
    } else {
      listener.given(id, result);
    }
  }

  #pend(id: number, operation: Operation): void {
    this.processes.operations[id] = operation;
    this.processes.isGuarded[id] = operation.guarded ? 1 : 0;
    this.onPending(id, operation);
  }

  #guardHolds(id: number, operation: Operation): boolean {
    const holds = operation.ready();
    const was = this.processes.isPending[id] === 1;
    if (holds && !was) {
      this.processes.pendInWindow(id, operation, this.#now);
    } else if (!holds && was) {
      this.processes.block(id);
    }
    return holds;
  }
}
