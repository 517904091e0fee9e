import { LitmusFault, type Position } from '../problem.ts';

/** `word`: a name or mnemonic with its dots; `number`: what begins with a digit; `symbol`: the rest; `end`: after the last one. */
export interface Token extends Position {
  readonly kind: 'word' | 'number' | 'symbol' | 'end';
  readonly text: string;
  /** From the beginning of the file, and after its last character. */
  readonly begin: number;
  readonly end: number;
}

/** More than any test that a person or a generator writes; what keeps every later step fast. */
const maxTokens = 100_000;

const blank = /[ \t\r\f]+/y;
const word = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*/y;
const cWord = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /[0-9][A-Za-z0-9_]*/y;
const symbol = /\/\\|\\\/|!=|<>|&&|[^\s]/uy;
const cSymbol = /\/\\|\\\/|<<=|>>=|[-+*/%&|^=!<>]=|<>|<<|>>|&&|\|\||->|\+\+|--|[^\s]/uy;

/**
 * The tokens from `offset` on, comments left out. In the functions of a C test `(*` is no comment: it is how
 * `READ_ONCE(*x)` begins.
 */
export function tokenize(text: string, offset: number, isC: boolean): readonly Token[] {
  const tokens: Token[] = [];
  const lines = new LineCounter(text);
  let at = offset;
  /** Of the initial state and, in C, of the functions. */
  let braces = 0;
  let groups = 0;
  const push = (kind: Token['kind'], end: number): void => {
    tokens.push({ kind, text: text.slice(at, end), begin: at, end, ...lines.positionOf(at, end) });
  };
  while (at < text.length) {
    const inFunction = isC && braces > 0 && groups > 1;
    const after = blankEnd(text, at, { lines, inFunction, isC });
    if (after > at) {
      at = after;
      continue;
    }
    const character = text[at] ?? '';
    const [kind, end] = tokenAt(text, at, isC);
    if (character === '{') {
      groups += braces === 0 ? 1 : 0;
      braces += 1;
    } else if (character === '}') {
      braces -= 1;
    }
    if (tokens.length >= maxTokens) {
      throw new LitmusFault(lines.positionOf(at, end), `more than ${maxTokens} words and signs in one file`);
    }
    push(kind, end);
    at = end;
  }
  push('end', at);
  return tokens;
}

function tokenAt(text: string, at: number, isC: boolean): readonly [Token['kind'], number] {
  const wordEnd = matchEnd(isC ? cWord : word, text, at);
  if (wordEnd > at) return ['word', wordEnd];
  const numberEnd = matchEnd(number, text, at);
  if (numberEnd > at) return ['number', numberEnd];
  return ['symbol', Math.max(at + 1, matchEnd(isC ? cSymbol : symbol, text, at))];
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

interface Place {
  readonly lines: LineCounter;
  readonly inFunction: boolean;
  readonly isC: boolean;
}

/** Where the blanks or the comment that begin at `at` end; `at` if none does. */
export function blankEnd(text: string, at: number, { lines, inFunction, isC }: Place): number {
  const character = text[at];
  if (character === '\n') return at + 1;
  const blanks = matchEnd(blank, text, at);
  if (blanks > at) return blanks;
  if (character === '/' && text[at + 1] === '/') return lineEnd(text, at);
  if (character === '#' && /^\s*$/.test(lines.beforeOnLine(at))) return lineEnd(text, at);
  if (character === '/' && text[at + 1] === '*' && isC) return closed(text, at, text.indexOf('*/', at + 2), lines);
  if (character === '(' && text[at + 1] === '*' && !inFunction) return closed(text, at, nestedEnd(text, at), lines);
  return at;
}

function closed(text: string, at: number, end: number, lines: LineCounter): number {
  if (end < 0) {
    throw new LitmusFault(lines.positionOf(at, at + 2), `the comment ${text.slice(at, at + 2)} is never closed`);
  }
  return end + 2;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** Comments of herd nest. */
function nestedEnd(text: string, at: number): number {
  const mark = /\(\*|\*\)/g;
  mark.lastIndex = at;
  let depth = 0;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    depth += found[0] === '(*' ? 1 : -1;
    if (depth === 0) return found.index;
  }
  return -1;
}

/** Lines and columns of offsets that never go back. */
export class LineCounter {
  private readonly text: string;
  private line = 1;
  private lineBegin = 0;
  /** Kept, so that a line of a megabyte is searched once. */
  private nextLineBegin: number;

  constructor(text: string) {
    this.text = text;
    this.nextLineBegin = this.lineAfter(0);
  }

  positionOf(begin: number, end: number): Position {
    this.advanceTo(begin);
    const column = begin - this.lineBegin + 1;
    return { line: this.line, column, endColumn: column + Math.max(1, end - begin) };
  }

  /** What stands before `offset` on its line. */
  beforeOnLine(offset: number): string {
    this.advanceTo(offset);
    // A comment sign with this much before it is none, and a line may be a megabyte long.
    return this.text.slice(Math.max(this.lineBegin, offset - 200), offset);
  }

  private advanceTo(offset: number): void {
    while (this.nextLineBegin <= offset) {
      this.line += 1;
      this.lineBegin = this.nextLineBegin;
      this.nextLineBegin = this.lineAfter(this.lineBegin);
    }
  }

  private lineAfter(offset: number): number {
    const end = this.text.indexOf('\n', offset);
    return end < 0 ? Number.POSITIVE_INFINITY : end + 1;
  }
}

/** The whole number that a token stands for; undefined if it is none or far too large. */
export function integerOf(text: string): bigint | undefined {
  const match = /^(0x[0-9a-f]{1,32}|0b[01]{1,128}|[0-9]{1,40})[ul]{0,3}$/i.exec(text);
  return match?.[1] === undefined ? undefined : BigInt(match[1]);
}
