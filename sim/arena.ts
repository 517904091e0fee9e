import { assert } from './assert.ts';
import { hex32, mixHigh, mixLow } from './hash.ts';

const LOGGING = 1;
const HASHING = 2;
const RECORDING = 4;

/** Past this many entries a forward run stops logging and is reset by one copy instead. */
const forwardLogEntries = 1 << 16;

/** Stands for "not set" in fingerprints: farther than any time of a run. */
const unsetTime = 2 ** 60;

/** Which words one step read and wrote, in order of first touch. */
export interface Footprint {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
}

/** A named run of words, for diagnostics and value-change traces. */
export interface ArenaRegion {
  readonly name: string;
  readonly base: number;
  readonly wordCount: number;
}

/**
 * All mutable state of a run, as 32-bit words. Because every change goes through {@link put}, undo, fingerprints and
 * read/write sets exist once, here, and no model writes any of them itself.
 *
 * A time (whole ns, up to 2^53) takes two words allocated by {@link allocateTimes}; fingerprints use times relative to
 * the present, so that two states which differ only in when they are reached count as one.
 */
export class Arena {
  /** Read-only for everyone else: changes go through {@link put}, reads that a scheduler may ask for through get. */
  words = new Int32Array(1024);
  readonly regions: ArenaRegion[] = [];

  #used = 0;
  #sealed = false;
  #initial = new Int32Array(0);
  #mode = 0;
  #isTime = new Uint8Array(1024);
  readonly #times: number[] = [];

  #logIndex = new Int32Array(4096);
  #logOld = new Int32Array(4096);
  #logLength = 0;
  #logOverflowed = false;
  #keepsWholeLog = false;

  #hashLow = 0;
  #hashHigh = 0;
  /** What the step under record has touched: 2 * index for a read, one more for a write, in order of first touch. */
  touched = new Int32Array(256);
  touchedCount = 0;
  /** By word: the record in which it was last read and written. */
  #readIn = new Int32Array(0);
  #writtenIn = new Int32Array(0);
  #record = 0;

  get wordCount(): number {
    return this.#used;
  }

  /** Reserves `wordCount` words, all 0, and returns the index of the first. Only before {@link seal}. */
  allocate(name: string, wordCount: number): number {
    assert(!this.#sealed, 'the arena is not sealed when state is allocated');
    const base = this.#used;
    this.#used += wordCount;
    if (this.#used > this.words.length) {
      const capacity = Math.max(this.#used, this.words.length * 2);
      const words = new Int32Array(capacity);
      words.set(this.words);
      this.words = words;
      const isTime = new Uint8Array(capacity);
      isTime.set(this.#isTime);
      this.#isTime = isTime;
    }
    this.regions.push({ name, base, wordCount });
    return base;
  }

  /** Reserves `count` times of two words each; -1 means "not set". */
  allocateTimes(name: string, count: number): number {
    const base = this.allocate(name, 2 * count);
    this.#isTime.fill(1, base, base + 2 * count);
    for (let i = 0; i < count; i += 1) {
      this.#times.push(base + 2 * i);
    }
    return base;
  }

  /** Makes the present contents the initial state of every run. */
  seal(): void {
    assert(!this.#sealed, 'the arena is sealed once');
    this.#sealed = true;
    this.words = this.words.slice(0, this.#used);
    this.#initial = this.words.slice();
    this.#mode = LOGGING;
  }

  get(index: number): number {
    if ((this.#mode & RECORDING) !== 0) {
      this.#noteRead(index);
    }
    return this.words[index] as number;
  }

  put(index: number, value: number): void {
    if ((this.#mode & RECORDING) !== 0) {
      // Writing what is there already is to find out that it is there: it disturbs nobody who only reads.
      if (this.words[index] === (value | 0)) {
        this.#noteRead(index);
      } else {
        this.#noteWrite(index);
      }
    }
    this.putUnseen(index, value);
  }

  /** {@link put} for bookkeeping of the kernel, which no step reads: it is in no footprint. */
  putUnseen(index: number, value: number): void {
    const old = this.words[index] as number;
    const word = value | 0;
    if (old === word) {
      return;
    }
    this.words[index] = word;
    const mode = this.#mode;
    if ((mode & LOGGING) !== 0) {
      this.#log(index, old);
    }
    if ((mode & HASHING) !== 0 && this.#isTime[index] === 0) {
      this.#hashLow ^= mixLow(index, old) ^ mixLow(index, word);
      this.#hashHigh ^= mixHigh(index, old) ^ mixHigh(index, word);
    }
  }

  /** A time of {@link allocateTimes}, in ns; -1 when not set. */
  getTime(base: number): number {
    return (this.get(base) >>> 0) + this.get(base + 1) * 0x1_0000_0000;
  }

  putTime(base: number, atNs: number): void {
    this.put(base, atNs | 0);
    this.put(base + 1, Math.floor(atNs / 0x1_0000_0000));
  }

  putTimeUnseen(base: number, atNs: number): void {
    this.putUnseen(base, atNs | 0);
    this.putUnseen(base + 1, Math.floor(atNs / 0x1_0000_0000));
  }

  /** Back to the state at {@link seal}. */
  reset(): void {
    if (this.#logOverflowed) {
      this.words.set(this.#initial);
      this.#logOverflowed = false;
      this.#mode |= LOGGING;
      this.#logLength = 0;
    } else {
      this.undoTo(0);
    }
    this.#rehash();
  }

  /** A point {@link undoTo} can return to. */
  mark(): number {
    return this.#logLength;
  }

  undoTo(mark: number): void {
    assert(!this.#logOverflowed, 'the undo log is whole');
    const mode = this.#mode;
    if ((mode & HASHING) === 0) {
      for (let i = this.#logLength - 1; i >= mark; i -= 1) {
        this.words[this.#logIndex[i] as number] = this.#logOld[i] as number;
      }
    } else {
      this.#mode = HASHING;
      for (let i = this.#logLength - 1; i >= mark; i -= 1) {
        this.put(this.#logIndex[i] as number, this.#logOld[i] as number);
      }
      this.#mode = mode;
    }
    this.#logLength = mark;
  }

  /** Halves of the fingerprint so far, without times; searches note them together with a {@link mark}. */
  get hashLow(): number {
    return this.#hashLow;
  }

  get hashHigh(): number {
    return this.#hashHigh;
  }

  /** {@link undoTo} for one who has noted the fingerprint of that point: it need not be worked out again. */
  rewind(mark: number, hashLow: number, hashHigh: number): void {
    for (let i = this.#logLength - 1; i >= mark; i -= 1) {
      this.words[this.#logIndex[i] as number] = this.#logOld[i] as number;
    }
    this.#logLength = mark;
    this.#hashLow = hashLow;
    this.#hashHigh = hashHigh;
  }

  /** Words that differ from the initial state, as (index, value) in ascending order: the whole state, but for times. */
  differences(): readonly number[] {
    assert(!this.#logOverflowed, 'the undo log is whole');
    const indices = new Set<number>();
    for (let i = 0; i < this.#logLength; i += 1) {
      const index = this.#logIndex[i] as number;
      if (this.words[index] !== this.#initial[index] && this.#isTime[index] === 0) {
        indices.add(index);
      }
    }
    return [...indices].sort((a, b) => a - b).flatMap((index) => [index, this.words[index] as number]);
  }

  /** Keeps every change until undone, however long the run; exploration needs it, forward runs do not. */
  keepWholeLog(on: boolean): void {
    this.#keepsWholeLog = on;
  }

  /** Switches the incremental fingerprint on or off; on costs one full pass. */
  hash(on: boolean): void {
    this.#mode = on ? this.#mode | HASHING : this.#mode & ~HASHING;
    this.#rehash();
  }

  /** 64 bits as 16 hexadecimal digits; equal states (times relative to `nowNs`) give equal fingerprints. */
  fingerprint(nowNs: number): string {
    if ((this.#mode & HASHING) === 0) {
      this.#computeHash();
    }
    let low = this.#hashLow;
    let high = this.#hashHigh;
    for (const base of this.#times) {
      const atNs = this.getTime(base);
      // A time that is not set is no number of ns before or after the present.
      const relative = atNs < 0 ? unsetTime : atNs - nowNs;
      const upper = Math.floor(relative / 0x1_0000_0000);
      low ^= mixLow(base, relative | 0) ^ mixLow(base + 1, upper);
      high ^= mixHigh(base, relative | 0) ^ mixHigh(base + 1, upper);
    }
    return hex32(high) + hex32(low);
  }

  /** A copy of every word; {@link restore} brings it back. */
  snapshot(): Int32Array {
    return this.words.slice();
  }

  restore(snapshot: Int32Array): void {
    assert(snapshot.length === this.#used, 'the snapshot is of this arena');
    for (let i = 0; i < snapshot.length; i += 1) {
      this.put(i, snapshot[i] as number);
    }
  }

  /** From here to {@link stopRecord} every access is noted in {@link touched}. */
  startRecord(): void {
    if (this.#readIn.length < this.#used) {
      this.#readIn = new Int32Array(this.#used);
      this.#writtenIn = new Int32Array(this.#used);
    }
    this.touchedCount = 0;
    this.#record += 1;
    this.#mode |= RECORDING;
  }

  stopRecord(): void {
    this.#mode &= ~RECORDING;
  }

  /** Runs `step` and tells which words it read and wrote. */
  record(step: () => void): Footprint {
    this.startRecord();
    try {
      step();
    } finally {
      this.stopRecord();
    }
    const touched = [...this.touched.subarray(0, this.touchedCount)];
    const indices = (isWrite: number) =>
      new Set(touched.filter((each) => (each & 1) === isWrite).map((each) => each >>> 1));
    return { reads: indices(0), writes: indices(1) };
  }

  /** The region a word belongs to, for messages. */
  regionOf(index: number): ArenaRegion {
    const region = this.regions.find((r) => index >= r.base && index < r.base + r.wordCount);
    assert(region !== undefined, 'every allocated word has a region');
    return region;
  }

  #log(index: number, old: number): void {
    if (this.#logLength === this.#logIndex.length) {
      if (!this.#keepsWholeLog && this.#logLength >= forwardLogEntries) {
        this.#logOverflowed = true;
        this.#mode &= ~LOGGING;
        return;
      }
      this.#logIndex = grow(this.#logIndex);
      this.#logOld = grow(this.#logOld);
    }
    this.#logIndex[this.#logLength] = index;
    this.#logOld[this.#logLength] = old;
    this.#logLength += 1;
  }

  #noteRead(index: number): void {
    if (this.#readIn[index] !== this.#record) {
      this.#readIn[index] = this.#record;
      this.#touch(index * 2);
    }
  }

  #noteWrite(index: number): void {
    if (this.#writtenIn[index] !== this.#record) {
      this.#writtenIn[index] = this.#record;
      this.#touch(index * 2 + 1);
    }
  }

  #touch(entry: number): void {
    if (this.touchedCount === this.touched.length) {
      this.touched = grow(this.touched);
    }
    this.touched[this.touchedCount] = entry;
    this.touchedCount += 1;
  }

  #rehash(): void {
    if ((this.#mode & HASHING) !== 0) {
      this.#computeHash();
    }
  }

  #computeHash(): void {
    let low = 0;
    let high = 0;
    for (let i = 0; i < this.#used; i += 1) {
      if (this.#isTime[i] === 0) {
        low ^= mixLow(i, this.words[i] as number);
        high ^= mixHigh(i, this.words[i] as number);
      }
    }
    this.#hashLow = low;
    this.#hashHigh = high;
  }
}

function grow(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
