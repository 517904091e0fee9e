import { assert } from './assert.ts';

const slotCount = 1024;
const slotMask = slotCount - 1;
const none = -1;

/**
 * Pending moments of processes, at most one each, in the total order (atNs, sequence). A wheel of 1 ns slots with
 * intrusive first-in-first-out lists holds the near future, a binary heap the rest; no object is made per event.
 */
export class TimerQueue {
  size = 0;

  #nowNs = 0;
  #sequence = 0;
  #nextInSlot: Int32Array;
  readonly #slotHead = new Int32Array(slotCount).fill(none);
  readonly #slotTail = new Int32Array(slotCount).fill(none);
  readonly #occupied = new Int32Array(slotCount / 32);
  #inWheel = 0;

  #heap: Int32Array;
  #heapLength = 0;
  #atNs: Float64Array;
  #order: Float64Array;

  constructor(processCount: number) {
    this.#nextInSlot = new Int32Array(processCount);
    this.#heap = new Int32Array(processCount + 1);
    this.#atNs = new Float64Array(processCount);
    this.#order = new Float64Array(processCount);
  }

  clear(): void {
    if (this.size !== 0) {
      this.#slotHead.fill(none);
      this.#slotTail.fill(none);
      this.#occupied.fill(0);
    }
    this.size = 0;
    this.#inWheel = 0;
    this.#heapLength = 0;
    this.#nowNs = 0;
    this.#sequence = 0;
  }

  /** Adds a process that has no pending moment; `atNs` is not before the last one taken. */
  insert(processId: number, atNs: number): void {
    assert(atNs >= this.#nowNs, 'a step is not scheduled in the past');
    this.size += 1;
    this.#atNs[processId] = atNs;
    if (atNs - this.#nowNs < slotCount) {
      this.#append(processId, atNs);
      return;
    }
    this.#order[processId] = this.#sequence;
    this.#sequence += 1;
    this.#pushHeap(processId);
  }

  /** Takes the first process out; its moment is then {@link atNsOf}. The queue must not be empty. */
  take(): number {
    if (this.#inWheel === 0) {
      // Nothing near: jump, so that the next far moment comes into the wheel's reach.
      this.#advance(this.#atNs[this.#heap[0] as number] as number);
    }
    const slot = this.#nextOccupiedSlot();
    const processId = this.#slotHead[slot] as number;
    const next = this.#nextInSlot[processId] as number;
    this.#slotHead[slot] = next;
    if (next === none) {
      this.#slotTail[slot] = none;
      this.#occupied[slot >>> 5] = (this.#occupied[slot >>> 5] as number) & ~(1 << (slot & 31));
    }
    this.#inWheel -= 1;
    this.size -= 1;
    const atNs = this.#atNs[processId] as number;
    if (atNs !== this.#nowNs) {
      this.#advance(atNs);
    }
    return processId;
  }

  atNsOf(processId: number): number {
    return this.#atNs[processId] as number;
  }

  /** Far moments move into the wheel before anything later can be added to their slots: this keeps the order. */
  #advance(nowNs: number): void {
    this.#nowNs = nowNs;
    while (this.#heapLength > 0) {
      const first = this.#heap[0] as number;
      const atNs = this.#atNs[first] as number;
      if (atNs - nowNs >= slotCount) {
        return;
      }
      this.#popHeap();
      this.#append(first, atNs);
    }
  }

  #append(processId: number, atNs: number): void {
    const slot = atNs & slotMask;
    this.#nextInSlot[processId] = none;
    const tail = this.#slotTail[slot] as number;
    if (tail === none) {
      this.#slotHead[slot] = processId;
      this.#occupied[slot >>> 5] = (this.#occupied[slot >>> 5] as number) | (1 << (slot & 31));
    } else {
      this.#nextInSlot[tail] = processId;
    }
    this.#slotTail[slot] = processId;
    this.#inWheel += 1;
  }

  #nextOccupiedSlot(): number {
    const from = this.#nowNs & slotMask;
    let word = from >>> 5;
    // Slots before `from` in the first word belong to the far end of the wheel: they come last.
    let bits = (this.#occupied[word] as number) & (-1 << (from & 31));
    while (bits === 0) {
      word = (word + 1) & (slotMask >>> 5);
      bits = this.#occupied[word] as number;
    }
    return word * 32 + 31 - Math.clz32(bits & -bits);
  }

  #before(a: number, b: number): boolean {
    const atA = this.#atNs[a] as number;
    const atB = this.#atNs[b] as number;
    return atA !== atB ? atA < atB : (this.#order[a] as number) < (this.#order[b] as number);
  }

  #pushHeap(processId: number): void {
    let hole = this.#heapLength;
    this.#heapLength += 1;
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      const above = this.#heap[parent] as number;
      if (!this.#before(processId, above)) {
        break;
      }
      this.#heap[hole] = above;
      hole = parent;
    }
    this.#heap[hole] = processId;
  }

  #popHeap(): void {
    this.#heapLength -= 1;
    const last = this.#heap[this.#heapLength] as number;
    let hole = 0;
    for (;;) {
      let child = hole * 2 + 1;
      if (child >= this.#heapLength) {
        break;
      }
      if (child + 1 < this.#heapLength && this.#before(this.#heap[child + 1] as number, this.#heap[child] as number)) {
        child += 1;
      }
      if (!this.#before(this.#heap[child] as number, last)) {
        break;
      }
      this.#heap[hole] = this.#heap[child] as number;
      hole = child;
    }
    this.#heap[hole] = last;
  }
}
