import type { Fence, LoadOrder, StoreOrder } from '../../../models/memory/access-order.ts';
import type { BarrierName } from '../../../models/memory/barriers.ts';
import type { EventSet, Relation } from './relation.ts';

/** One access of one thread, with the values it has in a candidate execution. */
export interface Access {
  readonly location: number;
  /** Among the accesses and fences of its thread. */
  readonly position: number;
  /** Value read; undefined: it only writes. */
  readonly read?: bigint;
  /** Value written; undefined: it only reads. */
  readonly written?: bigint;
  readonly loadOrder: LoadOrder;
  readonly storeOrder: StoreOrder;
  /** Which instruction: `plain` loads and stores, `locked` read-modify-writes, load-reserved and store-conditional. */
  readonly kind: 'plain' | 'locked' | 'exclusive' | 'lock' | 'unlock';
  /** False: a read-modify-write that throws its old value away. */
  readonly hasResult: boolean;
  /** Earlier accesses of the thread (bit i: its access i) that the address, the data or reaching it depends on. */
  readonly address: EventSet;
  readonly data: EventSet;
  readonly control: EventSet;
  /** The access of the thread whose value this one replaces atomically. */
  readonly replaces?: number;
}

/** A fence of any kind: what it orders is for the models to say. */
export interface FenceMark {
  readonly position: number;
  readonly fence?: Fence;
  readonly barrier?: BarrierName;
  readonly isContextSync?: true;
  /** Accesses that a branch before it depends on. */
  readonly control: EventSet;
}

/** One way through one thread. */
export interface Trace {
  readonly accesses: readonly Access[];
  readonly fences: readonly FenceMark[];
  readonly registers: readonly bigint[];
}

/** What is the same in all executions that go the same way through every thread. */
export interface Skeleton {
  /** Initial writes first (one for each location), then thread by thread. */
  readonly count: number;
  readonly accesses: readonly Access[];
  /** Of every event; -1: an initial write. */
  readonly threads: readonly number[];
  /** Fences of each thread. */
  readonly fences: readonly (readonly FenceMark[])[];
  readonly all: EventSet;
  readonly reads: EventSet;
  readonly writes: EventSet;
  readonly programOrder: Relation;
  /** Program order between accesses to one location. */
  readonly sameLocation: Relation;
  /** Pairs of one thread, in either direction. */
  readonly internal: Relation;
  readonly address: Relation;
  readonly data: Relation;
  readonly control: Relation;
  /** From the read to the write of an atomic pair; an event that does both is no pair. */
  readonly atomic: Relation;
}

/** Who reads from whom and who overwrites whom. */
export interface Choices {
  readonly readsFrom: Relation;
  readonly coherence: Relation;
  readonly fromRead: Relation;
}

/** Whether a model allows an execution; coherence of each location and atomicity are checked before. */
export type Axioms = (skeleton: Skeleton) => (choices: Choices) => boolean;

/** The events that a predicate holds of. */
export function eventsWhere(skeleton: Skeleton, holds: (access: Access) => boolean): EventSet {
  return skeleton.accesses.reduce(
    (set, access, a) => (skeleton.threads[a] !== -1 && holds(access) ? set | (1 << a) : set),
    0,
  );
}

/** Pairs of a thread with a mark that satisfies a predicate between them: cat's `po ; [F] ; po`. */
export function around(skeleton: Skeleton, holds: (mark: FenceMark) => boolean): Relation {
  const { accesses, threads, programOrder } = skeleton;
  return programOrder.map((row, a) => {
    const fences = skeleton.fences[threads[a] as number]?.filter(holds) ?? [];
    const from = accesses[a]?.position as number;
    const first = fences.find(({ position }) => position > from);
    return first === undefined
      ? 0
      : accesses.reduce(
          (set, { position }, b) => ((row >> b) & 1 && position > first.position ? set | (1 << b) : set),
          0,
        );
  });
}

export function internal(skeleton: Skeleton, relation: Relation): Relation {
  return relation.map((row, a) => row & (skeleton.internal[a] as number));
}

export function external(skeleton: Skeleton, relation: Relation): Relation {
  return relation.map((row, a) => row & ~(skeleton.internal[a] as number));
}
