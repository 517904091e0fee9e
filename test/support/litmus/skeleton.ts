import type { Candidate } from './candidates.ts';
import type { Access, Skeleton, Trace } from './execution.ts';
import { type EventSet, empty, mostEvents, type Relation } from './relation.ts';

/** Numbers the events of a candidate: the relations that depend on nothing else, and who reads from whom. */
export function skeletonOf(
  initial: readonly bigint[],
  way: readonly Trace[],
  sources: Candidate['sources'],
): { readonly skeleton: Skeleton; readonly readsFrom: Relation } {
  const accesses: Access[] = initial.map(initialWrite);
  const threads: number[] = initial.map(() => -1);
  const firsts: number[] = [];
  for (const [t, trace] of way.entries()) {
    firsts.push(accesses.length);
    accesses.push(...trace.accesses);
    threads.push(...trace.accesses.map(() => t));
  }
  const count = accesses.length;
  if (count > mostEvents) {
    throw new Error(`an execution of ${count} events is too large for the axioms (${mostEvents})`);
  }
  const relation = (holds: (a: number, b: number) => boolean): Relation =>
    accesses.map((_, a) => accesses.reduce((row, _, b) => (holds(a, b) ? row | (1 << b) : row), 0));
  const isOrdered = (a: number, b: number): boolean => threads[a] !== -1 && threads[a] === threads[b] && a < b;
  const dependency = (of: (access: Access) => EventSet): Relation => {
    const rows = empty(count);
    for (const [b, access] of accesses.entries()) {
      const first = firsts[threads[b] as number] ?? 0;
      for (let i = 0; first + i < b; i += 1) {
        if ((of(access) >> i) & 1) {
          (rows[first + i] as number) |= 1 << b;
        }
      }
    }
    return rows;
  };
  const base = { count, accesses, threads, fences: way.map(({ fences }) => fences) };
  const readsFrom = empty(count);
  for (const [t, trace] of way.entries()) {
    for (const [a, access] of trace.accesses.entries()) {
      if (access.read !== undefined) {
        const source = sources[t]?.[a];
        const w = source === undefined ? access.location : (firsts[source.thread] as number) + source.access;
        (readsFrom[w] as number) |= 1 << ((firsts[t] as number) + a);
      }
    }
  }
  const programOrder = relation(isOrdered);
  const skeleton = {
    ...base,
    all: -1 >>> (32 - count),
    reads: accesses.reduce((set, { read }, a) => (read === undefined ? set : set | (1 << a)), 0),
    writes: accesses.reduce((set, { written }, a) => (written === undefined ? set : set | (1 << a)), 0),
    programOrder,
    sameLocation: relation((a, b) => isOrdered(a, b) && accesses[a]?.location === accesses[b]?.location),
    internal: relation((a, b) => isOrdered(a, b) || isOrdered(b, a)),
    address: dependency(({ address }) => address),
    data: dependency(({ data }) => data),
    control: dependency(({ control }) => control),
    atomic: dependency(({ replaces }) => (replaces === undefined ? 0 : 1 << replaces)),
  };
  return { skeleton, readsFrom };
}

function initialWrite(written: bigint, location: number): Access {
  return {
    location,
    position: 0,
    written,
    loadOrder: 'relaxed',
    storeOrder: 'relaxed',
    kind: 'plain',
    hasResult: true,
    address: 0,
    data: 0,
    control: 0,
  };
}
