import type { MemoryModelName } from './memory-model.ts';

/** What the architectures differ in. */
export interface ViewMachine {
  /** Loads that take their value from this CPU's own read-modify-write before that has arrived. */
  readonly forwardsRmw: 'none' | 'relaxed' | 'all';
  /** The write of a read-modify-write may arrive after later writes; else it is one event with the read. */
  readonly rmwMayStay: boolean;
  /** What depends on the result of a store-conditional is ordered after its write. */
  readonly statusIsDependency: boolean;
}

/** `portable` forwards whatever one of the three forwards, and so on. */
export const viewMachines: Readonly<Record<Exclude<MemoryModelName, 'sc' | 'x86-tso'>, ViewMachine>> = {
  rvwmo: { forwardsRmw: 'none', rmwMayStay: false, statusIsDependency: true },
  armv8: { forwardsRmw: 'relaxed', rmwMayStay: true, statusIsDependency: false },
  portable: { forwardsRmw: 'all', rmwMayStay: true, statusIsDependency: false },
  'non-mca': { forwardsRmw: 'all', rmwMayStay: true, statusIsDependency: false },
};
