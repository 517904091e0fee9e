import type { RiscvDomain } from './domains.ts';

/** tc.V. */
export const contextValid = 1n;
const modeOf = { sv39: 8n, sv48: 9n, sv57: 10n } as const;

/** What riscv_iommu_iodir_update is asked to write: fsc, the PSCID in ta, and whether the context becomes valid. */
export interface ContextTarget {
  readonly fsc: bigint;
  readonly ta: bigint;
  readonly isValid: boolean;
}

/** Of the blocking domain: Bare, and V = 0. */
export const blockingTarget: ContextTarget = { fsc: 0n, ta: 0n, isValid: false };
/** Of the identity domain: Bare. */
export const identityTarget: ContextTarget = { fsc: 0n, ta: 0n, isValid: true };

/** Of a paging domain with first-stage tables. */
export function pagingTarget({ mode, firstStageTable }: RiscvDomain, pscid: number): ContextTarget {
  return { fsc: (modeOf[mode] << 60n) | (BigInt(firstStageTable) >> 12n), ta: BigInt(pscid) << 12n, isValid: true };
}

function targetOf(domain: RiscvDomain, pscid: number): ContextTarget {
  switch (domain.stage) {
    case 'blocking':
      return blockingTarget;
    case 'identity':
    case 'second':
      return identityTarget;
    default:
      return pagingTarget(domain, pscid);
  }
}

/** The PSCID in ta. */
export function pscidOfTa(ta: bigint): number {
  return Number((ta >> 12n) & 0xf_ffffn);
}

/** iohgatp of a domain with second-stage tables; the driver itself leaves it Bare. */
function iohgatpOf({ mode, gscid, secondStageTable }: RiscvDomain): bigint {
  return secondStageTable === 0
    ? 0n
    : (modeOf[mode] << 60n) | (BigInt(gscid) << 44n) | (BigInt(secondStageTable) >> 12n);
}

/** All words of a device context that leads to a domain, of the base format (8 words) or the extended one (16). */
export function contextFor(domain: RiscvDomain, pscid: number, wordCount: number): Uint32Array {
  return contextWords(targetOf(domain, pscid), wordCount, iohgatpOf(domain));
}

/** All words of a device context, of the base format (8 words) or the extended one (16). */
export function contextWords({ fsc, ta, isValid }: ContextTarget, wordCount: number, iohgatp = 0n): Uint32Array {
  const words = new Uint32Array(wordCount);
  for (const [i, qword] of [isValid ? contextValid : 0n, iohgatp, ta, fsc].entries()) {
    words[i * 2] = Number(qword & 0xffff_ffffn);
    words[i * 2 + 1] = Number(qword >> 32n);
  }
  return words;
}
