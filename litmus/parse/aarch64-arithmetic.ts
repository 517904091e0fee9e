import { LitmusFault } from '../problem.ts';
import type { BinaryOperator, Expression } from '../program.ts';
import {
  type ArmOperand,
  type OperandSite,
  readComma,
  readImmediate,
  readRegister,
  readShift,
  sourceOf,
  targetOf,
} from './aarch64-operands.ts';
import { binary, extended, integer } from './expressions.ts';

type Readers = readonly (readonly [string, (site: OperandSite) => void])[];

/** A number, or a register with its extension. */
export function readSecond(site: OperandSite): Expression {
  if (site.cursor.peek().kind !== 'word') return integer(readImmediate(site));
  return readShift(site, readRegister(site));
}

/** A result of 32 bits clears the upper half of its register. */
export function assign({ thread, at }: OperandSite, target: ArmOperand, value: Expression): void {
  const into = targetOf(target, thread);
  thread.emit({ line: at.line, op: 'assign', into, value: extended(value, target.widthBits, false) }, at);
}

/** The value of a W register alone: the upper half of its X register is left out. */
function readWhole(site: OperandSite): Expression {
  const operand = readRegister(site);
  return extended(sourceOf(operand), operand.widthBits, false);
}

function compute(operator: BinaryOperator): (site: OperandSite) => void {
  return (site) => {
    const target = readRegister(site);
    readComma(site);
    const left = sourceOf(readRegister(site));
    readComma(site);
    assign(site, target, binary(operator, left, readSecond(site)));
  };
}

function computeOne(value: (of: Expression) => Expression): (site: OperandSite) => void {
  return (site) => {
    const target = readRegister(site);
    readComma(site);
    assign(site, target, value(readSecond(site)));
  };
}

/** By a number: what a shift by a register does depends on the width. */
function shift(operator: 'shift-left' | 'shift-right'): (site: OperandSite) => void {
  return (site) => {
    const target = readRegister(site);
    readComma(site);
    const left = readWhole(site);
    readComma(site);
    const at = site.cursor.peek();
    const amount = readImmediate(site);
    if (amount < 0n || amount >= BigInt(target.widthBits)) {
      throw new LitmusFault(at, `a shift is by 0 to ${target.widthBits - 1} bits`);
    }
    assign(site, target, binary(operator, left, integer(amount)));
  };
}

function extend(widthBits: 8 | 16 | 32, isSigned: boolean): (site: OperandSite) => void {
  return computeOne((of) => extended(of, widthBits, isSigned));
}

export const arithmeticReaders: Readers = [
  ['MOV', computeOne((of) => of)],
  ['MOVZ', computeOne((of) => of)],
  ['MVN', computeOne((of) => binary('xor', of, integer(-1)))],
  ['NEG', computeOne((of) => binary('sub', integer(0), of))],
  ['ADD', compute('add')],
  ['SUB', compute('sub')],
  ['MUL', compute('mul')],
  ['AND', compute('and')],
  ['ORR', compute('or')],
  ['EOR', compute('xor')],
  ['LSL', shift('shift-left')],
  ['LSR', shift('shift-right')],
  ['SXTB', extend(8, true)],
  ['SXTH', extend(16, true)],
  ['SXTW', extend(32, true)],
  ['UXTB', extend(8, false)],
  ['UXTH', extend(16, false)],
  ['UXTW', extend(32, false)],
  ['NOP', () => {}],
];

function compareAndBranch(operator: 'equal' | 'not-equal'): (site: OperandSite) => void {
  return (site) => {
    const value = readWhole(site);
    readComma(site);
    site.thread.branchToNamed(site.cursor.word('a label'), binary(operator, value, integer(0)));
  };
}

function testAndBranch(operator: 'equal' | 'not-equal'): (site: OperandSite) => void {
  return (site) => {
    const value = sourceOf(readRegister(site));
    readComma(site);
    const at = site.cursor.peek();
    const bit = readImmediate(site);
    if (bit < 0n || bit > 63n) throw new LitmusFault(at, 'a register has the bits 0 to 63');
    readComma(site);
    const masked = binary('and', value, integer(1n << bit));
    site.thread.branchToNamed(site.cursor.word('a label'), binary(operator, masked, integer(0)));
  };
}

export const branchReaders: Readers = [
  ['B', ({ cursor, thread }) => thread.branchToNamed(cursor.word('a label'))],
  ['CBZ', compareAndBranch('equal')],
  ['CBNZ', compareAndBranch('not-equal')],
  ['TBZ', testAndBranch('equal')],
  ['TBNZ', testAndBranch('not-equal')],
];
