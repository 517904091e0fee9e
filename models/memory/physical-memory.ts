import type { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { BitSet, Cell } from '../../sim/containers.ts';

export const pageBytes = 4096;
export const lineBytes = 64;
const lineWords = lineBytes / 4;

export interface PhysicalMemoryConfig {
  /** Size of RAM, from physical address 0, in 4 KB pages. */
  readonly pageCount: number;
  /** False: translation-table walks of the IOMMU see only lines that were written back (VT-d ECAP.C = 0). */
  readonly coherentWalks: boolean;
  /** Stores stay in a write buffer that walks do not see through (VT-d CAP.RWBF = 1). */
  readonly hasWriteBuffer?: boolean;
}

/** Sees every write before it happens. `by` is the CPU it comes from, or -1: a device. */
export interface WriteObserver {
  beforeWrite(address: number, wordCount: number, by: number): void;
}

/** Told of every store at the moment it becomes visible; the entry registry watches its entries this way. */
export type StoreWatcher = (address: number, wordCount: number) => void;

/**
 * RAM as one array of words, and where walks are not coherent, or stores stay in a write buffer, a second one: what the
 * memory controller holds, behind the CPU caches or that buffer. Every access is atomic as a whole; whoever is narrower on a bus makes several accesses.
 */
export class PhysicalMemory {
  readonly byteCount: number;
  /** Memory models whose loads may see older values keep them; exclusive reservations end with a write. */
  writeObserver: WriteObserver | undefined;
  /** Whether walks see every store as soon as CPUs do. */
  readonly #walksSeeStores: boolean;
  readonly #arena: Arena;
  readonly #base: number;
  /** Arena index of the written-back view; equal to #base when walks are coherent. */
  readonly #walkBase: number;
  readonly #dirtyLines: BitSet | undefined;
  /** How many there are: asked before every step where caches may evict. */
  readonly #dirtyCount: Cell;
  readonly #watchers: { before: StoreWatcher; after: StoreWatcher; firstLine: number; lineCount: number }[] = [];
  readonly #watchedLines: Uint8Array;

  constructor(arena: Arena, config: PhysicalMemoryConfig) {
    this.#arena = arena;
    this.byteCount = config.pageCount * pageBytes;
    this.#walksSeeStores = config.coherentWalks && config.hasWriteBuffer !== true;
    this.#base = arena.allocate('memory', this.byteCount / 4);
    this.#walkBase = this.#walksSeeStores ? this.#base : arena.allocate('memory.written-back', this.byteCount / 4);
    const lineCount = this.byteCount / lineBytes;
    this.#dirtyLines = this.#walksSeeStores ? undefined : new BitSet(arena, 'memory.dirty-lines', lineCount);
    this.#dirtyCount = new Cell(arena, 'memory.dirty-count');
    this.#watchedLines = new Uint8Array(lineCount);
  }

  contains(address: number, byteCount: number): boolean {
    return address >= 0 && address + byteCount <= this.byteCount;
  }

  /** One word as CPUs see it; `address` is 4-byte aligned and in RAM. */
  read(address: number): number {
    assert(this.contains(address, 4), 'a CPU reads RAM');
    return this.#arena.get(this.#base + (address >>> 2));
  }

  /** Arena index of an address as CPUs see it. */
  cpuIndex(address: number): number {
    assert(this.contains(address, 4), 'the walk reads RAM');
    return this.#base + (address >>> 2);
  }

  /** Arena index of an address as table walks see it. */
  walkIndex(address: number): number {
    assert(this.contains(address, 4), 'the walk reads RAM');
    return this.#walkBase + (address >>> 2);
  }

  /** Makes a CPU store of `wordCount` words visible to all CPUs at once (and to walks, if they are coherent). */
  write(address: number, words: ArrayLike<number>, wordsBase: number, wordCount: number, by = -1): void {
    assert(this.contains(address, wordCount * 4), 'a store goes to RAM');
    assert((address % lineBytes) + wordCount * 4 <= lineBytes, 'an access stays within a cache line');
    this.writeObserver?.beforeWrite(address, wordCount, by);
    const watched = this.#watchedLines[address >>> 6] === 1 && this.#changes(address, words, wordsBase, wordCount);
    if (watched) {
      this.#notify(address, wordCount, 'before');
    }
    const index = this.#base + (address >>> 2);
    for (let i = 0; i < wordCount; i += 1) {
      this.#arena.put(index + i, words[wordsBase + i] as number);
    }
    this.#setDirty(address, true);
    if (watched) {
      this.#notify(address, wordCount, 'after');
    }
  }

  /** A coherent write of a device: visible in both views. */
  deviceWrite(address: number, words: readonly number[]): void {
    const wasDirty = this.#dirtyLines?.has(address >>> 6);
    this.write(address, words, 0, words.length);
    if (this.#dirtyLines !== undefined) {
      this.#setDirty(address, wasDirty === true);
      for (let i = 0; i < words.length; i += 1) {
        this.#arena.put(this.walkIndex(address) + i, words[i] as number);
      }
    }
  }

  /** Writes one line back, as clflush or an eviction does. */
  writeBack(address: number): void {
    if (this.#dirtyLines === undefined) {
      return;
    }
    const first = (address & -lineBytes) >>> 2;
    for (let i = first; i < first + lineWords; i += 1) {
      this.#arena.put(this.#walkBase + i, this.#arena.get(this.#base + i));
    }
    this.#setDirty(address, false);
  }

  get dirtyLineCount(): number {
    return this.#dirtyCount.get();
  }

  /** Address of the `rank`-th dirty line. */
  dirtyLine(rank: number): number {
    assert(this.#dirtyLines !== undefined, 'walks may lag behind stores');
    return this.#dirtyLines.nth(rank) * lineBytes;
  }

  /** Sets memory before the run, in both views. */
  initialise(address: number, words: ArrayLike<number>): void {
    for (let i = 0; i < words.length; i += 1) {
      this.#arena.put(this.#base + (address >>> 2) + i, words[i] as number);
      this.#arena.put(this.#walkBase + (address >>> 2) + i, words[i] as number);
    }
  }

  /** Calls the watchers around every store that changes something in a line of the range. */
  watch(address: number, byteCount: number, before: StoreWatcher, after: StoreWatcher): void {
    const firstLine = address >>> 6;
    const lineCount = ((address + byteCount - 1) >>> 6) - firstLine + 1;
    this.#watchedLines.fill(1, firstLine, firstLine + lineCount);
    this.#watchers.push({ before, after, firstLine, lineCount });
  }

  #setDirty(address: number, isDirty: boolean): void {
    const lines = this.#dirtyLines;
    if (lines !== undefined && lines.has(address >>> 6) !== isDirty) {
      lines.set(address >>> 6, isDirty);
      this.#dirtyCount.set(this.#dirtyCount.get() + (isDirty ? 1 : -1));
    }
  }

  #changes(address: number, words: ArrayLike<number>, wordsBase: number, wordCount: number): boolean {
    for (let i = 0; i < wordCount; i += 1) {
      if ((this.read(address + i * 4) ^ (words[wordsBase + i] as number)) !== 0) {
        return true;
      }
    }
    return false;
  }

  #notify(address: number, wordCount: number, when: 'before' | 'after'): void {
    const line = address >>> 6;
    for (const watcher of this.#watchers) {
      if (line >= watcher.firstLine && line < watcher.firstLine + watcher.lineCount) {
        watcher[when](address, wordCount);
      }
    }
  }
}

/** Words of one access, for the trace. */
export function wordsOf(words: ArrayLike<number>, base: number, wordCount: number): readonly number[] {
  const copy: number[] = [];
  for (let i = 0; i < wordCount; i += 1) {
    copy.push((words[base + i] as number) >>> 0);
  }
  return copy;
}
