import type { AccessWidth, BinaryOperator, Expression, LitmusTest, Value } from '../../../litmus/program.ts';

/** Locations stand this far apart, so that no access that begins in one reaches another. */
const bytesPerLocation = 0x100n;
/** Below 2^31: an address survives a location of 32 bits, sign-extended or not. */
const firstAddress = 0x5ad0_0000n;
const signBit = 1n << 63n;

/** Of a location; both enumerators use the same addresses, so that they compare pointers alike. */
export function addressOf(location: number): bigint {
  return firstAddress + BigInt(location) * bytesPerLocation;
}

/** A value as 64 bits. */
export function wordOf(value: Value): bigint {
  return value.kind === 'address' ? addressOf(value.location) : BigInt.asUintN(64, value.value);
}

/** Where an access goes; undefined: nowhere, or past the end of a location. */
export interface Place {
  readonly location: number;
  readonly byteOffset: number;
}

export function placeOf(test: LitmusTest, address: bigint, widthBits: AccessWidth): Place | undefined {
  const distance = address - firstAddress;
  const location = Number(distance / bytesPerLocation);
  const byteOffset = Number(distance % bytesPerLocation);
  const width = test.locations[location]?.widthBits;
  if (distance < 0n || width === undefined || byteOffset * 8 + widthBits > width) {
    return undefined;
  }
  return { location, byteOffset };
}

/** Of an expression over the registers of one thread, in 64 bits; `old` is the value a read-modify-write has read. */
export function evaluate(expression: Expression, registers: readonly bigint[], old = 0n): bigint {
  switch (expression.kind) {
    case 'integer':
    case 'address':
      return wordOf(expression);
    case 'register':
      return registers[expression.register] as bigint;
    case 'old':
      return old;
    case 'extend': {
      const inner = evaluate(expression.of, registers, old);
      const low = expression.signed
        ? BigInt.asIntN(expression.widthBits, inner)
        : BigInt.asUintN(expression.widthBits, inner);
      return BigInt.asUintN(64, low);
    }
    case 'binary': {
      const left = evaluate(expression.left, registers, old);
      return BigInt.asUintN(64, operate(expression.operator, left, evaluate(expression.right, registers, old)));
    }
  }
}

/** Every register that stands in an expression, whatever its value: these make syntactic dependencies. */
export function registersIn(expression: Expression): readonly number[] {
  switch (expression.kind) {
    case 'register':
      return [expression.register];
    case 'binary':
      return [...registersIn(expression.left), ...registersIn(expression.right)];
    case 'extend':
      return registersIn(expression.of);
    default:
      return [];
  }
}

function operate(operator: BinaryOperator, left: bigint, right: bigint): bigint {
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
      return left << (right % 64n);
    case 'shift-right':
      return left >> (right % 64n);
    case 'equal':
      return left === right ? 1n : 0n;
    case 'not-equal':
      return left === right ? 0n : 1n;
    case 'less':
      return (left ^ signBit) < (right ^ signBit) ? 1n : 0n;
    case 'less-equal':
      return (left ^ signBit) <= (right ^ signBit) ? 1n : 0n;
    case 'less-unsigned':
      return left < right ? 1n : 0n;
    case 'less-equal-unsigned':
      return left <= right ? 1n : 0n;
  }
}
