import { assert } from '../../sim/assert.ts';
import { Operation, type StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { valueOfWords, wordsOfValue } from '../qword.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import { type BarrierName, barrierTable } from './barriers.ts';
import type { Core, MemoryModelName } from './memory-model.ts';

export interface CpuTiming {
  /** Least time a step takes. */
  readonly stepNs: number;
  /** Longest a CPU may be held up before a step. */
  readonly preemptMaxNs: number;
}

export interface CpuPorts {
  readonly core: Core;
  readonly memoryModel: MemoryModelName;
  readonly timing: CpuTiming;
  readonly trace: SystemTrace;
  /** Writes atomically and at once, as a locked instruction does; the core is drained. */
  readonly writeLocked: (address: number, words: readonly number[]) => void;
  readonly readRegister: (address: number, wordCount: number) => readonly number[];
  /** The same for a guard: no one sees it. */
  readonly peekRegister: (address: number, wordCount: number) => readonly number[];
}

export type Width = 32 | 64 | 128;

export interface PlainStore {
  readonly address: number;
  readonly widthBits: Width;
  readonly value: bigint;
}

/** What the operations of one CPU share. */
export class CpuCore {
  readonly ports: CpuPorts;
  readonly loads: Channel<Extract<TraceEvent, { kind: 'load' }>>;
  readonly barriers: Channel<Extract<TraceEvent, { kind: 'barrier' }>>;
  readonly #buffered: Channel<Extract<TraceEvent, { kind: 'store-buffered' }>>;

  constructor(ports: CpuPorts) {
    this.ports = ports;
    this.loads = ports.trace.channel('load');
    this.barriers = ports.trace.channel('barrier');
    this.#buffered = ports.trace.channel('store-buffered');
  }

  write(kind: 'store' | 'register', address: number, words: readonly number[]): void {
    if (this.#buffered.active && this.ports.memoryModel !== 'sc' && kind === 'store') {
      this.#buffered.emit({ kind: 'store-buffered', address, words });
    }
    this.ports.core.write({ kind, address, words });
  }
}

export abstract class CpuOperation<T> extends Operation<T> {
  protected readonly cpu: CpuCore;

  constructor(cpu: CpuCore) {
    super(cpu.ports.timing.stepNs, cpu.ports.timing.preemptMaxNs);
    this.cpu = cpu;
  }

  override get guarded(): boolean {
    return true;
  }
}

export class Store extends CpuOperation<void> {
  readonly #kind: 'store' | 'register';
  readonly #address: number;
  readonly #words: readonly number[];
  constructor(cpu: CpuCore, store: PlainStore, kind: 'store' | 'register' = 'store') {
    super(cpu);
    this.#kind = kind;
    this.#address = store.address;
    this.#words = wordsOfValue(store.value, store.widthBits);
  }

  get label(): string {
    return `${this.#kind} to 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.hasRoom();
  }

  execute(): void {
    this.cpu.write(this.#kind, this.#address, this.#words);
  }
}

export class StoreBlock extends CpuOperation<void> {
  readonly label = 'store of a block';
  readonly #address: number;
  readonly #words: readonly number[];

  constructor(cpu: CpuCore, address: number, words: readonly number[]) {
    super(cpu);
    this.#address = address;
    this.#words = words;
  }

  override ready(): boolean {
    return this.cpu.ports.core.hasRoom();
  }

  execute(): void {
    this.cpu.write('store', this.#address, this.#words);
  }
}

/** One of those stores of a list that are left: `context.local` has a bit for each. */
export class StoreOneOf extends CpuOperation<void> {
  readonly label = 'plain store';
  readonly #stores: readonly PlainStore[];

  constructor(cpu: CpuCore, stores: readonly PlainStore[]) {
    super(cpu);
    assert(stores.length < 32, 'a word has a bit for each plain store');
    this.#stores = stores;
  }

  override ready(): boolean {
    return this.cpu.ports.core.hasRoom();
  }

  execute(context: StepContext): void {
    // Stores to one place keep their order in C; any other order is the compiler's.
    const isLeft = (i: number): boolean => (context.local & (1 << i)) !== 0;
    const free: number[] = [];
    for (const [i, store] of this.#stores.entries()) {
      if (isLeft(i) && !this.#stores.some((earlier, j) => j < i && isLeft(j) && overlap(earlier, store))) {
        free.push(i);
      }
    }
    const picked = free[context.choose('compiler', free.length)] as number;
    const store = this.#stores[picked] as PlainStore;
    context.local &= ~(1 << picked);
    this.cpu.write('store', store.address, wordsOfValue(store.value, store.widthBits));
  }
}

export class LockedStore extends CpuOperation<void> {
  readonly #address: number;
  readonly #words: readonly number[];

  constructor(cpu: CpuCore, store: PlainStore) {
    super(cpu);
    this.#address = store.address;
    this.#words = wordsOfValue(store.value, store.widthBits);
  }

  get label(): string {
    return `locked store to 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.isDrained();
  }

  execute(): void {
    this.cpu.ports.writeLocked(this.#address, this.#words);
  }
}

export class Load extends CpuOperation<bigint> {
  readonly #address: number;
  readonly #wordCount: number;
  constructor(cpu: CpuCore, address: number, widthBits: Width) {
    super(cpu);
    this.#address = address;
    this.#wordCount = widthBits / 32;
  }

  get label(): string {
    return `load from 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.canRead(this.#address, this.#wordCount);
  }

  execute(): bigint {
    const words = readWords(this.cpu.ports.core, this.#address, this.#wordCount);
    if (this.cpu.loads.active) {
      this.cpu.loads.emit({ kind: 'load', address: this.#address, words });
    }
    return valueOfWords(words);
  }
}

export class LoadBlock extends CpuOperation<readonly number[]> {
  readonly label = 'load of a block';
  readonly #address: number;
  readonly #wordCount: number;

  constructor(cpu: CpuCore, address: number, wordCount: number) {
    super(cpu);
    this.#address = address;
    this.#wordCount = wordCount;
  }

  execute(): readonly number[] {
    return readWords(this.cpu.ports.core, this.#address, this.#wordCount);
  }
}

export class CompareExchange extends CpuOperation<bigint> {
  readonly #address: number;
  readonly #exchange: { readonly widthBits: Width; readonly expected: bigint; readonly desired: bigint };

  constructor(cpu: CpuCore, address: number, exchange: { widthBits: Width; expected: bigint; desired: bigint }) {
    super(cpu);
    this.#address = address;
    this.#exchange = exchange;
  }

  get label(): string {
    return `cmpxchg at 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.isDrained();
  }

  execute(): bigint {
    const { widthBits, expected, desired } = this.#exchange;
    const words = readWords(this.cpu.ports.core, this.#address, widthBits / 32);
    const old = valueOfWords(words);
    if (this.cpu.loads.active) {
      this.cpu.loads.emit({ kind: 'load', address: this.#address, words });
    }
    if (old === expected) {
      this.cpu.ports.writeLocked(this.#address, wordsOfValue(desired, widthBits));
    }
    return old;
  }
}

export class Barrier extends CpuOperation<void> {
  readonly #name: BarrierName;
  readonly #drains: boolean;
  constructor(cpu: CpuCore, name: BarrierName) {
    super(cpu);
    this.#name = name;
    this.#drains = barrierTable[name][cpu.ports.memoryModel].drains;
  }

  /** A barrier that waits for nothing is not seen on any bus: no step of its own. */
  override get immediate(): boolean {
    return !this.#drains;
  }

  get label(): string {
    return this.#name;
  }

  override ready(): boolean {
    return this.cpu.ports.core.isDrained();
  }

  execute(): void {
    if (this.cpu.barriers.active) {
      this.cpu.barriers.emit({ kind: 'barrier', name: this.#name });
    }
  }
}

export class FlushLine extends CpuOperation<void> {
  readonly #address: number;

  constructor(cpu: CpuCore, address: number) {
    super(cpu);
    this.#address = address;
  }

  get label(): string {
    return `clflush of 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.hasRoom();
  }

  execute(): void {
    this.cpu.ports.core.write({ kind: 'flush', address: this.#address, words: [] });
  }
}

export class WaitForWord extends CpuOperation<void> {
  readonly #address: number;
  readonly #value: number;
  readonly label: string;

  constructor(cpu: CpuCore, wait: { address: number; value: number; label: string }) {
    super(cpu);
    this.#address = wait.address;
    this.#value = wait.value;
    this.label = wait.label;
  }

  override ready(): boolean {
    return this.cpu.ports.core.readWord(this.#address) >>> 0 === this.#value;
  }

  execute(): void {}
}

export class Lock extends CpuOperation<void> {
  readonly #address: number;
  readonly #also: (() => boolean) | undefined;
  readonly label: string;

  constructor(cpu: CpuCore, lock: { address: number; name: string; also: (() => boolean) | undefined }) {
    super(cpu);
    this.#address = lock.address;
    this.#also = lock.also;
    this.label = `lock ${lock.name}`;
  }

  override ready(): boolean {
    const { core } = this.cpu.ports;
    return core.isDrained() && core.readWord(this.#address) === 0 && this.#also?.() !== false;
  }

  execute(): void {
    this.cpu.ports.writeLocked(this.#address, [1]);
  }
}

function overlap(a: PlainStore, b: PlainStore): boolean {
  return a.address < b.address + b.widthBits / 8 && b.address < a.address + a.widthBits / 8;
}

function readWords(core: Core, address: number, wordCount: number): readonly number[] {
  const words: number[] = [];
  for (let i = 0; i < wordCount; i += 1) {
    words.push(core.readWord(address + i * 4) >>> 0);
  }
  return words;
}
