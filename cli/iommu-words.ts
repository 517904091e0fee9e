import { riscvWords, type SpecWords, vtdWords } from '../models/checkers/spec-words.ts';
import type { IommuModel } from '../models/linux/flow-definition.ts';
import { faultCauses } from '../models/riscv/fault-causes.ts';
import { faultReasons } from '../models/vtd/fault-reasons.ts';

/** How events of a run are put, by the specification of its IOMMU. */
export interface IommuWords extends Pick<SpecWords, 'tag' | 'faultCode'> {
  /** What hardware reports a fault as. */
  readonly faultText: (code: number) => string;
  /** An error of the queue by its code, at a slot. */
  readonly queueErrorText: (code: number, slot: number) => string;
  /** What a time-out of an ITag sets; '' if that comes later. */
  readonly timeoutText: string;
  /** What the doublewords of an entry are numbered with. */
  readonly letter: 'q' | 'w';
}

/** Error bits of cqcsr. */
const cqcsrErrors: ReadonlyMap<number, string> = new Map([
  [8, 'cqmf (memory fault)'],
  [9, 'cmd_to (time-out)'],
  [10, 'cmd_ill (illegal command)'],
]);

export const iommuWords: Readonly<Record<IommuModel, IommuWords>> = {
  vtd: {
    ...vtdWords,
    faultText: (code) => faultReasons.get(code)?.text ?? 'a reason without a name',
    queueErrorText: (code, slot) => `queue error ${code} at descriptor ${slot}`,
    timeoutText: ': ITE',
    letter: 'q',
  },
  riscv: {
    ...riscvWords,
    faultText: (code) => faultCauses.get(code)?.text ?? 'a cause without a name',
    queueErrorText: (code, slot) => `${cqcsrErrors.get(code) ?? `error ${code}`} at command ${slot}`,
    timeoutText: '',
    letter: 'w',
  },
};
