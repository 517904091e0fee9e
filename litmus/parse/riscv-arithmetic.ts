import type { BinaryOperator, Expression } from '../program.ts';
import { addressOf, binary, extended, integer } from './expressions.ts';
import { assign, type Reader, readComma, readLabel, readSource, readTarget, type Site } from './riscv-operands.ts';

// Arithmetic.

function compute(value: (left: Expression, right: Expression) => Expression, right: 'register' | 'immediate'): Reader {
  return (site) => {
    const into = readTarget(site);
    readComma(site);
    const left = readSource(site);
    readComma(site);
    assign(site, into, value(left, right === 'register' ? readSource(site) : integer(site.cursor.integer())));
  };
}

function computeOne(value: (of: Expression) => Expression): Reader {
  return (site) => {
    const into = readTarget(site);
    readComma(site);
    assign(site, into, value(readSource(site)));
  };
}

export function plain(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) => binary(operator, left, right);
}

/** The low 32 bits, sign-extended. */
function word(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) => extended(binary(operator, left, right), 32, true);
}

function shift(operator: BinaryOperator): (left: Expression, right: Expression) => Expression {
  return (left, right) =>
    binary(operator, left, right.kind === 'integer' ? integer(right.value & 63n) : binary('and', right, integer(63)));
}

function loadImmediate(site: Site): void {
  const into = readTarget(site);
  readComma(site);
  assign(site, into, integer(site.cursor.integer()));
}

function loadAddress(site: Site): void {
  const into = readTarget(site);
  readComma(site);
  const name = site.cursor.word('the name of a location');
  assign(site, into, addressOf(site.reading.locations.intern(name.text, name)));
}

// Branches.

function branch(condition: (left: Expression, right: Expression) => Expression): Reader {
  return (site) => {
    const left = readSource(site);
    readComma(site);
    const right = readSource(site);
    readComma(site);
    site.thread.branchToNamed(readLabel(site), condition(left, right));
  };
}

function branchOnZero(condition: (of: Expression, zero: Expression) => Expression): Reader {
  return (site) => {
    const of = readSource(site);
    readComma(site);
    site.thread.branchToNamed(readLabel(site), condition(of, integer(0)));
  };
}

const swapped =
  (condition: (left: Expression, right: Expression) => Expression) => (left: Expression, right: Expression) =>
    condition(right, left);
export const arithmeticReaders: readonly (readonly [string, Reader])[] = [
  ['li', loadImmediate],
  ['la', loadAddress],
  ['nop', () => {}],
  ['mv', computeOne((of) => of)],
  ['not', computeOne((of) => binary('xor', of, integer(-1)))],
  ['neg', computeOne((of) => binary('sub', integer(0), of))],
  ['seqz', computeOne((of) => binary('equal', of, integer(0)))],
  ['snez', computeOne((of) => binary('not-equal', of, integer(0)))],
  ['sext.w', computeOne((of) => extended(of, 32, true))],
  ['add', compute(plain('add'), 'register')],
  ['addi', compute(plain('add'), 'immediate')],
  ['addw', compute(word('add'), 'register')],
  ['addiw', compute(word('add'), 'immediate')],
  ['sub', compute(plain('sub'), 'register')],
  ['subw', compute(word('sub'), 'register')],
  ['mul', compute(plain('mul'), 'register')],
  ['and', compute(plain('and'), 'register')],
  ['andi', compute(plain('and'), 'immediate')],
  ['or', compute(plain('or'), 'register')],
  ['ori', compute(plain('or'), 'immediate')],
  ['xor', compute(plain('xor'), 'register')],
  ['xori', compute(plain('xor'), 'immediate')],
  ['sll', compute(shift('shift-left'), 'register')],
  ['slli', compute(shift('shift-left'), 'immediate')],
  ['srl', compute(shift('shift-right'), 'register')],
  ['srli', compute(shift('shift-right'), 'immediate')],
  ['slt', compute(plain('less'), 'register')],
  ['slti', compute(plain('less'), 'immediate')],
  ['sltu', compute(plain('less-unsigned'), 'register')],
  ['sltiu', compute(plain('less-unsigned'), 'immediate')],
  ['beq', branch(plain('equal'))],
  ['bne', branch(plain('not-equal'))],
  ['blt', branch(plain('less'))],
  ['bge', branch(swapped(plain('less-equal')))],
  ['bgt', branch(swapped(plain('less')))],
  ['ble', branch(plain('less-equal'))],
  ['bltu', branch(plain('less-unsigned'))],
  ['bgeu', branch(swapped(plain('less-equal-unsigned')))],
  ['bgtu', branch(swapped(plain('less-unsigned')))],
  ['bleu', branch(plain('less-equal-unsigned'))],
  ['beqz', branchOnZero(plain('equal'))],
  ['bnez', branchOnZero(plain('not-equal'))],
  ['bltz', branchOnZero(plain('less'))],
  ['bgez', branchOnZero(swapped(plain('less-equal')))],
  ['blez', branchOnZero(plain('less-equal'))],
  ['bgtz', branchOnZero(swapped(plain('less')))],
  ['j', (site) => site.thread.branchToNamed(readLabel(site))],
];
