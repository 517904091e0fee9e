/** A set of events: bit i stands for event i, so a litmus test has at most 31 of them. */
export type EventSet = number;

/** A relation between events: row a has the events that a is before. */
export type Relation = readonly EventSet[];

export const mostEvents = 31;

export function empty(count: number): number[] {
  return new Array<number>(count).fill(0);
}

export function identity(set: EventSet, count: number): Relation {
  return Array.from({ length: count }, (_, a) => set & (1 << a));
}

export function union(...relations: readonly Relation[]): Relation {
  const result = empty(relations[0]?.length ?? 0);
  for (const relation of relations) {
    for (let a = 0; a < result.length; a += 1) {
      (result[a] as number) |= relation[a] as number;
    }
  }
  return result;
}

export function intersection(left: Relation, right: Relation): Relation {
  return left.map((row, a) => row & (right[a] as number));
}

export function difference(left: Relation, right: Relation): Relation {
  return left.map((row, a) => row & ~(right[a] as number));
}

export function inverse(relation: Relation): Relation {
  const result = empty(relation.length);
  for (let a = 0; a < relation.length; a += 1) {
    for (let row = relation[a] as number; row !== 0; row &= row - 1) {
      (result[31 - Math.clz32(row & -row)] as number) |= 1 << a;
    }
  }
  return result;
}

/** One relation after the other: cat's `a ; b ; …`. */
export function sequence(first: Relation, ...others: readonly Relation[]): Relation {
  let result = first;
  for (const other of others) {
    result = result.map((row) => successors(other, row));
  }
  return result;
}

/** Pairs of a relation that begin in one set and end in another: cat's `[from] ; r ; [to]`. */
export function between(from: EventSet, relation: Relation, to: EventSet): Relation {
  return relation.map((row, a) => ((from >> a) & 1 ? row & to : 0));
}

/** The relation or nothing: cat's `r?` (on every event). */
export function optional(relation: Relation): Relation {
  return relation.map((row, a) => row | (1 << a));
}

/** Any number of steps of a relation, none among them: cat's `r*`. */
export function closure(relation: Relation): Relation {
  let result = optional(relation);
  for (;;) {
    const next = result.map((row) => successors(result, row));
    if (next.every((row, a) => row === result[a])) {
      return result;
    }
    result = next;
  }
}

export function isEmpty(relation: Relation): boolean {
  return relation.every((row) => row === 0);
}

/** Whether no event comes before itself: events without successors are taken away until none is left. */
export function isAcyclic(relation: Relation): boolean {
  let left = -1 >>> (32 - relation.length);
  for (;;) {
    let rest = left;
    for (let set = left; set !== 0; set &= set - 1) {
      const a = 31 - Math.clz32(set & -set);
      if (((relation[a] as number) & rest) === 0) {
        rest &= ~(1 << a);
      }
    }
    if (rest === 0) {
      return true;
    }
    if (rest === left) {
      return false;
    }
    left = rest;
  }
}

function successors(relation: Relation, set: EventSet): EventSet {
  let result = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) {
    result |= relation[31 - Math.clz32(rest & -rest)] as number;
  }
  return result;
}
