import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Expression } from '../program.ts';
import type { Cursor } from './cursor.ts';
import { binary, displaced, extended, integer, register } from './expressions.ts';
import type { RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/** Where an instruction is read from, and whose it is. */
export interface OperandSite {
  readonly cursor: Cursor;
  readonly thread: ThreadBuilder;
  readonly at: Token;
}

export interface ArmRegister extends RegisterName {
  readonly widthBits: 32 | 64;
  /** XZR and WZR read as 0, and what is written to them is gone. */
  readonly isZero: boolean;
}

/** A register as an operand. */
export interface ArmOperand {
  readonly at: Token;
  readonly widthBits: 32 | 64;
  /** Undefined: the zero register. */
  readonly register: number | undefined;
}

/** `W1` is the lower half of X1. */
export function registerNamed(name: string): ArmRegister | undefined {
  const match = /^([XW])(ZR|[12]?[0-9]|30)$/i.exec(name);
  if (match?.[2] === undefined) return undefined;
  const isZero = match[2].toUpperCase() === 'ZR';
  return { name: `X${match[2].toUpperCase()}`, widthBits: match[1]?.toUpperCase() === 'W' ? 32 : 64, isZero };
}

export function readRegister({ cursor, thread }: OperandSite): ArmOperand {
  const at = cursor.peek();
  const known = at.kind === 'word' && !cursor.isAtEnd ? registerNamed(at.text) : undefined;
  if (known === undefined) return cursor.fail('a register');
  cursor.next();
  return { at, widthBits: known.widthBits, register: known.isZero ? undefined : thread.register(known.name, at) };
}

/** The register as it is; of a W register the upper half may have other bits still. */
export function sourceOf({ register: index }: ArmOperand): Expression {
  return index === undefined ? integer(0) : register(index);
}

/** The register to write; what is written to the zero register goes where nobody reads. */
export function targetOf({ at, register: index }: ArmOperand, thread: ThreadBuilder): number {
  return index ?? thread.register('XZR (discarded)', at);
}

export function readComma({ cursor }: OperandSite): void {
  cursor.expect(',');
}

/** `#1` or `1`. */
export function readImmediate({ cursor }: OperandSite): bigint {
  cursor.accept('#');
  return cursor.integer();
}

/** `[Xn]`, `[Xn,#4]`, `[Xn,Xm]`, `[Xn,Wm,SXTW #2]`. */
export function readAddress(site: OperandSite): Expression {
  const { cursor } = site;
  cursor.expect('[');
  const base = readRegister(site);
  if (base.widthBits !== 64)
    throw new LitmusFault(base.at, `${quote(base.at.text)} cannot hold an address`, 'use its X register');
  let address = sourceOf(base);
  if (cursor.accept(',') !== undefined) {
    if (cursor.peek().kind === 'word') {
      address = binary('add', address, readOffset(site));
    } else {
      address = displaced(address, readImmediate(site));
    }
  }
  cursor.expect(']');
  if (['!', ','].includes(cursor.textAhead())) {
    throw new LitmusFault(
      cursor.peek(),
      'addresses that change their register are not modelled',
      'add in an instruction of its own',
    );
  }
  return address;
}

/** A register, extended and shifted as it says. */
function readOffset(site: OperandSite): Expression {
  const operand = readRegister(site);
  return readShift(site, operand);
}

const extensions: ReadonlyMap<string, readonly [8 | 16 | 32 | 64, boolean]> = new Map([
  ['SXTB', [8, true]],
  ['SXTH', [16, true]],
  ['SXTW', [32, true]],
  ['SXTX', [64, true]],
  ['UXTB', [8, false]],
  ['UXTH', [16, false]],
  ['UXTW', [32, false]],
  ['UXTX', [64, false]],
  ['LSL', [64, false]],
]);

/** What may stand after a register: `,SXTW`, `,LSL #2`. */
export function readShift(site: OperandSite, operand: ArmOperand): Expression {
  const { cursor } = site;
  const value = sourceOf(operand);
  if (cursor.textAhead() !== ',') return value;
  cursor.next();
  const at = cursor.word('an extension such as SXTW');
  const extension = extensions.get(at.text.toUpperCase());
  if (extension === undefined)
    throw new LitmusFault(at, `${quote(at.text)} is not modelled`, 'known: LSL, SXTW, UXTW, ...');
  const [widthBits, isSigned] = extension;
  const amount = cursor.textAhead() === '#' ? readImmediate(site) : 0n;
  if (amount < 0n || amount > 63n) throw new LitmusFault(at, 'a shift is by 0 to 63 bits');
  const extendedValue = extended(value, widthBits, isSigned);
  return amount === 0n ? extendedValue : binary('shift-left', extendedValue, integer(amount));
}
