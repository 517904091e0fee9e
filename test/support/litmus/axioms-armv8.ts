import { fenceOrder } from './axioms-x86-tso.ts';
import { type Axioms, around, eventsWhere, external, type FenceMark, type Skeleton } from './execution.ts';
import { between, difference, empty, identity, isAcyclic, type Relation, sequence, union } from './relation.ts';

/**
 * Armv8 (Arm Architecture Reference Manual DDI 0487, section B2.3, other-multi-copy atomic since 2018): what others
 * observe, and what is ordered locally by writes to one location, by dependencies, atomics and barriers, has no cycle.
 */
export function armv8(withoutLoadBuffering: boolean): Axioms {
  return (skeleton) => {
    const { programOrder, sameLocation, reads, writes, all } = skeleton;
    const noWriteBetween = difference(sameLocation, sequence(between(all, sameLocation, writes), sameLocation));
    const localRead = between(writes, noWriteBetween, reads);
    const local = union(
      between(all, sameLocation, writes), // local write successor
      dependencies(skeleton, localRead),
      atomics(skeleton, localRead),
      barriers(skeleton),
      ...(withoutLoadBuffering ? [between(reads, programOrder, writes)] : []),
    );
    return ({ readsFrom, coherence, fromRead }) =>
      isAcyclic(
        union(local, external(skeleton, readsFrom), external(skeleton, coherence), external(skeleton, fromRead)),
      );
  };
}

/** Dependency-ordered-before. */
function dependencies(skeleton: Skeleton, localRead: Relation): Relation {
  const { programOrder, writes, all, address, data, control } = skeleton;
  const isSync = ({ isContextSync }: FenceMark): boolean => isContextSync === true;
  return union(
    address,
    data,
    between(all, control, writes),
    between(all, sequence(address, programOrder), writes),
    sequence(address, around(skeleton, isSync)),
    controlledSync(skeleton),
    sequence(union(address, data), localRead),
  );
}

/** From what a branch before a context synchronisation depends on, to everything after it. */
function controlledSync(skeleton: Skeleton): Relation {
  const rows = empty(skeleton.count);
  for (const [t, marks] of skeleton.fences.entries()) {
    const first = skeleton.threads.indexOf(t);
    for (const { position, control } of marks.filter(({ isContextSync }) => isContextSync)) {
      const later = eventsWhere(skeleton, (access) => access.position > position) & threadOf(skeleton, t);
      for (let i = 0; first >= 0 && first + i < skeleton.count; i += 1) {
        if ((control >> i) & 1) {
          (rows[first + i] as number) |= later;
        }
      }
    }
  }
  return rows;
}

function threadOf({ threads }: Skeleton, thread: number): number {
  return threads.reduce((set, t, a) => (t === thread ? set | (1 << a) : set), 0);
}

/**
 * Atomic-ordered-before: the pair itself, and from its read to an acquire that reads what the pair has written. Until
 * 2022 the second was from its write (herdtools7, pull request 325, "aob relaxation").
 */
function atomics(skeleton: Skeleton, localRead: Relation): Relation {
  const acquire = eventsWhere(skeleton, ({ loadOrder }) => loadOrder !== 'relaxed');
  return union(skeleton.atomic, between(skeleton.all, sequence(skeleton.atomic, localRead), acquire));
}

/** Barrier-ordered-before. */
function barriers(skeleton: Skeleton): Relation {
  const { accesses, programOrder, reads, all, atomic } = skeleton;
  const acquire = eventsWhere(skeleton, ({ loadOrder }) => loadOrder !== 'relaxed');
  const acquireConsistent = eventsWhere(skeleton, ({ loadOrder }) => loadOrder === 'acquire-rcsc');
  const release = eventsWhere(skeleton, ({ storeOrder }) => storeOrder !== 'relaxed');
  const releaseConsistent = eventsWhere(skeleton, ({ storeOrder }) => storeOrder === 'release-rcsc');
  const returning = eventsWhere(skeleton, ({ kind, hasResult }) => kind !== 'locked' || hasResult);
  // Of one instruction that is both: an exclusive pair does not count.
  const both = between(acquire, atomic, release).map((row, a) => (accesses[a]?.kind === 'locked' ? row : 0));
  const writesOfBoth = both.reduce((set, row) => set | row, 0);
  return union(
    fenceOrder(skeleton, reads & returning),
    sequence(identity(writesOfBoth, skeleton.count), programOrder),
    between(releaseConsistent, programOrder, acquireConsistent),
    between(acquire, programOrder, all),
    between(all, programOrder, release),
  );
}
