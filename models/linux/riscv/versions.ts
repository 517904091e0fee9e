/**
 * States of the driver: patch 7/7 as posted in v4; what was proposed for v5 in the mail; v5 as posted; and what was
 * merged (Linux 7.0).
 */
export const versions = ['v4', 'v5-mail', 'v5-posted', 'upstream'] as const;
export type Version = (typeof versions)[number];

/** Barriers that flows can have where two of them pair. */
export const barriers = ['none', 'smp_wmb', 'dma_wmb', 'smp_rmb', 'smp_mb'] as const;
export type PairedBarrier = (typeof barriers)[number];

/** What differs between the versions, as far as a race can see it. */
export interface VersionTraits {
  /** riscv_iommu_iotlb_inval: between the store to the page table and the walk of the bonds. */
  readonly invalidationBarrier: PairedBarrier;
  /** riscv_iommu_bond_link: between the new bond and what comes after it. */
  readonly linkBarrier: PairedBarrier;
  /** The attach flow invalidates the whole domain before the device context is written. */
  readonly invalidatesFirst: boolean;
  /** riscv_iommu_bond_unlink: the last bond with an IOMMU takes what is cached of the PSCID along. */
  readonly wipesLast: boolean;
  /** Which device contexts riscv_iommu_iodir_update clears and invalidates before it writes them. */
  readonly clears: 'valid' | 'not-valid';
  /** IOTINVAL goes with each INVAL_DDT, for what the context has led to, and leads to. */
  readonly invalidatesTags: boolean;
  /** The context is invalidated once more when it is complete. */
  readonly invalidatesAfter: boolean;
  /** The test for large ranges is the wrong way round: a small one is invalidated by the whole PSCID. */
  readonly smallRangesByTag: boolean;
}

/** Facts of the versions: the patches on the list, the mail, drivers/iommu/riscv/iommu.c of 7.0. */
export const versionTraits: Readonly<Record<Version, VersionTraits>> = {
  v4: {
    invalidationBarrier: 'none',
    linkBarrier: 'none',
    invalidatesFirst: true,
    wipesLast: false,
    clears: 'valid',
    invalidatesTags: false,
    invalidatesAfter: false,
    smallRangesByTag: true,
  },
  'v5-mail': {
    invalidationBarrier: 'dma_wmb',
    linkBarrier: 'smp_wmb',
    invalidatesFirst: false,
    wipesLast: true,
    clears: 'valid',
    invalidatesTags: false,
    invalidatesAfter: false,
    smallRangesByTag: true,
  },
  'v5-posted': {
    invalidationBarrier: 'smp_mb',
    linkBarrier: 'smp_mb',
    invalidatesFirst: false,
    wipesLast: true,
    clears: 'not-valid',
    invalidatesTags: false,
    invalidatesAfter: false,
    smallRangesByTag: true,
  },
  upstream: {
    invalidationBarrier: 'smp_mb',
    linkBarrier: 'smp_mb',
    invalidatesFirst: false,
    wipesLast: true,
    clears: 'valid',
    invalidatesTags: true,
    invalidatesAfter: true,
    smallRangesByTag: false,
  },
};

/** In place of a value of one's own: what the version has. */
export const asVersion = 'as-version';

/** What a parameter says, or the version. */
export function traitOr<T extends string>(given: T | typeof asVersion, trait: T): T {
  return given === asVersion ? trait : given;
}

export const yesOrNo = ['yes', 'no'] as const;

/** The same for a question of yes or no. */
export function isYes(given: 'yes' | 'no' | typeof asVersion, trait: boolean): boolean {
  return given === asVersion ? trait : given === 'yes';
}
