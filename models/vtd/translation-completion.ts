import { unmodelled } from '../../sim/assert.ts';
import type { TranslationCompletion } from '../iommu/translation-completion.ts';
import { faultReasons } from './fault-reasons.ts';

/** Status of the answer to a translation request whose walk ended in a fault. */
export function completionStatus(reason: number): TranslationCompletion['status'] {
  const answer = faultReasons.get(reason)?.translationAnswer;
  switch (answer) {
    case 'UR':
    case 'CA':
      return answer;
    case 'no-access':
    // A request is for one kind of access, so what is left when that is refused is nothing.
    case 'effective':
      return 'success';
    default:
      return unmodelled(`the answer to a translation request that ends in fault ${reason.toString(16)}h`);
  }
}
