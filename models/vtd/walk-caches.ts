import { PagingStructures, rootWord } from '../iommu/paging-structures.ts';
import { latchedDid, latchedPointer, latchedShape } from './latched-translation.ts';
import type { TableReader } from './table-reader.ts';
import { provenanceSlot } from './walk-state.ts';

/** The paging-structure caches of a unit (VT-d 6.2.5), as the walks of one request use them. */
export function pagingStructures(reader: TableReader): PagingStructures {
  const { ports, state, isScalable } = reader;
  const { caches, config } = ports;
  return new PagingStructures({
    arena: ports.arena,
    latch: state,
    caches: { first: caches.firstStagePaging, second: caches.secondStagePaging },
    entryCounts: { first: config.firstStagePagingEntries, second: config.secondStagePagingEntries },
    request: () => reader.request,
    // Second-stage rows have no PASID: every PASID of a domain shares its second stage (VT-d 6.2.1 Table 17).
    tags: (stage) => ({
      did: latchedDid(reader),
      pasid: stage === 'first' ? state.pasidTag.get() - 1 : 0,
      hasPasid: stage === 'first',
      space: 0,
    }),
    pointer: () => latchedPointer(reader),
    roots: () => latchedRoots(reader),
    ownSlot: () => (isScalable ? provenanceSlot.pasid : provenanceSlot.context),
    beginBelow: () => state.belowCached.set(1),
  });
}

function latchedRoots(reader: TableReader): readonly [number, number] {
  const { pgtt, firstTable, firstLevels, secondTable, secondLevels } = latchedShape(reader);
  const [usesFirst, usesSecond] = [pgtt % 2 === 1, pgtt === 2 || pgtt === 3];
  return [usesFirst ? rootWord(firstTable, firstLevels) : 0, usesSecond ? rootWord(secondTable, secondLevels) : 0];
}
