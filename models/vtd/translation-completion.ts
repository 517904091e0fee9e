import { unmodelled } from '../../sim/assert.ts';
import { faultReasons } from './fault-reasons.ts';

/** What a translation request is answered with (PCIe ATS 10.2.3; VT-d 7.1.3 Table 30). */
export interface TranslationCompletion {
  readonly status: 'success' | 'UR' | 'CA';
  /** Neither of the two: no translation; the function may ask for the page. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** Physical address of the page. */
  readonly address: number;
  /** Entries the translation was built from. */
  provenance(slot: number): number;
}

/** A translation that a function holds and does DMA by. */
export interface HeldTranslation {
  /** Physical address of the page. */
  readonly address: number;
  /** Entries the translation was built from. */
  provenance(slot: number): number;
}

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
