import { UnmodelledError } from '../assert.ts';
import type { Kernel } from '../kernel.ts';
import type { Operation } from '../operation.ts';
import { LimitReached, type Stepper } from '../stepper.ts';
import type { Violation } from '../violation.ts';
import type { Explorer, ExplorerOptions, ExplorerProgress } from './explorer.ts';
import { FootprintStack } from './footprints.ts';
import type { PathFrame } from './path-frame.ts';
import { ProcessHistories } from './process-histories.ts';
import type { SearchPath } from './search-path.ts';
import { StepChoices } from './step-choices.ts';

export interface DepthFirstOptions extends ExplorerOptions {
  readonly keepsWindows: boolean;
  /** Processes with a lower id than this sleep after their step has been tried; 0: no footprints are taken. */
  readonly sleeperCount: number;
  readonly hashes: boolean;
}

/**
 * The machinery of explorers that go through orders depth first and by undo: takes steps and takes them back, knows who
 * sleeps. Steps are executed by the {@link Stepper} of ordinary runs. A kernel can be explored or run, one after the
 * other. What is left to try from a state is for the explorer to say.
 */
export abstract class DepthFirst<Frame extends PathFrame> implements Explorer {
  protected readonly stepper: Stepper;
  protected readonly histories: ProcessHistories;
  protected readonly footprints: FootprintStack;
  protected readonly frames: Frame[] = [];
  protected depth = -1;
  protected executions = 0;

  readonly #options: ExplorerOptions;
  readonly #keepsWindows: boolean;
  readonly #sleeperCount: number;
  /** Choices that bodies make before their first step. */
  readonly #start: StepChoices;
  #asked: StepChoices;
  #transitions = 0;
  #deepest = 0;
  #cutShort = '';
  #isDone = false;

  constructor(kernel: Kernel, options: DepthFirstOptions) {
    const { stepper, arena } = kernel;
    this.stepper = stepper;
    this.#options = options;
    this.#keepsWindows = options.keepsWindows;
    this.#sleeperCount = options.sleeperCount;
    // Other work takes time, which is all that the windows leave to it.
    this.#start = new StepChoices(options.keepsWindows);
    this.#asked = this.#start;
    this.histories = new ProcessHistories(stepper);
    this.footprints = new FootprintStack(arena);
    arena.keepWholeLog(true);
    arena.hash(options.hashes);
  }

  get progress(): ExplorerProgress {
    return {
      executions: this.executions,
      transitions: this.#transitions,
      deepest: this.#deepest,
      cutShort: this.#cutShort,
      fractionDone: this.#fractionDone(),
    };
  }

  advance(transitions: number, maxExecutions = Number.POSITIVE_INFINITY): boolean {
    const until = this.#transitions + transitions;
    while (!this.#isDone && this.#transitions < until && this.executions < maxExecutions) {
      this.#goOn();
    }
    return !this.#isDone;
  }

  close(): void {
    const { arena, processes } = this.stepper;
    arena.reset();
    arena.hash(false);
    arena.keepWholeLog(false);
    processes.ignoresWindows = false;
    this.stepper.listener = undefined;
    this.#isDone = true;
  }

  protected abstract newFrame(): Frame;

  /** A state is reached, from which `count` candidates can go: adds to its frame what has to be tried. */
  protected abstract entered(frame: Frame, count: number): void;

  /** The active process has taken its step; its footprint begins at `from`. */
  protected abstract stepTaken(frame: Frame, from: number): void;

  /** What the frame of the state behind the step of the active process has from the one before it. */
  protected abstract passOn(frame: Frame, child: Frame): void;

  /** For the constructors of subclasses, at their end: goes to the first state. */
  protected begin(): void {
    const { processes } = this.stepper;
    processes.ignoresWindows = !this.#keepsWindows;
    this.stepper.listener = this.histories;
    // Guards are looked at when the next step is chosen; looked at here, they would be in the footprint of another step.
    this.stepper.onPending = (id, operation) => {
      if (operation.guarded) {
        processes.block(id);
      } else {
        processes.pendInWindow(id, operation, this.stepper.nowNs);
      }
    };
    this.histories.clear();
    this.#asked = this.#start;
    this.stepper.begin({
      name: 'search',
      drawsTimes: false,
      begin: () => this.#start.begin(),
      choose: (point) => this.#asked.choose(point),
    });
    const goesOn = this.#startBodies();
    this.#reportViolations(0);
    if (goesOn && !this.stepper.stopping) {
      this.depth = 0;
      const root = this.#frame(0);
      root.forgetSleepers();
      this.#enter(root);
    } else {
      this.executions += 1;
    }
  }

  #startBodies(): boolean {
    try {
      this.stepper.start();
      return true;
    } catch (error) {
      this.#noteCutShort(error);
      return false;
    }
  }

  /** Nothing can happen any more: what the world says of that is reported and forgotten again. */
  protected rest(frame: Frame): void {
    this.stepper.comeToRest();
    this.#reportViolations(frame.violations);
    this.#options.onRest?.();
    this.stepper.violations.length = frame.violations;
    this.stepper.stopping = false;
  }

  protected isOptional(id: number): boolean {
    return this.stepper.processes.isOptional[id] === 1;
  }

  /** One step forward, or one back. */
  #goOn(): void {
    if (this.depth < 0) {
      if (this.#start.turn()) {
        this.begin();
      } else {
        this.#isDone = true;
      }
      return;
    }
    const frame = this.frames[this.depth] as Frame;
    if (frame.active >= 0) {
      this.#takeBack(frame);
      if (!frame.choices.turn()) {
        this.#fallAsleep(frame);
      }
    }
    if (frame.active < 0 && !this.#activateNext(frame)) {
      this.executions += frame.todoCount === 0 ? 1 : 0;
      this.footprints.top = frame.footprintsFrom;
      this.depth -= 1;
      return;
    }
    this.#take(frame);
  }

  #activateNext(frame: Frame): boolean {
    if (frame.next === frame.todoCount) {
      return false;
    }
    frame.active = frame.todo[frame.next] as number;
    frame.next += 1;
    frame.choices.clear();
    frame.hasEnded = false;
    frame.operation = this.stepper.processes.operations[frame.active];
    this.histories.mark(frame.active, frame);
    frame.activeFrom = this.footprints.top;
    return true;
  }

  /** Every way of the active process to take its step has been tried: who stays independent of it need not go before. */
  #fallAsleep(frame: Frame): void {
    const { active: id } = frame;
    if (id < this.#sleeperCount && !frame.hasEnded) {
      frame.tire(id, this.footprints.top);
    }
    frame.active = -1;
  }

  #take(frame: Frame): void {
    const { arena, limits } = this.stepper;
    if (this.depth >= limits.maxEvents) {
      this.#cutShort ||= `limit reached: maxEvents: ${limits.maxEvents} events`;
      this.executions += 1;
      return;
    }
    const from = this.footprints.top;
    this.#transitions += 1;
    const goesOn = this.#execute(frame);
    if (this.#sleeperCount > 0) {
      arena.stopRecord();
      this.footprints.push(arena);
    }
    this.#reportViolations(frame.violations);
    frame.hasEnded ||= !goesOn || this.stepper.stopping;
    this.stepTaken(frame, from);
    this.#deepest = Math.max(this.#deepest, this.depth + 1);
    if (!goesOn || this.stepper.stopping) {
      this.executions += 1;
      return;
    }
    this.depth += 1;
    const child = this.#frame(this.depth);
    this.#passOnSleepers(frame, child, from);
    this.passOn(frame, child);
    this.#enter(child);
  }

  #execute(frame: Frame): boolean {
    const { active: id } = frame;
    const { arena, processes } = this.stepper;
    this.histories.prepare(id);
    const operation = processes.operations[id] as Operation;
    if (this.#keepsWindows) {
      this.stepper.moveClock(Math.max(this.stepper.nowNs, processes.earliestNs[id] as number));
    }
    frame.choices.begin();
    this.#asked = frame.choices;
    if (this.#sleeperCount > 0) {
      arena.startRecord();
      // Whether the step can be taken depends on what its guard reads.
      if (operation.guarded) operation.ready();
    }
    try {
      this.stepper.step(id, operation);
      if (processes.operations[id] === undefined) this.histories.finished(id);
      return true;
    } catch (error) {
      this.#noteCutShort(error);
      this.histories.distrust(id);
      return false;
    }
  }

  /** Who sleeps on after the step of the active process: those that are independent of it. */
  #passOnSleepers(frame: Frame, child: Frame, from: number): void {
    if (this.#sleeperCount === 0) {
      return;
    }
    child.inheritSleepers(frame);
    if (this.isOptional(frame.active)) {
      // It may have been the last moment for it: after others there might be nothing left that it can come before.
      child.wakeAll();
      return;
    }
    if (!child.hasSleepers) {
      return;
    }
    this.footprints.select(from, this.footprints.top);
    for (let id = 0; id < child.knownTo.length; id += 1) {
      if (
        child.isAsleep(id) &&
        !this.footprints.isIndependent(child.knownFrom[id] as number, child.knownTo[id] as number)
      ) {
        child.wake(id);
      }
    }
  }

  #enter(frame: Frame): void {
    const { arena } = this.stepper;
    const count = this.stepper.collectEligible();
    frame.mark = arena.mark();
    frame.hashLow = arena.hashLow;
    frame.hashHigh = arena.hashHigh;
    frame.violations = this.stepper.violations.length;
    frame.footprintsFrom = this.footprints.top;
    frame.active = -1;
    frame.next = 0;
    frame.todoCount = 0;
    this.entered(frame, count);
  }

  #takeBack(frame: Frame): void {
    const { arena, violations } = this.stepper;
    arena.rewind(frame.mark, frame.hashLow, frame.hashHigh);
    if (violations.length !== frame.violations) violations.length = frame.violations;
    this.stepper.stopping = false;
    this.stepper.stepNumber = this.depth;
    this.histories.takeBack(frame.active, frame);
    this.stepper.takeBack(frame.active, frame.operation);
  }

  /** The work met a limit or something that is not modelled; throws whatever else it was. */
  #noteCutShort(error: unknown): void {
    if (!(error instanceof UnmodelledError || error instanceof LimitReached)) {
      throw error;
    }
    const kind = error instanceof LimitReached ? 'limit reached' : 'unmodelled';
    this.#cutShort ||= `${kind}: ${error.message}`;
  }

  #reportViolations(known: number): void {
    const { violations } = this.stepper;
    for (let i = known; i < violations.length; i += 1) {
      this.#options.onViolation(violations[i] as Violation, () => this.#path());
    }
  }

  #path(): SearchPath {
    const path = this.frames.slice(0, this.depth + 1).filter(({ active }) => active >= 0);
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
    for (const { todoCount, next } of this.frames.slice(0, this.depth + 1)) {
      if (todoCount > 0) {
        share /= todoCount;
        fraction += share * Math.max(0, next - 1);
      }
    }
    return fraction;
  }

  #frame(depth: number): Frame {
    let frame = this.frames[depth];
    if (frame === undefined) {
      frame = this.newFrame();
      this.frames.push(frame);
    }
    return frame;
  }
}
