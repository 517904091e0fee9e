import { riscvWords, type SpecWords, vtdWords } from '../models/checkers/spec-words.ts';
import type { IommuModel } from '../models/linux/flow-definition.ts';
import { faultCauses } from '../models/riscv/fault-causes.ts';
import { faultReasons } from '../models/vtd/fault-reasons.ts';

/** How events of a run are put, by the specification of its IOMMU. */
export interface IommuWords extends Pick<SpecWords, 'tag' | 'faultCode'> {
  /** What hardware reports a fault as. */
  readonly faultText: (code: number) => string;
  /** What PCIe calls a PASID. */
  readonly process: string;
  /** Bytes of what hardware reads of an entry at once, and the letter that numbers 8 of them. */
  readonly quantumBytes: 8 | 16;
  readonly letter: 'q' | 'w';
}

export const iommuWords: Readonly<Record<IommuModel, IommuWords>> = {
  vtd: {
    ...vtdWords,
    faultText: (code) => faultReasons.get(code)?.text ?? 'a reason without a name',
    process: 'PASID',
    quantumBytes: 16,
    letter: 'q',
  },
  riscv: {
    ...riscvWords,
    faultText: (code) => faultCauses.get(code)?.text ?? 'a cause without a name',
    process: 'process',
    quantumBytes: 8,
    letter: 'w',
  },
};
