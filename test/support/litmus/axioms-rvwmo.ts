import { fenceOrder } from './axioms-x86-tso.ts';
import { type Axioms, eventsWhere, external, internal } from './execution.ts';
import { between, difference, inverse, isAcyclic, optional, sequence, union } from './relation.ts';

/**
 * RVWMO (The RISC-V Instruction Set Manual, volume I, chapter "RVWMO Memory Consistency Model"): the global memory
 * order keeps coherence, reads from other harts, and the thirteen rules of preserved program order. An AMO is one event
 * that reads and writes; it and a pair of LR and SC are atomic.
 */
export function rvwmo(withoutLoadBuffering: boolean): Axioms {
  return (skeleton) => {
    const { programOrder, sameLocation, reads, writes, all, address, data, control, atomic } = skeleton;
    const acquire = eventsWhere(skeleton, ({ loadOrder }) => loadOrder !== 'relaxed');
    const release = eventsWhere(skeleton, ({ storeOrder }) => storeOrder !== 'relaxed');
    const consistent = eventsWhere(
      skeleton,
      ({ loadOrder, storeOrder }) => loadOrder === 'acquire-rcsc' || storeOrder === 'release-rcsc',
    );
    const atomicWrites =
      writes & eventsWhere(skeleton, ({ kind }) => kind === 'locked' || kind === 'exclusive' || kind === 'lock');
    const noWriteBetween = difference(
      sameLocation,
      sequence(between(all, optional(sameLocation), writes), sameLocation),
    );
    const fixed = union(
      between(all, sameLocation, writes), // rule 1
      fenceOrder(skeleton, reads), // 4
      between(acquire, programOrder, all), // 5
      between(all, programOrder, release), // 6
      between(consistent, programOrder, consistent), // 7
      atomic, // 8
      address, // 9
      between(all, data, writes), // 10
      between(all, control, writes), // 11
      between(all, sequence(address, programOrder), writes), // 13
      ...(withoutLoadBuffering ? [between(reads, programOrder, writes)] : []),
    );
    return ({ readsFrom, coherence, fromRead }) => {
      const own = internal(skeleton, readsFrom);
      const sameSource = sequence(inverse(readsFrom), readsFrom);
      const preserved = union(
        fixed,
        difference(between(reads, noWriteBetween, reads), sameSource), // 2
        between(atomicWrites, own, reads), // 3
        sequence(between(all, union(address, data), writes), own), // 12
      );
      return isAcyclic(union(coherence, external(skeleton, readsFrom), fromRead, preserved));
    };
  };
}
