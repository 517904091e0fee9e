import { valueOfWords, wordsOfValue } from '../qword.ts';
import { type CpuCore, CpuOperation, type PlainStore, type Width } from './cpu-operations.ts';
import { type RmwMeaning, type RmwName, rmwMeaning } from './kernel-accesses.ts';
import type { RmwRequest } from './memory-model.ts';

type RmwOrderName = Exclude<RmwName, 'spin_lock'>;

export interface CompareExchangeRequest {
  readonly widthBits: Width;
  readonly expected: bigint;
  readonly desired: bigint;
  /** Left out: full. */
  readonly order?: RmwOrderName;
}

export interface FetchAddRequest {
  readonly widthBits: 32 | 64;
  readonly value: bigint;
  readonly order?: RmwOrderName;
}

/** A read-modify-write: what waits for a place, reads it and may write it, as one. */
abstract class Modify<T> extends CpuOperation<T> {
  protected readonly request: RmwRequest;
  readonly #meaning: RmwMeaning;

  constructor(cpu: CpuCore, place: { address: number; wordCount: number }, name: RmwName) {
    super(cpu);
    this.#meaning = rmwMeaning(name, cpu.ports.memoryModel);
    const { address, wordCount } = place;
    this.request = { address, wordCount, order: this.#meaning.order, addressFrom: 0, dataFrom: 0, into: 0 };
  }

  override ready(): boolean {
    return this.cpu.ports.core.canModify(this.request);
  }

  protected modify(change: (old: readonly number[]) => readonly number[] | undefined): readonly number[] {
    this.cpu.fence(this.#meaning.before);
    const old = this.cpu.ports.core.modify(this.request, change);
    this.cpu.fence(this.#meaning.after);
    return old;
  }
}

/** On x86 a 16-byte store that is atomic takes a locked cmpxchg16b. */
export class LockedStore extends Modify<void> {
  readonly #words: readonly number[];

  constructor(cpu: CpuCore, { address, widthBits, value }: PlainStore) {
    super(cpu, { address, wordCount: widthBits / 32 }, 'full');
    this.#words = wordsOfValue(value, widthBits);
  }

  get label(): string {
    return `locked store to 0x${this.request.address.toString(16)}`;
  }

  execute(): void {
    this.modify(() => this.#words);
  }
}

export class CompareExchange extends Modify<bigint> {
  readonly #exchange: CompareExchangeRequest;

  constructor(cpu: CpuCore, address: number, exchange: CompareExchangeRequest) {
    super(cpu, { address, wordCount: exchange.widthBits / 32 }, exchange.order ?? 'full');
    this.#exchange = exchange;
  }

  get label(): string {
    return `cmpxchg at 0x${this.request.address.toString(16)}`;
  }

  execute(): bigint {
    const { widthBits, expected, desired } = this.#exchange;
    const { address } = this.request;
    let old = 0n;
    this.modify((words) => {
      old = valueOfWords(words);
      if (this.cpu.loads.active) {
        this.cpu.loads.emit({ kind: 'load', address, words });
      }
      return old === expected ? wordsOfValue(desired, widthBits) : undefined;
    });
    return old;
  }
}

export class FetchAdd extends Modify<bigint> {
  readonly #widthBits: 32 | 64;
  readonly #value: bigint;

  constructor(cpu: CpuCore, address: number, add: FetchAddRequest) {
    super(cpu, { address, wordCount: add.widthBits / 32 }, add.order ?? 'full');
    this.#widthBits = add.widthBits;
    this.#value = add.value;
  }

  get label(): string {
    return `atomic add at 0x${this.request.address.toString(16)}`;
  }

  execute(): bigint {
    const { address } = this.request;
    const widthBits = this.#widthBits;
    let old = 0n;
    this.modify((words) => {
      old = valueOfWords(words);
      if (this.cpu.loads.active) {
        this.cpu.loads.emit({ kind: 'load', address, words });
      }
      return wordsOfValue(BigInt.asUintN(widthBits, old + this.#value), widthBits);
    });
    return old;
  }
}

export class Lock extends Modify<void> {
  readonly #also: (() => boolean) | undefined;
  readonly label: string;

  constructor(cpu: CpuCore, lock: { address: number; name: string; also: (() => boolean) | undefined }) {
    super(cpu, { address: lock.address, wordCount: 1 }, 'spin_lock');
    this.#also = lock.also;
    this.label = `lock ${lock.name}`;
  }

  override ready(): boolean {
    return super.ready() && this.cpu.ports.core.peekWord(this.request.address) === 0 && this.#also?.() !== false;
  }

  execute(): void {
    this.modify(() => [1]);
  }
}
