/** What a translation request is answered with (PCIe ATS 10.2.3). */
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
