import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import type { Cursor } from './cursor.ts';
import type { Token } from './tokens.ts';
import { integerOf } from './tokens.ts';
import { type CType, readType } from './types.ts';

/** A C expression as it is written. */
export type CExpression = { readonly at: Token } & (
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'unary'; readonly operator: string; readonly of: CExpression }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: CExpression; readonly right: CExpression }
  | { readonly kind: 'cast'; readonly type: CType; readonly of: CExpression }
  | { readonly kind: 'call'; readonly name: string; readonly parameters: readonly CExpression[] }
  | {
      readonly kind: 'assignment';
      /** Empty for `=`, else what is done to the old value. */
      readonly operator: string;
      readonly target: CExpression;
      readonly value: CExpression;
    }
);

const maxNesting = 64;
/** Also bounds a long sum, which is as deep a tree as a nested one. */
const maxNodes = 500;

/** From the weakest to the strongest; all of them associate to the left. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const assignments: ReadonlyMap<string, string> = new Map(
  ['', '+', '-', '*', '&', '|', '^', '<<', '>>'].map((operator) => [`${operator}=`, operator]),
);

/** Reads one expression, without a comma at its top. */
export function readExpression(cursor: Cursor): CExpression {
  return new ExpressionReader(cursor).read();
}

class ExpressionReader {
  private readonly cursor: Cursor;
  private depth = 0;
  private nodes = 0;

  constructor(cursor: Cursor) {
    this.cursor = cursor;
  }

  read(): CExpression {
    const target = this.level(0);
    const operator = assignments.get(this.cursor.textAhead());
    if (this.cursor.textAhead() === '?') {
      throw new LitmusFault(this.cursor.peek(), '"?" is not modelled', 'write it as if and else');
    }
    if (operator === undefined) return target;
    const at = this.cursor.next();
    return this.made({ kind: 'assignment', at, operator, target, value: this.nested(() => this.read()) });
  }

  private level(index: number): CExpression {
    const operators = levels[index];
    if (operators === undefined) return this.unary();
    let left = this.level(index + 1);
    for (let at = this.cursor.accept(...operators); at !== undefined; at = this.cursor.accept(...operators)) {
      left = this.made({ kind: 'binary', at, operator: at.text, left, right: this.level(index + 1) });
    }
    return left;
  }

  private unary(): CExpression {
    const { cursor } = this;
    const at = cursor.accept('!', '~', '-', '+', '*', '&');
    if (at !== undefined) {
      return this.made({ kind: 'unary', at, operator: at.text, of: this.nested(() => this.unary()) });
    }
    const step = cursor.accept('++', '--');
    if (step !== undefined)
      return this.stepped(
        step,
        this.nested(() => this.unary()),
      );
    return this.postfix();
  }

  private postfix(): CExpression {
    const { cursor } = this;
    const of = this.primary();
    const step = cursor.accept('++', '--');
    if (step !== undefined) {
      if (cursor.textAhead() !== ';')
        throw new LitmusFault(step, `${quote(step.text)} inside an expression is not modelled`);
      return this.stepped(step, of);
    }
    if (['[', '->', '.'].includes(cursor.textAhead())) {
      throw new LitmusFault(cursor.peek(), 'arrays and structures are not modelled');
    }
    return of;
  }

  private stepped(at: Token, target: CExpression): CExpression {
    const value = this.made({ kind: 'number', at, value: 1n });
    return this.made({ kind: 'assignment', at, operator: at.text === '++' ? '+' : '-', target, value });
  }

  private primary(): CExpression {
    const { cursor } = this;
    const at = cursor.peek();
    if (cursor.accept('(') !== undefined) return this.nested(() => this.bracketed(at));
    if (at.kind === 'number') {
      const value = integerOf(at.text);
      if (value === undefined) return cursor.fail('a number');
      cursor.next();
      return this.made({ kind: 'number', at, value });
    }
    const name = cursor.word('an expression');
    if (name.text === 'NULL') return this.made({ kind: 'number', at, value: 0n });
    if (cursor.accept('(') === undefined) return this.made({ kind: 'name', at, name: name.text });
    const parameters: CExpression[] = [];
    while (cursor.accept(')') === undefined) {
      parameters.push(this.nested(() => this.read()));
      if (cursor.textAhead() !== ')') cursor.expect(',', `in the parameters of ${name.text}`);
    }
    return this.made({ kind: 'call', at, name: name.text, parameters });
  }

  private bracketed(at: Token): CExpression {
    const { cursor } = this;
    const type = readType(cursor);
    if (type !== undefined) {
      cursor.expect(')', 'after a type');
      return this.made({ kind: 'cast', at, type, of: this.unary() });
    }
    const inner = this.read();
    cursor.expect(')');
    return inner;
  }

  private made(expression: CExpression): CExpression {
    this.nodes += 1;
    if (this.nodes > maxNodes) throw new LitmusFault(expression.at, `an expression of more than ${maxNodes} parts`);
    return expression;
  }

  private nested(read: () => CExpression): CExpression {
    this.depth += 1;
    if (this.depth > maxNesting)
      throw new LitmusFault(this.cursor.peek(), `nested more than ${maxNesting} levels deep`);
    const expression = read();
    this.depth -= 1;
    return expression;
  }
}
