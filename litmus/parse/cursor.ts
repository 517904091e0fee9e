import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault, type Position } from '../problem.ts';
import { integerOf, type Token } from './tokens.ts';

/** Reads tokens in order; every mistake is a {@link LitmusFault} at the token where it shows. */
export class Cursor {
  private readonly tokens: readonly Token[];
  private readonly limit: number;
  private index: number;

  /** `tokens[limit]` is what stands after the part to read. */
  constructor(tokens: readonly Token[], begin = 0, limit = tokens.length - 1) {
    this.tokens = tokens;
    this.index = begin;
    this.limit = limit;
  }

  get position(): number {
    return this.index;
  }

  get isAtEnd(): boolean {
    return this.index >= this.limit;
  }

  /** The token `ahead` of the next one; past the end the first one that is not to be read. */
  peek(ahead = 0): Token {
    const token = this.tokens[Math.min(this.index + ahead, this.limit)];
    if (token === undefined) throw new Error('a list of tokens ends with an end');
    return token;
  }

  /** The text of a token to read; empty at the end. */
  textAhead(ahead = 0): string {
    return this.index + ahead < this.limit ? this.peek(ahead).text : '';
  }

  next(): Token {
    const token = this.peek();
    if (!this.isAtEnd) this.index += 1;
    return token;
  }

  accept(...texts: readonly string[]): Token | undefined {
    return texts.includes(this.textAhead()) && !this.isAtEnd ? this.next() : undefined;
  }

  expect(text: string, where = ''): Token {
    return this.accept(text) ?? this.fail(`${quote(text)}${where === '' ? '' : ` ${where}`}`);
  }

  word(what: string): Token {
    return this.peek().kind === 'word' && !this.isAtEnd ? this.next() : this.fail(what);
  }

  /** A whole number with its sign. */
  integer(what = 'a number'): bigint {
    const sign = this.accept('-', '+');
    const token = this.peek();
    const value = this.isAtEnd ? undefined : integerOf(token.text);
    if (value === undefined) return this.fail(what);
    this.next();
    return sign?.text === '-' ? -value : value;
  }

  expectEnd(what: string): void {
    if (!this.isAtEnd) this.fail(what);
  }

  fail(expected: string, hint?: string): never {
    const { text, kind } = this.peek();
    const found = kind === 'end' ? 'the end of the file' : this.isAtEnd ? `${quote(text)} already` : quote(text);
    throw new LitmusFault(this.peek(), `expected ${expected}, found ${found}`, hint);
  }

  /** What was read since the token `begin`, with one blank wherever the file has some. */
  textFrom(begin: number): string {
    const read = this.tokens.slice(begin, this.index);
    return read.map(({ text, begin: at }, i) => (at === read[i - 1]?.end || i === 0 ? text : ` ${text}`)).join('');
  }

  /** From the first token through the last, if they are on one line. */
  spanFrom(first: Token): Position {
    const last = this.tokens[Math.max(0, this.index - 1)] ?? first;
    const endColumn = last.line === first.line && last.endColumn > first.column ? last.endColumn : first.endColumn;
    return { line: first.line, column: first.column, endColumn };
  }
}
