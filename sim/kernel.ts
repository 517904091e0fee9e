import type { Arena } from './arena.ts';
import { assert, UnmodelledError } from './assert.ts';
import type { Flow, Operation, StepContext } from './operation.ts';
import type { ChoicePoint, Scheduler } from './scheduler.ts';
import { TimerQueue } from './timer-queue.ts';
import type { RunLimits, RunOutcome, Violation } from './violation.ts';

/**
 * `task`: software that must finish, or the run is `stuck`. `engine`: hardware that works while it has work. `optional`:
 * something hardware may do and need not (an eviction, a prefetch); it never keeps a run alive nor moves the clock.
 */
export type ProcessKind = 'task' | 'engine' | 'optional';

export interface ProcessSpec {
  /** Unique; columns of pictures and choice points use it. */
  readonly name: string;
  readonly kind: ProcessKind;
  /** Makes a fresh body; called once a run, and again when an exploration goes back. */
  readonly body: () => Flow<void>;
}

interface Process extends ProcessSpec {
  readonly id: number;
  /** Arena word: see the states below. */
  readonly state: number;
  /** Arena time: when the present operation was asked for, or its guard became true. */
  readonly pendedAt: number;
  /** Arena word: rounds of retry loops. */
  readonly retries: number;
  generator: Flow<void> | undefined;
  operation: Operation | undefined;
}

const blocked = 1;
const pending = 2;
const done = 3;

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
  readonly #processes: Process[] = [];
  readonly #clock: number;
  readonly #point: ChoicePoint = { kind: 'value', name: '', count: 0, candidates: new Int32Array(0) };
  #scheduler: Scheduler | undefined;
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
    this.#clock = arena.allocateTime('kernel.clock');
  }

  get nowNs(): number {
    return this.#now;
  }

  get processNames(): readonly string[] {
    return this.#processes.map((process) => process.name);
  }

  /** Adds a process before the arena is sealed; processes take steps of the same instant in the order they are added. */
  addProcess(spec: ProcessSpec): number {
    const id = this.#processes.length;
    const name = `process.${spec.name}`;
    this.#processes.push({
      ...spec,
      id,
      state: this.arena.allocate(`${name}.state`, 1),
      pendedAt: this.arena.allocateTime(`${name}.pendedAt`),
      retries: this.arena.allocate(`${name}.retries`, 1),
      generator: undefined,
      operation: undefined,
    });
    return id;
  }

  choose(name: string, count: number): number {
    assert(count > 0, 'a choice has an alternative');
    if (count === 1) {
      return 0;
    }
    return this.#ask('value', name, count);
  }

  retry(loop: string): void {
    const process = this.#processes[this.processId] as Process;
    const rounds = this.arena.get(process.retries) + 1;
    this.arena.put(process.retries, rounds);
    if (rounds >= this.#limits.maxRetries) {
      this.violate(
        {
          rule: 'livelock',
          message: `${process.name} went through "${loop}" ${rounds} times and is no further`,
          source: 'limit maxRetries',
        },
        true,
      );
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
      if (!(error instanceof UnmodelledError)) {
        throw error;
      }
      end = 'unmodelled';
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
    this.#now = 0;
    this.stepNumber = 0;
    this.#violations = [];
    this.#stopping = false;
    this.#unfinishedTasks = 0;
    this.#requiredTimers = 0;
    this.#guardedCount = 0;
    if (this.#point.candidates.length < this.#processes.length) {
      this.#point.candidates = new Int32Array(this.#processes.length);
      this.#timers = new TimerQueue(this.#processes.length);
    }
    this.#timers.clear();
    scheduler.begin();
  }

  #start(): void {
    for (const process of this.#processes) {
      this.#unfinishedTasks += process.kind === 'task' ? 1 : 0;
      process.generator = process.body();
      this.#advance(process, undefined);
    }
  }

  /** Feeds a result into a body and takes its next operation. */
  #advance(process: Process, result: unknown): void {
    const generator = process.generator as Flow<void>;
    this.processId = process.id;
    let value = result;
    for (;;) {
      const answer = (generator as Generator<Operation, void, unknown>).next(value);
      if (answer.done === true) {
        this.#finish(process);
        return;
      }
      const operation = answer.value;
      if (!operation.immediate) {
        this.#pend(process, operation);
        return;
      }
      value = operation.execute(this);
    }
  }

  #finish(process: Process): void {
    process.operation = undefined;
    process.generator = undefined;
    this.arena.put(process.state, done);
    this.arena.putTime(process.pendedAt, 0);
    if (process.kind === 'task') {
      this.#unfinishedTasks -= 1;
    }
  }

  #pend(process: Process, operation: Operation): void {
    process.operation = operation;
    if (operation.guarded) {
      this.#guardedCount += 1;
      if (!operation.ready()) {
        this.arena.put(process.state, blocked);
        this.arena.putTime(process.pendedAt, 0);
        return;
      }
    }
    this.#wake(process, operation);
  }

  #wake(process: Process, operation: Operation): void {
    this.arena.put(process.state, pending);
    this.arena.putTime(process.pendedAt, this.#now);
    if ((this.#scheduler as Scheduler).drawsTimes) {
      const maxNs = Number.isFinite(operation.maxNs) ? operation.maxNs : unboundedDrawNs;
      const span = maxNs - operation.minNs + 1;
      const delayNs = operation.minNs + (span > 1 ? this.#ask('delay', process.name, span) : 0);
      this.#timers.insert(process.id, this.#now + delayNs);
      this.#requiredTimers += process.kind === 'optional' ? 0 : 1;
    }
  }

  /** Executes the pending operation of a process; the clock has been moved. */
  #step(process: Process): void {
    const operation = process.operation as Operation;
    this.stepNumber += 1;
    this.processId = process.id;
    if (operation.guarded) {
      this.#guardedCount -= 1;
    }
    const result = operation.execute(this);
    if (!this.#stopping) {
      this.#advance(process, result);
    }
    this.processId = -1;
  }

  /** Returns the name of the limit reached, or ''. */
  #runByDrawnTimes(): string {
    const timers = this.#timers;
    this.#wakeBlocked();
    while (!this.#stopping && (this.#unfinishedTasks > 0 || this.#requiredTimers > 0) && timers.size > 0) {
      const process = this.#processes[timers.take()] as Process;
      this.#requiredTimers -= process.kind === 'optional' ? 0 : 1;
      const atNs = timers.atNsOf(process.id);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      this.#moveClock(atNs);
      const operation = process.operation as Operation;
      if (operation.guarded && !operation.ready()) {
        this.arena.put(process.state, blocked);
        continue;
      }
      this.#step(process);
      if (this.#guardedCount > 0) {
        this.#wakeBlocked();
      }
    }
    return '';
  }

  #wakeBlocked(): void {
    for (const process of this.#processes) {
      if (this.arena.get(process.state) === blocked && process.operation?.ready() === true) {
        this.#wake(process, process.operation);
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
      const process = this.#processes[this.#point.candidates[chosen] as number] as Process;
      const operation = process.operation as Operation;
      const atNs = Math.max(this.#now, this.arena.getTime(process.pendedAt) + operation.minNs);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      this.#moveClock(atNs);
      this.#step(process);
    }
    return '';
  }

  /**
   * The window rule: a process may go next exactly if its earliest moment is not after the least latest moment of all
   * pending ones. Leaves the ids in the choice point; 0 when nothing that has to happen is left.
   */
  #collectEligible(): number {
    const candidates = this.#point.candidates;
    let leastLatestNs = Number.POSITIVE_INFINITY;
    let count = 0;
    let required = this.#unfinishedTasks > 0;
    for (const process of this.#processes) {
      const operation = process.operation;
      if (operation === undefined) {
        continue;
      }
      if (operation.guarded && !this.#guardHolds(process, operation)) {
        continue;
      }
      if (process.kind !== 'optional') {
        required = true;
        leastLatestNs = Math.min(leastLatestNs, this.arena.getTime(process.pendedAt) + operation.maxNs);
      }
      candidates[count] = process.id;
      count += 1;
    }
    if (!required) {
      return 0;
    }
    let eligible = 0;
    for (let i = 0; i < count; i += 1) {
      const process = this.#processes[candidates[i] as number] as Process;
      if (this.arena.getTime(process.pendedAt) + (process.operation as Operation).minNs <= leastLatestNs) {
        candidates[eligible] = process.id;
        eligible += 1;
      }
    }
    return eligible;
  }

  #guardHolds(process: Process, operation: Operation): boolean {
    const holds = operation.ready();
    const was = this.arena.get(process.state);
    if (holds && was !== pending) {
      this.arena.put(process.state, pending);
      this.arena.putTime(process.pendedAt, this.#now);
    } else if (!holds && was !== blocked) {
      this.arena.put(process.state, blocked);
      this.arena.putTime(process.pendedAt, 0);
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
    const waiting = this.#processes
      .filter((process) => process.kind === 'task' && process.operation !== undefined)
      .map((process) => `${process.name} waits for ${(process.operation as Operation).label}`);
    this.violate(
      { rule: 'stuck', message: `nothing can happen any more: ${waiting.join('; ')}`, source: 'docs/architecture.md' },
      true,
    );
  }
}
