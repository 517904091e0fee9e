import { quote } from '../../diagnostics/diagnostic.ts';
import { accessKind, type Fence, fenceOf, type LoadOrder, type StoreOrder } from '../../models/memory/access-order.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import { arithmeticReaders, assign, branchReaders, readSecond } from './aarch64-arithmetic.ts';
import {
  type ArmOperand,
  type OperandSite,
  readAddress,
  readComma,
  readRegister,
  registerNamed,
  sourceOf,
  targetOf,
} from './aarch64-operands.ts';
import type { AssemblyDialect } from './assembly.ts';
import type { Cursor } from './cursor.ts';
import { binary, extended, integer, maximum, minimum, old } from './expressions.ts';
import { Flags } from './flags.ts';
import { unknownMnemonic } from './mnemonics.ts';
import type { Reading, RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';

type Width = 8 | 16 | 32 | 64;
type Reader = (site: OperandSite) => void;

const readWrite = accessKind.read | accessKind.write;
const everything = readWrite | accessKind.input | accessKind.output;

/** Names of the flags module by those of Armv8. */
const conditionNames: ReadonlyMap<string, string> = new Map([
  ['EQ', 'E'],
  ['NE', 'NE'],
  ['LT', 'L'],
  ['LE', 'LE'],
  ['GT', 'G'],
  ['GE', 'GE'],
  ['LO', 'B'],
  ['CC', 'B'],
  ['LS', 'BE'],
  ['HI', 'A'],
  ['HS', 'AE'],
  ['CS', 'AE'],
  ['MI', 'S'],
  ['PL', 'NS'],
]);

/** AArch64 as litmus tests have it. */
export class AArch64 implements AssemblyDialect {
  private readonly flags = new Map<ThreadBuilder, Flags>();
  /** Without a conditional branch nobody looks at the flags, and none are kept. */
  private readonly keepsFlags: boolean;
  private readonly readers: ReadonlyMap<string, Reader>;

  constructor({ tokens }: Reading) {
    this.keepsFlags = tokens.some(({ text }) => conditionOf(text.toUpperCase()) !== undefined);
    this.readers = new Map<string, Reader>([
      ...memoryReaders,
      ...arithmeticReaders,
      ...this.flagReaders(),
      ...branchReaders,
    ]);
  }

  register(name: string): RegisterName | undefined {
    const known = registerNamed(name);
    return known === undefined || known.isZero ? undefined : known;
  }

  instruction(cursor: Cursor, thread: ThreadBuilder): void {
    const at = cursor.word('an instruction');
    const name = at.text.toUpperCase();
    const condition = conditionOf(name);
    const site = { cursor, thread, at };
    if (condition !== undefined) {
      const holds = this.flagsOf(thread).condition(at, condition);
      thread.branchToNamed(cursor.word('a label'), holds);
      return;
    }
    const reader = this.readers.get(name);
    if (reader === undefined) throw unknownMnemonic(at, this.readers.keys(), reasonFor(name));
    reader(site);
  }

  private flagsOf(thread: ThreadBuilder): Flags {
    const known = this.flags.get(thread);
    if (known !== undefined) return known;
    const flags = new Flags(thread);
    this.flags.set(thread, flags);
    return flags;
  }

  private flagReaders(): Readers {
    return [
      ['CMP', (site) => this.compare(site, readRegister(site))],
      ['TST', (site) => this.test(site)],
      ['SUBS', (site) => this.subtract(site)],
    ];
  }

  private compare(site: OperandSite, left: ArmOperand): void {
    const { thread, at } = site;
    readComma(site);
    const right = readSecond(site);
    if (!this.keepsFlags) return;
    this.flagsOf(thread).compare(at, 'comparison', { left: sourceOf(left), right, widthBits: left.widthBits });
  }

  private test(site: OperandSite): void {
    const left = readRegister(site);
    readComma(site);
    const both = binary('and', sourceOf(left), readSecond(site));
    if (!this.keepsFlags) return;
    const sides = { left: both, right: integer(0), widthBits: left.widthBits };
    // Carry means no borrow here, and TST clears it: as of a sum, only zero and sign are told.
    this.flagsOf(site.thread).compare(site.at, 'sum', sides);
  }

  private subtract(site: OperandSite): void {
    const { thread, at } = site;
    const target = readRegister(site);
    readComma(site);
    const left = readRegister(site);
    readComma(site);
    const right = readSecond(site);
    // The flags first: the difference may overwrite what they are made of.
    const sides = { left: sourceOf(left), right, widthBits: left.widthBits };
    if (this.keepsFlags) this.flagsOf(thread).compare(at, 'comparison', sides);
    assign(site, target, binary('sub', sourceOf(left), right));
  }
}

function conditionOf(name: string): string | undefined {
  const match = /^B\.?([A-Z]{2})$/.exec(name);
  return match?.[1] === undefined ? undefined : conditionNames.get(match[1]);
}

type Readers = readonly (readonly [string, Reader])[];

// Memory.

const suffixes: readonly (readonly [suffix: string, widthBits: 8 | 16 | undefined])[] = [
  ['', undefined],
  ['B', 8],
  ['H', 16],
];

/** As wide as the register, unless the mnemonic says less. */
function widthOf({ at, widthBits }: ArmOperand, narrow: 8 | 16 | undefined): Width {
  if (narrow !== undefined && widthBits === 64)
    throw new LitmusFault(at, `expected a W register, found ${quote(at.text)}`);
  return narrow ?? widthBits;
}

function load(order: LoadOrder, narrow: 8 | 16 | undefined): Reader {
  return (site) => {
    const { thread, at } = site;
    const target = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(target, narrow);
    thread.emit({ line: at.line, op: 'load', into: targetOf(target, thread), address, widthBits, order }, at);
  };
}

function loadSigned(widthBits: 8 | 16 | 32): Reader {
  return (site) => {
    const { thread, at } = site;
    const target = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const into = targetOf(target, thread);
    thread.emit({ line: at.line, op: 'load', into, address, widthBits, order: 'relaxed' }, at);
    assign(site, target, extended({ kind: 'register', register: into }, widthBits, true));
  };
}

function store(order: StoreOrder, narrow: 8 | 16 | undefined): Reader {
  return (site) => {
    const { thread, at } = site;
    const source = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(source, narrow);
    thread.emit({ line: at.line, op: 'store', address, value: sourceOf(source), widthBits, order }, at);
  };
}

function loadExclusive(order: LoadOrder, narrow: 8 | 16 | undefined): Reader {
  return (site) => {
    const { thread, at } = site;
    const target = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(target, narrow);
    thread.emit({ line: at.line, op: 'load-reserved', into: targetOf(target, thread), address, widthBits, order }, at);
  };
}

function storeExclusive(order: StoreOrder, narrow: 8 | 16 | undefined): Reader {
  return (site) => {
    const { thread, at } = site;
    const status = targetOf(readRegister(site), thread);
    readComma(site);
    const source = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(source, narrow);
    const value = sourceOf(source);
    thread.emit({ line: at.line, op: 'store-conditional', status, address, value, widthBits, order }, at);
  };
}

/** What A and L in the name say; together they are a full barrier besides (aarch64.cat: `[range([A];amo;[L])]; po`). */
interface AtomicOrder {
  readonly acquires: boolean;
  readonly releases: boolean;
}

function rmwOrder({ acquires, releases }: AtomicOrder) {
  return {
    load: acquires ? 'acquire-rcsc' : 'relaxed',
    store: releases ? 'release-rcsc' : 'relaxed',
    isFull: acquires && releases,
  } as const;
}

type Operate = (before: Expression, operand: Expression) => Expression;

/** SWP and LD<op>: the operand, the register for the old value, the address. Without the latter (ST<op>) there is no acquire. */
function atomic(operate: Operate, { order, narrow, compares, gives }: AtomicForm): Reader {
  return (site) => {
    const { thread, at } = site;
    const operand = readRegister(site);
    readComma(site);
    const target = gives ? readRegister(site) : undefined;
    if (gives) readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(operand, narrow);
    const isSigned = compares === 'signed';
    const by = compares === 'no' ? sourceOf(operand) : extended(sourceOf(operand), widthBits, isSigned);
    const value = operate(compares === 'signed' ? extended(old, widthBits, true) : old, by);
    const into = target?.register;
    const result = into === undefined ? {} : { result: { into, value: old } };
    const acquires = order.acquires && into !== undefined;
    thread.emit(
      { line: at.line, op: 'rmw', address, widthBits, order: rmwOrder({ ...order, acquires }), value, ...result },
      at,
    );
  };
}

interface AtomicForm {
  readonly order: AtomicOrder;
  readonly narrow: 8 | 16 | undefined;
  /** How the operation looks at its operands; `no`: bit by bit or not at all. */
  readonly compares: 'no' | 'signed' | 'unsigned';
  /** Whether the old value is put into a register. */
  readonly gives: boolean;
}

function compareAndSwap(order: AtomicOrder, narrow: 8 | 16 | undefined): Reader {
  return (site) => {
    const { thread, at } = site;
    const compared = readRegister(site);
    readComma(site);
    const source = readRegister(site);
    readComma(site);
    const address = readAddress(site);
    const widthBits = widthOf(source, narrow);
    const expected = extended(sourceOf(compared), widthBits, false);
    const into = compared.register;
    const result = into === undefined ? {} : { result: { into, value: old } };
    const value = sourceOf(source);
    thread.emit(
      { line: at.line, op: 'rmw', address, widthBits, order: rmwOrder(order), value, expected, ...result },
      at,
    );
  };
}

const atomicOperations: readonly (readonly [name: string, operate: Operate, compares: AtomicForm['compares']])[] = [
  ['ADD', (before, operand) => binary('add', before, operand), 'no'],
  ['CLR', (before, operand) => binary('and', before, binary('xor', operand, integer(-1))), 'no'],
  ['SET', (before, operand) => binary('or', before, operand), 'no'],
  ['EOR', (before, operand) => binary('xor', before, operand), 'no'],
  ['SMAX', (before, operand) => maximum(before, operand, 'less'), 'signed'],
  ['SMIN', (before, operand) => minimum(before, operand, 'less'), 'signed'],
  ['UMAX', (before, operand) => maximum(before, operand, 'less-unsigned'), 'unsigned'],
  ['UMIN', (before, operand) => minimum(before, operand, 'less-unsigned'), 'unsigned'],
];

const atomicOrders: readonly (readonly [suffix: string, order: AtomicOrder])[] = [
  ['', { acquires: false, releases: false }],
  ['A', { acquires: true, releases: false }],
  ['L', { acquires: false, releases: true }],
  ['AL', { acquires: true, releases: true }],
];

function atomicReaders(narrow: 8 | 16 | undefined, suffix: string): Readers {
  return atomicOrders.flatMap(
    ([mark, order]): Readers => [
      [`SWP${mark}${suffix}`, atomic((_, operand) => operand, { order, narrow, compares: 'no', gives: true })],
      [`CAS${mark}${suffix}`, compareAndSwap(order, narrow)],
      ...atomicOperations.flatMap(
        ([name, operate, compares]): Readers => [
          [`LD${name}${mark}${suffix}`, atomic(operate, { order, narrow, compares, gives: true })],
          ...(order.acquires
            ? []
            : [[`ST${name}${mark}${suffix}`, atomic(operate, { order, narrow, compares, gives: false })] as const]),
        ],
      ),
    ],
  );
}

// Fences.

const loadFence = fenceOf(accessKind.read | accessKind.input, everything);
const storeFence = fenceOf(accessKind.write | accessKind.output, accessKind.write | accessKind.output);

/** Tests have one shareability domain, so its name changes nothing; DSB orders at least what DMB does. */
function readBarrier({ cursor, thread, at }: OperandSite): void {
  const option = cursor.isAtEnd ? undefined : cursor.word('an option such as SY');
  const name = option?.text.toUpperCase() ?? 'SY';
  if (!/^(?:SY|LD|ST|(?:ISH|OSH|NSH)(?:LD|ST)?)$/.test(name)) {
    throw new LitmusFault(option ?? at, `unknown option ${quote(name)}`, 'known: SY, LD, ST, ISH, ISHLD, ISHST, ...');
  }
  const fence: Fence = name.endsWith('LD')
    ? loadFence
    : name.endsWith('ST')
      ? storeFence
      : fenceOf(everything, everything);
  thread.emit({ line: at.line, op: 'fence', fence }, at);
}

const memoryReaders: Readers = [
  ...suffixes.flatMap(
    ([suffix, narrow]): Readers => [
      [`LDR${suffix}`, load('relaxed', narrow)],
      [`LDUR${suffix}`, load('relaxed', narrow)],
      [`LDAR${suffix}`, load('acquire-rcsc', narrow)],
      [`LDAPR${suffix}`, load('acquire', narrow)],
      [`STR${suffix}`, store('relaxed', narrow)],
      [`STUR${suffix}`, store('relaxed', narrow)],
      [`STLR${suffix}`, store('release-rcsc', narrow)],
      [`LDXR${suffix}`, loadExclusive('relaxed', narrow)],
      [`LDAXR${suffix}`, loadExclusive('acquire-rcsc', narrow)],
      [`STXR${suffix}`, storeExclusive('relaxed', narrow)],
      [`STLXR${suffix}`, storeExclusive('release-rcsc', narrow)],
      ...atomicReaders(narrow, suffix),
    ],
  ),
  ['LDRSB', loadSigned(8)],
  ['LDRSH', loadSigned(16)],
  ['LDRSW', loadSigned(32)],
  ['DMB', readBarrier],
  ['DSB', readBarrier],
  ['ISB', ({ thread, at }) => thread.emit({ line: at.line, op: 'context-sync' }, at)],
];

/** Why an instruction that a test may have is left out. */
function reasonFor(name: string): string | undefined {
  if (/^(?:LDP|STP|LDNP|STNP|LDXP|STXP|LDAXP|STLXP|CASP)/.test(name))
    return 'pairs are not modelled; write two accesses if that is meant';
  if (/^(?:MSR|MRS|SVC|ERET|TLBI|AT|DC|IC)$/.test(name))
    return 'tests are straight code of one exception level, without translation';
  if (/^CS|^CC/.test(name)) return 'write it with a branch';
  if (/^(?:BL|BR|BLR|RET)$/.test(name)) return 'tests have no calls';
  return undefined;
}
