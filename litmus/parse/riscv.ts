import { quote } from '../../diagnostics/diagnostic.ts';
import { accessKind, type Fence, fenceOf } from '../../models/memory/access-order.ts';
import { LitmusFault } from '../problem.ts';
import type { BinaryOperator, Expression } from '../program.ts';
import type { AssemblyDialect } from './assembly.ts';
import type { Cursor } from './cursor.ts';
import { addressOf, binary, displaced, extended, integer, maximum, minimum, old, register } from './expressions.ts';
import { unknownMnemonic } from './mnemonics.ts';
import type { Reading, RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/** RISC-V as litmus tests have it: RV64 with the A extension. Values of 32 bits are kept sign-extended, as in the machine. */
export const riscv: AssemblyDialect = { register: registerNamed, instruction: readInstruction };

const abiNames = (
  'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 ' + 's2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'
).split(' ');

function registerNamed(name: string): RegisterName | undefined {
  const abi = name === 'fp' ? 8 : abiNames.indexOf(name);
  const number = abi >= 0 ? abi : /^x(?:[12]?[0-9]|3[01])$/.test(name) ? Number(name.slice(1)) : -1;
  return number < 0 ? undefined : { name: `x${number}`, widthBits: 64 };
}

/** What `.aq` and `.rl` say. */
interface Ordering {
  readonly acquires: boolean;
  readonly releases: boolean;
}

/** One instruction being read. */
interface Site {
  readonly cursor: Cursor;
  readonly thread: ThreadBuilder;
  readonly reading: Reading;
  readonly at: Token;
  readonly ordering: Ordering;
}

type Reader = (site: Site) => void;

function readInstruction(cursor: Cursor, thread: ThreadBuilder, reading: Reading): void {
  const at = cursor.word('an instruction');
  const [, mnemonic = '', marks = ''] = /^(.*?)((?:\.(?:aqrl|aq|rl))*)$/.exec(at.text) ?? [];
  const ordering = { acquires: marks.includes('aq'), releases: marks.includes('rl') };
  const reader = readers.get(mnemonic);
  if (reader === undefined) throw unknownMnemonic(at, readers.keys(), notModelled.get(mnemonic));
  const takesMarks = /^(?:l[bhwd]u?|s[bhwd]|lr\.[wd]|sc\.[wd]|amo.*)$/.test(mnemonic);
  if (marks !== '' && !takesMarks) throw new LitmusFault(at, `${quote(mnemonic)} takes no .aq or .rl`);
  reader({ cursor, thread, reading, at, ordering });
}

// Operands.

function readRegister({ cursor }: Site): RegisterName {
  const token = cursor.peek();
  const known = token.kind === 'word' ? registerNamed(token.text) : undefined;
  if (known === undefined) return cursor.fail('a register');
  cursor.next();
  return known;
}

/** The register as a value; x0 is 0 and carries no dependency. */
function readSource(site: Site): Expression {
  const at = site.cursor.peek();
  const { name } = readRegister(site);
  return name === 'x0' ? integer(0) : register(site.thread.register(name, at));
}

/** The register to write; what is written to x0 goes where nobody reads. */
function readTarget(site: Site): number {
  const at = site.cursor.peek();
  const { name } = readRegister(site);
  return site.thread.register(name === 'x0' ? 'x0 (discarded)' : name, at);
}

function readComma({ cursor }: Site): void {
  cursor.expect(',');
}

/** `0(x6)` or `(x6)`. */
function readAddress(site: Site): Expression {
  const { cursor } = site;
  const offset = cursor.textAhead() === '(' ? 0n : cursor.integer('an offset such as 0(x6)');
  cursor.expect('(');
  const base = readSource(site);
  cursor.expect(')');
  return displaced(base, offset);
}

function readLabel({ cursor }: Site): Token {
  return cursor.word('a label');
}

function assign({ thread, at }: Site, into: number, value: Expression): void {
  thread.emit({ line: at.line, op: 'assign', into, value }, at);
}

// Memory.

type Width = 8 | 16 | 32 | 64;

/** The machine's registers hold 32-bit results sign-extended; a load puts them there zero-extended. */
function signExtend(site: Site, into: number, widthBits: Width): void {
  if (widthBits < 64) assign(site, into, extended(register(into), widthBits, true));
}

function load(widthBits: Width, isSigned: boolean): Reader {
  return (site) => {
    const { thread, at, ordering } = site;
    if (ordering.releases) throw new LitmusFault(at, 'a load with .rl is not modelled');
    const into = readTarget(site);
    readComma(site);
    const address = readAddress(site);
    // The annotations of plain loads and stores, which no extension encodes yet, are RCpc in RVWMO's model: only those
    // of LR, SC and AMOs stay in order among each other (riscv-defs.cat, RCsc).
    const order = ordering.acquires ? 'acquire' : 'relaxed';
    thread.emit({ line: at.line, op: 'load', into, address, widthBits, order }, at);
    if (isSigned) signExtend(site, into, widthBits);
  };
}

function store(widthBits: Width): Reader {
  return (site) => {
    const { thread, at, ordering } = site;
    if (ordering.acquires) throw new LitmusFault(at, 'a store with .aq is not modelled');
    const value = readSource(site);
    readComma(site);
    const address = readAddress(site);
    const order = ordering.releases ? 'release' : 'relaxed';
    thread.emit({ line: at.line, op: 'store', address, value, widthBits, order }, at);
  };
}

function loadReserved(widthBits: 32 | 64): Reader {
  return (site) => {
    const { thread, at, ordering } = site;
    const into = readTarget(site);
    readComma(site);
    const address = readAddress(site);
    if (ordering.releases) {
      if (!ordering.acquires)
        throw new LitmusFault(at, 'lr with .rl and without .aq is not allowed (A extension, 8.2)');
      // Everything before it comes first. Later loads wait too, as they do for the .aq.
      emitFence(site, fenceOf(readWrite, accessKind.read));
    }
    const order = ordering.acquires ? 'acquire-rcsc' : 'relaxed';
    thread.emit({ line: at.line, op: 'load-reserved', into, address, widthBits, order }, at);
    signExtend(site, into, widthBits);
  };
}

function storeConditional(widthBits: 32 | 64): Reader {
  return (site) => {
    const { thread, at, ordering } = site;
    const status = readTarget(site);
    readComma(site);
    const value = readSource(site);
    readComma(site);
    const address = readAddress(site);
    if (ordering.acquires && !ordering.releases) {
      throw new LitmusFault(at, 'sc with .aq and without .rl is not allowed (A extension, 8.2)');
    }
    const order = ordering.releases ? 'release-rcsc' : 'relaxed';
    thread.emit({ line: at.line, op: 'store-conditional', status, address, value, widthBits, order }, at);
    if (ordering.acquires) {
      // Its write comes before everything later; one that failed has none. Earlier writes wait already, as for the .rl.
      const failed = thread.newLabel();
      thread.branchTo(failed, register(status), at);
      emitFence(site, fenceOf(accessKind.write, readWrite));
      thread.place(failed);
    }
  };
}

function atomic(widthBits: 32 | 64, { compares = false, operation }: Atomic): Reader {
  return (site) => {
    const { thread, at, ordering } = site;
    const resultAt = site.cursor.peek();
    const { name } = readRegister(site);
    readComma(site);
    const operand = readSource(site);
    readComma(site);
    const address = readAddress(site);
    const before = extended(old, widthBits, true);
    const order = {
      load: ordering.acquires ? 'acquire-rcsc' : 'relaxed',
      store: ordering.releases ? 'release-rcsc' : 'relaxed',
      isFull: false,
    } as const;
    const value = compares ? operation(before, extended(operand, widthBits, true)) : operation(old, operand);
    const result = name === 'x0' ? {} : { result: { into: thread.register(name, resultAt), value: before } };
    thread.emit({ line: at.line, op: 'rmw', address, widthBits, order, value, ...result }, at);
  };
}

interface Atomic {
  /** Looks at all bits of both sides, which are sign-extended for it; that keeps the order of unsigned words too. */
  readonly compares?: boolean;
  readonly operation: (before: Expression, operand: Expression) => Expression;
}

const atomics: Readonly<Record<string, Atomic>> = {
  amoswap: { operation: (_, operand) => operand },
  amoadd: { operation: plain('add') },
  amoand: { operation: plain('and') },
  amoor: { operation: plain('or') },
  amoxor: { operation: plain('xor') },
  amomin: { compares: true, operation: (before, operand) => minimum(before, operand, 'less') },
  amomax: { compares: true, operation: (before, operand) => maximum(before, operand, 'less') },
  amominu: { compares: true, operation: (before, operand) => minimum(before, operand, 'less-unsigned') },
  amomaxu: { compares: true, operation: (before, operand) => maximum(before, operand, 'less-unsigned') },
};

// Fences.

const readWrite = accessKind.read | accessKind.write;
const everything = readWrite | accessKind.input | accessKind.output;

function emitFence({ thread, at }: Site, fence: Fence): void {
  thread.emit({ line: at.line, op: 'fence', fence }, at);
}

function readFence(site: Site): void {
  if (site.cursor.isAtEnd) {
    emitFence(site, fenceOf(everything, everything));
    return;
  }
  const before = readKinds(site);
  readComma(site);
  emitFence(site, fenceOf(before, readKinds(site)));
}

/** `rw`, `iorw`, ...: letters in that order, each once. */
function readKinds({ cursor }: Site): number {
  const token = cursor.word('the kinds of access, such as rw');
  if (!/^i?o?r?w?$/.test(token.text)) {
    throw new LitmusFault(token, `${quote(token.text)} is no kind of access`, 'write some of iorw, in this order');
  }
  const letters = { i: accessKind.input, o: accessKind.output, r: accessKind.read, w: accessKind.write };
  return [...token.text].reduce((sum, letter) => sum | letters[letter as keyof typeof letters], 0);
}

function readTsoFence(site: Site): void {
  emitFence(site, { read: readWrite, write: accessKind.write, input: 0, output: 0 });
}

// Arithmetic.

function compute(value: (left: Expression, right: Expression) => Expression, right: 'register' | 'immediate'): Reader {
  return (site) => {
    const into = readTarget(site);
    readComma(site);
    const left = readSource(site);
    readComma(site);
    assign(site, into, value(left, right === 'register' ? readSource(site) : integer(site.cursor.integer())));
  };
}

function computeOne(value: (of: Expression) => Expression): Reader {
  return (site) => {
    const into = readTarget(site);
    readComma(site);
    assign(site, into, value(readSource(site)));
  };
}

function plain(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) => binary(operator, left, right);
}

/** The low 32 bits, sign-extended. */
function word(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) => extended(binary(operator, left, right), 32, true);
}

function shift(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) =>
    binary(operator, left, right.kind === 'integer' ? integer(right.value & 63n) : binary('and', right, integer(63)));
}

function loadImmediate(site: Site): void {
  const into = readTarget(site);
  readComma(site);
  assign(site, into, integer(site.cursor.integer()));
}

function loadAddress(site: Site): void {
  const into = readTarget(site);
  readComma(site);
  const name = site.cursor.word('the name of a location');
  assign(site, into, addressOf(site.reading.locations.intern(name.text, name)));
}

// Branches.

function branch(condition: (left: Expression, right: Expression) => Expression): Reader {
  return (site) => {
    const left = readSource(site);
    readComma(site);
    const right = readSource(site);
    readComma(site);
    site.thread.branchToNamed(readLabel(site), condition(left, right));
  };
}

function branchOnZero(condition: (of: Expression, zero: Expression) => Expression): Reader {
  return (site) => {
    const of = readSource(site);
    readComma(site);
    site.thread.branchToNamed(readLabel(site), condition(of, integer(0)));
  };
}

const swapped =
  (condition: (left: Expression, right: Expression) => Expression) => (left: Expression, right: Expression) =>
    condition(right, left);

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['lb', load(8, true)],
  ['lbu', load(8, false)],
  ['lh', load(16, true)],
  ['lhu', load(16, false)],
  ['lw', load(32, true)],
  ['lwu', load(32, false)],
  ['ld', load(64, false)],
  ['sb', store(8)],
  ['sh', store(16)],
  ['sw', store(32)],
  ['sd', store(64)],
  ['lr.w', loadReserved(32)],
  ['lr.d', loadReserved(64)],
  ['sc.w', storeConditional(32)],
  ['sc.d', storeConditional(64)],
  ...Object.entries(atomics).flatMap(([name, operation]): [string, Reader][] => [
    [`${name}.w`, atomic(32, operation)],
    [`${name}.d`, atomic(64, operation)],
  ]),
  ['fence', readFence],
  ['fence.tso', readTsoFence],
  ['li', loadImmediate],
  ['la', loadAddress],
  ['nop', () => {}],
  ['mv', computeOne((of) => of)],
  ['not', computeOne((of) => binary('xor', of, integer(-1)))],
  ['neg', computeOne((of) => binary('sub', integer(0), of))],
  ['seqz', computeOne((of) => binary('equal', of, integer(0)))],
  ['snez', computeOne((of) => binary('not-equal', of, integer(0)))],
  ['sext.w', computeOne((of) => extended(of, 32, true))],
  ['add', compute(plain('add'), 'register')],
  ['addi', compute(plain('add'), 'immediate')],
  ['addw', compute(word('add'), 'register')],
  ['addiw', compute(word('add'), 'immediate')],
  ['sub', compute(plain('sub'), 'register')],
  ['subw', compute(word('sub'), 'register')],
  ['mul', compute(plain('mul'), 'register')],
  ['and', compute(plain('and'), 'register')],
  ['andi', compute(plain('and'), 'immediate')],
  ['or', compute(plain('or'), 'register')],
  ['ori', compute(plain('or'), 'immediate')],
  ['xor', compute(plain('xor'), 'register')],
  ['xori', compute(plain('xor'), 'immediate')],
  ['sll', compute(shift('shift-left'), 'register')],
  ['slli', compute(shift('shift-left'), 'immediate')],
  ['srl', compute(shift('shift-right'), 'register')],
  ['srli', compute(shift('shift-right'), 'immediate')],
  ['slt', compute(plain('less'), 'register')],
  ['slti', compute(plain('less'), 'immediate')],
  ['sltu', compute(plain('less-unsigned'), 'register')],
  ['sltiu', compute(plain('less-unsigned'), 'immediate')],
  ['beq', branch(plain('equal'))],
  ['bne', branch(plain('not-equal'))],
  ['blt', branch(plain('less'))],
  ['bge', branch(swapped(plain('less-equal')))],
  ['bgt', branch(swapped(plain('less')))],
  ['ble', branch(plain('less-equal'))],
  ['bltu', branch(plain('less-unsigned'))],
  ['bgeu', branch(swapped(plain('less-equal-unsigned')))],
  ['beqz', branchOnZero(plain('equal'))],
  ['bnez', branchOnZero(plain('not-equal'))],
  ['bltz', branchOnZero(plain('less'))],
  ['bgez', branchOnZero(swapped(plain('less-equal')))],
  ['blez', branchOnZero(plain('less-equal'))],
  ['bgtz', branchOnZero(swapped(plain('less')))],
  ['j', (site) => site.thread.branchToNamed(readLabel(site))],
  // Orders stores and instruction fetches, of which tests have none: between loads and stores it does nothing.
  ['fence.i', () => undefined],
]);

const notModelled: ReadonlyMap<string, string> = new Map([
  ['ecall', 'tests are straight code of one privilege level'],
  ['jal', 'tests have no calls'],
  ['jalr', 'tests have no calls'],
]);
