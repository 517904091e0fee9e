/**
 * What one VT-d unit can do: fields of CAP_REG and ECAP_REG by their mnemonic (VT-d 11.4), 0 or 1 unless
 * stated. Only what decides about entries, descriptors and required invalidations is here. Domain IDs have all
 * 16 bits (CAP.ND = 6). A type, not an interface, so that it is a record of numbers to the layout engine.
 */
export type Capabilities = {
  /** Width of host physical addresses in bits. Not a register field. */
  readonly HAW: number;
  /** Width of guest addresses in bits; CAP.MGAW holds one less. */
  readonly MGAW: number;
  /** Bit n: second-stage address width code n is supported; 1: 39 bits, 2: 48 bits, 3: 57 bits. */
  readonly SAGAW: number;
  /** Greatest address mask of an invalidation: 18 is 1 GB. */
  readonly MAMV: number;
  readonly CM: number;
  readonly RWBF: number;
  readonly FL5LP: number;
  readonly DT: number;
  readonly PT: number;
  readonly SC: number;
  readonly NEST: number;
  readonly PRS: number;
  readonly SRS: number;
  readonly EAFS: number;
  readonly PASID: number;
  readonly PDS: number;
  readonly SSADS: number;
  readonly SSTS: number;
  readonly FSTS: number;
  readonly SMPWC: number;
  readonly RPS: number;
  readonly RPRIVS: number;
  readonly MTS: number;
  readonly HPTS: number;
  readonly PTRS: number;
  /**
   * Switch, not a register field: whether FSPM is looked at, and faults, in entries that walk no first stage. The
   * specification has no "ignored" clause for it, and nobody has tried (UNVERIFIED).
   */
  readonly firstStageModeAlwaysUsed: number;
};

/**
 * A current server part: scalable mode with both stages and nesting, page snooping and device TLBs, no memory types and no host
 * permission tables. Frozen, as masks are remembered for it.
 */
export const defaultCapabilities: Capabilities = Object.freeze({
  HAW: 46,
  MGAW: 48,
  SAGAW: 0b1110,
  MAMV: 18,
  CM: 0,
  RWBF: 0,
  FL5LP: 1,
  DT: 1,
  PT: 1,
  SC: 1,
  NEST: 1,
  PRS: 1,
  SRS: 1,
  EAFS: 1,
  PASID: 1,
  PDS: 1,
  SSADS: 1,
  SSTS: 1,
  FSTS: 1,
  SMPWC: 1,
  RPS: 1,
  RPRIVS: 0,
  MTS: 0,
  HPTS: 0,
  PTRS: 0,
  firstStageModeAlwaysUsed: 0,
});
