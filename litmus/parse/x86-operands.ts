import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import type { Cursor } from './cursor.ts';
import { addressOf, displaced, register } from './expressions.ts';
import type { Reading, RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

export type Operand = { readonly at: Token } & (
  | { readonly kind: 'register'; readonly register: number; readonly widthBits: 32 | 64 }
  | { readonly kind: 'immediate'; readonly value: bigint }
  | {
      readonly kind: 'memory';
      readonly address: Expression;
      /** Of a name in brackets: how wide the location is. */
      readonly widthBits: number | undefined;
    }
);

export interface X86Register extends RegisterName {
  readonly widthBits: 32 | 64;
}

const registers: ReadonlyMap<string, X86Register> = new Map(
  [
    ...['AX', 'BX', 'CX', 'DX', 'SI', 'DI', 'BP', 'SP'].map((name) => [`R${name}`, `E${name}`]),
    ...Array.from({ length: 8 }, (_, i) => [`R${i + 8}`, `R${i + 8}D`]),
  ].flatMap(([wide = '', narrow = '']): [string, X86Register][] => [
    [wide, { name: wide, widthBits: 64 }],
    [narrow, { name: wide, widthBits: 32 }],
  ]),
);

/** `EAX` is the lower half of RAX; case does not count. */
export function registerNamed(name: string): X86Register | undefined {
  return registers.get(name.toUpperCase());
}

const narrowRegister = /^(?:[abcd][lhx]|[sd]il?|[bs]pl?|r(?:8|9|1[0-5])[wb])$/i;

/** What follows a mnemonic. With `%` and round brackets the operands are in AT&T's order, and are turned round. */
export function readOperands(cursor: Cursor, thread: ThreadBuilder, reading: Reading): readonly Operand[] {
  const list: Operand[] = [];
  let isAtt = false;
  while (!cursor.isAtEnd) {
    if (list.length > 0) cursor.expect(',');
    isAtt ||= isWrittenAtt(cursor);
    list.push(readOperand(cursor, thread, reading));
  }
  return isAtt ? list.reverse() : list;
}

function isWrittenAtt(cursor: Cursor): boolean {
  const sign = cursor.textAhead() === '-' ? 1 : 0;
  return cursor.textAhead() === '%' || cursor.textAhead(sign) === '(' || cursor.textAhead(sign + 1) === '(';
}

function readOperand(cursor: Cursor, thread: ThreadBuilder, reading: Reading): Operand {
  const at = cursor.peek();
  if (cursor.accept('$') !== undefined) return { kind: 'immediate', at, value: cursor.integer() };
  if (cursor.accept('[') !== undefined) {
    const place = readBase(cursor, thread, reading);
    const sign = cursor.accept('+', '-');
    const offset = sign === undefined ? 0n : cursor.integer();
    cursor.expect(']');
    return memory(at, place, sign?.text === '-' ? -offset : offset);
  }
  if (cursor.textAhead() === '%' || cursor.peek().kind === 'word') return readRegister(cursor, thread);
  const number = cursor.textAhead() === '(' ? 0n : cursor.integer('an operand');
  if (cursor.accept('(') === undefined) return { kind: 'immediate', at, value: number };
  const place = readBase(cursor, thread, reading);
  cursor.expect(')');
  return memory(at, place, number);
}

interface Base {
  readonly address: Expression;
  readonly widthBits: number | undefined;
}

function memory(at: Token, { address, widthBits }: Base, offset: bigint): Operand {
  return { kind: 'memory', at, address: displaced(address, offset), widthBits: offset === 0n ? widthBits : undefined };
}

/** A register that holds an address, or a location by its name. */
function readBase(cursor: Cursor, thread: ThreadBuilder, { locations }: Reading): Base {
  const isRegister = cursor.textAhead() === '%';
  const name = cursor.textAhead(isRegister ? 1 : 0);
  if (isRegister || registerNamed(name) !== undefined) {
    return { address: register(readRegister(cursor, thread).register), widthBits: undefined };
  }
  const at = cursor.word('a location or register');
  const location = locations.intern(at.text, at);
  return { address: addressOf(location), widthBits: locations.widthBits(location) };
}

function readRegister(cursor: Cursor, thread: ThreadBuilder): Extract<Operand, { kind: 'register' }> {
  cursor.accept('%');
  const at = cursor.word('a register');
  const known = registerNamed(at.text);
  if (known !== undefined) {
    return { kind: 'register', at, register: thread.register(known.name, at), widthBits: known.widthBits };
  }
  if (narrowRegister.test(at.text)) {
    throw new LitmusFault(at, `${quote(at.text)}: registers of 8 and 16 bits are not modelled`);
  }
  throw new LitmusFault(at, `unknown register ${quote(at.text)}`, `a location is written [${at.text}]`);
}

/**
 * Notes which locations are accessed through registers of 64 bits, before anything is read: `MOV [x],$1` is as wide as
 * the location.
 */
export function noteWideLocations({ tokens, locations }: Reading): void {
  for (const [i, open] of tokens.entries()) {
    const name = tokens[i + 1];
    if (open.text !== '[' || name?.kind !== 'word' || tokens[i + 2]?.text !== ']') continue;
    if (registerNamed(name.text) !== undefined) continue;
    const before = tokens[i - 1]?.text === ',' ? tokens[i - 2] : undefined;
    const after = tokens[i + 3]?.text === ',' ? tokens[i + 4] : undefined;
    if ([before, after].some((token) => registerNamed(token?.text ?? '')?.widthBits === 64)) {
      locations.access(locations.intern(name.text, name), 64);
    }
  }
}
