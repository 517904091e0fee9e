import {
  type Axioms,
  around,
  type Choices,
  eventsWhere,
  external,
  type FenceMark,
  internal,
  type Skeleton,
} from './execution.ts';
import {
  between,
  closure,
  difference,
  identity,
  isAcyclic,
  optional,
  type Relation,
  sequence,
  union,
} from './relation.ts';

/**
 * The Linux-kernel memory consistency model (tools/memory-model/Documentation/explanation.txt; Alglave, Maranget,
 * McKenney, Parri, Stern 2018), without RCU, and with every access marked. The names are those of the explanation:
 * ppo, cumul-fence, prop, hb and pb.
 */
export function linuxKernel(withoutLoadBuffering: boolean): Axioms {
  return (skeleton) => {
    const { programOrder, reads, writes } = skeleton;
    const order = fences(skeleton);
    const buffering = withoutLoadBuffering ? [between(reads, programOrder, writes)] : [];
    return (choices) => {
      const others = external(skeleton, choices.readsFrom);
      const unlockLock = unlockThenLock(skeleton, choices);
      const overwrite = union(choices.coherence, choices.fromRead);
      const preserved = union(
        dependencies(skeleton, choices),
        internal(skeleton, overwrite),
        order.strong,
        order.release,
        order.acquire,
        order.writes,
        order.reads,
        internal(skeleton, unlockLock),
        ...buffering,
      );
      const cumulative = sequence(optional(others), union(order.strong, order.release));
      const updates = closure(sequence(choices.readsFrom, skeleton.atomic));
      const cumulFence = sequence(union(cumulative, order.writes, unlockLock), updates);
      const propagation = sequence(optional(external(skeleton, overwrite)), closure(cumulFence), optional(others));
      const everything = identity(skeleton.all, skeleton.count);
      const happensBefore = union(preserved, others, internal(skeleton, difference(propagation, everything)));
      return isAcyclic(happensBefore) && isAcyclic(sequence(propagation, order.strong, closure(happensBefore)));
    };
  };
}

/** `to-w` and `to-r`: what a dependency orders, a store that is forwarded included. */
function dependencies(skeleton: Skeleton, { readsFrom }: Choices): Relation {
  const { address, data, control, writes, all } = skeleton;
  const carried = union(address, data);
  return union(
    between(all, union(carried, control), writes),
    address,
    sequence(carried, internal(skeleton, readsFrom)),
  );
}

function fences(skeleton: Skeleton) {
  const { programOrder, all, reads, writes } = skeleton;
  const acquire = eventsWhere(skeleton, ({ loadOrder }) => loadOrder !== 'relaxed');
  const release = eventsWhere(skeleton, ({ storeOrder }) => storeOrder !== 'relaxed');
  // smp_rmb does nothing for the read of an atomic that throws its value away.
  const returning = reads & eventsWhere(skeleton, ({ kind, hasResult }) => kind !== 'locked' || hasResult);
  const named = (...names: readonly string[]) =>
    around(skeleton, ({ barrier }: FenceMark) => barrier !== undefined && names.includes(barrier));
  const isFull = ({ fence }: FenceMark): boolean => fence !== undefined && fence.read === 3 && fence.write === 3;
  const lockWrites = writes & eventsWhere(skeleton, ({ kind }) => kind === 'lock');
  const afterLock = between(lockWrites, named('smp_mb__after_spinlock'), all);
  return {
    strong: union(
      named('smp_mb', 'mb'),
      around(skeleton, isFull),
      between(all, sequence(optional(programOrder), afterLock), all),
    ),
    writes: between(writes, named('smp_wmb', 'wmb', 'dma_wmb'), writes),
    reads: between(returning, named('smp_rmb', 'rmb', 'dma_rmb'), returning),
    acquire: between(acquire, programOrder, all),
    release: between(all, programOrder, release),
  };
}

/** Around an unlock and a later lock of the same thread, or of another that takes the same lock over. */
function unlockThenLock(skeleton: Skeleton, { readsFrom }: Choices): Relation {
  const { programOrder, reads, all } = skeleton;
  const unlocks = eventsWhere(skeleton, ({ kind }) => kind === 'unlock');
  const lockReads = reads & eventsWhere(skeleton, ({ kind }) => kind === 'lock');
  const handed = between(unlocks, union(programOrder, readsFrom), lockReads);
  return between(all, sequence(programOrder, handed, programOrder), all);
}
