import type { Window } from '../iommu/window.ts';
import type { Capabilities } from './capabilities.ts';

/**
 * Every time in the VT-d model. No figure here is measured on hardware: the specification gives none, so windows are
 * wide enough for both orders of whatever real machines could order either way.
 */
interface VtdTiming {
  /** One cache look-up. */
  readonly lookup: Window;
  /** One read of a table or a page-table entry. */
  readonly tableRead: Window;
  /** From one quantum of an entry to the next: the time in which a CPU store can tear it. */
  readonly quantumGap: Window;
  /** From the end of one DMA of a device to its next request. */
  readonly request: Window;
  /** From the end of a translation to the access of memory. */
  readonly access: Window;
  /** One message between a device and the unit, for ATS. */
  readonly link: Window;
  /** Fetch of one descriptor. */
  readonly descriptorFetch: Window;
  /** Execution of one invalidation or wait. */
  readonly invalidation: Window;
  /** How long an endpoint has to answer an invalidation request: the completion timer of an ITag (VT-d 4.3). */
  readonly deviceTlbTimeout: Window;
}

export type FetchOrder = 'ascending' | 'descending' | 'any';

/** Everything about one VT-d unit that is a choice; defaults are in scenarios/format and docs/fidelity.md. */
export interface VtdConfig {
  /** RTADDR.TTM: legacy or scalable mode (VT-d 3.4). */
  readonly mode: 'legacy' | 'scalable';
  /** In which order the 128-bit quanta of an entry are read. The specification does not say: a knob. */
  readonly fetchOrder: FetchOrder;
  /** Quanta of a PASID entry that are read: all 4, or the 2 that have fields without HPT. UNVERIFIED on hardware. */
  readonly fetchedQuanta: 2 | 4;
  /** Whether the IOTLB is looked up before the context and PASID caches. Hardware may do either. */
  readonly iotlbFirst: boolean;
  readonly contextCacheEntries: number;
  readonly pasidCacheEntries: number;
  readonly iotlbEntries: number;
  readonly interruptCacheEntries: number;
  /** Rows of the paging-structure caches (VT-d 6.2.5); 0: no such cache. */
  readonly firstStagePagingEntries: number;
  readonly secondStagePagingEntries: number;
  /** Whether an invalidation waits for fetches and walks in flight (VT-d 6.5.4; for table fetches UNVERIFIED). */
  readonly invalidationWaitsForFetch: boolean;
  /** Which requests a page-selective IOTLB invalidation drains: those to its range (VT-d 6.5.4), or all of its tags. */
  readonly pageInvalidationDrains: 'range' | 'all';
  /** Walks that hardware may make in a run without a request. */
  readonly prefetchLimit: number;
  /** Whether an invalidation drops what it asks for, or possibly everything in its caches, as VT-d 6.5.2 allows. */
  readonly invalidationScope: 'exact' | 'coarser';
  /** Whether a new IOTLB entry takes its DID from its own walk, or from the PASID cache as it is then (6.2.3.1). */
  readonly iotlbTagFrom: 'walk' | 'pasid-cache';
  /** Whether an IOTLB look-up compares the DID of the PASID entry. Table 17 does not list it. */
  readonly iotlbLookupComparesDid: boolean;
  /** Fault recording registers; 0: as many as there are faults. */
  readonly faultRecords: number;
  /** Descriptors the ring has room for, less one: a power of two. */
  readonly queueSlots: number;
  /** Invalidation requests that can be on their way to endpoints at once (VT-d 4.3). */
  readonly itags: number;
  /** Whether a plain device-TLB invalidation is ordered after PASID-based IOTLB ones. 6.5.2.12 does not list it. */
  readonly deviceTlbWaitsForPiotlb: boolean;
  /** Whether IQERCD says which function a time-out or a wrong completion is about; older hardware has 0 there. */
  readonly recordsErrorSource: boolean;
  readonly capabilities: Capabilities;
  readonly timing: VtdTiming;
}
