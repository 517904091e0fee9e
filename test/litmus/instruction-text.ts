import { parseLitmus } from '../../litmus/parse-litmus.ts';
import type { Expression, Instruction, LitmusTest, Thread } from '../../litmus/program.ts';

/** The test in a text that has to be right. */
export function readTest(text: string): LitmusTest {
  const read = parseLitmus(text, 'test.litmus');
  if ('problems' in read) throw new Error(problemTexts(text).join('\n'));
  return read.test;
}

/** `line:column message (hint)` of all that is wrong. */
export function problemTexts(text: string): readonly string[] {
  const read = parseLitmus(text, 'test.litmus');
  if ('test' in read) return [];
  return read.problems.map(
    ({ line, column, message, hint }) => `${line}:${column} ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

/** The instructions of one thread, a line each, so that a test can be read beside its source. */
export function threadText(test: LitmusTest, index = 0): readonly string[] {
  const thread = test.threads[index];
  if (thread === undefined) throw new Error(`no thread ${index}`);
  return thread.instructions.map((instruction) => instructionText(instruction, thread, test));
}

function instructionText(instruction: Instruction, thread: Thread, test: LitmusTest): string {
  const name = (register: number): string => thread.registers[register] ?? '?';
  const text = (expression: Expression): string => expressionText(expression, name, test);
  switch (instruction.op) {
    case 'load':
    case 'load-reserved': {
      const { op, into, widthBits, address, order } = instruction;
      return `${name(into)} = ${op}${widthBits} [${text(address)}] ${order}`;
    }
    case 'store':
      return `store${instruction.widthBits} [${text(instruction.address)}] = ${text(instruction.value)} ${instruction.order}`;
    case 'store-conditional': {
      const { status, widthBits, address, value, order } = instruction;
      return `${name(status)} = store-conditional${widthBits} [${text(address)}] = ${text(value)} ${order}`;
    }
    case 'rmw': {
      const { widthBits, address, value, order, expected, result } = instruction;
      const before = result === undefined ? '' : `${name(result.into)} = ${text(result.value)}; `;
      const condition = expected === undefined ? '' : ` if ${text(expected)}`;
      const full = order.isFull ? ' full' : '';
      return `${before}rmw${widthBits} [${text(address)}] = ${text(value)}${condition} ${order.load}/${order.store}${full}`;
    }
    case 'fence': {
      const { read, write, input, output } = instruction.fence;
      return `fence r:${read} w:${write} i:${input} o:${output}`;
    }
    case 'barrier':
      return instruction.name;
    case 'context-sync':
      return 'context-sync';
    case 'assign':
      return `${name(instruction.into)} = ${text(instruction.value)}`;
    case 'branch':
      return `if ${text(instruction.condition)} goto ${instruction.target}`;
    case 'lock':
    case 'unlock':
      return `${instruction.op} [${text(instruction.address)}]`;
  }
}

const signs: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&',
  or: '|',
  xor: '^',
  'shift-left': '<<',
  'shift-right': '>>',
  equal: '==',
  'not-equal': '!=',
  less: '<',
  'less-equal': '<=',
  'less-unsigned': '<u',
  'less-equal-unsigned': '<=u',
};

function expressionText(expression: Expression, name: (register: number) => string, test: LitmusTest): string {
  switch (expression.kind) {
    case 'integer':
      return BigInt.asIntN(64, expression.value).toString();
    case 'address':
      return `&${test.locations[expression.location]?.name}`;
    case 'register':
      return name(expression.register);
    case 'old':
      return 'old';
    case 'binary': {
      const [left, right] = [expression.left, expression.right].map((side) => expressionText(side, name, test));
      return `(${left} ${signs[expression.operator]} ${right})`;
    }
    case 'extend': {
      const of = expressionText(expression.of, name, test);
      return `${expression.signed ? 's' : 'u'}${expression.widthBits}(${of})`;
    }
  }
}
