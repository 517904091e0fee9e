import type { Kernel } from '../kernel.ts';
import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';
import { Profile } from './profile.ts';
import { RandomScheduler } from './random.ts';

/** Their number and seeds are part of what a seed means: another number is another version. */
const calibrationRuns = 16;

/** Runs the world a few times to make its profile. Nothing else of the world may be looked at meanwhile. */
export function profileOf(kernel: Kernel): Profile {
  const calibration = new Calibration(kernel);
  for (let run = 0; run < calibrationRuns; run += 1) {
    calibration.run(run);
  }
  return new Profile(calibration);
}

class Calibration implements Scheduler {
  readonly name = 'calibration';
  readonly drawsTimes = false;
  readonly kinds: Map<string, number>[];
  readonly touched: Set<number>[] = [];
  choicePoints = 0;

  readonly #kernel: Kernel;
  readonly #random = new RandomScheduler();
  #beginsAtOnce = true;
  #asked = 0;
  /** Kind of the step under record, and how much of what is touched is its own; -1: all of it. */
  #kind = -1;
  #ownCount = -1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.kinds = kernel.processNames.map(() => new Map<string, number>());
  }

  run(number: number): void {
    this.#random.seed = { low: number, high: 0 };
    // Who asks for choice points wants none of a task's idling; who asks what a step touches wants runs of all shapes.
    this.#beginsAtOnce = number % 2 === 0;
    this.#kernel.run(this);
    this.#endStep();
    if (this.#beginsAtOnce) {
      this.choicePoints = Math.max(this.choicePoints, this.#asked);
    }
  }

  begin(): void {
    this.#random.begin();
    this.#asked = 0;
    this.#kind = -1;
    // A step is over when the last result has been given: what the kernel then does to wait for the next one is not
    // part of it, and would make every step race with every other.
    const given = () => {
      this.#ownCount = this.#kernel.arena.touchedCount;
    };
    this.#kernel.stepper.listener = { given, checkpoint: given };
  }

  choose(point: ChoicePoint): number {
    this.#asked += point.kind === 'process' ? 1 : 0;
    return point.kind === 'idle' && this.#beginsAtOnce ? 0 : this.#random.choose(point);
  }

  stepTaken(processId: number, { label }: Operation): void {
    this.#endStep();
    const labels = this.kinds[processId] as Map<string, number>;
    this.#kind = labels.get(label) ?? this.touched.length;
    if (this.#kind === this.touched.length) {
      labels.set(label, this.#kind);
      this.touched.push(new Set());
    }
    this.#ownCount = -1;
    this.#kernel.arena.startRecord();
  }

  #endStep(): void {
    const { arena } = this.#kernel;
    arena.stopRecord();
    const touched = this.touched[this.#kind];
    if (touched !== undefined) {
      const count = this.#ownCount < 0 ? arena.touchedCount : this.#ownCount;
      for (let i = 0; i < count; i += 1) {
        touched.add(arena.touched[i] as number);
      }
    }
    this.#kind = -1;
  }
}
