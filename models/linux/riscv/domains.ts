export type RiscvStage = 'first' | 'second' | 'nested' | 'identity' | 'blocking';
export type RiscvMode = 'sv39' | 'sv48' | 'sv57';

/** The leaf PTE of an IOVA, and the table that it is in. */
export interface RiscvLeaf {
  readonly address: number;
  /** The page of memory that it maps when a run begins. */
  readonly page: number | undefined;
  /** The page of the last-level table, and the address of the PTE that leads to it. */
  readonly table: number;
  readonly tableEntryAddress: number;
}

/** A domain, with its tables in memory. */
export interface RiscvDomain {
  readonly name: string;
  readonly stage: RiscvStage;
  /** 0: it is given one when it is made, by a flow. */
  readonly pscid: number;
  readonly gscid: number;
  readonly mode: RiscvMode;
  /** Physical address of the first-stage root (guest-physical when nested); 0 when there is none. */
  readonly firstStageTable: number;
  readonly secondStageTable: number;
  /** By IOVA, of the first stage where there are two. */
  readonly leaves: ReadonlyMap<number, RiscvLeaf>;
  /** What is added to the address of a page in them: the guest's view of a nested domain. */
  readonly leafBase: number;
}

export interface RiscvDevice {
  readonly name: string;
  /** Number among all devices. */
  readonly index: number;
  readonly deviceId: number;
  /** Where its device context is: of 8 words, or of 16 in the extended format. */
  readonly contextAddress: number;
  readonly contextWordCount: 8 | 16;
  /** Number of the IOMMU that it is behind. */
  readonly iommu: number;
}

/** A domain with page tables of its own: what can have bonds. */
export function isPaging({ stage }: Pick<RiscvDomain, 'stage'>): boolean {
  return stage !== 'identity' && stage !== 'blocking';
}
