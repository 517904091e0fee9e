import type { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { Fifo } from '../../sim/containers.ts';
import type { Operation } from '../../sim/operation.ts';
import { EngineStep } from '../engine-step.ts';
import { accessKind, type Fence } from './access-order.ts';
import { InOrderCore } from './in-order-core.ts';
import type { AccessSink, StoreRequest } from './memory-model.ts';

const kinds = ['store', 'register', 'flush'] as const;
const registerKind = kinds.indexOf('register');
const column = { kind: 0, address: 1, wordCount: 2, firstWord: 3 } as const;
/** The widest entry is a block no one reads before a later store publishes it: one 256-bit descriptor. */
const maxWords = 8;

export interface StoreBufferConfig {
  /** Entries; a full buffer makes the next store wait. */
  readonly entryCount: number;
  /** Longest stay of the oldest entry, in ns. */
  readonly maxNs: number;
}

/**
 * x86-TSO (Owens, Sarkar, Sewell 2009): a first-in-first-out store buffer for each CPU, with forwarding; the scheduler
 * decides when the oldest entry drains. Register writes and clflush take their turn in the same queue, as uncached
 * writes and clflush are ordered after earlier stores on x86.
 */
export class TsoCore extends InOrderCore {
  readonly #buffer: Fifo;
  /** The step of the engine that drains this buffer. */
  readonly drain: Operation<void>;

  constructor(arena: Arena, name: string, config: StoreBufferConfig, sink: AccessSink) {
    super(sink);
    this.#buffer = new Fifo(arena, name, config.entryCount, column.firstWord + maxWords);
    this.drain = new EngineStep(
      'store buffer drains',
      { minNs: 0, maxNs: config.maxNs },
      {
        ready: () => !this.isDrained(),
        work: () => this.#drainOldest(),
      },
    );
  }

  hasRoom(): boolean {
    return !this.#buffer.isFull;
  }

  write({ access }: StoreRequest): void {
    assert(access.words.length <= maxWords, 'a store fits an entry of the store buffer');
    const row = this.#buffer.push();
    this.#buffer.set(row, column.kind, kinds.indexOf(access.kind));
    this.#buffer.set(row, column.address, access.address);
    this.#buffer.set(row, column.wordCount, access.words.length);
    for (let i = 0; i < access.words.length; i += 1) {
      this.#buffer.set(row, column.firstWord + i, access.words[i] as number);
    }
  }

  protected isWhole(address: number, wordCount: number): boolean {
    for (let row = this.#buffer.length - 1; row >= 0; row -= 1) {
      const from = this.#address(row);
      const to = from + this.#buffer.get(row, column.wordCount) * 4;
      if (this.#isStore(row) && from < address + wordCount * 4 && address < to) {
        return from <= address && address + wordCount * 4 <= to;
      }
    }
    return true;
  }

  canReadRegister(): boolean {
    for (let row = 0; row < this.#buffer.length; row += 1) {
      if (this.#buffer.get(row, column.kind) === registerKind) {
        return false;
      }
    }
    return true;
  }

  peekWord(address: number): number {
    for (let row = this.#buffer.length - 1; row >= 0; row -= 1) {
      const offset = address - this.#address(row);
      if (this.#isStore(row) && offset >= 0 && offset < this.#buffer.get(row, column.wordCount) * 4) {
        return this.#buffer.get(row, column.firstWord + offset / 4);
      }
    }
    return this.sink.readWord(address);
  }

  isDrained(): boolean {
    return this.#buffer.length === 0;
  }

  /** Only a full fence keeps a load behind an earlier store. */
  waitsAt(fence: Fence): boolean {
    return (fence.write & accessKind.read) !== 0;
  }

  #drainOldest(): void {
    const words: number[] = [];
    for (let i = 0; i < this.#buffer.get(0, column.wordCount); i += 1) {
      words.push(this.#buffer.get(0, column.firstWord + i) >>> 0);
    }
    const kind = kinds[this.#buffer.get(0, column.kind)] ?? 'store';
    const address = this.#address(0);
    this.#buffer.remove(0);
    this.sink.apply({ kind, address, words });
  }

  #isStore(row: number): boolean {
    return this.#buffer.get(row, column.kind) === 0;
  }

  #address(row: number): number {
    return this.#buffer.get(row, column.address) >>> 0;
  }
}
