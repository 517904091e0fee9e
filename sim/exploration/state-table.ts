const wordsPerSlot = 3;
/** Fuller tables answer slowly. */
const maxLoad = 0.7;

/**
 * The states a search has seen, as 64-bit fingerprints in one open-addressing table, with a word of its own for each. A
 * state takes 12 bytes a slot, so 17 to 34 bytes.
 */
export class StateTable {
  count = 0;
  #slots: Int32Array<ArrayBuffer>;
  #mask: number;

  constructor(slotCount = 1 << 12) {
    this.#slots = new Int32Array(slotCount * wordsPerSlot);
    this.#mask = slotCount - 1;
  }

  get byteCount(): number {
    return this.#slots.byteLength;
  }

  /** Handle of the state: for {@link value} and {@link setValue}, until the next call. Negative: it is new, use `~handle`. */
  find(low: number, high: number): number {
    if (this.count >= (this.#mask + 1) * maxLoad) {
      this.#grow();
    }
    // Two zeros mean an empty slot.
    const key = low === 0 && high === 0 ? 1 : low;
    const handle = this.#locate(key, high);
    const slots = this.#slots;
    if (slots[handle] === key && slots[handle + 1] === high) {
      return handle;
    }
    slots[handle] = key;
    slots[handle + 1] = high;
    this.count += 1;
    return ~handle;
  }

  value(handle: number): number {
    return this.#slots[handle + 2] as number;
  }

  setValue(handle: number, value: number): void {
    this.#slots[handle + 2] = value;
  }

  #locate(low: number, high: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = (low ^ (high << 7)) & mask;
    for (;;) {
      const at = slot * wordsPerSlot;
      const foundLow = slots[at] as number;
      const foundHigh = slots[at + 1] as number;
      if ((foundLow === low && foundHigh === high) || (foundLow === 0 && foundHigh === 0)) {
        return at;
      }
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < old.length; at += wordsPerSlot) {
      const [low, high] = [old[at] as number, old[at + 1] as number];
      if (low !== 0 || high !== 0) {
        const to = this.#locate(low, high);
        this.#slots[to] = low;
        this.#slots[to + 1] = high;
        this.#slots[to + 2] = old[at + 2] as number;
      }
    }
  }
}

/** Chance that two of `count` states have the same 64-bit fingerprint: at most about count^2 / 2^65. */
export function collisionBound(count: number): number {
  return (count * count) / 2 ** 65;
}
