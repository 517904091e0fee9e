/** MODE of iosatp (DC.fsc with PDTV = 0, PC.fsc), RISC-V IOMMU, Device-context fields. */
export const firstStageMode = { bare: 0, sv39: 8, sv48: 9, sv57: 10 } as const;

/** MODE of iohgatp, RISC-V IOMMU, Device-context fields; the values are those of the first stage. */
export const secondStageMode = { bare: 0, sv39x4: 8, sv48x4: 9, sv57x4: 10 } as const;

/** MODE of pdtp (DC.fsc with PDTV = 1): how wide process IDs are, RISC-V IOMMU, Device-context fields. */
export const processDirectoryMode = { bare: 0, pd8: 1, pd17: 2, pd20: 3 } as const;

/** Levels of the page tables of a MODE of either stage; 0: Bare, or none that is defined. */
export function pagingLevels(mode: number): number {
  return mode >= firstStageMode.sv39 && mode <= firstStageMode.sv57 ? mode - 5 : 0;
}
