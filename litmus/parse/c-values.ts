import type { BinaryOperator, Expression } from '../program.ts';
import { binary, extended, integer } from './expressions.ts';
import { type CType, intType } from './types.ts';

/**
 * The value of a C expression: an expression over the thread's registers, which hold what has a sign sign-extended and
 * what has none zero-extended to 64 bits.
 */
export interface CValue {
  readonly expression: Expression;
  readonly type: CType;
}

const longType: CType = { widthBits: 64, isSigned: true };

/** A number without a suffix: int if it fits. */
export function numberValue(value: bigint): CValue {
  return { expression: integer(value), type: value === BigInt.asIntN(32, value) ? intType : longType };
}

/** As assigned to a variable of that type. */
export function converted(value: CValue, type: CType): CValue {
  const { expression, type: from } = value;
  const isWider = from.widthBits < type.widthBits;
  const isSame = from.widthBits === type.widthBits && from.isSigned === type.isSigned;
  const fits = isSame || (isWider && (type.isSigned || !from.isSigned)) || type.widthBits >= 64;
  return { type, expression: fits ? expression : extended(expression, type.widthBits, type.isSigned) };
}

/** The type in which two operands meet (C11 6.3.1.8). */
function commonType(left: CType, right: CType): CType {
  const [a, b] = [promoted(left), promoted(right)];
  if (a.widthBits !== b.widthBits) return a.widthBits > b.widthBits ? a : b;
  return a.isSigned ? b : a;
}

function promoted(type: CType): CType {
  return type.widthBits < 32 ? intType : type;
}

const arithmetic: ReadonlyMap<string, BinaryOperator> = new Map([
  ['+', 'add'],
  ['-', 'sub'],
  ['*', 'mul'],
  ['&', 'and'],
  ['|', 'or'],
  ['^', 'xor'],
]);

/** For a binary operator that does not look at its right side only sometimes; undefined for one that is not modelled. */
export function combined(operator: string, left: CValue, right: CValue): CValue | undefined {
  if (operator === '<<' || operator === '>>') return shifted(operator, left, right);
  if (operator === '+' || operator === '-') {
    if (left.type.pointee !== undefined) return moved(operator, left, right);
    if (right.type.pointee !== undefined) return operator === '+' ? moved(operator, right, left) : undefined;
  }
  const common = commonType(left.type, right.type);
  const a = converted(left, common).expression;
  const b = converted(right, common).expression;
  const known = arithmetic.get(operator);
  if (known !== undefined) return wrapped(binary(known, a, b), common);
  const comparison = compared(operator, a, b, common.isSigned);
  return comparison === undefined ? undefined : { expression: comparison, type: intType };
}

/** A pointer that goes on by elements of what it points to; the difference of two is not modelled. */
function moved(operator: '+' | '-', pointer: CValue, by: CValue): CValue | undefined {
  const { pointee } = pointer.type;
  if (pointee === undefined || by.type.pointee !== undefined) return undefined;
  const bytes = binary('mul', by.expression, integer(pointee.widthBits / 8));
  const expression = binary(operator === '+' ? 'add' : 'sub', pointer.expression, bytes);
  return { type: pointer.type, expression };
}

function compared(operator: string, a: Expression, b: Expression, isSigned: boolean): Expression | undefined {
  const less = isSigned ? 'less' : 'less-unsigned';
  const lessEqual = isSigned ? 'less-equal' : 'less-equal-unsigned';
  switch (operator) {
    case '==':
      return binary('equal', a, b);
    case '!=':
      return binary('not-equal', a, b);
    case '<':
      return binary(less, a, b);
    case '<=':
      return binary(lessEqual, a, b);
    case '>':
      return binary(less, b, a);
    case '>=':
      return binary(lessEqual, b, a);
    default:
      return undefined;
  }
}

/** Undefined where bits with a sign would have to come in from the left. */
function shifted(operator: '<<' | '>>', left: CValue, right: CValue): CValue | undefined {
  const type = promoted(left.type);
  if (operator === '<<') return wrapped(binary('shift-left', left.expression, right.expression), type);
  return type.isSigned ? undefined : { type, expression: binary('shift-right', left.expression, right.expression) };
}

function wrapped(expression: Expression, type: CType): CValue {
  return { type, expression: extended(expression, type.widthBits, type.isSigned) };
}

/** 1 if the value is not 0, else 0. */
export function truth(value: CValue): Expression {
  return isTruth(value.expression) ? value.expression : binary('not-equal', value.expression, integer(0));
}

/** 1 if the value is 0, else 0. */
export function falsehood(value: CValue): Expression {
  const { expression } = value;
  if (expression.kind !== 'binary' || !isTruth(expression)) return binary('equal', expression, integer(0));
  const { left, right, operator } = expression;
  switch (operator) {
    case 'equal':
      return binary('not-equal', left, right);
    case 'not-equal':
      return binary('equal', left, right);
    default:
      return binary('equal', expression, integer(0));
  }
}

function isTruth(expression: Expression): boolean {
  return (
    expression.kind === 'binary' && (expression.operator.includes('equal') || expression.operator.startsWith('less'))
  );
}

/** For unary operators; undefined for one that is not modelled. */
export function changed(operator: string, of: CValue): CValue | undefined {
  const type = promoted(of.type);
  switch (operator) {
    case '+':
      return { ...of, type };
    case '-':
      if (of.expression.kind === 'integer') return { type, expression: integer(-of.expression.value) };
      return wrapped(binary('sub', integer(0), of.expression), type);
    case '~':
      return wrapped(binary('xor', of.expression, integer(-1)), type);
    case '!':
      return { expression: falsehood(of), type: intType };
    default:
      return undefined;
  }
}
