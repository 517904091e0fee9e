import type { BinaryOperator, Expression } from './program.ts';

const mask64 = 0xffff_ffff_ffff_ffffn;

/** Where the values of an expression come from. */
export interface Values {
  register(register: number): bigint;
  addressOf(location: number): bigint;
  /** Inside a read-modify-write. */
  readonly old: bigint;
}

/** The value of an expression, 64 bits unsigned. */
export function evaluate(expression: Expression, values: Values): bigint {
  switch (expression.kind) {
    case 'integer':
      return expression.value & mask64;
    case 'address':
      return values.addressOf(expression.location);
    case 'register':
      return values.register(expression.register);
    case 'old':
      return values.old;
    case 'extend': {
      const value = BigInt.asUintN(expression.widthBits, evaluate(expression.of, values));
      return expression.signed ? BigInt.asIntN(expression.widthBits, value) & mask64 : value;
    }
    case 'binary':
      return (
        binary(expression.operator, evaluate(expression.left, values), evaluate(expression.right, values)) & mask64
      );
  }
}

function binary(operator: BinaryOperator, left: bigint, right: bigint): bigint {
  switch (operator) {
    case 'add':
      return left + right;
    case 'sub':
      return left - right;
    case 'mul':
      return left * right;
    case 'and':
      return left & right;
    case 'or':
      return left | right;
    case 'xor':
      return left ^ right;
    case 'shift-left':
      return left << (right & 63n);
    case 'shift-right':
      return left >> (right & 63n);
    case 'equal':
      return BigInt(left === right);
    case 'not-equal':
      return BigInt(left !== right);
    case 'less':
      return BigInt(BigInt.asIntN(64, left) < BigInt.asIntN(64, right));
    case 'less-equal':
      return BigInt(BigInt.asIntN(64, left) <= BigInt.asIntN(64, right));
    case 'less-unsigned':
      return BigInt(left < right);
    case 'less-equal-unsigned':
      return BigInt(left <= right);
  }
}

/** The registers that stand in an expression, as bits: what depends on it, whatever its value. */
export function registersIn(expression: Expression): number {
  switch (expression.kind) {
    case 'register':
      return 1 << expression.register;
    case 'extend':
      return registersIn(expression.of);
    case 'binary':
      return registersIn(expression.left) | registersIn(expression.right);
    default:
      return 0;
  }
}
