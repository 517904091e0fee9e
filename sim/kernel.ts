import type { Arena } from './arena.ts';
import { assert, UnmodelledError } from './assert.ts';
import { type Flow, Operation, type StepContext } from './operation.ts';
import { type ProcessSpec, ProcessTable } from './process-table.ts';
import type { ChoicePoint, Scheduler } from './scheduler.ts';
import { TimerQueue } from './timer-queue.ts';
import type { RunLimits, RunOutcome, Violation } from './violation.ts';

/** A body that goes on for ever without a step. */
class LimitReached extends Error {}

/** In a run with drawn times a step without a latest moment still needs one: a day. */
const unboundedDrawNs = 86_400_000_000_000;

/**
 * Runs processes against each other, one step at a time. Every free choice is asked of one scheduler, all state is in
 * the arena (but for the locals of the bodies), so a run is a function of the scheduler's answers.
 */
export class Kernel implements StepContext {
  readonly arena: Arena;
  /** Process whose step executes; -1 outside a step. */
  processId = -1;
  /** Steps taken in this run. */
  stepNumber = 0;
  /** Called when a rule is broken, also by the kernel itself (`stuck`, `livelock`). */
  onViolation: (violation: Violation) => void = () => {};
  /** Called when everything has come to rest, before the outcome is fixed. */
  onFinish: () => void = () => {};

  readonly #limits: RunLimits;
  readonly #clock: number;
  readonly #processes: ProcessTable;
  readonly #point: ChoicePoint = { kind: 'value', name: '', count: 0, candidates: new Int32Array(0) };
  #scheduler: Scheduler | undefined;
  #drawsTimes = false;
  #timers = new TimerQueue(0);
  #now = 0;
  #unfinishedTasks = 0;
  /** Tasks and engines with a timer, in runs with drawn times. */
  #requiredTimers = 0;
  #guardedCount = 0;
  #violations: Violation[] = [];
  #stopping = false;

  constructor(arena: Arena, limits: RunLimits) {
    this.arena = arena;
    this.#limits = limits;
    this.#processes = new ProcessTable(arena);
    this.#clock = arena.allocateTimes('kernel.clock', 1);
  }

  get nowNs(): number {
    return this.#now;
  }

  get processNames(): readonly string[] {
    return this.#processes.specs.map(({ name }) => name);
  }

  /**
   * Adds a process before {@link seal}. With drawn times, steps of the same instant go in the order they were asked for;
   * first of all in the order in which processes were added.
   */
  addProcess(spec: ProcessSpec): number {
    return this.#processes.add(spec);
  }

  /** Ends building: what the arena holds now is the start of every run. */
  seal(): void {
    this.#processes.seal();
    this.#point.candidates = new Int32Array(this.#processes.count);
    this.#timers = new TimerQueue(this.#processes.count);
    this.arena.seal();
  }

  choose(name: string, count: number): number {
    assert(count > 0, 'a choice has an alternative');
    if (count === 1) {
      return 0;
    }
    return this.#ask('value', name, count);
  }

  retry(loop: string, round: number): void {
    if (round >= this.#limits.maxRetries) {
      const name = this.#processes.specs[this.processId]?.name;
      const message = `${name} went through "${loop}" ${round} times and is no further`;
      this.violate({ rule: 'livelock', message, source: 'limit maxRetries' }, true);
    }
  }

  /** Notes a broken rule; `stops` ends the run after this step. */
  violate(violation: Violation, stops: boolean): void {
    this.#violations.push(violation);
    this.#stopping ||= stops;
    this.onViolation(violation);
  }

  /** One run from the initial state. Throws only for faults of tornread itself. */
  run(scheduler: Scheduler): RunOutcome {
    this.#begin(scheduler);
    let end: RunOutcome['end'] = 'finished';
    let detail = '';
    try {
      this.#start();
      detail = scheduler.drawsTimes ? this.#runByDrawnTimes() : this.#runByWindows();
      if (detail !== '') {
        end = 'limit';
      } else if (!this.#stopping) {
        this.#comeToRest();
      }
    } catch (error) {
      if (!(error instanceof UnmodelledError || error instanceof LimitReached)) {
        throw error;
      }
      end = error instanceof LimitReached ? 'limit' : 'unmodelled';
      detail = error.message;
    }
    if (this.#stopping) {
      end = 'violated';
    }
    return { end, detail, violations: this.#violations, events: this.stepNumber, nowNs: this.#now };
  }

  #begin(scheduler: Scheduler): void {
    this.arena.reset();
    this.#scheduler = scheduler;
    this.#drawsTimes = scheduler.drawsTimes;
    this.#now = 0;
    this.stepNumber = 0;
    this.#violations = [];
    this.#stopping = false;
    this.#unfinishedTasks = 0;
    this.#requiredTimers = 0;
    this.#guardedCount = 0;
    this.#timers.clear();
    scheduler.begin();
  }

  #start(): void {
    for (const [id, { kind, body }] of this.#processes.specs.entries()) {
      this.#unfinishedTasks += kind === 'task' ? 1 : 0;
      this.#processes.stacks[id] = [body()];
      this.#advance(id, undefined);
    }
    this.processId = -1;
  }

  /** Feeds a result into a body and takes its next operation. */
  #advance(id: number, result: unknown): void {
    const stack = this.#processes.stacks[id] as Flow<unknown>[];
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
        immediates += 1;
        if (this.#stopping) {
          return;
        }
        if (immediates > this.#limits.maxEvents) {
          throw new LimitReached(`maxEvents: ${this.#limits.maxEvents} notes and retries without a step`);
        }
      } else {
        this.#pend(id, yielded);
        return;
      }
    }
    this.#finish(id);
  }

  #finish(id: number): void {
    this.#processes.finish(id);
    if (this.#processes.specs[id]?.kind === 'task') {
      this.#unfinishedTasks -= 1;
    }
  }

  #pend(id: number, operation: Operation): void {
    this.#processes.operations[id] = operation;
    const { guarded } = operation;
    this.#processes.isGuarded[id] = guarded ? 1 : 0;
    if (guarded) {
      this.#guardedCount += 1;
      if (!operation.ready()) {
        this.#processes.block(id);
        return;
      }
    }
    this.#wake(id, operation);
  }

  #wake(id: number, operation: Operation): void {
    if (!this.#drawsTimes) {
      this.#processes.pendInWindow(id, operation, this.#now);
      return;
    }
    this.#processes.pend(id);
    const maxNs = operation.maxNs === Number.POSITIVE_INFINITY ? unboundedDrawNs : operation.maxNs;
    const span = maxNs - operation.minNs + 1;
    const delayNs =
      operation.minNs + (span > 1 ? this.#ask('delay', this.#processes.delayNames[id] as string, span) : 0);
    this.#timers.insert(id, this.#now + delayNs);
    this.#requiredTimers += this.#processes.isOptional[id] === 1 ? 0 : 1;
  }

  /** Executes the pending operation of a process; the clock has been moved. */
  #step(id: number, operation: Operation): void {
    this.stepNumber += 1;
    this.processId = id;
    if (this.#processes.isGuarded[id] === 1) {
      this.#guardedCount -= 1;
    }
    const result = operation.execute(this);
    if (!this.#stopping) {
      this.#advance(id, result);
    }
    this.processId = -1;
  }

  /** Returns the name of the limit reached, or ''. */
  #runByDrawnTimes(): string {
    const timers = this.#timers;
    const { operations, isGuarded } = this.#processes;
    this.#wakeBlocked();
    while (!this.#stopping && this.#requiredTimers > 0) {
      const id = timers.take();
      this.#requiredTimers -= this.#processes.isOptional[id] === 1 ? 0 : 1;
      const operation = operations[id] as Operation;
      if (isGuarded[id] === 1 && !operation.ready()) {
        this.#processes.block(id);
        continue;
      }
      const atNs = timers.atNsOf(id);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      this.#moveClock(atNs);
      this.#step(id, operation);
      if (this.#guardedCount > 0) {
        this.#wakeBlocked();
      }
    }
    return '';
  }

  #wakeBlocked(): void {
    const { operations, isGuarded, isPending } = this.#processes;
    for (let id = 0; id < operations.length; id += 1) {
      if (isGuarded[id] === 1 && isPending[id] === 0) {
        const operation = operations[id] as Operation;
        if (operation.ready()) {
          this.#wake(id, operation);
        }
      }
    }
  }

  /** Returns the name of the limit reached, or ''. */
  #runByWindows(): string {
    while (!this.#stopping) {
      const count = this.#collectEligible();
      if (count === 0) {
        return '';
      }
      const chosen = count === 1 ? 0 : this.#ask('process', 'next', count);
      const id = this.#point.candidates[chosen] as number;
      const operation = this.#processes.operations[id] as Operation;
      const atNs = Math.max(this.#now, this.#processes.earliestNs[id] as number);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      this.#moveClock(atNs);
      this.#step(id, operation);
    }
    return '';
  }

  /**
   * The window rule: a process may go next exactly if its earliest moment is not after the least latest moment of all
   * pending ones. Leaves the ids in the choice point; 0 when nothing that has to happen is left.
   */
  #collectEligible(): number {
    const { candidates } = this.#point;
    const { operations, isGuarded, isOptional, earliestNs, latestNs } = this.#processes;
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

  #guardHolds(id: number, operation: Operation): boolean {
    const holds = operation.ready();
    const was = this.#processes.isPending[id] === 1;
    if (holds && !was) {
      this.#wake(id, operation);
    } else if (!holds && was) {
      this.#processes.block(id);
    }
    return holds;
  }

  #limitAt(atNs: number): string {
    if (this.stepNumber >= this.#limits.maxEvents) {
      return `maxEvents: ${this.#limits.maxEvents} events`;
    }
    return atNs > this.#limits.maxTimeNs ? `maxTimeNs: ${this.#limits.maxTimeNs} ns of simulated time` : '';
  }

  #moveClock(atNs: number): void {
    if (atNs !== this.#now) {
      this.#now = atNs;
      this.arena.putTime(this.#clock, atNs);
    }
  }

  #ask(kind: ChoicePoint['kind'], name: string, count: number): number {
    const point = this.#point;
    point.kind = kind;
    point.name = name;
    point.count = count;
    const answer = (this.#scheduler as Scheduler).choose(point);
    assert(answer >= 0 && answer < count, `the answer to "${name}" is one of ${count} alternatives`);
    return answer;
  }

  #comeToRest(): void {
    if (this.#unfinishedTasks === 0) {
      this.onFinish();
      return;
    }
    const waiting = this.#processes.waitingTasks().join('; ');
    this.violate(
      { rule: 'stuck', message: `nothing can happen any more: ${waiting}`, source: 'docs/architecture.md' },
      true,
    );
  }
}
