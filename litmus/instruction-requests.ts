import type { LoadOrder, RmwOrder, StoreOrder } from '../models/memory/access-order.ts';
import { loadMeaning, type RmwMeaning, rmwMeaning } from '../models/memory/kernel-accesses.ts';
import type { LoadRequest, MemoryModelName, RmwRequest, StoreRequest } from '../models/memory/memory-model.ts';
import { wordsOfValue } from '../models/qword.ts';
import { registersIn } from './expression.ts';
import type { Architecture, Expression, Instruction } from './program.ts';
import { unmodelled } from './unmodelled.ts';

export type Of<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;

/** A store, whatever it is called. */
export type StoreLike = Pick<Of<'store'>, 'address' | 'value' | 'widthBits' | 'line'>;

/** What an instruction asks of the core: addresses, values, orders, dependencies. */
export class InstructionRequests {
  readonly #architecture: Architecture;
  readonly #model: MemoryModelName;
  readonly #evaluate: (expression: Expression) => bigint;
  readonly #check: (address: number, byteCount: number, line: number) => void;

  constructor(parts: {
    architecture: Architecture;
    model: MemoryModelName;
    evaluate: (expression: Expression) => bigint;
    /** Checks that an access stays inside a location. */
    check: (address: number, byteCount: number, line: number) => void;
  }) {
    this.#architecture = parts.architecture;
    this.#model = parts.model;
    this.#evaluate = parts.evaluate;
    this.#check = parts.check;
  }

  loadRequest(instruction: Of<'load'> | Of<'load-reserved'>): LoadRequest {
    const { order, into, op } = instruction;
    const ownOrder: LoadOrder = this.#architecture === 'c' ? loadMeaning(loadName(order), this.#model).order : order;
    return {
      ...this.#place(instruction),
      order: ownOrder,
      addressFrom: registersIn(instruction.address),
      dataFrom: 0,
      into,
      reserves: op === 'load-reserved',
    };
  }

  storeRequest(store: StoreLike, order: StoreOrder, into: number): StoreRequest {
    const { address } = this.#place(store);
    const access = { kind: 'store', address, words: wordsOf(this.#evaluate(store.value), store.widthBits) } as const;
    return { access, order, addressFrom: registersIn(store.address), dataFrom: registersIn(store.value), into };
  }

  rmwRequest(instruction: Of<'rmw'>): RmwRequest {
    const { order, value, expected, result, address } = instruction;
    return {
      ...this.#place(instruction),
      order: this.#orderOf(order),
      addressFrom: registersIn(address),
      dataFrom: registersIn(value) | (expected === undefined ? 0 : registersIn(expected)),
      into: result?.into ?? -1,
      givesNothing: this.#architecture === 'aarch64' && result === undefined,
    };
  }

  /** On Armv8 an atomic that acquires and releases is a barrier too (aarch64.cat: po; [A]; amo; [L]; po). */
  #orderOf(order: RmwOrder): RmwOrder {
    if (this.#architecture === 'c') {
      return this.rmwMeaning(order).order;
    }
    const isBoth = order.load === 'acquire-rcsc' && order.store === 'release-rcsc';
    return this.#architecture === 'aarch64' && isBoth ? { ...order, isFull: true } : order;
  }

  lockRequest({ address, line }: Of<'lock'>): RmwRequest {
    const place = this.#place({ address, widthBits: 32, line });
    const { order } = rmwMeaning('spin_lock', this.#model);
    return { ...place, order, addressFrom: registersIn(address), dataFrom: 0, into: -1 };
  }

  /** What a read-modify-write of C is on this machine. */
  rmwMeaning({ isFull, load, store }: RmwOrder): RmwMeaning {
    const model = this.#model;
    if (isFull) {
      return rmwMeaning('full', model);
    }
    const name = load !== 'relaxed' ? 'acquire' : store !== 'relaxed' ? 'release' : 'relaxed';
    return rmwMeaning(name, model);
  }

  #place({ address, widthBits, line }: { address: Expression; widthBits: number; line: number }): {
    address: number;
    wordCount: number;
  } {
    if (widthBits < 32) {
      unmodelled(line, `an access of ${widthBits} bits`);
    }
    const at = Number(this.#evaluate(address));
    this.#check(at, widthBits / 8, line);
    return { address: at, wordCount: widthBits / 32 };
  }
}

export function wordsOf(value: bigint, widthBits: number): readonly number[] {
  return [...wordsOfValue(BigInt.asUintN(widthBits, value), widthBits as 32 | 64 | 128)];
}

export function loadName(order: LoadOrder): 'READ_ONCE' | 'smp_load_acquire' {
  return order === 'relaxed' ? 'READ_ONCE' : 'smp_load_acquire';
}
