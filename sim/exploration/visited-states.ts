import type { StateKey } from './state-key.ts';
import { StateTable } from './state-table.ts';

/** The states a search has been in, with one word for each that the search keeps there. */
export interface VisitedStates {
  readonly count: number;
  readonly byteCount: number;
  /** Different states found to have one fingerprint; 0 where nobody looks. */
  readonly collisions: number;
  /** Whether the state that `key` has taken is new; {@link value} is then about it. */
  isNew(key: StateKey, extra: number): boolean;
  value: number;
}

/** By 64-bit fingerprint alone. */
export class FingerprintedStates implements VisitedStates {
  readonly collisions = 0;
  readonly #table = new StateTable();
  #handle = 0;

  get count(): number {
    return this.#table.count;
  }

  get byteCount(): number {
    return this.#table.byteCount;
  }

  isNew(key: StateKey): boolean {
    const handle = this.#table.find(key.low, key.high);
    this.#handle = handle < 0 ? ~handle : handle;
    return handle < 0;
  }

  get value(): number {
    return this.#table.value(this.#handle);
  }

  set value(value: number) {
    this.#table.setValue(this.#handle, value);
  }
}

interface ExactState {
  value: number;
}

/** By everything a state consists of; the fingerprints are kept to see whether they would have been enough. */
export class ExactStates implements VisitedStates {
  collisions = 0;
  byteCount = 0;
  readonly #states = new Map<string, ExactState>();
  readonly #fingerprints = new Set<string>();
  #present: ExactState = { value: 0 };

  get count(): number {
    return this.#states.size;
  }

  isNew(key: StateKey, extra: number): boolean {
    const text = key.exact(extra);
    const known = this.#states.get(text);
    if (known !== undefined) {
      this.#present = known;
      return false;
    }
    const fingerprint = `${key.low} ${key.high}`;
    this.collisions += this.#fingerprints.has(fingerprint) ? 1 : 0;
    this.#fingerprints.add(fingerprint);
    this.#present = { value: 0 };
    this.#states.set(text, this.#present);
    // One byte a character: what engines keep of ASCII text.
    this.byteCount += text.length;
    return true;
  }

  get value(): number {
    return this.#present.value;
  }

  set value(value: number) {
    this.#present.value = value;
  }
}
