import { type Flow, Note, type Operation } from '../../sim/operation.ts';
import type { BarrierName } from './barriers.ts';
import {
  Barrier,
  CpuCore,
  type CpuPorts,
  FlushLine,
  Load,
  LoadBlock,
  type LoadOrderName,
  type PlainStore,
  Store,
  StoreBlock,
  StoreOneOf,
  WaitForWord,
} from './cpu-operations.ts';
import { LoadRegister, ReadDevice, type SeenState, WaitForChange, WaitForRegister } from './device-operations.ts';
import { type Poll, type Polled, RegisterPoll } from './register-poll.ts';
import {
  CompareExchange,
  type CompareExchangeRequest,
  FetchAdd,
  type FetchAddRequest,
  Lock,
  LockedStore,
} from './rmw-operations.ts';

const storeNames = { relaxed: 'WRITE_ONCE', release: 'smp_store_release' } as const;

/**
 * One CPU as driver code sees it: every access is one step. Values are bigints, because flows are read by people;
 * memory behind it is words.
 */
export class Cpu {
  readonly #core: CpuCore;

  constructor(ports: CpuPorts) {
    this.#core = new CpuCore(ports);
  }

  /** WRITE_ONCE of 64 bits; `release`: smp_store_release, as rcu_assign_pointer has it. */
  store64(address: number, value: bigint, order: 'relaxed' | 'release' = 'relaxed'): Operation<void> {
    return new Store(this.#core, { address, widthBits: 64, value }, storeNames[order]);
  }

  store32(address: number, value: bigint, order: 'relaxed' | 'release' = 'relaxed'): Operation<void> {
    return new Store(this.#core, { address, widthBits: 32, value }, storeNames[order]);
  }

  /** One aligned 16-byte store that is atomic. On x86 that takes a locked cmpxchg16b, so it drains the buffer first. */
  store128(address: number, value: bigint): Operation<void> {
    return new LockedStore(this.#core, { address, widthBits: 128, value });
  }

  /** READ_ONCE of 64 bits, smp_load_acquire, or a load at an address that the last load of this CPU gave. */
  load64(address: number, order: LoadOrderName = 'relaxed'): Operation<bigint> {
    return new Load(this.#core, { address, widthBits: 64 }, order);
  }

  load32(address: number, order: LoadOrderName = 'relaxed'): Operation<bigint> {
    return new Load(this.#core, { address, widthBits: 32 }, order);
  }

  /** 16-byte (or narrower) compare-exchange; gives the old value, so equal to `expected` means it was stored. */
  compareExchange(address: number, exchange: CompareExchangeRequest): Operation<bigint> {
    return new CompareExchange(this.#core, address, exchange);
  }

  /** Adds to a word as one step and gives what it was: atomic_inc_return and its kin. */
  fetchAdd(address: number, add: FetchAddRequest): Operation<bigint> {
    return new FetchAdd(this.#core, address, add);
  }

  /** A barrier under its kernel name. */
  barrier(name: BarrierName): Operation<void> {
    return new Barrier(this.#core, name);
  }

  /** clflush of one line. */
  flushLine(address: number): Operation<void> {
    return new FlushLine(this.#core, address);
  }

  /** Up to 31 stores that a C compiler may emit in any order, one step each. */
  *plainStores(stores: readonly PlainStore[]): Flow {
    yield new Note('plain stores', (context) => {
      context.local = 2 ** stores.length - 1;
    });
    const next = new StoreOneOf(this.#core, stores);
    for (const _ of stores) {
      yield next;
    }
  }

  /**
   * Up to 256 bits as one step, for memory that no one may read before a later store publishes it (a queue slot behind
   * the tail): how a compiler splits such a copy cannot be seen.
   */
  storeBlock(address: number, words: readonly number[]): Operation<void> {
    return new StoreBlock(this.#core, address, words);
  }

  /**
   * Many words as one step, for memory that a lock keeps everyone else away from: between such loads nothing could
   * happen to it.
   */
  loadBlock(address: number, wordCount: number): Operation<readonly number[]> {
    return new LoadBlock(this.#core, address, wordCount);
  }

  /** readl/readq of a device register: after earlier register writes of this CPU, not after its earlier stores. */
  readRegister(address: number, widthBits: 32 | 64): Operation<bigint> {
    return new LoadRegister(this.#core, address, widthBits);
  }

  /** Blocks until the bits of a 32-bit register are clear, as a loop of readl does. */
  waitForRegister(address: number, mask: number, label: string): Operation<void> {
    return new WaitForRegister(this.#core, { address, mask, label });
  }

  /** writel/writeq to a device register: after earlier stores. */
  writeRegister(address: number, widthBits: 32 | 64, value: bigint): Operation<void> {
    return new Store(this.#core, { address, widthBits, value }, 'writel');
  }

  /** writel_relaxed: after earlier register writes only. */
  writeRegisterRelaxed(address: number, widthBits: 32 | 64, value: bigint): Operation<void> {
    return new Store(this.#core, { address, widthBits, value }, 'writel_relaxed');
  }

  /** Blocks until the 32-bit word has the value. */
  waitForWord(address: number, value: number, label: string): Operation<void> {
    return new WaitForWord(this.#core, { address, value, label });
  }

  /**
   * A loop that polls a word and registers: blocks until one of them is no longer what the loop has seen, as until then
   * every further round would go as the last one.
   */
  waitForChange(label: string, seen: SeenState): Operation<void> {
    return new WaitForChange(this.#core, label, seen);
  }

  /** A loop that polls words of memory and registers until they are as wanted, and gives them. */
  poll(poll: Poll): Operation<Polled> {
    return new RegisterPoll(this.#core, poll);
  }

  /** Reads something of a device that is neither memory nor a register of the IOMMU, as configuration space. */
  readDevice<T>(label: string, read: () => T): Operation<T> {
    return new ReadDevice(this.#core, label, read);
  }

  /** Takes a spin lock, when `also` holds too: a locked instruction. */
  lock(address: number, name: string, also?: () => boolean): Operation<void> {
    return new Lock(this.#core, { address, name, also });
  }

  /** Releases a spin lock: a store, ordered after everything earlier. */
  unlock(address: number): Operation<void> {
    return new Store(this.#core, { address, widthBits: 32, value: 0n }, 'spin_unlock');
  }

  /** The code of this CPU begins: see Core. */
  begin(): void {
    this.#core.ports.core.begin();
  }

  /** The code of this CPU has come to its end. */
  retire(): void {
    this.#core.ports.core.retire();
  }
}
