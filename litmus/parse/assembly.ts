import { quote } from '../../diagnostics/diagnostic.ts';
import { LitmusFault } from '../problem.ts';
import { sectionWords } from './condition.ts';
import { Cursor } from './cursor.ts';
import type { Dialect, Reading } from './reading.ts';
import { ThreadBuilder } from './thread-builder.ts';
import type { Token } from './tokens.ts';

/** What a table of instructions is made of. */
export interface AssemblyDialect extends Dialect {
  /** Reads one instruction, which fills its cell. */
  readonly instruction: (cursor: Cursor, thread: ThreadBuilder, reading: Reading) => void;
}

export const maxThreads = 8;

interface Row {
  readonly cells: readonly (readonly [begin: number, end: number])[];
  readonly first: Token;
}

/** The table `P0 | P1 ;` with a row of instructions for each step. */
export function readTable(cursor: Cursor, reading: Reading, dialect: AssemblyDialect): readonly ThreadBuilder[] {
  const header = readRow(cursor, reading);
  if (header === undefined) cursor.fail('the threads, such as "P0 | P1 ;"');
  const threads = readThreads(header, reading);
  for (let row = readRow(cursor, reading); row !== undefined; row = readRow(cursor, reading)) {
    const { cells, first } = row;
    if (cells.length !== threads.length) {
      reading.problems.add(
        first,
        `this row has ${count(cells.length, 'cell')}, and there are ${count(threads.length, 'thread')}`,
      );
    }
    for (const [i, thread] of threads.entries()) {
      const [begin, end] = cells[i] ?? [0, 0];
      if (begin < end) reading.problems.guard(() => readCell(new Cursor(reading.tokens, begin, end), thread));
    }
    if (reading.problems.isFull) break;
  }
  return threads;

  function readCell(cell: Cursor, thread: ThreadBuilder): void {
    while (cell.peek().kind === 'word' && cell.textAhead(1) === ':') {
      thread.placeNamed(cell.next());
      cell.next();
    }
    if (cell.isAtEnd) return;
    dialect.instruction(cell, thread, reading);
    cell.expectEnd('the end of the instruction');
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** The tokens of each cell up to `;`; undefined where the table ends. */
function readRow(cursor: Cursor, { tokens }: Reading): Row | undefined {
  const first = cursor.peek();
  if (cursor.isAtEnd || isSection(cursor)) return undefined;
  const cells: [number, number][] = [];
  let begin = cursor.position;
  for (;;) {
    if (cursor.isAtEnd || isSection(cursor)) {
      throw new LitmusFault(tokens[cursor.position - 1] ?? first, 'the row has no ";" at its end');
    }
    const { text } = cursor.next();
    if (text !== '|' && text !== ';') continue;
    cells.push([begin, cursor.position - 1]);
    begin = cursor.position;
    if (text === ';') return { cells, first };
  }
}

/** `~` also begins `~exists`; `not` and the others are no mnemonics at the beginning of a line only. */
function isSection(cursor: Cursor): boolean {
  const text = cursor.textAhead();
  if (text === '~' || text === 'not') return cursor.textAhead(1) === 'exists';
  return sectionWords.includes(text);
}

function readThreads({ cells, first }: Row, reading: Reading): readonly ThreadBuilder[] {
  if (cells.length > maxThreads) {
    throw new LitmusFault(first, `${cells.length} threads; a test may have ${maxThreads}`);
  }
  return cells.map(([begin, end], index) => {
    const name = reading.tokens[begin];
    if (name === undefined || end !== begin + 1 || name.text !== `P${index}`) {
      throw new LitmusFault(
        name ?? first,
        `expected P${index}, found ${quote(name === undefined || begin === end ? '' : name.text)}`,
      );
    }
    return new ThreadBuilder(index, reading.problems);
  });
}
