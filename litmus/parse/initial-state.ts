import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Value } from '../program.ts';
import type { Cursor } from './cursor.ts';
import { addressOf, integer } from './expressions.ts';
import type { Locations } from './locations.ts';
import type { Reading } from './reading.ts';
import type { Token } from './tokens.ts';
import { readType } from './types.ts';

/** `0:x5=1` of the initial state, to be given to its thread once the threads are known. */
export interface InitialRegister {
  readonly thread: number;
  readonly name: Token;
  /** Undefined for a declaration alone. */
  readonly value: Value | undefined;
}

/** The entries between `{` and `}`. */
export function readInitialState(cursor: Cursor, reading: Reading): readonly InitialRegister[] {
  const registers: InitialRegister[] = [];
  cursor.expect('{');
  while (!cursor.isAtEnd && cursor.textAhead() !== '}') {
    if (cursor.accept(';') !== undefined) continue;
    const isRead = reading.problems.guard(() => {
      const register = readEntry(cursor, reading.locations);
      if (register !== undefined) registers.push(register);
      if (cursor.textAhead() !== '}') cursor.expect(';', 'after an entry of the initial state');
    });
    if (!isRead) skipEntry(cursor);
    if (reading.problems.isFull) break;
  }
  cursor.expect('}', 'at the end of the initial state');
  return registers;
}

/** After a mistake: on with the next entry. */
function skipEntry(cursor: Cursor): void {
  while (!cursor.isAtEnd && cursor.textAhead() !== ';' && cursor.textAhead() !== '}') cursor.next();
}

function readEntry(cursor: Cursor, locations: Locations): InitialRegister | undefined {
  const type = readType(cursor);
  if (cursor.peek().kind === 'number') return readRegister(cursor, locations);
  const brackets = cursor.accept('[');
  const name = cursor.word('the name of a location or register');
  if (brackets !== undefined) cursor.expect(']');
  if (cursor.accept('[') !== undefined) {
    throw new LitmusFault(name, `${quote(name.text)} is an array, which is not modelled`);
  }
  const index = locations.intern(name.text, name);
  if (type !== undefined) locations.declare(index, type.widthBits, name);
  if (cursor.accept('=') !== undefined) locations.initialize(index, readValue(cursor, locations), name);
  return undefined;
}

function readRegister(cursor: Cursor, locations: Locations): InitialRegister {
  const at = cursor.peek();
  const thread = Number(cursor.integer());
  cursor.expect(':', 'after the number of a thread');
  cursor.accept('%');
  const name = cursor.word('the name of a register');
  if (!Number.isSafeInteger(thread)) throw new LitmusFault(at, 'no such thread');
  const value = cursor.accept('=') === undefined ? undefined : readValue(cursor, locations);
  return { thread, name, value };
}

/** A number, the address of a location, or ATOMIC_INIT(number). */
function readValue(cursor: Cursor, locations: Locations): Value {
  cursor.accept('&');
  const token = cursor.peek();
  if (token.kind !== 'word' || cursor.isAtEnd) return integer(cursor.integer('a number or the name of a location'));
  cursor.next();
  if (cursor.accept('(') !== undefined) {
    if (!/^ATOMIC(?:64|_LONG)?_INIT$/.test(token.text))
      throw new LitmusFault(token, `unknown value ${quote(token.text)}`);
    const value = cursor.integer();
    cursor.expect(')');
    return integer(value);
  }
  return addressOf(locations.intern(token.text, token));
}
