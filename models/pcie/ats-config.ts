/** Invalidation requests that a function can have at once: an Invalidate Queue Depth of 0 (ATS Capability). */
export const maxQueueDepth = 32;

/** A function with ATS enabled; what is not as PCIe wants it is a knob. */
export interface AtsConfig {
  /** Rows of the device TLB; 0: a translation serves the one request that asked for it. */
  readonly entries: number;
  /** Which invalidation requests are answered; a number: the first ones only, as of a function that hangs after. */
  readonly answers: 'always' | 'never' | number;
  /** Invalidate Queue Depth, 1 to 32: requests that the function has at once; others wait on the link (ATS Capability). */
  readonly queueDepth: number;
  /** Whether the function serves no invalidation request before software has written to it. */
  readonly answersAfterDoorbell: boolean;
  /** Whether an invalidation makes answers to translation requests stale that are on their way (PCIe ATS 10.3.1). */
  readonly marksInFlight: boolean;
  /** Whether an invalidation is answered only after DMA by the old translation is done (PCIe ATS 10.3.1). */
  readonly waitsForDma: boolean;
  /** False: gone from the bus. */
  readonly present: boolean;
}
