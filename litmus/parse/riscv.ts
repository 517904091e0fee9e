import { quote } from '../../diagnostics/diagnostic.ts';
import { accessKind, type Fence, fenceOf } from '../../models/memory/access-order.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import type { AssemblyDialect } from './assembly.ts';
import type { Cursor } from './cursor.ts';
import { extended, maximum, minimum, old, register } from './expressions.ts';
import { unknownMnemonic } from './mnemonics.ts';
import type { Reading } from './reading.ts';
import { arithmeticReaders, plain } from './riscv-arithmetic.ts';
import {
  assign,
  type Reader,
  readAddress,
  readComma,
  readRegister,
  readSource,
  readTarget,
  registerNamed,
  type Site,
} from './riscv-operands.ts';
import type { ThreadBuilder } from './thread-builder.ts';

/** RISC-V as litmus tests have it: RV64 with the A extension. Values of 32 bits are kept sign-extended, as in the machine. */
export const riscv: AssemblyDialect = { register: registerNamed, instruction: readInstruction };

/** A mnemonic with its `.aq` and `.rl`; no longer one than there is, as what is tried grows with the square. */
const markedMnemonic = /^(?=.{1,40}$)(.*?)((?:\.(?:aqrl|aq|rl))*)$/;

function readInstruction(cursor: Cursor, thread: ThreadBuilder, reading: Reading): void {
  const at = cursor.word('an instruction');
  const [, mnemonic = at.text, marks = ''] = markedMnemonic.exec(at.text) ?? [];
  const ordering = { acquires: marks.includes('aq'), releases: marks.includes('rl') };
  const reader = readers.get(mnemonic);
  if (reader === undefined) throw unknownMnemonic(at, readers.keys(), notModelled.get(mnemonic));
  const takesMarks = /^(?:l[bhwd]u?|s[bhwd]|lr\.[wd]|sc\.[wd]|amo.*)$/.test(mnemonic);
  if (marks !== '' && !takesMarks) throw new LitmusFault(at, `${quote(mnemonic)} takes no .aq or .rl`);
  reader({ cursor, thread, reading, at, ordering });
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
  // Orders stores and instruction fetches, of which tests have none: between loads and stores it does nothing.
  ['fence.i', () => {}],
  ['nop', () => {}],
  ...arithmeticReaders,
]);

const notModelled: ReadonlyMap<string, string> = new Map([
  ['ecall', 'tests are straight code of one privilege level'],
  ['jal', 'tests have no calls'],
  ['jalr', 'tests have no calls'],
]);
