import type { Fence, StoreOrder } from '../models/memory/access-order.ts';
import { barrierMeaning } from '../models/memory/barriers.ts';
import { loadMeaning, rmwMeaning, storeMeaning } from '../models/memory/kernel-accesses.ts';
import type { Core, LoadRequest, MemoryModelName } from '../models/memory/memory-model.ts';
import { valueOfWords } from '../models/qword.ts';
import type { Arena } from '../sim/arena.ts';
import { Cell, WordArray } from '../sim/containers.ts';
import { Operation, type StepContext } from '../sim/operation.ts';
import { evaluate, registersIn, type Values } from './expression.ts';
import { InstructionRequests, loadName, type Of, type StoreLike, wordsOf } from './instruction-requests.ts';
import type { Architecture, Expression, Instruction, Thread } from './program.ts';
import { type ThreadFacts, usedBy } from './thread-facts.ts';

export interface LitmusThreadPorts {
  readonly arena: Arena;
  readonly core: Core;
  readonly number: number;
  readonly thread: Thread;
  readonly facts: ThreadFacts;
  readonly architecture: Architecture;
  readonly model: MemoryModelName;
  readonly addressOf: (location: number) => number;
  /** Checks that an access stays inside a location. */
  readonly check: (address: number, byteCount: number, line: number) => void;
}

/**
 * A thread of a test: one step for each access to memory. What no other thread can see (arithmetic, branches, fences
 * that wait for nothing) is part of the step before it.
 */
export class LitmusThread extends Operation<void> {
  readonly label: string;
  readonly #ports: LitmusThreadPorts;
  readonly #requests: InstructionRequests;
  readonly #position: Cell;
  /** 64 bits each. */
  readonly #registers: WordArray;

  constructor(ports: LitmusThreadPorts) {
    super(0, Number.POSITIVE_INFINITY);
    const { arena, number, thread } = ports;
    this.#ports = ports;
    this.#requests = new InstructionRequests({ ...ports, evaluate: (expression) => this.#evaluate(expression) });
    this.label = `P${number}`;
    this.#position = new Cell(arena, `${this.label}.position`);
    this.#registers = new WordArray(arena, `${this.label}.registers`, Math.max(1, 2 * thread.registers.length));
    for (const { register, value } of thread.initial) {
      const initial =
        value.kind === 'integer' ? BigInt.asUintN(64, value.value) : BigInt(ports.addressOf(value.location));
      this.#set(register, initial);
    }
    ports.core.begin();
    this.#goOn();
  }

  override get guarded(): boolean {
    return true;
  }

  get isDone(): boolean {
    return this.#position.get() === this.#ports.thread.instructions.length;
  }

  register(register: number): bigint {
    return (
      (BigInt(this.#registers.get(2 * register + 1) >>> 0) << 32n) | BigInt(this.#registers.get(2 * register) >>> 0)
    );
  }

  /** Locations that code from here on may load from, as bits; -1: any. */
  get loaded(): number {
    return this.#ports.facts.loaded[this.#position.get()] as number;
  }

  override ready(): boolean {
    const instruction = this.#ports.thread.instructions[this.#position.get()];
    return instruction !== undefined && this.#ports.core.knows(usedBy(instruction)) && this.#canDo(instruction);
  }

  execute(context: StepContext): void {
    const position = this.#position.get();
    const instruction = this.#ports.thread.instructions[position] as Instruction;
    // One that no other thread can see is here only if it had to wait for a register; it is part of this step.
    if (!this.#isLocal(instruction)) {
      this.#do(instruction, context);
      this.#position.set(position + 1);
    }
    this.#goOn();
  }

  /** Goes on to the next access, and lets the core know what is not needed from there. */
  #goOn(): void {
    const { core, facts, thread, model } = this.#ports;
    for (;;) {
      const position = this.#position.get();
      const instruction = thread.instructions[position];
      if (instruction === undefined || !this.#isLocal(instruction) || !core.knows(usedBy(instruction))) {
        break;
      }
      this.#position.set(this.#doLocal(instruction, position));
    }
    const position = this.#position.get();
    const dead = ~(facts.live[position] as number);
    for (let register = 0; register < thread.registers.length; register += 1) {
      if ((dead & (1 << register)) !== 0) {
        this.#set(register, 0n);
      }
    }
    // What is only looked at in the end depends on nothing any more.
    core.forget(dead | (position === thread.instructions.length ? -1 : 0));
    const isThrough = position === thread.instructions.length;
    if (isThrough || (facts.loaded[position] === 0 && model !== 'non-mca')) {
      core.retire();
    }
  }

  #isLocal(instruction: Instruction): boolean {
    switch (instruction.op) {
      case 'assign':
      case 'branch':
      case 'context-sync':
        return true;
      case 'fence':
      case 'barrier':
        return !this.#ports.core.waitsAt(this.#fenceOf(instruction));
      default:
        return false;
    }
  }

  #doLocal(instruction: Instruction, position: number): number {
    const { core } = this.#ports;
    switch (instruction.op) {
      case 'assign':
        this.#set(instruction.into, this.#evaluate(instruction.value));
        core.combine(instruction.into, registersIn(instruction.value));
        break;
      case 'branch':
        core.branch(registersIn(instruction.condition));
        if (this.#evaluate(instruction.condition) !== 0n) {
          return instruction.target;
        }
        break;
      case 'context-sync':
        core.contextSync();
        break;
      case 'fence':
      case 'barrier':
        core.fence(this.#fenceOf(instruction));
        break;
    }
    return position + 1;
  }

  #fenceOf(instruction: Of<'fence'> | Of<'barrier'>): Fence {
    return instruction.op === 'fence' ? instruction.fence : barrierMeaning(instruction.name, this.#ports.model).fence;
  }

  #canDo(instruction: Instruction): boolean {
    const { core } = this.#ports;
    switch (instruction.op) {
      case 'load':
      case 'load-reserved':
        return core.canRead(this.#requests.loadRequest(instruction));
      case 'store':
      case 'unlock':
        return core.hasRoom();
      case 'store-conditional':
        return true;
      case 'rmw':
        return this.#waysOf(instruction).length > 0;
      case 'lock':
        return (
          core.canModify(this.#requests.lockRequest(instruction)) &&
          core.peekWord(this.#address(instruction.address)) === 0
        );
      case 'fence':
      case 'barrier':
        return core.isDrained();
      default:
        return true;
    }
  }

  #do(instruction: Instruction, context: StepContext): void {
    const { core, architecture } = this.#ports;
    switch (instruction.op) {
      case 'load':
      case 'load-reserved': {
        const words = core.read(this.#requests.loadRequest(instruction), context);
        this.#set(instruction.into, valueOfWords(words));
        this.#fenceBehind(
          architecture === 'c' ? loadMeaning(loadName(instruction.order), this.#ports.model).after : undefined,
        );
        return;
      }
      case 'store':
        this.#store(instruction, storeMeaningOf(instruction.order, this.#ports));
        return;
      case 'unlock':
        this.#store(
          {
            address: instruction.address,
            value: { kind: 'integer', value: 0n },
            widthBits: 32,
            line: instruction.line,
          },
          storeMeaning('spin_unlock', this.#ports.model),
        );
        return;
      case 'store-conditional': {
        const request = this.#requests.storeRequest(instruction, instruction.order, instruction.status);
        const succeeds = core.canSucceed(request) && context.choose('store-conditional', 2) === 0;
        core.storeConditional(request, succeeds);
        this.#set(instruction.status, succeeds ? 0n : 1n);
        return;
      }
      case 'rmw': {
        const ways = this.#waysOf(instruction);
        const way = ways[ways.length === 1 ? 0 : context.choose('compare-and-swap', ways.length)];
        if (way === 'fails') {
          this.#fail(instruction, context);
        } else {
          this.#modify(instruction);
        }
        return;
      }
      case 'lock':
        core.modify(this.#requests.lockRequest(instruction), () => [1]);
        this.#fenceBehind(rmwMeaning('spin_lock', this.#ports.model).after);
        return;
      default:
        core.fence(this.#fenceOf(instruction as Of<'fence'> | Of<'barrier'>));
    }
  }

  #store(store: StoreLike, meaning: { readonly before?: Fence; readonly order: StoreOrder }): void {
    this.#fenceBehind(meaning.before);
    this.#ports.core.write(this.#requests.storeRequest(store, meaning.order, -1));
  }

  /** A compare-and-swap may succeed or fail; one that fails is a load, and on machines in order it makes no difference. */
  #waysOf(instruction: Of<'rmw'>): readonly ('succeeds' | 'fails')[] {
    const { core, model } = this.#ports;
    const request = this.#requests.rmwRequest(instruction);
    const canModify = core.canModify(request);
    if (instruction.expected === undefined || model === 'sc' || model === 'x86-tso') {
      return canModify ? ['succeeds'] : [];
    }
    const { address, wordCount } = request;
    const ways: ('succeeds' | 'fails')[] = [];
    const expected = this.#expected(instruction);
    const newest: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      newest.push(core.peekWord(address + 4 * i) >>> 0);
    }
    if (canModify && valueOfWords(newest) === expected) {
      ways.push('succeeds');
    }
    if (core.canRead(this.#failedRequest(instruction), (words) => valueOfWords(words) !== expected)) {
      ways.push('fails');
    }
    return ways;
  }

  #fail(instruction: Of<'rmw'>, context: StepContext): void {
    const expected = this.#expected(instruction);
    const accepts = (words: readonly number[]): boolean => valueOfWords(words) !== expected;
    const old = valueOfWords(this.#ports.core.read(this.#failedRequest(instruction), context, accepts));
    this.#putResult(instruction, old);
  }

  #failedRequest(instruction: Of<'rmw'>): LoadRequest {
    const { address, wordCount, addressFrom, dataFrom, into } = this.#requests.rmwRequest(instruction);
    const order = this.#ports.architecture === 'c' ? 'relaxed' : instruction.order.load;
    return { address, wordCount, addressFrom, dataFrom, into, order };
  }

  #expected({ expected, widthBits }: Of<'rmw'>): bigint {
    return BigInt.asUintN(widthBits, this.#evaluate(expected as Expression));
  }

  #modify(instruction: Of<'rmw'>): void {
    const { core, architecture } = this.#ports;
    const { widthBits, value, expected } = instruction;
    const meaning = architecture === 'c' ? this.#requests.rmwMeaning(instruction.order) : undefined;
    let old = 0n;
    this.#fenceBehind(meaning?.before);
    core.modify(this.#requests.rmwRequest(instruction), (words) => {
      old = valueOfWords(words);
      if (expected !== undefined && old !== this.#expected(instruction)) {
        return undefined;
      }
      return wordsOf(this.#evaluate(value, old), widthBits);
    });
    this.#putResult(instruction, old);
    this.#fenceBehind(meaning?.after);
  }

  #putResult({ result }: Of<'rmw'>, old: bigint): void {
    if (result !== undefined) {
      this.#set(result.into, this.#evaluate(result.value, old));
    }
  }

  #address(address: Expression): number {
    return Number(this.#evaluate(address));
  }

  #fenceBehind(fence: Fence | undefined): void {
    if (fence !== undefined) {
      this.#ports.core.fence(fence);
    }
  }

  #evaluate(expression: Expression, old = 0n): bigint {
    const values: Values = {
      register: (register) => this.register(register),
      addressOf: (location) => BigInt(this.#ports.addressOf(location)),
      old,
    };
    return evaluate(expression, values);
  }

  #set(register: number, value: bigint): void {
    this.#registers.set(2 * register, Number(value & 0xffff_ffffn));
    this.#registers.set(2 * register + 1, Number((value >> 32n) & 0xffff_ffffn));
  }
}

function storeMeaningOf(
  order: StoreOrder,
  { architecture, model }: Pick<LitmusThreadPorts, 'architecture' | 'model'>,
): { readonly before?: Fence; readonly order: StoreOrder } {
  if (architecture !== 'c') {
    return { order };
  }
  return storeMeaning(order === 'relaxed' ? 'WRITE_ONCE' : 'smp_store_release', model);
}
