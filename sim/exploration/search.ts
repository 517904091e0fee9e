import { UnmodelledError } from '../assert.ts';
import type { Kernel } from '../kernel.ts';
import type { Operation } from '../operation.ts';
import { LimitReached, type Stepper } from '../stepper.ts';
import type { Violation } from '../violation.ts';
import { FootprintStack } from './footprints.ts';
import { ProcessHistories } from './process-histories.ts';
import type { Schedule } from './schedule.ts';
import { SearchFrame } from './search-frame.ts';
import { StateKey } from './state-key.ts';
import { StepChoices } from './step-choices.ts';
import { ExactStates, FingerprintedStates, type VisitedStates } from './visited-states.ts';

export interface SearchOptions {
  /** Sleep sets: of orders that differ only in steps which do not touch each other, take one. */
  readonly reduces: boolean;
  /**
   * True: exactly the orders of the window rule. False: every order there is, those of the window rule among them; time
   * stands still, so far more of them come together in one state.
   */
  readonly keepsWindows: boolean;
  /** Keeps whole states beside the fingerprints, and counts by them: for small worlds. */
  readonly isExact: boolean;
  /** Only orders in which a task that could go on is left for another one at most this often; undefined: all. */
  readonly maxPreemptions: number | undefined;
  /** Called with each broken rule of each execution; the schedule that led there is made when asked for. */
  readonly onViolation: (violation: Violation, scheduleOf: () => Schedule) => void;
  /** Called at each final state, once, before anything is taken back. */
  readonly onRest?: () => void;
}

/** How far a search has come. */
export interface SearchProgress {
  /** Orders followed until nothing new lay ahead. */
  readonly executions: number;
  readonly states: number;
  readonly transitions: number;
  /** Most steps of an execution. */
  readonly deepest: number;
  readonly tableBytes: number;
  /** Different states with one fingerprint; only an exact search can know. */
  readonly collisions: number;
  /** An order was left out because of `maxPreemptions`. */
  readonly isBounded: boolean;
  /** What kept an execution from its end: a limit, or what is not modelled; or ''. */
  readonly cutShort: string;
  /** A guess, from the branches of the present path. */
  readonly fractionDone: number;
}

/** Processes above it never sleep: a state remembers who slept in the bits of one word. */
const maxSleepers = 31;

/**
 * Depth-first search through the orders of the steps of a world, by undo: sleep sets with a state cache (Godefroid
 * 1996), or preemption bounding. Steps are executed by the {@link Stepper} of ordinary runs. A kernel can be searched
 * or run, one after the other.
 */
export class Search {
  readonly #stepper: Stepper;
  readonly #options: SearchOptions;
  readonly #reduces: boolean;
  readonly #histories: ProcessHistories;
  readonly #key: StateKey;
  readonly #visited: VisitedStates;
  readonly #footprints: FootprintStack;
  readonly #frames: SearchFrame[] = [];
  /** Choices that bodies make before their first step. */
  readonly #start: StepChoices;
  #asked: StepChoices;
  #depth = -1;
  #executions = 0;
  #transitions = 0;
  #deepest = 0;
  #isBounded = false;
  #cutShort = '';
  #isDone = false;

  constructor(kernel: Kernel, options: SearchOptions) {
    const { stepper, arena } = kernel;
    this.#stepper = stepper;
    this.#options = options;
    // With windows every step moves the clock that others go by; and a bound on preemptions counts what orders differ in.
    this.#reduces = options.reduces && !options.keepsWindows && options.maxPreemptions === undefined;
    this.#histories = new ProcessHistories(stepper);
    this.#key = new StateKey(stepper, options.keepsWindows);
    this.#visited = options.isExact ? new ExactStates(this.#histories) : new FingerprintedStates();
    this.#footprints = new FootprintStack(arena);
    // Other work takes time, which is all that the windows leave to it.
    this.#start = new StepChoices(options.keepsWindows);
    this.#asked = this.#start;
    arena.keepWholeLog(true);
    arena.hash(true);
    this.#begin();
  }

  get progress(): SearchProgress {
    return {
      executions: this.#executions,
      states: this.#visited.count,
      transitions: this.#transitions,
      deepest: this.#deepest,
      tableBytes: this.#visited.byteCount,
      collisions: this.#visited.collisions,
      isBounded: this.#isBounded,
      cutShort: this.#cutShort,
      fractionDone: this.#fractionDone(),
    };
  }

  /** Takes up to `transitions` steps, and ends `maxExecutions` executions in all; false when nothing is left to try. */
  advance(transitions: number, maxExecutions = Number.POSITIVE_INFINITY): boolean {
    const until = this.#transitions + transitions;
    while (!this.#isDone && this.#transitions < until && this.#executions < maxExecutions) {
      this.#goOn();
    }
    return !this.#isDone;
  }

  /** Leaves the kernel to ordinary runs. */
  close(): void {
    const { arena, processes } = this.#stepper;
    arena.reset();
    arena.hash(false);
    arena.keepWholeLog(false);
    processes.ignoresWindows = false;
    this.#stepper.listener = undefined;
    this.#isDone = true;
  }

  #begin(): void {
    const { processes } = this.#stepper;
    processes.ignoresWindows = !this.#options.keepsWindows;
    this.#stepper.listener = this.#histories;
    // Guards are looked at when the next step is chosen; looked at here, they would be in the footprint of another step.
    this.#stepper.onPending = (id, operation) => {
      if (operation.guarded) {
        processes.block(id);
      } else {
        processes.pendInWindow(id, operation, this.#stepper.nowNs);
      }
    };
    this.#histories.clear();
    this.#asked = this.#start;
    this.#stepper.begin({
      name: 'search',
      drawsTimes: false,
      begin: () => this.#start.begin(),
      choose: (point) => this.#asked.choose(point),
    });
    const goesOn = this.#attempt(() => this.#stepper.start());
    this.#reportViolations(0);
    if (goesOn && !this.#stepper.stopping) {
      this.#depth = 0;
      const root = this.#frame(0);
      root.beginPath();
      this.#enter(root);
    } else {
      this.#executions += 1;
    }
  }

  /** One step forward, or one back. */
  #goOn(): void {
    if (this.#depth < 0) {
      if (this.#start.turn()) {
        this.#begin();
      } else {
        this.#isDone = true;
      }
      return;
    }
    const frame = this.#frames[this.#depth] as SearchFrame;
    if (frame.active >= 0) {
      this.#takeBack(frame);
      if (!frame.choices.turn()) {
        this.#fallAsleep(frame);
      }
    }
    if (frame.active < 0 && !this.#activateNext(frame)) {
      this.#executions += frame.todoCount === 0 ? 1 : 0;
      this.#footprints.top = frame.footprintsFrom;
      this.#depth -= 1;
      return;
    }
    this.#take(frame);
  }

  #activateNext(frame: SearchFrame): boolean {
    if (frame.next === frame.todoCount) {
      return false;
    }
    frame.active = frame.todo[frame.next] as number;
    frame.next += 1;
    frame.choices.clear();
    frame.hasEnded = false;
    frame.operation = this.#stepper.processes.operations[frame.active];
    frame.historyLength = this.#histories.lengthOf(frame.active);
    frame.sleepFrom[frame.active] = this.#footprints.top;
    return true;
  }

  /** Every way of the active process to take its step has been tried: who stays independent of it need not go before. */
  #fallAsleep(frame: SearchFrame): void {
    const { active: id } = frame;
    const sleeps = this.#reduces && !frame.hasEnded && id < maxSleepers && !this.#isOptional(id);
    frame.sleepTo[id] = sleeps ? this.#footprints.top : (frame.sleepFrom[id] as number);
    frame.active = -1;
  }

  #take(frame: SearchFrame): void {
    const { active: id } = frame;
    const { arena, processes, limits } = this.#stepper;
    if (this.#depth >= limits.maxEvents) {
      this.#cutShort ||= `limit reached: maxEvents: ${limits.maxEvents} events`;
      this.#executions += 1;
      return;
    }
    this.#histories.prepare(id);
    const operation = processes.operations[id] as Operation;
    if (this.#options.keepsWindows) {
      this.#stepper.moveClock(Math.max(this.#stepper.nowNs, processes.earliestNs[id] as number));
    }
    frame.choices.begin();
    this.#asked = frame.choices;
    const from = this.#footprints.top;
    if (this.#reduces) {
      arena.startRecord();
      // Whether the step can be taken depends on what its guard reads.
      if (operation.guarded) operation.ready();
    }
    this.#transitions += 1;
    const goesOn = this.#attempt(() => this.#stepper.step(id, operation));
    if (this.#reduces) {
      arena.stopRecord();
      this.#footprints.push(arena);
    }
    this.#reportViolations(frame.violations);
    if (!goesOn || this.#stepper.stopping) {
      frame.hasEnded = true;
      this.#executions += 1;
      this.#deepest = Math.max(this.#deepest, this.#depth + 1);
      return;
    }
    this.#depth += 1;
    const child = this.#frame(this.#depth);
    this.#passOn(frame, child, from);
    this.#enter(child);
  }

  /** Who sleeps on after the step of the active process: those that are independent of it. */
  #passOn(frame: SearchFrame, child: SearchFrame, from: number): void {
    const { active } = frame;
    const { kind } = this.#stepper.processes.specs[active] as { kind: string };
    child.lastTask = kind === 'task' ? active : frame.lastTask;
    child.preemptions = frame.preemptions + this.#costOf(frame, active);
    if (!this.#reduces) {
      return;
    }
    this.#footprints.select(from, this.#footprints.top);
    const keepsSleepers = !this.#isOptional(active);
    for (let id = 0; id < child.sleepTo.length; id += 1) {
      const [sleepFrom, sleepTo] = [frame.sleepFrom[id] as number, frame.sleepTo[id] as number];
      const sleeps =
        keepsSleepers && id !== active && sleepTo > sleepFrom && this.#footprints.isIndependent(sleepFrom, sleepTo);
      child.sleepFrom[id] = sleepFrom;
      child.sleepTo[id] = sleeps ? sleepTo : sleepFrom;
    }
  }

  /** A state is reached: finds out what has to be tried from it. */
  #enter(frame: SearchFrame): void {
    const { arena } = this.#stepper;
    const count = this.#stepper.collectEligible();
    frame.mark = arena.mark();
    frame.hashLow = arena.hashLow;
    frame.hashHigh = arena.hashHigh;
    frame.violations = this.#stepper.violations.length;
    frame.footprintsFrom = this.#footprints.top;
    frame.active = -1;
    frame.next = 0;
    frame.todoCount = 0;
    this.#deepest = Math.max(this.#deepest, this.#depth + 1);
    const { maxPreemptions } = this.#options;
    const extra = maxPreemptions === undefined ? -1 : frame.lastTask + 1;
    this.#key.take(extra);
    const isNew = this.#visited.isNew(this.#key, extra);
    if (count === 0) {
      if (isNew) this.#rest(frame);
      return;
    }
    if (maxPreemptions !== undefined) {
      this.#addWithinBound(frame, { count, isNew, maxPreemptions });
    } else {
      this.#addAwake(frame, { count, isNew });
    }
  }

  /** Who has to go from here: at first all who are awake, later those who slept whenever the search was here before. */
  #addAwake(frame: SearchFrame, { count, isNew }: { readonly count: number; readonly isNew: boolean }): void {
    const { candidates } = this.#stepper;
    const sleepers = this.#reduces ? frame.sleepers : 0;
    const slept = isNew ? -1 : this.#visited.value;
    for (let i = 0; i < count; i += 1) {
      const id = candidates[i] as number;
      const isWanted = isNew || (id < maxSleepers && (slept & (1 << id)) !== 0);
      if (isWanted && !(id < maxSleepers && (sleepers & (1 << id)) !== 0)) {
        frame.todo[frame.todoCount] = id;
        frame.todoCount += 1;
      }
    }
    this.#visited.value = slept & sleepers;
  }

  /** A state reached with fewer preemptions than before has to be gone through again. */
  #addWithinBound(
    frame: SearchFrame,
    { count, isNew, maxPreemptions }: { count: number; isNew: boolean; maxPreemptions: number },
  ): void {
    if (!isNew && this.#visited.value <= frame.preemptions) {
      return;
    }
    this.#visited.value = frame.preemptions;
    const { candidates } = this.#stepper;
    for (let i = 0; i < count; i += 1) {
      const id = candidates[i] as number;
      if (frame.preemptions + this.#costOf(frame, id) <= maxPreemptions) {
        frame.todo[frame.todoCount] = id;
        frame.todoCount += 1;
      } else {
        this.#isBounded = true;
      }
    }
  }

  /** 1 if taking a step of `id` here leaves a task that could go on. Store buffers and other engines cost nothing. */
  #costOf({ lastTask }: SearchFrame, id: number): number {
    const { specs, isPending } = this.#stepper.processes;
    return lastTask >= 0 && id !== lastTask && specs[id]?.kind === 'task' && isPending[lastTask] === 1 ? 1 : 0;
  }

  #rest(frame: SearchFrame): void {
    this.#stepper.comeToRest();
    this.#reportViolations(frame.violations);
    this.#options.onRest?.();
    this.#stepper.violations.length = frame.violations;
    this.#stepper.stopping = false;
  }

  #takeBack(frame: SearchFrame): void {
    const { arena, violations } = this.#stepper;
    arena.rewind(frame.mark, frame.hashLow, frame.hashHigh);
    violations.length = frame.violations;
    this.#stepper.stopping = false;
    this.#stepper.stepNumber = this.#depth;
    this.#histories.truncate(frame.active, frame.historyLength);
    this.#stepper.takeBack(frame.active, frame.operation);
  }

  /** False if the work met a limit or something that is not modelled. */
  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof UnmodelledError || error instanceof LimitReached)) {
        throw error;
      }
      const kind = error instanceof LimitReached ? 'limit reached' : 'unmodelled';
      this.#cutShort ||= `${kind}: ${error.message}`;
      const { active } = this.#frames[this.#depth] ?? { active: -1 };
      if (active >= 0) this.#histories.distrust(active);
      return false;
    }
  }

  #reportViolations(known: number): void {
    const { violations } = this.#stepper;
    for (let i = known; i < violations.length; i += 1) {
      this.#options.onViolation(violations[i] as Violation, () => this.#schedule());
    }
  }

  #schedule(): Schedule {
    const path = this.#frames.slice(0, this.#depth + 1).filter(({ active }) => active >= 0);
    return {
      start: [...this.#start.digits],
      steps: path.map(({ active: processId, choices }) => ({ processId, values: [...choices.digits] })),
    };
  }

  #fractionDone(): number {
    if (this.#isDone) {
      return 1;
    }
    let fraction = 0;
    let share = 1;
    for (const { todoCount, next } of this.#frames.slice(0, this.#depth + 1)) {
      if (todoCount > 0) {
        share /= todoCount;
        fraction += share * Math.max(0, next - 1);
      }
    }
    return fraction;
  }

  #isOptional(id: number): boolean {
    return this.#stepper.processes.isOptional[id] === 1;
  }

  #frame(depth: number): SearchFrame {
    let frame = this.#frames[depth];
    if (frame === undefined) {
      frame = new SearchFrame(this.#stepper.processes.count);
      this.#frames.push(frame);
    }
    return frame;
  }
}
