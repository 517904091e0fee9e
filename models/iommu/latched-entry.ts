import type { Structure } from '../trace-events.ts';

/** An entry as latched: where it is in memory, and where its words are now. */
export interface LatchedEntry {
  readonly structure: Structure;
  readonly address: number;
  readonly words: ArrayLike<number>;
  readonly base: number;
  readonly wordCount: number;
  /** Position in the provenance of the translation. */
  readonly slot: number;
}
