import { Arena } from '../../sim/arena.ts';
import { Kernel } from '../../sim/kernel.ts';
import { type Flow, Operation, type StepContext } from '../../sim/operation.ts';
import type { ProcessKind } from '../../sim/process-table.ts';
import type { ChoicePoint, Scheduler } from '../../sim/scheduler.ts';
import type { RunLimits, RunOutcome } from '../../sim/violation.ts';
import { enumerateSchedules } from './enumerate-schedules.ts';

export interface ActOptions<T> {
  readonly minNs?: number;
  /** Left out: as long as it likes, so that every order is allowed. */
  readonly maxNs?: number;
  readonly guard?: () => boolean;
  readonly act?: (context: StepContext) => T;
}

/** A step of a test: any window, any guard, any effect. */
export class Act<T = void> extends Operation<T | undefined> {
  readonly label: string;
  readonly #options: ActOptions<T>;

  constructor(label: string, options: ActOptions<T> = {}) {
    super(options.minNs ?? 0, options.maxNs ?? Number.POSITIVE_INFINITY);
    this.label = label;
    this.#options = options;
  }

  override get guarded(): boolean {
    return this.#options.guard !== undefined;
  }

  override ready(): boolean {
    return this.#options.guard?.() ?? true;
  }

  execute(context: StepContext): T | undefined {
    return this.#options.act?.(context);
  }
}

export const ampleLimits: RunLimits = { maxEvents: 100_000, maxTimeNs: Number.MAX_SAFE_INTEGER, maxRetries: 1000 };

/** A kernel with nothing in it: name processes, then run. What ran is in {@link log}, one word a step. */
export class TinyWorld {
  readonly arena = new Arena();
  readonly kernel: Kernel;
  /** What the bodies of the last run have said; for tests only, no body reads it. */
  log: string[] = [];
  #sealed = false;

  constructor(limits: Partial<RunLimits> = {}) {
    this.kernel = new Kernel(this.arena, { ...ampleLimits, ...limits });
  }

  add(name: string, kind: ProcessKind, body: () => Flow): this {
    this.kernel.addProcess({ name, kind, body });
    return this;
  }

  task(name: string, body: () => Flow): this {
    return this.add(name, 'task', body);
  }

  /** A task of `count` steps, each allowed at any moment, that logs its name with each. */
  counter(name: string, count: number): this {
    const step = this.says(name);
    return this.task(name, function* () {
      for (let i = 0; i < count; i += 1) yield step;
    });
  }

  /** A step that logs `word`. */
  says(word: string, options: ActOptions<void> = {}): Act {
    return new Act(word, {
      ...options,
      act: (context) => {
        this.log.push(word);
        options.act?.(context);
      },
    });
  }

  run(scheduler: Scheduler = answering(() => 0)): RunOutcome {
    this.#seal();
    this.log = [];
    return this.kernel.run(scheduler);
  }

  /** Every schedule: the log, joined, and how the run ended, one entry a schedule. */
  everyRun(options: { drawsTimes?: boolean } = {}): readonly { log: string; outcome: RunOutcome }[] {
    this.#seal();
    this.log = [];
    const runs: { log: string; outcome: RunOutcome }[] = [];
    for (const { outcome } of enumerateSchedules(this.kernel, options)) {
      runs.push({ log: this.log.join(' '), outcome });
      this.log = [];
    }
    return runs;
  }

  #seal(): void {
    if (!this.#sealed) {
      this.#sealed = true;
      this.kernel.seal();
    }
  }
}

/** A scheduler from one function. */
export function answering(choose: (point: ChoicePoint) => number, drawsTimes = false): Scheduler {
  return { name: 'answering', drawsTimes, begin: () => {}, choose };
}

/** Gives the answers listed, then 0. */
export function scripted(answers: readonly number[], drawsTimes = false): Scheduler {
  let next = 0;
  return {
    name: 'scripted',
    drawsTimes,
    begin: () => {
      next = 0;
    },
    choose: () => {
      next += 1;
      return answers[next - 1] ?? 0;
    },
  };
}
