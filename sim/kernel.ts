import type { Arena } from './arena.ts';
import { UnmodelledError } from './assert.ts';
import type { Operation } from './operation.ts';
import type { ProcessSpec } from './process-table.ts';
import type { Scheduler } from './scheduler.ts';
import { LimitReached, Stepper } from './stepper.ts';
import { TimerQueue } from './timer-queue.ts';
import type { TraceClock } from './trace.ts';
import type { RunLimits, RunOutcome, Violation } from './violation.ts';

/** In a run with drawn times a step without a latest moment still needs one: a day. */
const unboundedDrawNs = 86_400_000_000_000;

/**
 * Runs processes against each other, one step at a time. Every free choice is asked of one scheduler, all state is in
 * the arena (but for the locals of the bodies), so a run is a function of the scheduler's answers.
 */
export class Kernel implements TraceClock {
  readonly arena: Arena;
  /** For searches: runs that are taken apart. */
  readonly stepper: Stepper;

  #timers = new TimerQueue(0);
  /** Tasks and engines with a timer, in runs with drawn times. */
  #requiredTimers = 0;

  constructor(arena: Arena, limits: RunLimits) {
    this.arena = arena;
    this.stepper = new Stepper(arena, limits);
  }

  get nowNs(): number {
    return this.stepper.nowNs;
  }

  get stepNumber(): number {
    return this.stepper.stepNumber;
  }

  get processId(): number {
    return this.stepper.processId;
  }

  get processNames(): readonly string[] {
    return this.stepper.processes.specs.map(({ name }) => name);
  }

  /** Called when a rule is broken, also by the kernel itself (`stuck`, `livelock`). */
  set onViolation(callback: (violation: Violation) => void) {
    this.stepper.onViolation = callback;
  }

  /** Called when everything has come to rest, before the outcome is fixed. */
  set onFinish(callback: () => void) {
    this.stepper.onFinish = callback;
  }

  /**
   * Adds a process before {@link seal}. With drawn times, steps of the same instant go in the order they were asked for;
   * first of all in the order in which processes were added.
   */
  addProcess(spec: ProcessSpec): number {
    return this.stepper.processes.add(spec);
  }

  /** Ends building: what the arena holds now is the start of every run. */
  seal(): void {
    this.stepper.seal();
    this.#timers = new TimerQueue(this.stepper.processes.count);
  }

  /** Notes a broken rule; `stops` ends the run after this step. */
  violate(violation: Violation, stops: boolean): void {
    this.stepper.violate(violation, stops);
  }

  /** One run from the initial state. Throws only for faults of tornread itself. */
  run(scheduler: Scheduler): RunOutcome {
    const { stepper } = this;
    this.#begin(scheduler);
    let end: RunOutcome['end'] = 'finished';
    let detail = '';
    try {
      stepper.start();
      detail = scheduler.drawsTimes ? this.#runByDrawnTimes(scheduler) : this.#runByWindows(scheduler);
      if (detail !== '') {
        end = 'limit';
      } else if (!stepper.stopping) {
        stepper.comeToRest();
      }
    } catch (error) {
      if (!(error instanceof UnmodelledError || error instanceof LimitReached)) {
        throw error;
      }
      end = error instanceof LimitReached ? 'limit' : 'unmodelled';
      detail = error.message;
    }
    if (stepper.stopping) {
      end = 'violated';
    }
    const { violations, stepNumber: events, nowNs } = stepper;
    return { end, detail, violations, events, nowNs };
  }

  #begin(scheduler: Scheduler): void {
    this.#requiredTimers = 0;
    this.#timers.clear();
    this.stepper.processes.ignoresWindows = false;
    this.stepper.listener = undefined;
    this.stepper.onPending = (id, operation) => {
      if (operation.guarded && !operation.ready()) {
        this.stepper.processes.block(id);
      } else if (scheduler.drawsTimes) {
        this.#draw(id, operation);
      } else {
        this.stepper.processes.pendInWindow(id, operation, this.stepper.nowNs);
      }
    };
    this.stepper.begin(scheduler);
  }

  /** Returns the name of the limit reached, or ''. */
  #runByWindows(scheduler: Scheduler): string {
    const { stepper } = this;
    const { operations, earliestNs } = stepper.processes;
    const { candidates } = stepper;
    while (!stepper.stopping) {
      const count = stepper.collectEligible();
      if (count === 0) {
        return '';
      }
      const chosen = count === 1 ? 0 : stepper.ask('process', 'next', count);
      const id = candidates[chosen] as number;
      const operation = operations[id] as Operation;
      const atNs = Math.max(stepper.nowNs, earliestNs[id] as number);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      stepper.moveClock(atNs);
      scheduler.stepTaken?.(id, operation);
      stepper.step(id, operation);
      scheduler.stepDone?.(id);
    }
    return '';
  }

  #draw(id: number, operation: Operation): void {
    const { stepper } = this;
    const { processes } = stepper;
    processes.pend(id);
    const maxNs = operation.maxNs === Number.POSITIVE_INFINITY ? unboundedDrawNs : operation.maxNs;
    const span = maxNs - operation.minNs + 1;
    const delayNs = operation.minNs + (span > 1 ? stepper.ask('delay', processes.delayNames[id] as string, span) : 0);
    this.#timers.insert(id, stepper.nowNs + delayNs);
    this.#requiredTimers += processes.isOptional[id] === 1 ? 0 : 1;
  }

  /** Returns the name of the limit reached, or ''. */
  #runByDrawnTimes(scheduler: Scheduler): string {
    const timers = this.#timers;
    const { stepper } = this;
    const { operations, isGuarded, isOptional } = stepper.processes;
    this.#wakeBlocked();
    while (!stepper.stopping && this.#requiredTimers > 0) {
      const id = timers.take();
      this.#requiredTimers -= isOptional[id] === 1 ? 0 : 1;
      const operation = operations[id] as Operation;
      if (isGuarded[id] === 1 && !operation.ready()) {
        stepper.processes.block(id);
        continue;
      }
      const atNs = timers.atNsOf(id);
      const limit = this.#limitAt(atNs);
      if (limit !== '') {
        return limit;
      }
      stepper.moveClock(atNs);
      scheduler.stepTaken?.(id, operation);
      stepper.step(id, operation);
      scheduler.stepDone?.(id);
      this.#wakeBlocked();
    }
    return '';
  }

  #wakeBlocked(): void {
    const { processes } = this.stepper;
    for (let blocked = processes.blockedCount, id = 0; blocked > 0; id += 1) {
      if (processes.isBlocked(id)) {
        blocked -= 1;
        const operation = processes.operations[id] as Operation;
        if (operation.ready()) {
          this.#draw(id, operation);
        }
      }
    }
  }

  #limitAt(atNs: number): string {
    const { maxEvents, maxTimeNs } = this.stepper.limits;
    if (this.stepper.stepNumber >= maxEvents) {
      return `maxEvents: ${maxEvents} events`;
    }
    return atNs > maxTimeNs ? `maxTimeNs: ${maxTimeNs} ns of simulated time` : '';
  }
}
