import type { Kernel } from '../kernel.ts';
import { DepthFirst } from './depth-first.ts';
import type { ExplorerOptions, ExplorerProgress } from './explorer.ts';
import { PathFrame } from './path-frame.ts';
import { StateKey } from './state-key.ts';
import { ExactStates, FingerprintedStates, type VisitedStates } from './visited-states.ts';

export interface SearchOptions extends ExplorerOptions {
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
}

export interface SearchProgress extends ExplorerProgress {
  readonly states: number;
  readonly tableBytes: number;
  /** Different states with one fingerprint; only an exact search can know. */
  readonly collisions: number;
  /** An order was left out because of `maxPreemptions`. */
  readonly isBounded: boolean;
}

/** Processes above it never sleep: a state remembers who slept in the bits of one word. */
const maxSleepers = 31;

class SearchFrame extends PathFrame {
  /** Task that took the last task step on the way here, or -1; whether it could go on, and how often others could. */
  lastTask = -1;
  canLastGoOn = false;
  preemptions = 0;

  /** The sleeping processes as bits. */
  get sleepers(): number {
    let bits = 0;
    for (let id = 0; id < this.todo.length; id += 1) {
      bits |= this.isAsleep(id) ? 1 << id : 0;
    }
    return bits;
  }
}

/** Depth-first search with a state cache: sleep sets (Godefroid 1996), or preemption bounding (Musuvathi, Qadeer 2007). */
export class Search extends DepthFirst<SearchFrame> {
  readonly #reduces: boolean;
  readonly #maxPreemptions: number | undefined;
  readonly #key: StateKey;
  readonly #visited: VisitedStates;
  #isBounded = false;

  constructor(kernel: Kernel, options: SearchOptions) {
    const { reduces, keepsWindows, maxPreemptions } = options;
    // With windows every step moves the clock that others go by; and a bound on preemptions counts what orders differ in.
    const canReduce = reduces && !keepsWindows && maxPreemptions === undefined;
    super(kernel, { ...options, sleeperCount: canReduce ? maxSleepers : 0, hashes: true });
    this.#reduces = canReduce;
    this.#maxPreemptions = maxPreemptions;
    this.#key = new StateKey(this.stepper, this.histories, keepsWindows);
    this.#visited = options.isExact ? new ExactStates() : new FingerprintedStates();
    this.begin();
  }

  override get progress(): SearchProgress {
    return {
      ...super.progress,
      states: this.#visited.count,
      tableBytes: this.#visited.byteCount,
      collisions: this.#visited.collisions,
      isBounded: this.#isBounded,
    };
  }

  protected newFrame(): SearchFrame {
    return new SearchFrame(this.stepper.processes.count);
  }

  protected stepTaken(): void {}

  protected passOn(frame: SearchFrame, child: SearchFrame): void {
    const { active } = frame;
    if (this.#maxPreemptions === undefined) {
      return;
    }
    child.lastTask = this.#isTask(active) ? active : frame.lastTask;
    child.preemptions = frame.preemptions + this.#costOf(frame, active);
  }

  protected entered(frame: SearchFrame, count: number): void {
    const maxPreemptions = this.#maxPreemptions;
    const extra = maxPreemptions === undefined ? -1 : frame.lastTask + 1;
    this.#key.take(extra);
    const isNew = this.#visited.isNew(this.#key, extra);
    if (count === 0) {
      if (isNew) this.rest(frame);
    } else if (maxPreemptions !== undefined) {
      this.#addWithinBound(frame, { count, isNew, maxPreemptions });
    } else {
      this.#addAwake(frame, { count, isNew });
    }
  }

  /** Who has to go from here: at first all who are awake, later those who slept whenever the search was here before. */
  #addAwake(frame: SearchFrame, { count, isNew }: { readonly count: number; readonly isNew: boolean }): void {
    const { candidates } = this.stepper;
    const sleepers = this.#reduces ? frame.sleepers : 0;
    const slept = isNew ? -1 : this.#visited.value;
    for (let i = 0; i < count; i += 1) {
      const id = candidates[i] as number;
      const isWanted = isNew || (id < maxSleepers && (slept & (1 << id)) !== 0);
      if (isWanted && !(id < maxSleepers && (sleepers & (1 << id)) !== 0)) {
        frame.add(id);
      }
    }
    this.#visited.value = slept & sleepers;
  }

  /** A state reached with fewer preemptions than before has to be gone through again. */
  #addWithinBound(
    frame: SearchFrame,
    { count, isNew, maxPreemptions }: { count: number; isNew: boolean; maxPreemptions: number },
  ): void {
    const candidates = this.stepper.candidates.subarray(0, count);
    frame.canLastGoOn = candidates.includes(frame.lastTask);
    if (!isNew && this.#visited.value <= frame.preemptions) {
      return;
    }
    this.#visited.value = frame.preemptions;
    for (const id of candidates) {
      if (frame.preemptions + this.#costOf(frame, id) <= maxPreemptions) {
        frame.add(id);
      } else {
        this.#isBounded = true;
      }
    }
  }

  /** 1 if taking a step of `id` here leaves a task that could go on. Store buffers and other engines cost nothing. */
  #costOf({ lastTask, canLastGoOn }: SearchFrame, id: number): number {
    return canLastGoOn && id !== lastTask && this.#isTask(id) ? 1 : 0;
  }

  #isTask(id: number): boolean {
    return this.stepper.processes.specs[id]?.kind === 'task';
  }
}
