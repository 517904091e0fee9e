import type { LoadOrder } from './access-order.ts';
import type { MemoryModelName } from './memory-model.ts';
import type { OwnRmw } from './write-history.ts';

/** What the architectures differ in. */
export interface ViewMachine {
  /**
   * How a load takes the CPU's own read-modify-write: `as-others` after it has arrived only; else from the buffer too,
   * `with-read` knowing what its read knew, `as-store` no more than of a store.
   */
  readonly ownRmw: Readonly<Record<LoadOrder, OwnRmw>>;
  /** The write of a read-modify-write may arrive after later writes; else it is one event with the read. */
  readonly rmwMayStay: boolean;
  /** What depends on the result of a store-conditional is ordered after its write. */
  readonly statusIsDependency: boolean;
}

/** Where the three differ `portable` has the weakest; LKMM has a dependency inside an atomic, so a plain load knows it. */
export const viewMachines: Readonly<Record<Exclude<MemoryModelName, 'sc' | 'x86-tso'>, ViewMachine>> = {
  // RVWMO rule 3: a load gets nothing of an AMO or SC before that is in memory.
  rvwmo: { ownRmw: same('as-others'), rmwMayStay: false, statusIsDependency: true },
  // Atomic-ordered-before: rmw; lrs; [A | Q], so the read half is before an acquire load of the write half.
  armv8: {
    ownRmw: { relaxed: 'as-store', acquire: 'with-read', 'acquire-rcsc': 'with-read' },
    rmwMayStay: true,
    statusIsDependency: false,
  },
  portable: { ownRmw: same('with-read'), rmwMayStay: true, statusIsDependency: false },
  'non-mca': { ownRmw: same('with-read'), rmwMayStay: true, statusIsDependency: false },
};

function same(ownRmw: OwnRmw): ViewMachine['ownRmw'] {
  return { relaxed: ownRmw, acquire: ownRmw, 'acquire-rcsc': ownRmw };
}
