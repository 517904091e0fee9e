import { quote } from '../../diagnostics/diagnostic.ts';
import { accessKind, type Fence, fenceOf, type RmwOrder } from '../../models/memory/access-order.ts';
import { LitmusFault } from '../problem.ts';
import type { BinaryOperator, Expression } from '../program.ts';
import type { AssemblyDialect } from './assembly.ts';
import type { Cursor } from './cursor.ts';
import { binary, extended, integer, old, register } from './expressions.ts';
import { type FlagSource, Flags, flagConditionNames } from './flags.ts';
import { unknownMnemonic } from './mnemonics.ts';
import type { Reading, RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';
import { noteWideLocations, type Operand, readOperands, registerNamed } from './x86-operands.ts';

type Width = 8 | 16 | 32 | 64;
type RegisterOperand = Extract<Operand, { kind: 'register' }>;
type MemoryOperand = Extract<Operand, { kind: 'memory' }>;

/** One instruction with its operands, the destination first. */
interface Site {
  readonly thread: ThreadBuilder;
  readonly at: Token;
  readonly isLocked: boolean;
  readonly operands: readonly Operand[];
  readonly widthBits: Width;
}

type Reader = (site: Site) => void;

const full: RmwOrder = { load: 'relaxed', store: 'relaxed', isFull: true };
const readWrite = accessKind.read | accessKind.write;
const everything = readWrite | accessKind.input | accessKind.output;
const suffixes: Readonly<Record<string, Width>> = { B: 8, W: 16, L: 32, Q: 64 };

/** x86 as litmus tests have it: operands as Intel writes them, or as AT&T does. */
export class X86 implements AssemblyDialect {
  private readonly flags = new Map<ThreadBuilder, Flags>();
  /** Without a conditional jump nobody looks at the flags, and none are kept. */
  private readonly keepsFlags: boolean;
  private readonly readers: ReadonlyMap<string, Reader>;

  constructor(reading: Reading) {
    noteWideLocations(reading);
    this.keepsFlags = reading.tokens.some(({ kind, text }) => kind === 'word' && /^j(?!mp$)/i.test(text));
    this.readers = this.table();
  }

  register(name: string): RegisterName | undefined {
    return registerNamed(name);
  }

  instruction(cursor: Cursor, thread: ThreadBuilder, reading: Reading): void {
    const lock = /^lock$/i.test(cursor.textAhead()) ? cursor.next() : undefined;
    const at = cursor.word('an instruction');
    const name = at.text.toUpperCase();
    if (name.startsWith('J')) {
      this.jump(cursor, thread, at, name.slice(1));
      return;
    }
    const suffix = this.readers.has(name) ? undefined : suffixes[name.slice(-1)];
    const mnemonic = suffix === undefined ? name : name.slice(0, -1);
    const reader = this.readers.get(mnemonic);
    if (reader === undefined) throw unknownMnemonic(at, this.names(), reasonFor(name));
    if (lock !== undefined && !lockable.includes(mnemonic)) throw new LitmusFault(lock, `${quote(name)} takes no LOCK`);
    const operands = readOperands(cursor, thread, reading);
    if (lock !== undefined && !operands.some(({ kind }) => kind === 'memory')) {
      throw new LitmusFault(lock, 'LOCK is for instructions that write memory');
    }
    const widthBits = suffix ?? widthOf(operands);
    for (const operand of operands) {
      if (operand.kind === 'register' && operand.widthBits !== widthBits && mnemonic !== 'LEA') {
        throw new LitmusFault(operand.at, `a register of ${operand.widthBits} bits where ${widthBits} are meant`);
      }
    }
    reader({ thread, at, isLocked: lock !== undefined, operands, widthBits });
  }

  private names(): readonly string[] {
    return [...this.readers.keys(), 'JMP', ...flagConditionNames.map((name) => `J${name}`)];
  }

  private jump(cursor: Cursor, thread: ThreadBuilder, at: Token, condition: string): void {
    if (condition !== 'MP' && !flagConditionNames.includes(condition)) throw unknownMnemonic(at, this.names());
    const holds = condition === 'MP' ? integer(1) : this.flagsOf(thread).condition(at, condition);
    thread.branchToNamed(cursor.word('a label'), holds);
  }

  private flagsOf(thread: ThreadBuilder): Flags {
    const known = this.flags.get(thread);
    if (known !== undefined) return known;
    const flags = new Flags(thread);
    this.flags.set(thread, flags);
    return flags;
  }

  private setFlags({ thread, at, widthBits }: Site, source: FlagSource, left: Expression, right: Expression): void {
    if (this.keepsFlags)
      this.flagsOf(thread).compare(at, source, { left, right, widthBits: widthBits === 64 ? 64 : 32 });
  }

  private table(): ReadonlyMap<string, Reader> {
    return new Map<string, Reader>([
      ['MOV', move],
      ['LEA', loadAddress],
      ['XCHG', exchange],
      ['CMPXCHG', (site) => this.compareExchange(site)],
      ['XADD', (site) => this.exchangeAdd(site)],
      ...binaryOperations.map(({ name, ...operation }): [string, Reader] => [
        name,
        (site) => this.operate(site, operation),
      ]),
      ['INC', (site) => this.operate(withOne(site), sum('add'))],
      ['DEC', (site) => this.operate(withOne(site), sum('sub'))],
      ['NOT', (site) => this.operate(withOperand(site, -1n), { operator: 'xor', source: undefined })],
      ['CMP', (site) => this.compare(site, 'comparison')],
      ['TEST', (site) => this.compare(site, 'logic')],
      ['MFENCE', fence(fenceOf(everything, everything))],
      ['SFENCE', fence(fenceOf(accessKind.write, accessKind.write))],
      ['LFENCE', fence(fenceOf(accessKind.read, readWrite))],
      ['NOP', () => {}],
      ['PAUSE', () => {}],
      ['ENDBR64', () => {}],
    ]);
  }

  private compare(site: Site, source: FlagSource): void {
    const [a, b] = two(site);
    const left = read(site, a, 1);
    const right = read(site, b, 2);
    if (source === 'comparison') {
      this.setFlags(site, source, left, right);
    } else {
      this.setFlags(site, source, binary('and', left, right), integer(0));
    }
  }

  private operate(site: Site, { operator, source }: Operation): void {
    const [target, operand] = two(site);
    const by = read(site, operand, 2);
    if (site.isLocked && target.kind === 'memory') {
      this.lockedOperation(site, target, { operator, source }, by);
      return;
    }
    const before = read(site, target, 1);
    // The flags first: the operation may overwrite what they are made of.
    if (source === 'comparison') this.setFlags(site, source, before, by);
    const result = binary(operator, before, by);
    if (source === 'logic' || source === 'sum') this.setFlags(site, source, result, integer(0));
    write(site, target, result);
  }

  private lockedOperation(
    site: Site,
    { address }: MemoryOperand,
    { operator, source }: Operation,
    by: Expression,
  ): void {
    const { thread, at, widthBits } = site;
    const value = binary(operator, old, by);
    if (!this.keepsFlags || source === undefined) {
      thread.emit({ line: at.line, op: 'rmw', address, widthBits, order: full, value }, at);
      return;
    }
    const before = thread.register('(memory 1)', at);
    const result = { into: before, value: old };
    thread.emit({ line: at.line, op: 'rmw', address, widthBits, order: full, value, result }, at);
    if (source === 'comparison') {
      this.setFlags(site, source, register(before), by);
    } else {
      this.setFlags(site, source, binary(operator, register(before), by), integer(0));
    }
  }

  private exchangeAdd(site: Site): void {
    const { thread, at, widthBits } = site;
    const [target, operand] = two(site);
    if (target.kind !== 'memory' || operand.kind !== 'register')
      throw new LitmusFault(at, 'XADD adds a register to memory');
    if (!site.isLocked) throw new LitmusFault(at, 'XADD without LOCK is not modelled');
    const by = register(operand.register);
    if (this.keepsFlags) {
      const added = thread.register('(memory 1)', at);
      thread.emit({ line: at.line, op: 'assign', into: added, value: by }, at);
    }
    const result = { into: operand.register, value: old };
    const value = binary('add', old, by);
    thread.emit({ line: at.line, op: 'rmw', address: target.address, widthBits, order: full, value, result }, at);
    if (this.keepsFlags) {
      const added = register(thread.register('(memory 1)', at));
      this.setFlags(site, 'sum', binary('add', register(operand.register), added), integer(0));
    }
  }

  /** Compares with RAX, which gets the old value. */
  private compareExchange(site: Site): void {
    const { thread, at, widthBits } = site;
    const [target, operand] = two(site);
    if (target.kind !== 'memory' || operand.kind !== 'register') {
      throw new LitmusFault(at, 'CMPXCHG writes a register to memory');
    }
    if (!site.isLocked) throw new LitmusFault(at, 'CMPXCHG without LOCK is not modelled');
    const accumulator = thread.register('RAX', at);
    const expected = extended(register(accumulator), widthBits, false);
    const value = register(operand.register);
    const rmw = { line: at.line, op: 'rmw', address: target.address, widthBits, order: full, value, expected } as const;
    if (!this.keepsFlags) {
      thread.emit({ ...rmw, result: { into: accumulator, value: old } }, at);
      return;
    }
    const before = thread.register('(memory 1)', at);
    thread.emit({ ...rmw, result: { into: before, value: old } }, at);
    this.setFlags(site, 'comparison', register(accumulator), register(before));
    thread.emit({ line: at.line, op: 'assign', into: accumulator, value: register(before) }, at);
  }
}

interface Operation {
  readonly operator: BinaryOperator;
  /** What the flags are afterwards; undefined: as before. */
  readonly source: FlagSource | undefined;
}

function sum(operator: BinaryOperator): Operation {
  return { operator, source: 'sum' };
}

const binaryOperations: readonly (Operation & { readonly name: string })[] = [
  { name: 'ADD', operator: 'add', source: 'sum' },
  { name: 'SUB', operator: 'sub', source: 'comparison' },
  { name: 'AND', operator: 'and', source: 'logic' },
  { name: 'OR', operator: 'or', source: 'logic' },
  { name: 'XOR', operator: 'xor', source: 'logic' },
];

const lockable = ['XCHG', 'CMPXCHG', 'XADD', 'ADD', 'SUB', 'AND', 'OR', 'XOR', 'INC', 'DEC', 'NOT'];

/** That of a register, else of the location, else 32 bits. */
function widthOf(operands: readonly Operand[]): Width {
  for (const operand of operands) if (operand.kind === 'register') return operand.widthBits;
  for (const operand of operands) {
    if (operand.kind !== 'memory' || operand.widthBits === undefined) continue;
    if (operand.widthBits > 64)
      throw new LitmusFault(operand.at, `an access of ${operand.widthBits} bits is not modelled`);
    return operand.widthBits as Width;
  }
  return 32;
}

function two({ at, operands }: Site): readonly [Operand, Operand] {
  const [target, operand] = operands;
  if (target === undefined || operand === undefined || operands.length > 2) {
    throw new LitmusFault(at, `${quote(at.text)} takes two operands`);
  }
  if (target.kind === 'memory' && operand.kind === 'memory') {
    throw new LitmusFault(operand.at, 'two operands in memory', 'one has to be a register or a number');
  }
  return [target, operand];
}

function withOne(site: Site): Site {
  return withOperand(site, 1n);
}

function withOperand(site: Site, value: bigint): Site {
  if (site.operands.length !== 1) throw new LitmusFault(site.at, `${quote(site.at.text)} takes one operand`);
  return { ...site, operands: [...site.operands, { kind: 'immediate', at: site.at, value }] };
}

/** The operand as a value; one in memory is loaded first. `place`: which of our registers it may be put into. */
function read(site: Site, operand: Operand, place: number): Expression {
  switch (operand.kind) {
    case 'register':
      return register(operand.register);
    case 'immediate':
      return integer(operand.value);
    case 'memory': {
      const into = site.thread.register(`(memory ${place})`, operand.at);
      load(site, operand, into);
      return register(into);
    }
  }
}

function load({ thread, at, widthBits }: Site, { address }: MemoryOperand, into: number): void {
  thread.emit({ line: at.line, op: 'load', into, address, widthBits, order: 'relaxed' }, at);
}

/** A result of 32 bits clears the upper half of its register. */
function write(site: Site, target: Operand, value: Expression): void {
  const { thread, at, widthBits } = site;
  switch (target.kind) {
    case 'register':
      thread.emit({ line: at.line, op: 'assign', into: target.register, value: extended(value, widthBits, false) }, at);
      return;
    case 'memory':
      thread.emit({ line: at.line, op: 'store', address: target.address, value, widthBits, order: 'relaxed' }, at);
      return;
    case 'immediate':
      throw new LitmusFault(target.at, 'a number cannot be written to');
  }
}

function move(site: Site): void {
  const [target, source] = two(site);
  if (target.kind === 'register' && source.kind === 'memory') {
    load(site, source, target.register);
  } else {
    write(site, target, read(site, source, 1));
  }
}

function loadAddress(site: Site): void {
  const [target, source] = two(site);
  if (target.kind !== 'register' || source.kind !== 'memory')
    throw new LitmusFault(site.at, 'LEA puts an address into a register');
  const { thread, at } = site;
  thread.emit({ line: at.line, op: 'assign', into: target.register, value: source.address }, at);
}

/** With an operand in memory it is locked, with LOCK and without. */
function exchange(site: Site): void {
  const { thread, at, widthBits } = site;
  const [a, b] = two(site);
  const [memory, other] = a.kind === 'memory' ? [a, b] : [b, a];
  if (other.kind !== 'register') throw new LitmusFault(other.at, 'XCHG takes registers, or a register and memory');
  if (memory.kind === 'memory') {
    const result = { into: other.register, value: old };
    const value = register(other.register);
    thread.emit({ line: at.line, op: 'rmw', address: memory.address, widthBits, order: full, value, result }, at);
    return;
  }
  swap(site, memory, other);
}

function swap(site: Site, a: Operand, b: RegisterOperand): void {
  const { thread, at } = site;
  if (a.kind !== 'register') throw new LitmusFault(a.at, 'XCHG takes registers, or a register and memory');
  const kept = thread.register('(memory 1)', at);
  thread.emit({ line: at.line, op: 'assign', into: kept, value: register(a.register) }, at);
  write(site, a, register(b.register));
  write(site, b, register(kept));
}

function fence(fenced: Fence): Reader {
  return ({ thread, at, operands }) => {
    if (operands.length > 0) throw new LitmusFault(at, `${quote(at.text)} takes no operands`);
    thread.emit({ line: at.line, op: 'fence', fence: fenced }, at);
  };
}

/** Why an instruction that a test may have is left out. */
function reasonFor(name: string): string | undefined {
  if (/^CMPXCHG(?:8|16)B$/.test(name)) return 'of locked operations there are those of 8 to 64 bits';
  if (/^(?:MOVNT|CLFLUSH|CLWB)/.test(name))
    return 'memory is write-back, and every store goes through the store buffer';
  if (/^(?:CMOV|SET)/.test(name)) return 'write it with a jump';
  if (/^(?:MOV[SZ]X|MUL|IMUL|SH[LR]|SA[LR]|NEG|BT[SRC]?)[BWLQ]?$/.test(name))
    return 'write it with MOV, ADD, AND, OR or XOR';
  if (/^(?:LOOP|CALL|RET|PUSH|POP|REP)/.test(name)) return 'tests have no loops, calls or stacks';
  return undefined;
}
