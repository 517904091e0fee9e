import { closest, quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Condition, Observable, Proposition, Value } from '../program.ts';
import type { Cursor } from './cursor.ts';
import { addressOf, integer } from './expressions.ts';
import type { Dialect, Reading } from './reading.ts';
import type { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/** Words that begin what stands after the threads. */
export const sectionWords = ['exists', 'forall', '~', 'not', 'locations', 'filter'];

export interface Sections {
  condition?: Condition;
  filter?: Proposition;
  observed: readonly Observable[];
}

const maxNesting = 100;

/** What was read before. */
export interface Program {
  readonly reading: Reading;
  readonly threads: readonly ThreadBuilder[];
  readonly dialect: Dialect;
}

/** What a condition names, and how much of it. */
interface Place {
  readonly observable: Observable;
  readonly widthBits: number;
}

/** `locations [...]`, `filter (...)` and the condition, to the end of the file. */
export function readSections(cursor: Cursor, program: Program): Sections {
  const reader = new SectionReader(cursor, program);
  const sections: Sections = { observed: [] };
  while (!cursor.isAtEnd) {
    if (cursor.accept(';') === undefined) reader.readInto(sections);
  }
  return sections;
}

class SectionReader {
  private readonly cursor: Cursor;
  private readonly reading: Reading;
  private readonly threads: readonly ThreadBuilder[];
  private readonly dialect: Dialect;
  private depth = 0;

  constructor(cursor: Cursor, { reading, threads, dialect }: Program) {
    this.cursor = cursor;
    this.reading = reading;
    this.threads = threads;
    this.dialect = dialect;
  }

  readInto(sections: Sections): void {
    const first = this.cursor.next();
    switch (first.text) {
      case 'locations':
        sections.observed = [...sections.observed, ...this.observables()];
        return;
      case 'filter':
        if (sections.filter !== undefined) throw new LitmusFault(first, 'a second filter');
        sections.filter = this.proposition();
        return;
      case '~':
      case 'not':
        this.cursor.expect('exists', `after ${quote(first.text)}`);
        this.condition(first, '~exists', sections);
        return;
      case 'exists':
      case 'forall':
        this.condition(first, first.text, sections);
        return;
      default:
        throw new LitmusFault(
          first,
          `expected exists, ~exists, forall, locations or filter, found ${quote(first.text)}`,
        );
    }
  }

  private condition(first: Token, quantifier: Condition['quantifier'], sections: Sections): void {
    if (sections.condition !== undefined) throw new LitmusFault(first, 'a second condition');
    const begin = this.cursor.position;
    const proposition = this.proposition();
    const text = this.cursor.textFrom(begin);
    sections.condition = { quantifier, proposition, text: `${quantifier} ${isBracketed(text) ? text : `(${text})`}` };
  }

  private observables(): readonly Observable[] {
    const found: Observable[] = [];
    this.cursor.expect('[', 'after "locations"');
    while (this.cursor.accept(']') === undefined) {
      found.push(this.place().observable);
      if (this.cursor.textAhead() !== ']') this.cursor.expect(';', 'between locations');
    }
    return found;
  }

  private proposition(): Proposition {
    return this.parts('or', '\\/', () => this.parts('and', '/\\', () => this.atom()));
  }

  private parts(kind: 'and' | 'or', sign: string, read: () => Proposition): Proposition {
    const first = read();
    if (this.cursor.textAhead() !== sign) return first;
    const parts = [first];
    while (this.cursor.accept(sign) !== undefined) parts.push(read());
    return { kind, parts };
  }

  private atom(): Proposition {
    const { cursor } = this;
    this.depth += 1;
    if (this.depth > maxNesting) throw new LitmusFault(cursor.peek(), `nested more than ${maxNesting} levels deep`);
    try {
      if (cursor.accept('~', 'not') !== undefined) return { kind: 'not', of: this.atom() };
      if (cursor.accept('true') !== undefined) return { kind: 'true' };
      if (cursor.accept('false') !== undefined) return { kind: 'false' };
      if (cursor.accept('(') !== undefined) {
        const inner = this.proposition();
        cursor.expect(')');
        return inner;
      }
      return this.comparison();
    } finally {
      this.depth -= 1;
    }
  }

  private comparison(): Proposition {
    const left = this.place();
    const sign = this.cursor.accept('=', '==', '!=', '<>') ?? this.cursor.fail('"="');
    const equals: Proposition = { kind: 'equals', left: left.observable, right: this.value(left.widthBits) };
    return sign.text === '!=' || sign.text === '<>' ? { kind: 'not', of: equals } : equals;
  }

  private value(widthBits: number): Value | Observable {
    const { cursor } = this;
    const token = cursor.peek();
    if (token.kind === 'number' && cursor.textAhead(1) === ':') return this.place().observable;
    if (token.text === '[' || token.text === '*') return this.place().observable;
    if (token.text === '&' || token.kind === 'word') {
      cursor.accept('&');
      return addressOf(this.location(cursor.word('the name of a location')));
    }
    // What the place holds: -1 in 32 bits is 0xffffffff.
    return integer(BigInt.asUintN(widthBits, cursor.integer('a number or the name of a location')));
  }

  private place(): Place {
    const { cursor } = this;
    if (cursor.peek().kind === 'number') return this.register();
    const bracket = cursor.accept('[', '*');
    const name = cursor.word('a location or register');
    if (bracket?.text === '[') cursor.expect(']');
    const location = this.location(name);
    const widthBits = this.reading.locations.widthBits(location);
    return { observable: { kind: 'location', location, text: name.text }, widthBits };
  }

  private register(): Place {
    const { cursor } = this;
    const at = cursor.peek();
    const number = cursor.integer();
    cursor.expect(':', 'after the number of a thread');
    cursor.accept('%');
    const name = cursor.word('the name of a register');
    const thread = number < BigInt(this.threads.length) ? Number(number) : -1;
    const builder = this.threads[thread];
    if (builder === undefined) throw new LitmusFault(at, `no thread P${number} in this test`);
    const known = this.dialect.register(name.text, builder);
    if (known === undefined) {
      const near = closest(name.text, builder.registerNames);
      const hint = near === undefined ? undefined : `did you mean "${near}"?`;
      throw new LitmusFault(name, `P${thread} has no register or variable ${quote(name.text)}`, hint);
    }
    const register = builder.register(known.name, name);
    const observable: Observable = { kind: 'register', thread, register, text: `${thread}:${name.text}` };
    return { observable, widthBits: known.widthBits };
  }

  private location(name: Token): number {
    const { locations } = this.reading;
    // After a mistake above, a name may be missing that stands there.
    if (this.reading.problems.list.length > 0) return locations.intern(name.text, name);
    const index = locations.find(name.text);
    if (index !== undefined) return index;
    const near = closest(name.text, locations.names);
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    throw new LitmusFault(name, `no location ${quote(name.text)} in this test`, hint);
  }
}

/** Whether one pair of brackets is around all of it. */
function isBracketed(text: string): boolean {
  let depth = 0;
  for (const [index, character] of [...text].entries()) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (depth === 0) return index > 0 && index === text.length - 1;
  }
  return false;
}
