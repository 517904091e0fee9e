import { accessKind } from '../../../models/memory/access-order.ts';
import { type Axioms, around, eventsWhere, external, type FenceMark, type Skeleton } from './execution.ts';
import { between, type EventSet, isAcyclic, type Relation, union } from './relation.ts';

/** Sequential consistency (Lamport 1979): one order of everything. */
export const sequential: Axioms =
  ({ programOrder }) =>
  ({ readsFrom, coherence, fromRead }) =>
    isAcyclic(union(programOrder, readsFrom, coherence, fromRead));

/**
 * x86-TSO in its axiomatic form (Owens, Sarkar, Sewell 2009, section 3): a global order of everything but a read of
 * one's own buffered store, in which only a write and a later read of one thread may change places, and not even these
 * with an MFENCE between them or when one of them is locked.
 */
export const x86Tso: Axioms = (skeleton) => {
  const { programOrder, reads, writes, all } = skeleton;
  const locked = eventsWhere(skeleton, ({ kind }) => kind === 'locked' || kind === 'exclusive' || kind === 'lock');
  const isFull = ({ fence, barrier }: FenceMark): boolean =>
    barrier === 'smp_mb' || barrier === 'mb' || (fence !== undefined && (fence.write & accessKind.read) !== 0);
  const preserved = union(
    between(writes, programOrder, writes),
    between(reads, programOrder, all),
    between(writes & locked, programOrder, reads),
    between(writes, programOrder, reads & locked),
    around(skeleton, isFull),
  );
  return ({ readsFrom, coherence, fromRead }) =>
    isAcyclic(union(preserved, external(skeleton, readsFrom), coherence, fromRead));
};

/** What the fences of a machine order, by the kinds of access before and after them (bits of a RISC-V FENCE). */
export function fenceOrder(skeleton: Skeleton, earlierReads: EventSet): Relation {
  const { reads, writes, all } = skeleton;
  const order = (holds: (mark: FenceMark) => boolean, from: EventSet, to: EventSet): Relation =>
    between(from, around(skeleton, holds), to);
  const has = (of: 'read' | 'write', bit: number) => (mark: FenceMark) =>
    mark.fence !== undefined && (mark.fence[of] & bit) !== 0;
  const isWhole = ({ fence }: FenceMark): boolean =>
    fence !== undefined && (fence.read & 3) === 3 && (fence.write & 3) === 3;
  return union(
    order(has('read', accessKind.read), earlierReads, reads),
    order(has('read', accessKind.write), earlierReads, writes),
    order(has('write', accessKind.read), writes, reads),
    order(has('write', accessKind.write), writes, writes),
    order(isWhole, all, all),
  );
}
