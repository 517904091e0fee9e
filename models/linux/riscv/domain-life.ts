import { defineRiscvFlow } from '../flow-definition.ts';

const source = 'drivers/iommu/riscv/iommu.c (riscv_iommu_alloc_paging_domain, riscv_iommu_free_paging_domain)';

/** A domain is made: the allocator gives it the lowest PSCID that is free. */
export const domainAlloc = defineRiscvFlow({
  name: 'riscv/domain-alloc',
  summary: 'Make a domain that has no PSCID yet: it gets the lowest one that is free.',
  source,
  parameters: { domain: { type: 'domain', summary: 'Which domain.' } },
  loads: () => [],
  *start({ riscv }, { domain }) {
    yield riscv.allocatePscid(riscv.domain(domain));
  },
});

/*  CPU                                         IOMMU
 *  ===                                         =====
 *                                              IOATC still has pages of the PSCID   (no wipe)
 *  ida_free of the PSCID
 *  another domain: ida_alloc_range gives the same
 *  attach the other domain
 *                                              DMA by what the first one has left   <-- memory of the old domain
 */
export const domainFree = defineRiscvFlow({
  name: 'riscv/domain-free',
  summary: 'Free a domain to which nothing is attached: its PSCID goes back to the allocator.',
  source,
  parameters: { domain: { type: 'domain', summary: 'Which domain.' } },
  loads: () => [],
  *start({ riscv }, { domain }) {
    yield riscv.freePscid(riscv.domain(domain));
  },
});
