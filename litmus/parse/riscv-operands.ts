import type { Expression } from '../program.ts';
import type { Cursor } from './cursor.ts';
import { displaced, integer, register } from './expressions.ts';
import type { Reading, RegisterName } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

const abiNames = (
  'zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 ' + 's2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'
).split(' ');

export function registerNamed(name: string): RegisterName | undefined {
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
export interface Site {
  readonly cursor: Cursor;
  readonly thread: ThreadBuilder;
  readonly reading: Reading;
  readonly at: Token;
  readonly ordering: Ordering;
}

export type Reader = (site: Site) => void;

export function readRegister({ cursor }: Site): RegisterName {
  const token = cursor.peek();
  const known = token.kind === 'word' ? registerNamed(token.text) : undefined;
  if (known === undefined) return cursor.fail('a register');
  cursor.next();
  return known;
}

/** The register as a value; x0 is 0 and carries no dependency. */
export function readSource(site: Site): Expression {
  const at = site.cursor.peek();
  const { name } = readRegister(site);
  return name === 'x0' ? integer(0) : register(site.thread.register(name, at));
}

/** The register to write; what is written to x0 goes where nobody reads. */
export function readTarget(site: Site): number {
  const at = site.cursor.peek();
  const { name } = readRegister(site);
  return site.thread.register(name === 'x0' ? 'x0 (discarded)' : name, at);
}

export function readComma({ cursor }: Site): void {
  cursor.expect(',');
}

/** `0(x6)` or `(x6)`. */
export function readAddress(site: Site): Expression {
  const { cursor } = site;
  const offset = cursor.textAhead() === '(' ? 0n : cursor.integer('an offset such as 0(x6)');
  cursor.expect('(');
  const base = readSource(site);
  cursor.expect(')');
  return displaced(base, offset);
}

export function readLabel({ cursor }: Site): Token {
  return cursor.word('a label');
}

export function assign({ thread, at }: Site, into: number, value: Expression): void {
  thread.emit({ line: at.line, op: 'assign', into, value }, at);
}
