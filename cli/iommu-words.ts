import { riscvWords, type SpecWords, vtdWords } from '../models/checkers/spec-words.ts';
import type { IommuModel } from '../models/linux/flow-definition.ts';
import { faultCauses } from '../models/riscv/fault-causes.ts';
import { faultReasons } from '../models/vtd/fault-reasons.ts';

/** How events of a run are put, by the specification of its IOMMU. */
export interface IommuWords extends Pick<SpecWords, 'tag' | 'faultCode'> {
  /** What hardware reports a fault as. */
  readonly faultText: (code: number) => string;
  /** What the doublewords of an entry are numbered with. */
  readonly letter: 'q' | 'w';
}

export const iommuWords: Readonly<Record<IommuModel, IommuWords>> = {
  vtd: {
    ...vtdWords,
    faultText: (code) => faultReasons.get(code)?.text ?? 'a reason without a name',
    letter: 'q',
  },
  riscv: {
    ...riscvWords,
    faultText: (code) => faultCauses.get(code)?.text ?? 'a cause without a name',
    letter: 'w',
  },
};
