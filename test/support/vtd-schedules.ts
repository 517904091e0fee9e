import type { System } from '../../models/system.ts';
import type { ChoicePoint, Scheduler } from '../../sim/scheduler.ts';
import { RandomScheduler } from '../../sim/schedulers/random.ts';
import type { TraceRecords } from './vtd-world.ts';

/** A pseudo-random schedule. */
export function seeded(seed: number): Scheduler {
  const scheduler = new RandomScheduler();
  scheduler.seed = { low: seed | 0, high: 0 };
  return scheduler;
}

/** One leg of a directed schedule: this process goes, and no other, until the trace says so or it has to wait. */
interface Leg {
  readonly run: string;
  readonly until: 'it waits' | ((records: TraceRecords) => boolean);
}

export interface Direction {
  readonly legs: readonly Leg[];
  /** Once the legs are over: processes in the order of preference; those not named come last. */
  readonly prefer?: readonly string[];
  /** Answers to choices inside steps by the name of the choice; 0 for the others. */
  readonly values?: Readonly<Record<string, (point: ChoicePoint) => number>>;
}

/** A schedule written by hand. A leg whose process cannot go is a mistake of the test and throws. */
export function directed(system: System, records: () => TraceRecords, direction: Direction): Scheduler {
  const { legs, prefer = [], values = {} } = direction;
  const rank = (id: number): number => {
    const at = prefer.indexOf(system.kernel.processNames[id] as string);
    return at === -1 ? prefer.length + id : at;
  };
  let leg = 0;
  return {
    name: 'directed',
    drawsTimes: false,
    begin(): void {
      leg = 0;
    },
    choose(point: ChoicePoint): number {
      if (point.kind !== 'process') {
        return values[point.name]?.(point) ?? 0;
      }
      const candidates = Array.from(point.candidates.subarray(0, point.count));
      const indexOf = (name: string): number => candidates.findIndex((id) => system.kernel.processNames[id] === name);
      const isOver = ({ run, until }: Leg): boolean => (until === 'it waits' ? indexOf(run) === -1 : until(records()));
      let wanted = legs[leg];
      while (wanted !== undefined && isOver(wanted)) {
        leg += 1;
        wanted = legs[leg];
      }
      if (wanted === undefined) {
        return candidates.indexOf(candidates.toSorted((a, b) => rank(a) - rank(b))[0] as number);
      }
      const index = indexOf(wanted.run);
      if (index === -1) {
        const names = candidates.map((id) => system.kernel.processNames[id]);
        throw new Error(`leg ${leg} wants ${wanted.run}, but only these can go: ${names.join(', ')}`);
      }
      return index;
    },
  };
}
