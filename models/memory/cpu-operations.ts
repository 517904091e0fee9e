import { assert } from '../../sim/assert.ts';
import { Operation, type StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { valueOfWords, wordsOfValue } from '../qword.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import type { Fence } from './access-order.ts';
import { type BarrierName, barrierMeaning } from './barriers.ts';
import { type LoadName, loadMeaning, registerReadMeaning, type StoreName, storeMeaning } from './kernel-accesses.ts';
import {
  type AcceptsWords,
  type Core,
  type LoadRequest,
  type MemoryModelName,
  noDependencies,
} from './memory-model.ts';

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
  readonly readRegister: (address: number, wordCount: number) => readonly number[];
  /** The same for a guard: no one sees it. */
  readonly peekRegister: (address: number, wordCount: number) => readonly number[];
  /** Whether the code of the CPU has said that it may load from a place; left out: it may from anywhere. */
  readonly mayLoad?: (address: number, wordCount: number) => boolean;
}

export type Width = 32 | 64 | 128;

/** A driver CPU keeps track of one dependency: on its last load. It is in register 0. */
export const cpuRegisterCount = 1;
const lastLoad = 1;

export interface PlainStore {
  readonly address: number;
  readonly widthBits: Width;
  readonly value: bigint;
}

/** `dependent`: the address came from this CPU's last load, as in a walk of an RCU list. */
export type LoadOrderName = 'relaxed' | 'acquire' | 'dependent';
/** What the operations of one CPU share. */
export class CpuCore {
  readonly ports: CpuPorts;
  readonly loads: Channel<Extract<TraceEvent, { kind: 'load' }>>;
  readonly barriers: Channel<Extract<TraceEvent, { kind: 'barrier' }>>;
  readonly #buffered: Channel<Extract<TraceEvent, { kind: 'store-buffered' }>>;
  readonly #older: Channel<Extract<TraceEvent, { kind: 'older-value-seen' }>>;

  constructor(ports: CpuPorts) {
    this.ports = ports;
    this.loads = ports.trace.channel('load');
    this.barriers = ports.trace.channel('barrier');
    this.#buffered = ports.trace.channel('store-buffered');
    this.#older = ports.trace.channel('older-value-seen');
  }

  write(name: StoreName, address: number, words: readonly number[]): void {
    const { core, memoryModel } = this.ports;
    const { before, order, after } = storeMeaning(name, memoryModel);
    const kind = name === 'writel' || name === 'writel_relaxed' ? 'register' : 'store';
    this.fence(before);
    if (this.#buffered.active && memoryModel !== 'sc' && kind === 'store') {
      this.#buffered.emit({ kind: 'store-buffered', address, words });
    }
    // Spelt out: to spread an object for each store took a tenth of a run.
    core.write({ access: { kind, address, words }, order, addressFrom: 0, dataFrom: 0, into: -1 });
    this.fence(after);
  }

  fence(fence: Fence | undefined): void {
    if (fence !== undefined) {
      this.ports.core.fence(fence);
    }
  }

  /** readl: what comes behind the read of a register. */
  registerRead(): void {
    const { core, memoryModel } = this.ports;
    core.registerRead();
    this.fence(registerReadMeaning(memoryModel).after);
  }

  /** The request of a load under its kernel name; `isDependent`: its address came from the load before it. */
  loadRequest(name: LoadName, place: { address: number; wordCount: number }, isDependent = false): LoadRequest {
    assert(this.ports.mayLoad?.(place.address, place.wordCount) !== false, 'a task says where it loads from');
    const { order } = loadMeaning(name, this.ports.memoryModel);
    const { address, wordCount } = place;
    return { address, wordCount, order, addressFrom: isDependent ? lastLoad : 0, dataFrom: 0, into: 0 };
  }

  load(request: LoadRequest, after: Fence | undefined, context: StepContext): readonly number[] {
    const words = this.ports.core.read(request, context);
    this.fence(after);
    if (this.loads.active) {
      const { address } = request;
      this.loads.emit({ kind: 'load', address, words });
      if (this.#older.active) {
        const newest = words.map((_, i) => this.ports.core.peekWord(address + i * 4) >>> 0);
        if (newest.some((word, i) => word !== words[i])) {
          this.#older.emit({ kind: 'older-value-seen', address, words, newest });
        }
      }
    }
    return words;
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
  readonly #name: StoreName;
  readonly #address: number;
  readonly #words: readonly number[];
  constructor(cpu: CpuCore, store: PlainStore, name: StoreName = 'WRITE_ONCE') {
    super(cpu);
    this.#name = name;
    this.#address = store.address;
    this.#words = wordsOfValue(store.value, store.widthBits);
  }

  get label(): string {
    const kind = this.#name === 'writel' || this.#name === 'writel_relaxed' ? 'register' : 'store';
    return `${kind} to 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.hasRoom();
  }

  execute(): void {
    this.cpu.write(this.#name, this.#address, this.#words);
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
    this.cpu.write('WRITE_ONCE', this.#address, this.#words);
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
    this.cpu.write('WRITE_ONCE', store.address, wordsOfValue(store.value, store.widthBits));
  }
}

export class Load extends CpuOperation<bigint> {
  readonly #request: LoadRequest;
  readonly #after: Fence | undefined;

  constructor(cpu: CpuCore, place: { address: number; widthBits: Width }, order: LoadOrderName) {
    super(cpu);
    const name = order === 'acquire' ? 'smp_load_acquire' : 'READ_ONCE';
    const { address, widthBits } = place;
    this.#request = cpu.loadRequest(name, { address, wordCount: widthBits / 32 }, order === 'dependent');
    this.#after = loadMeaning(name, cpu.ports.memoryModel).after;
  }

  get label(): string {
    return `load from 0x${this.#request.address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.canRead(this.#request);
  }

  execute(context: StepContext): bigint {
    return valueOfWords(this.cpu.load(this.#request, this.#after, context));
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
    const words: number[] = [];
    for (let i = 0; i < this.#wordCount; i += 1) {
      words.push(this.cpu.ports.core.peekWord(this.#address + i * 4) >>> 0);
    }
    return words;
  }
}

export class Barrier extends CpuOperation<void> {
  readonly #name: BarrierName;
  readonly #fence: Fence;

  constructor(cpu: CpuCore, name: BarrierName) {
    super(cpu);
    this.#name = name;
    this.#fence = barrierMeaning(name, cpu.ports.memoryModel).fence;
  }

  /** A barrier that waits for nothing is not seen on any bus: no step of its own. */
  override get immediate(): boolean {
    return !this.cpu.ports.core.waitsAt(this.#fence);
  }

  get label(): string {
    return this.#name;
  }

  override ready(): boolean {
    return this.cpu.ports.core.isDrained();
  }

  execute(): void {
    this.cpu.fence(this.#fence);
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
    const access = { kind: 'flush', address: this.#address, words: [] } as const;
    this.cpu.ports.core.write({ access, order: 'relaxed', ...noDependencies });
  }
}

export class WaitForWord extends CpuOperation<void> {
  readonly #request: LoadRequest;
  readonly #accepts: AcceptsWords;
  readonly label: string;

  constructor(cpu: CpuCore, wait: { address: number; value: number; label: string }) {
    super(cpu);
    this.#request = cpu.loadRequest('READ_ONCE', { address: wait.address, wordCount: 1 });
    this.#accepts = ([word]) => word === wait.value;
    this.label = wait.label;
  }

  override ready(): boolean {
    return this.cpu.ports.core.canRead(this.#request, this.#accepts);
  }

  execute(context: StepContext): void {
    this.cpu.ports.core.read(this.#request, context, this.#accepts);
  }
}

function overlap(a: PlainStore, b: PlainStore): boolean {
  return a.address < b.address + b.widthBits / 8 && b.address < a.address + a.widthBits / 8;
}
