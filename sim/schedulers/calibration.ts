import type { Kernel } from '../kernel.ts';
import type { Operation } from '../operation.ts';
import type { ChoicePoint, Scheduler } from '../scheduler.ts';
import { PctScheduler } from './pct.ts';
import { Profile, type SeededScheduler } from './profile.ts';
import { RandomScheduler } from './random.ts';

/** Their number and seeds are part of what a seed means: another number is another version. */
const calibrationRuns = 16;
/** Where the change points of calibration runs lie, while k is not known. */
const firstChoicePoints = 64;

/** Runs the world a few times to make its profile. Nothing else of the world may be looked at meanwhile. */
export function profileOf(kernel: Kernel): Profile {
  const calibration = new Calibration(kernel);
  for (let run = 0; run < calibrationRuns; run += 1) {
    calibration.run(run);
  }
  const { kinds, touched, steppers, choicePoints } = calibration;
  // A quarter more than was seen: about one run of PCT in fifty has yet more choice points.
  return new Profile({ kinds, touched, processes: steppers.size, choicePoints: Math.ceil(choicePoints * 1.25) });
}

class Calibration implements Scheduler {
  readonly name = 'calibration';
  readonly drawsTimes = false;
  readonly kinds: Map<string, number>[];
  readonly touched: Set<number>[] = [];
  /** Ids of the processes that have taken a step. */
  readonly steppers = new Set<number>();
  choicePoints = 0;

  readonly #kernel: Kernel;
  /** Random walks show what steps touch; k is wanted of runs of PCT, which cost less, as nothing is noted in them. */
  readonly #strategies = [
    new RandomScheduler(),
    new PctScheduler(2),
    new RandomScheduler(),
    new PctScheduler(3),
  ] as const;
  #strategy: SeededScheduler = this.#strategies[0];
  #asked = 0;
  /** Kind of the step under record, and how much of what is touched is its own; -1: all of it. */
  #kind = -1;
  #ownCount = -1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.kinds = kernel.processNames.map(() => new Map<string, number>());
  }

  run(number: number): void {
    this.#strategy = this.#strategies[number % this.#strategies.length] as SeededScheduler;
    this.#strategy.seed = { low: number, high: 0 };
    const choicePoints = this.choicePoints === 0 ? firstChoicePoints : this.choicePoints;
    this.#strategy.profile = new Profile({ kinds: [], touched: [], processes: 0, choicePoints });
    this.#kernel.run(this);
    this.#endStep();
    if (this.#strategy.needsProfile) {
      this.choicePoints = Math.max(this.choicePoints, this.#asked);
    }
  }

  begin(): void {
    this.#strategy.begin();
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
    return this.#strategy.choose(point);
  }

  stepTaken(processId: number, { label }: Operation): void {
    this.#endStep();
    this.steppers.add(processId);
    if (this.#strategy.needsProfile) {
      return;
    }
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
