import { type Choices, external, type Skeleton } from './execution.ts';
import { empty, intersection, isAcyclic, isEmpty, type Relation, sequence, union } from './relation.ts';

/** One way in which the accesses to one location can stand to each other. */
export interface LocationChoice extends Choices {
  /** What the location holds at the end. */
  readonly last: bigint;
}

/**
 * Every order of the writes to a location that goes with who reads from whom, by the two rules common to all models:
 * per location there is one order of all accesses that agrees with program order, and nothing of another thread comes
 * between the halves of an atomic access.
 */
export function locationChoices(
  skeleton: Skeleton,
  location: number,
  allReadsFrom: Relation,
): readonly LocationChoice[] {
  const { accesses, threads, count } = skeleton;
  const here = accesses.reduce((set, access, a) => (access.location === location ? set | (1 << a) : set), 0);
  const writes = accesses.flatMap((_, a) => (((here & skeleton.writes) >> a) & 1 && threads[a] !== -1 ? [a] : []));
  const readsFrom = allReadsFrom.map((row, a) => ((here >> a) & 1 ? row : 0));
  const found: LocationChoice[] = [];
  for (const order of orders(writes, skeleton.sameLocation)) {
    const coherence = empty(count);
    let later = 0;
    for (const a of [location, ...order].reverse()) {
      coherence[a] = later;
      later |= 1 << a;
    }
    const fromRead = empty(count);
    for (const [w, row] of readsFrom.entries()) {
      for (let rest = row; rest !== 0; rest &= rest - 1) {
        const r = 31 - Math.clz32(rest & -rest);
        // An event that reads and writes does not come before itself.
        fromRead[r] = (coherence[w] as number) & ~(1 << r);
      }
    }
    const choice = { readsFrom, coherence, fromRead, last: accesses[order.at(-1) ?? location]?.written as bigint };
    if (isCoherent(skeleton, choice)) {
      found.push(choice);
    }
  }
  return found;
}

function isCoherent(skeleton: Skeleton, { readsFrom, coherence, fromRead }: Choices): boolean {
  const betweenHalves = sequence(external(skeleton, fromRead), external(skeleton, coherence));
  return (
    isAcyclic(union(skeleton.sameLocation, readsFrom, coherence, fromRead)) &&
    isEmpty(intersection(skeleton.atomic, betweenHalves))
  );
}

/** Orders of events in which none stands before one that it comes after. */
function* orders(
  items: readonly number[],
  after: Relation,
  placed: readonly number[] = [],
): Generator<readonly number[]> {
  if (items.length === 0) {
    yield placed;
    return;
  }
  for (const item of items) {
    if (items.every((other) => (((after[other] as number) >> item) & 1) === 0)) {
      const others = items.filter((other) => other !== item);
      yield* orders(others, after, [...placed, item]);
    }
  }
}
