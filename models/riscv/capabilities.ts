/**
 * What one IOMMU can do: fields of the capabilities register by their mnemonic (RISC-V IOMMU, capabilities), 0 or 1.
 * Only what decides about entries and commands is here, without MSI_FLAT, which follows from the format of device
 * contexts; MSI translation, page requests, quality of service and hardware updates of A and D bits are not modelled,
 * and their bits are 0. A type, not an interface, so that it is a record of numbers to the layout engine.
 */
export type RiscvCapabilities = {
  readonly Sv39: number;
  readonly Sv48: number;
  readonly Sv57: number;
  readonly Sv39x4: number;
  readonly Sv48x4: number;
  readonly Sv57x4: number;
  readonly AMO_HWAD: number;
  readonly ATS: number;
  readonly T2GPA: number;
  readonly END: number;
  readonly PD8: number;
  readonly PD17: number;
  readonly PD20: number;
  readonly QOSID: number;
  /** IOTINVAL with NL: non-leaf entries too (bit 42). */
  readonly NL: number;
  /** IOTINVAL with S: address ranges (bit 43). */
  readonly S: number;
  /** Width of physical addresses in bits. */
  readonly PAS: number;
};

/**
 * Ratified version 1.0 with all translation modes and ATS, without what came later. Frozen, as masks are remembered for
 * it.
 */
export const defaultRiscvCapabilities: RiscvCapabilities = Object.freeze({
  Sv39: 1,
  Sv48: 1,
  Sv57: 1,
  Sv39x4: 1,
  Sv48x4: 1,
  Sv57x4: 1,
  AMO_HWAD: 0,
  ATS: 1,
  T2GPA: 0,
  END: 0,
  PD8: 1,
  PD17: 1,
  PD20: 1,
  QOSID: 0,
  NL: 0,
  S: 0,
  PAS: 56,
});
