/** What the RISC-V IOMMU driver knows: devices, domains, and where their table entries are. */
export class RiscvDriver {}
