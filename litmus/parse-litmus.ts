import { AArch64 } from './parse/aarch64.ts';
import { checkAccesses } from './parse/access-widths.ts';
import { type AssemblyDialect, readTable } from './parse/assembly.ts';
import { readSections } from './parse/condition.ts';
import { Cursor } from './parse/cursor.ts';
import { type Header, readHeader } from './parse/header.ts';
import { type InitialRegister, readInitialState } from './parse/initial-state.ts';
import { CProgram } from './parse/lkmm-c.ts';
import { Locations } from './parse/locations.ts';
import type { Dialect, Reading } from './parse/reading.ts';
import { riscv } from './parse/riscv.ts';
import type { ThreadBuilder } from './parse/thread-builder.ts';
import { tokenize } from './parse/tokens.ts';
import { X86 } from './parse/x86.ts';
import { LitmusFault, type LitmusProblem, Problems } from './problem.ts';
import type { LitmusTest } from './program.ts';

export type { LitmusProblem } from './problem.ts';

/** Largest litmus file; those of the corpora have a few hundred bytes. */
const maxCharacters = 1024 * 1024;

/** A litmus test in the text format of the herd family, or everything that is wrong with it, in the order of the file. Never throws. */
export function parseLitmus(
  text: string,
  file: string,
): { readonly test: LitmusTest } | { readonly problems: readonly LitmusProblem[] } {
  const problems = new Problems();
  let test: LitmusTest | undefined;
  problems.guard(() => {
    test = readTest(text, file, problems);
  });
  if (test !== undefined && problems.list.length === 0) return { test };
  return { problems: problems.list.sort((a, b) => a.line - b.line || a.column - b.column) };
}

function readTest(text: string, file: string, problems: Problems): LitmusTest | undefined {
  const whole = { line: 0, column: 0, endColumn: 0 };
  if (text.length > maxCharacters) {
    throw new LitmusFault(whole, `the file has ${text.length} characters; a litmus test may have ${maxCharacters}`);
  }
  if (text.includes('\0')) throw new LitmusFault(whole, 'not a text file: it has NUL characters');
  const header = readHeader(text);
  const tokens = tokenize(text, header.stateAt, header.architecture === 'c');
  const reading: Reading = { tokens, problems, locations: new Locations() };
  const cursor = new Cursor(tokens);
  const registers = readInitialState(cursor, reading);
  const { builders, dialect } = readThreads(header, cursor, reading);
  giveInitialValues(registers, builders, dialect, problems);
  const threads = builders.map((builder) => ({ builder, thread: builder.finish() }));
  checkAccesses(threads, reading);
  const sections = readSections(cursor, { reading, dialect, threads: builders });
  if (sections.condition === undefined) {
    throw new LitmusFault(cursor.peek(), 'the file ends without a condition', 'end it with "exists (...)"');
  }
  const { condition, filter, observed } = sections;
  return {
    name: header.name,
    file,
    architecture: header.architecture,
    locations: reading.locations.finish(),
    threads: threads.map(({ thread }) => thread),
    condition,
    ...(filter === undefined ? {} : { filter }),
    observed,
  };
}

interface Threads {
  readonly builders: readonly ThreadBuilder[];
  readonly dialect: Dialect;
}

function readThreads({ architecture }: Header, cursor: Cursor, reading: Reading): Threads {
  if (architecture === 'c') {
    const program = new CProgram(cursor, reading);
    return { builders: program.read(), dialect: program };
  }
  const dialect = assemblyDialect(architecture, reading);
  return { builders: readTable(cursor, reading, dialect), dialect };
}

function assemblyDialect(architecture: 'x86' | 'riscv' | 'aarch64', reading: Reading): AssemblyDialect {
  switch (architecture) {
    case 'x86':
      return new X86(reading);
    case 'riscv':
      return riscv;
    case 'aarch64':
      return new AArch64(reading);
  }
}

function giveInitialValues(
  registers: readonly InitialRegister[],
  threads: readonly ThreadBuilder[],
  dialect: Dialect,
  problems: Problems,
): void {
  for (const { thread: index, name, value } of registers) {
    problems.guard(() => {
      const thread = threads[index];
      if (thread === undefined) throw new LitmusFault(name, `no thread P${index} in this test`);
      const known = dialect.register(name.text, thread);
      if (known === undefined) throw new LitmusFault(name, `P${index} has no register or variable "${name.text}"`);
      const register = thread.register(known.name, name);
      if (value !== undefined) thread.initialize(register, value, name);
    });
  }
}
