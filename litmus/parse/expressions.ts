import type { BinaryOperator, Expression, Value } from '../program.ts';

/** A whole number as the 64 bits of a register. */
export function integer(value: bigint | number): Value {
  return { kind: 'integer', value: BigInt.asUintN(64, BigInt(value)) };
}

export function addressOf(location: number): Value {
  return { kind: 'address', location };
}

export function register(index: number): Expression {
  return { kind: 'register', register: index };
}

export const old: Expression = { kind: 'old' };

export function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator, left, right };
}

/** `of` + `offset`, or `of` itself where there is nothing to add. */
export function displaced(of: Expression, offset: bigint): Expression {
  return offset === 0n ? of : binary('add', of, integer(offset));
}

/** The low bits of an expression; all 64 are the expression itself. */
export function extended(of: Expression, widthBits: 8 | 16 | 32 | 64 | 128, signed: boolean): Expression {
  if (widthBits === 64 || widthBits === 128) return of;
  if (of.kind === 'integer') {
    return integer(signed ? BigInt.asIntN(widthBits, of.value) : BigInt.asUintN(widthBits, of.value));
  }
  return { kind: 'extend', widthBits, signed, of };
}

/** The less of two: a - (a - b) * (b < a). */
export function minimum(a: Expression, b: Expression, less: 'less' | 'less-unsigned'): Expression {
  return binary('sub', a, binary('mul', binary('sub', a, b), binary(less, b, a)));
}

/** The greater of two: a + (b - a) * (a < b). */
export function maximum(a: Expression, b: Expression, less: 'less' | 'less-unsigned'): Expression {
  return binary('add', a, binary('mul', binary('sub', b, a), binary(less, a, b)));
}

/** Calls `visit` with every node. Expressions are never deep: parsers bound them. */
export function walkExpression(expression: Expression, visit: (node: Expression) => void): void {
  visit(expression);
  if (expression.kind === 'binary') {
    walkExpression(expression.left, visit);
    walkExpression(expression.right, visit);
  } else if (expression.kind === 'extend') {
    walkExpression(expression.of, visit);
  }
}
