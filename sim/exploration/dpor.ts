import type { Kernel } from '../kernel.ts';
import { DepthFirst } from './depth-first.ts';
import type { ExplorerOptions, ExplorerProgress } from './explorer.ts';
import { PathFrame } from './path-frame.ts';

export interface DporProgress extends ExplorerProgress {
  /** Executions given up halfway, because others are equivalent to all that could have come of them. */
  readonly abandoned: number;
}

/** A step that was taken, or one that would be taken if it could, and what happened before it. */
interface Event {
  readonly process: number;
  /** By process: 1 + depth of its last step that happens before this one; 0: none does. */
  readonly clock: Int32Array;
}

class DporFrame extends PathFrame implements Event {
  readonly clock: Int32Array;
  /** By process: depth of its last step before this state, or -1. */
  readonly lastStep: Int32Array;
  /** By process: 1 if it can go from here, and if it is in `todo`. */
  readonly canGo: Uint8Array;
  readonly isInTodo: Uint8Array;
  /** Footprint of the step of the active process. */
  stepFrom = 0;
  stepTo = 0;
  /** By process that waits for its guard here: what the guard reads, as part of the footprint stack. */
  readonly guardFrom: Int32Array;
  readonly guardTo: Int32Array;
  /** The step depends on all others: it ended the run, or is one that need not happen at all. */
  touchesAll = false;

  constructor(processCount: number) {
    super(processCount);
    this.clock = new Int32Array(processCount);
    this.lastStep = new Int32Array(processCount).fill(-1);
    this.canGo = new Uint8Array(processCount);
    this.isInTodo = new Uint8Array(processCount);
    this.guardFrom = new Int32Array(processCount);
    this.guardTo = new Int32Array(processCount);
  }

  get process(): number {
    return this.active;
  }

  want(id: number): void {
    if (this.isInTodo[id] === 0 && !this.isAsleep(id)) {
      this.isInTodo[id] = 1;
      this.add(id);
    }
  }
}

/**
 * Source-DPOR with sleep sets (Abdulla, Aronis, Jonsson, Sagonas 2014): follows one order, sees which of its steps race,
 * and goes back only to turn races round. It keeps no states, so worlds whose orders seldom come together in one state
 * cost it less than a {@link Search}, all others more. Every order; windows are left out of account.
 */
export class Dpor extends DepthFirst<DporFrame> {
  #abandoned = 0;
  readonly #ahead: { process: number; clock: Int32Array };
  /** By process: depth of its first step among those that a reversal takes along. */
  readonly #first: Int32Array;
  readonly #initials: number[] = [];
  readonly #races: number[] = [];

  constructor(kernel: Kernel, options: ExplorerOptions) {
    super(kernel, { ...options, keepsWindows: false, sleeperCount: Number.POSITIVE_INFINITY, hashes: false });
    const { count } = this.stepper.processes;
    this.#ahead = { process: -1, clock: new Int32Array(count) };
    this.#first = new Int32Array(count);
    this.begin();
  }

  override get progress(): DporProgress {
    return { ...super.progress, abandoned: this.#abandoned };
  }

  protected newFrame(): DporFrame {
    return new DporFrame(this.stepper.processes.count);
  }

  /** One process will do, until a race says otherwise; and those that depend on all others. */
  protected entered(frame: DporFrame, count: number): void {
    frame.isInTodo.fill(0);
    frame.canGo.fill(0);
    let first = -1;
    for (const id of this.stepper.candidates.subarray(0, count)) {
      frame.canGo[id] = 1;
      if (this.isOptional(id)) {
        frame.want(id);
      } else if (first < 0 && !frame.isAsleep(id)) {
        first = id;
      }
    }
    if (first >= 0) {
      frame.want(first);
    }
    this.#recordGuards(frame);
    if (count === 0) {
      this.rest(frame);
      this.#lookAhead(frame);
    } else if (frame.todoCount === 0) {
      this.#abandoned += 1;
      this.#lookAhead(frame);
    }
  }

  protected passOn(frame: DporFrame, child: DporFrame): void {
    child.lastStep.set(frame.lastStep);
    child.lastStep[frame.active] = this.depth - 1;
  }

  protected stepTaken(frame: DporFrame, from: number): void {
    frame.stepFrom = from;
    // Where another step has changed what this one touches, both count: turned round, it may be as it was.
    this.footprints.repeat(frame.knownFrom[frame.active] as number, frame.knownTo[frame.active] as number);
    frame.stepTo = this.footprints.top;
    frame.touchesAll = frame.hasEnded || this.isOptional(frame.active);
    this.#startClock(frame, frame);
    this.#collectRaces(frame, frame);
    frame.clock[frame.active] = this.depth + 1;
    this.#reverseRaces(frame);
    if (frame.hasEnded) {
      for (let id = 0; id < frame.canGo.length; id += 1) {
        if (frame.canGo[id] === 1) frame.want(id);
      }
      this.#lookAhead(frame);
    } else {
      this.#lookAheadOfDisturbed(frame);
    }
  }

  /** What the process of `event` did before happens before it. */
  #startClock({ lastStep }: DporFrame, { process, clock }: Event): void {
    const last = lastStep[process] as number;
    if (last < 0) {
      clock.fill(0);
    } else {
      clock.set((this.frames[last] as DporFrame).clock);
    }
  }

  /** Steps that race with the one of `frame`: it depends on them, and on nothing that depends on them. */
  #collectRaces(frame: DporFrame, { process, clock }: Event): void {
    this.#races.length = 0;
    this.footprints.select(frame.stepFrom, frame.stepTo);
    for (let depth = this.depth - 1; depth >= 0; depth -= 1) {
      const earlier = this.frames[depth] as DporFrame;
      if (earlier.active === process || happensBefore(earlier, depth, clock)) {
        continue;
      }
      if (frame.touchesAll || earlier.touchesAll || !this.footprints.isIndependent(earlier.stepFrom, earlier.stepTo)) {
        join(clock, earlier.clock);
        this.#races.push(depth);
      }
    }
  }

  /**
   * Races of a guard that does not hold. What depends on a step through another one counts too: after lock and unlock, the
   * lock of another process depends on the unlock, and only through that on the lock before, with which it competes.
   */
  #collectGuardRaces({ lastStep }: DporFrame, { process }: Event, touchesAll: boolean): void {
    const last = this.frames[lastStep[process] as number];
    this.#races.length = 0;
    for (let depth = this.depth - 1; depth >= 0; depth -= 1) {
      const earlier = this.frames[depth] as DporFrame;
      if (
        earlier.active !== process &&
        !(last !== undefined && happensBefore(earlier, depth, last.clock)) &&
        (touchesAll || this.footprints.writesSelected(earlier.stepFrom, earlier.stepTo))
      ) {
        this.#races.push(depth);
      }
    }
  }

  #recordGuards(frame: DporFrame): void {
    const { arena, processes } = this.stepper;
    for (let id = 0; id < processes.count; id += 1) {
      frame.guardFrom[id] = this.footprints.top;
      const operation = processes.operations[id];
      if (operation !== undefined && frame.canGo[id] === 0) {
        arena.startRecord();
        operation.ready();
        arena.stopRecord();
        this.footprints.push(arena);
      }
      frame.guardTo[id] = this.footprints.top;
    }
  }

  /** An execution is over, or given up: who waits still for something might have gone, had others come later. */
  #lookAhead(frame: DporFrame): void {
    const { count, operations } = this.stepper.processes;
    for (let id = 0; id < count; id += 1) {
      if (operations[id] !== undefined && frame.canGo[id] === 0) {
        this.#lookAheadOf(frame, id);
      }
    }
  }

  /** The same for whom the step has given a reason to look again at what they wait for: later it may be another one. */
  #lookAheadOfDisturbed(frame: DporFrame): void {
    for (let id = 0; id < frame.canGo.length; id += 1) {
      const [from, to] = [frame.guardFrom[id] as number, frame.guardTo[id] as number];
      if (to > from) {
        this.footprints.select(from, to);
        if (this.footprints.writesSelected(frame.stepFrom, frame.stepTo)) {
          this.#lookAheadOf(frame, id);
        }
      }
    }
  }

  #lookAheadOf(frame: DporFrame, id: number): void {
    const ahead = this.#ahead;
    ahead.process = id;
    this.#startClock(frame, ahead);
    this.footprints.select(frame.guardFrom[id] as number, frame.guardTo[id] as number);
    this.#collectGuardRaces(frame, ahead, this.isOptional(id));
    for (const depth of this.#races) {
      join(ahead.clock, (this.frames[depth] as DporFrame).clock);
    }
    this.#reverseRaces(ahead);
  }

  #reverseRaces(late: Event): void {
    for (const depth of this.#races) {
      this.#reverse(depth, late);
    }
  }

  /**
   * Sees to it that, from the state before the step at `depth`, an order is tried in which the late step comes before it:
   * one that begins with any of the steps between them that do not need the step at `depth`, and none before themselves.
   */
  #reverse(depth: number, late: Event): void {
    const early = this.frames[depth] as DporFrame;
    this.#first.fill(-1);
    this.#initials.length = 0;
    for (let between = depth + 1; between < this.depth; between += 1) {
      const step = this.frames[between] as DporFrame;
      if (!happensBefore(early, depth, step.clock)) {
        this.#takeAlong(step, between);
      }
    }
    if (this.#takeAlong(late, this.depth)) {
      if (early.canGo[late.process] === 0) {
        if (
          !this.#disturbs(early, depth, early.guardFrom[late.process] as number, early.guardTo[late.process] as number)
        ) {
          return;
        }
        this.#initials.pop();
      } else if (
        early.isAsleep(late.process) &&
        this.#disturbs(early, depth, early.knownFrom[late.process] as number, early.knownTo[late.process] as number)
      ) {
        this.#initials.pop();
      }
    }
    if (!this.#initials.some((id) => early.isInTodo[id] === 1 || early.isAsleep(id))) {
      early.want(this.#initials.at(-1) as number);
    }
  }

  #disturbs(early: DporFrame, depth: number, from: number, to: number): boolean {
    this.footprints.select(from, to);
    for (let between = depth + 1; between < this.depth; between += 1) {
      const step = this.frames[between] as DporFrame;
      if (
        !happensBefore(early, depth, step.clock) &&
        (step.touchesAll || !this.footprints.isIndependent(step.stepFrom, step.stepTo))
      ) {
        return true;
      }
    }
    return false;
  }

  /** Notes whether the step is one that others of those taken along need not precede. */
  #takeAlong({ process, clock }: Event, depth: number): boolean {
    if (this.#first[process] !== -1) {
      return false;
    }
    const isInitial = this.#first.every((first, id) => first === -1 || (clock[id] as number) <= first);
    this.#first[process] = depth;
    if (isInitial) {
      this.#initials.push(process);
    }
    return isInitial;
  }
}

function happensBefore({ active }: DporFrame, depth: number, clock: Int32Array): boolean {
  return (clock[active] as number) > depth;
}

function join(clock: Int32Array, other: Int32Array): void {
  for (let i = 0; i < clock.length; i += 1) {
    clock[i] = Math.max(clock[i] as number, other[i] as number);
  }
}
