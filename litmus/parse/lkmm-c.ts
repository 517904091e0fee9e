import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import { maxThreads } from './assembly.ts';
import { callPrimitive } from './c-primitives.ts';
import { readExpression } from './c-syntax.ts';
import { CThread } from './c-thread.ts';
import { falsehood } from './c-values.ts';
import type { Cursor } from './cursor.ts';
import { integer } from './expressions.ts';
import type { Dialect, Reading } from './reading.ts';
import { ThreadBuilder } from './thread-builder.ts';
import { readBaseType, readPointers, readType } from './types.ts';

const maxNesting = 64;
const notModelled: ReadonlyMap<string, string> = new Map([
  ...['while', 'for', 'do', 'goto'].map((word): [string, string] => [
    word,
    'loops are not modelled; write the rounds one after the other',
  ]),
  ['switch', 'write it as if and else'],
  ['return', 'a function ends at its "}"'],
]);

/** The functions `P0(...) { ... }` of a test in C with the kernel's primitives. */
export class CProgram implements Dialect {
  private readonly cursor: Cursor;
  private readonly reading: Reading;
  private readonly functions: CThread[] = [];
  private depth = 0;

  constructor(cursor: Cursor, reading: Reading) {
    this.cursor = cursor;
    this.reading = reading;
  }

  /** A variable of the thread's; its register holds it as its type has it. */
  register(name: string, thread: ThreadBuilder): { readonly name: string; readonly widthBits: number } | undefined {
    const type = this.functions[thread.index]?.typeOf(name);
    return type === undefined ? undefined : { name, widthBits: type.isSigned ? 64 : type.widthBits };
  }

  read(): readonly ThreadBuilder[] {
    const { cursor } = this;
    while (/^(?:P[0-9]+|void|static)$/.test(cursor.textAhead()) && !this.reading.problems.isFull) {
      cursor.accept('static');
      cursor.accept('void');
      this.readFunction();
    }
    if (this.functions.length === 0) cursor.fail('a thread, such as "P0(int *x) { ... }"');
    return this.functions.map(({ builder }) => builder);
  }

  private readFunction(): void {
    const { cursor, functions, reading } = this;
    const name = cursor.word('a thread');
    const index = functions.length;
    if (index >= maxThreads) throw new LitmusFault(name, `more than ${maxThreads} threads`);
    if (name.text !== `P${index}`) throw new LitmusFault(name, `expected P${index}, found ${quote(name.text)}`);
    const thread = new CThread(new ThreadBuilder(index, reading.problems), callPrimitive);
    functions.push(thread);
    cursor.expect('(', 'after the name of a thread');
    while (cursor.accept(')') === undefined) {
      this.readParameter(thread);
      if (cursor.textAhead() !== ')') cursor.expect(',', 'between parameters');
    }
    cursor.expect('{', 'before the statements');
    this.readBlock(thread);
  }

  private readParameter(thread: CThread): void {
    const { cursor, reading } = this;
    const at = cursor.peek();
    const type = readType(cursor) ?? cursor.fail('the type of a parameter');
    if (cursor.textAhead() === ')' && cursor.textAhead(-1) === 'void') return;
    const name = cursor.word('the name of a parameter');
    if (type.pointee === undefined) {
      throw new LitmusFault(
        at,
        `the parameter ${quote(name.text)} is no pointer`,
        'parameters are the addresses of locations: "int *x"',
      );
    }
    const location = reading.locations.intern(name.text, name);
    reading.problems.guard(() => reading.locations.declare(location, type.pointee?.widthBits ?? 32, name));
    thread.addParameter(name.text, location, type);
  }

  /** Statements up to `}`, which is read too. */
  private readBlock(thread: CThread): void {
    const { cursor, reading } = this;
    while (cursor.accept('}') === undefined) {
      if (cursor.isAtEnd) cursor.fail('"}" at the end of the statements');
      const begin = cursor.position;
      const isRead = reading.problems.guard(() => this.readStatement(thread));
      if (!isRead) this.skipStatement(begin);
      if (reading.problems.isFull) throw new LitmusFault(cursor.peek(), 'more mistakes than are told');
    }
  }

  /** After a mistake: on with what comes after the next `;` of this block. */
  private skipStatement(begin: number): void {
    const { cursor } = this;
    if (cursor.position > begin && cursor.textAhead(-1) === ';') return;
    let braces = 0;
    while (!cursor.isAtEnd) {
      const text = cursor.textAhead();
      if (text === '}' && braces === 0) return;
      cursor.next();
      braces += text === '{' ? 1 : text === '}' ? -1 : 0;
      if (braces === 0 && (text === ';' || text === '}')) return;
    }
  }

  private readStatement(thread: CThread): void {
    const { cursor } = this;
    thread.beginStatement();
    const at = cursor.peek();
    if (cursor.accept(';') !== undefined) return;
    if (cursor.accept('{') !== undefined) {
      this.nested(() => this.readBlock(thread));
    } else if (cursor.accept('if') !== undefined) {
      this.nested(() => this.readIf(thread));
    } else if (notModelled.has(at.text)) {
      throw new LitmusFault(at, `${quote(at.text)} is not modelled`, notModelled.get(at.text));
    } else if (!this.readDeclaration(thread)) {
      thread.perform(readExpression(cursor));
      cursor.expect(';', 'after a statement');
    }
  }

  private readIf(thread: CThread): void {
    const { cursor } = this;
    const { builder } = thread;
    const at = cursor.expect('(', 'after if');
    const condition = thread.value(readExpression(cursor));
    cursor.expect(')');
    const otherwise = builder.newLabel();
    builder.branchTo(otherwise, falsehood(condition), at);
    this.readStatement(thread);
    const orElse = cursor.accept('else');
    if (orElse === undefined) {
      builder.place(otherwise);
      return;
    }
    const after = builder.newLabel();
    builder.branchTo(after, integer(1), orElse);
    builder.place(otherwise);
    this.readStatement(thread);
    builder.place(after);
  }

  private readDeclaration(thread: CThread): boolean {
    const { cursor } = this;
    const base = readBaseType(cursor);
    if (base === undefined) return false;
    do {
      const type = readPointers(cursor, base);
      const name = cursor.word('the name of a variable');
      if (cursor.textAhead() === '[') {
        throw new LitmusFault(name, `${quote(name.text)} is an array, which is not modelled`);
      }
      const local = thread.declare(name, type);
      const sign = cursor.accept('=');
      if (sign !== undefined) thread.assign(sign, local, thread.value(readExpression(cursor), local.register));
    } while (cursor.accept(',') !== undefined);
    cursor.expect(';', 'after a declaration');
    return true;
  }

  private nested(read: () => void): void {
    this.depth += 1;
    if (this.depth > maxNesting)
      throw new LitmusFault(this.cursor.peek(), `blocks nested more than ${maxNesting} deep`);
    try {
      read();
    } finally {
      this.depth -= 1;
    }
  }
}
