/**
 * A small TypeScript tokenizer for the architecture test. The rules look for words and imports, so it has to know exactly
 * one thing well: what is code and what is a comment, a string, a template's text or a regular expression.
 */

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'template' | 'regex' | 'punctuation';
  /** The source text; a string's text is what stands between its quotes. */
  readonly text: string;
  readonly offset: number;
}

interface Comment {
  readonly text: string;
  readonly offset: number;
}

export interface SourceTokens {
  readonly tokens: readonly Token[];
  readonly comments: readonly Comment[];
}

const commentPattern = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const stringPattern = /'(?:[^'\\\n]|\\[\s\S])*'?|"(?:[^"\\\n]|\\[\s\S])*"?/y;
const templateTextPattern = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
const regexPattern = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const numberPattern = /(?:0[xbo][\da-f_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:e[+-]?\d+)?)n?/iy;
const wordPattern = /[\p{ID_Start}$_#@][\p{ID_Continue}$]*/uy;
const punctuationPattern = /\?\.(?!\d)|=>|\.\.\.|[\s\S]/y;
const blankPattern = /\s+/y;

/** Words after which a slash begins a regular expression, although most words end an operand. */
const operatorWords = new Set(
  'return typeof instanceof in of new delete void throw case do else yield await default'.split(' '),
);

export function tokenize(source: string): SourceTokens {
  return new Tokenizer(source).run();
}

class Tokenizer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  readonly #comments: Comment[] = [];
  /** One entry for each template whose `${` is open: how many braces of the code in it are open. */
  readonly #openBraces: number[] = [];
  #offset = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): SourceTokens {
    while (this.#offset < this.#source.length) this.#step();
    return { tokens: this.#tokens, comments: this.#comments };
  }

  #step(): void {
    if (this.#take(blankPattern) !== undefined) return;
    const offset = this.#offset;
    const comment = this.#take(commentPattern);
    if (comment !== undefined) {
      this.#comments.push({ text: comment, offset });
      return;
    }
    const quoted = this.#take(stringPattern);
    if (quoted !== undefined) {
      this.#tokens.push({ kind: 'string', text: quoted.slice(1, -1), offset });
      return;
    }
    if (this.#source[offset] === '`') {
      this.#offset += 1;
      this.#templateText(offset);
      return;
    }
    if (this.#regexMayBegin() && this.#push('regex', regexPattern)) return;
    if (this.#push('number', numberPattern) || this.#push('word', wordPattern)) return;
    this.#push('punctuation', punctuationPattern);
    this.#countBraces(offset);
  }

  /** Inside `${…}` the text is code again, until the brace that closes it. */
  #countBraces(offset: number): void {
    const depth = this.#openBraces.at(-1);
    if (depth === undefined) return;
    const character = this.#source[offset];
    if (character === '{') this.#openBraces[this.#openBraces.length - 1] = depth + 1;
    if (character !== '}') return;
    if (depth > 0) {
      this.#openBraces[this.#openBraces.length - 1] = depth - 1;
      return;
    }
    this.#openBraces.pop();
    this.#templateText(this.#offset);
  }

  #templateText(offset: number): void {
    const text = this.#take(templateTextPattern) ?? '';
    this.#tokens.push({ kind: 'template', text, offset });
    if (this.#source.startsWith('${', this.#offset)) {
      this.#tokens.push({ kind: 'punctuation', text: '{', offset: this.#offset + 1 });
      this.#openBraces.push(0);
      this.#offset += 2;
      return;
    }
    this.#offset += 1;
  }

  #regexMayBegin(): boolean {
    const previous = this.#tokens.at(-1);
    if (previous === undefined) return true;
    if (previous.kind === 'word') return operatorWords.has(previous.text);
    return previous.kind === 'punctuation' && ![')', ']', '}'].includes(previous.text);
  }

  #push(kind: Token['kind'], pattern: RegExp): boolean {
    const offset = this.#offset;
    const text = this.#take(pattern);
    if (text === undefined) return false;
    this.#tokens.push({ kind, text, offset });
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const text = pattern.exec(this.#source)?.[0];
    if (text === undefined || text === '') return undefined;
    this.#offset += text.length;
    return text;
  }
}
