import type { Operation } from '../operation.ts';
import type { Seed } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';

/** A scheduler whose next run has a seed, and may want to know the world that it is to run. */
export interface SeededScheduler extends Scheduler {
  seed: Seed;
  /** Whether the run with the present seed looks at {@link profile}. */
  readonly needsProfile: boolean;
  /** Of the world that runs next. */
  profile: Profile;
}

/** What a profile is made of. */
interface Seen {
  /** By process id: number of each label its steps have had. */
  readonly kinds: readonly ReadonlyMap<string, number>[];
  /** By that number: what the steps touched, as the arena has it: 2 * word for a read, one more for a write. */
  readonly touched: readonly ReadonlySet<number>[];
  readonly processes: number;
  readonly choicePoints: number;
}

/**
 * What strategies know of a world before they run it, from a few runs of `random` with fixed seeds. It is a function of
 * the world alone: what is learnt from the runs of a campaign would make a seed mean another run on another day.
 */
export class Profile {
  /** Processes that take a step in some calibration run. */
  readonly processes: number;
  /** k of PCT: more `process` choice points than nearly all of its runs have. */
  readonly choicePoints: number;
  readonly #kinds: readonly ReadonlyMap<string, number>[];
  readonly #kindCount: number;
  readonly #races: Uint8Array;

  constructor({ kinds, touched, processes, choicePoints }: Seen) {
    this.processes = processes;
    this.choicePoints = Math.max(1, choicePoints);
    this.#kinds = kinds;
    this.#kindCount = touched.length;
    this.#races = racesOf(touched);
  }

  /** The kind of a step: all steps of a process with one label are alike. -1 if no calibration run took such a step. */
  kindOf(processId: number, operation: Operation): number {
    return this.#kinds[processId]?.get(operation.label) ?? -1;
  }

  /** Whether one of the kinds writes a word that the other touches; of a kind never seen nothing is known. */
  race(kind: number, other: number): boolean {
    return kind < 0 || other < 0 || this.#races[kind * this.#kindCount + other] === 1;
  }
}

/** Of a world of which nothing is known: every step may race with every other. */
export const emptyProfile = new Profile({ kinds: [], touched: [], processes: 0, choicePoints: 0 });

/** A matrix, row by row: 1 where two kinds race. */
function racesOf(touched: readonly ReadonlySet<number>[]): Uint8Array {
  const count = touched.length;
  const races = new Uint8Array(count * count);
  const touching = new Map<number, number[]>();
  for (const [kind, entries] of touched.entries()) {
    for (const word of new Set([...entries].map((entry) => entry >>> 1))) {
      const kinds = touching.get(word) ?? [];
      kinds.push(kind);
      touching.set(word, kinds);
    }
  }
  for (const [writer, entries] of touched.entries()) {
    for (const entry of entries) {
      for (const other of (entry & 1) === 1 ? (touching.get(entry >>> 1) ?? []) : []) {
        races[writer * count + other] = 1;
        races[other * count + writer] = 1;
      }
    }
  }
  return races;
}
