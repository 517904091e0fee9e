/** What messages of checkers cite. */
type Section =
  | 'torn'
  | 'stale'
  | 'stale-interrupt'
  | 'cached-fault'
  | 'unflushed-store'
  | 'faults'
  | 'hitless'
  | 'wrong-domain'
  | 'freed'
  | 'tag-reuse'
  | 'timeout'
  | 'lost';

/** How the specification of an IOMMU, and its driver, put things that every IOMMU has. */
export interface SpecWords {
  /** What caches know a domain by. */
  readonly tag: string;
  /** What of the driver gives commands to the queue and waits for them. */
  readonly submit: string;
  /** How a fault code is written. */
  readonly faultCode: (code: number) => string;
  readonly sections: Readonly<Record<Section, string>>;
}

export const vtdWords: SpecWords = {
  tag: 'DID',
  submit: 'qi_submit_sync',
  faultCode: (code) => `${code.toString(16).toUpperCase()}h`,
  sections: {
    torn: 'VT-d 9 (head of the chapter), 6.5.3.3',
    stale: 'VT-d 6.5.3.3, 6.2.3.1',
    'stale-interrupt': 'VT-d 6.2.7, 6.5.2.7, 6.5.5',
    'cached-fault': 'VT-d 6.1, 6.5.3.3',
    'unflushed-store': 'VT-d 6.8, ECAP.C',
    faults: 'VT-d 7.1.3 Table 30',
    hitless: 'VT-d 6.5.3.3',
    'wrong-domain': 'VT-d 6.2.3.1',
    freed: 'VT-d 6.5.3.3',
    'tag-reuse': 'VT-d 6.5.3.3 (re-use of a Domain-ID)',
    timeout: 'VT-d 4.3, 6.5.2.11',
    lost: 'VT-d 6.5.2.11; drivers/iommu/intel/dmar.c',
  },
};

const updating = 'RISC-V IOMMU, Updating in-memory data structure entries';
const caching = 'RISC-V IOMMU, Caching in-memory data structures';
const guidelines = 'RISC-V IOMMU, Guidelines for invalidations';

export const riscvWords: SpecWords = {
  tag: 'PSCID',
  submit: 'riscv_iommu_cmd_sync',
  faultCode: (code) => `cause ${code}`,
  sections: {
    torn: updating,
    stale: `${caching}; ${guidelines}`,
    'stale-interrupt': caching,
    'cached-fault': `${caching} (what is not valid is never cached)`,
    'unflushed-store': guidelines,
    faults: 'RISC-V IOMMU, Fault record CAUSE encodings',
    hitless: updating,
    'wrong-domain': `${caching} (PSCID, GSCID)`,
    freed: guidelines,
    'tag-reuse': `${caching} (PSCID, GSCID)`,
    timeout: 'RISC-V IOMMU, ATS.INVAL and IOFENCE.C (cmd_to)',
    lost: 'RISC-V IOMMU, cqcsr; drivers/iommu/riscv/iommu.c (riscv_iommu_queue_wait)',
  },
};
