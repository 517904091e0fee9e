import type { Window } from '../iommu/window.ts';
import type { RiscvCapabilities } from './capabilities.ts';

/**
 * Every time in the model. No figure here is measured on hardware: the specification gives none, so windows are wide
 * enough for both orders of whatever real machines could order either way.
 */
interface RiscvTiming {
  /** One cache look-up. */
  readonly lookup: Window;
  /** One read of a table or a page-table entry. */
  readonly tableRead: Window;
  /** From one doubleword of a context to the next: the time in which a CPU store can tear it. */
  readonly quantumGap: Window;
  /** From the end of one DMA of a device to its next request. */
  readonly request: Window;
  /** From the end of a translation to the access of memory. */
  readonly access: Window;
  /** One message between a device and the IOMMU, for ATS. */
  readonly link: Window;
  /** Read of one doubleword of a command. */
  readonly descriptorFetch: Window;
  /** Execution of one command, or of a change that a register asked for. */
  readonly invalidation: Window;
  /** How long an endpoint has to answer an invalidation request. */
  readonly deviceTlbTimeout: Window;
}

/** Everything about one RISC-V IOMMU that is a choice; defaults are in scenarios/format and docs/fidelity.md. */
export interface RiscvConfig {
  /** Levels that ddtp can be set to: 1 to 3 (RISC-V IOMMU, ddtp). */
  readonly levels: 1 | 2 | 3;
  /** Device contexts of 32 or of 64 bytes (RISC-V IOMMU, Device-context fields). */
  readonly deviceContext: 'base' | 'extended';
  /**
   * The order of the doublewords of device and process contexts: the specification leaves any (RISC-V IOMMU,
   * Device-context fields).
   */
  readonly dcReadOrder: 'tc-first' | 'tc-last' | 'any';
  readonly ddtCacheEntries: number;
  readonly pdtCacheEntries: number;
  /** Rows of the address translation cache (IOATC). */
  readonly iotlbEntries: number;
  /** Rows that keep non-leaf page-table entries, of each stage; 0: none are kept. */
  readonly firstStagePagingEntries: number;
  readonly secondStagePagingEntries: number;
  /** Whether a walk that IOTINVAL or IODIR.INVAL overtakes may no longer fill a cache; false is broken hardware. */
  readonly squashesInFlight: boolean;
  /** Commands that were fetched, but for IOFENCE.C, execute in any order (RISC-V IOMMU, Command-queue). */
  readonly commandOrder: 'any' | 'in-order';
  /** Slots of the command queue: a power of two. */
  readonly cqSlots: number;
  /** Invalidation requests that can be on their way to endpoints at once. */
  readonly itags: number;
  /**
   * What an IOFENCE.C does that is executed again after it has raised cmd_to, with no command before it: the
   * specification is silent, the reference model lets it succeed, another model raises cmd_to again until cqt is
   * written back to cqh.
   */
  readonly cmdToRetry: 'succeeds' | 'reraises';
  /** Whether completions of ATS invalidations are dropped while DC.tc.EN_ATS is 0, as the specification's words say. */
  readonly completionNeedsEnAts: boolean;
  readonly capabilities: RiscvCapabilities;
  readonly timing: RiscvTiming;
}
