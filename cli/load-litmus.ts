import { readFileSync, statSync } from 'node:fs';
import { type Diagnostic, formatDiagnostics } from '../diagnostics/diagnostic.ts';
import type { LitmusTest } from '../litmus/program.ts';
import { fileErrorReason } from './command-error.ts';
import { type FoundFiles, findFiles, type InputProblem, inputProblem } from './find-files.ts';
import type { CliIo } from './io.ts';
import type { LitmusLibrary } from './library.ts';
import { printableText } from './wrap-text.ts';

export interface LoadedTest {
  readonly test: LitmusTest;
  /** The file as read, for messages about it. */
  readonly sourceLines: readonly string[];
}

export interface LoadedTests {
  readonly tests: readonly LoadedTest[];
  readonly problems: readonly InputProblem[];
}

const maxFileBytes = 1024 * 1024;

/** Reads every test the paths name; what is wrong with the others is said on stderr and returned. */
export function loadTests(paths: readonly string[], library: LitmusLibrary, io: CliIo): LoadedTests {
  const found: FoundFiles = findFiles(paths, '.litmus');
  const tests: LoadedTest[] = [];
  const problems: InputProblem[] = [];
  const refuse = (file: string, reason: string): void => {
    problems.push(inputProblem(file, reason));
    io.stderr.write(`tornread: error: ${printableText(file)}: ${reason}\n`);
  };
  for (const { file, message } of found.problems) refuse(file, message);
  for (const file of found.files) {
    const read = readText(file);
    if ('reason' in read) {
      refuse(file, read.reason);
      continue;
    }
    const sourceLines = read.text.split(/\r?\n/);
    const parsed = library.parseLitmus(read.text, file);
    if ('test' in parsed) {
      tests.push({ test: parsed.test, sourceLines });
    } else {
      const diagnostics = parsed.problems.map((problem) => ({ file, ...problem }));
      problems.push(...tellProblems(diagnostics, sourceLines, io));
    }
  }
  return { tests, problems };
}

/** Says on stderr what is wrong with a test. */
export function tellProblems(
  diagnostics: readonly Diagnostic[],
  sourceLines: readonly string[],
  io: CliIo,
): readonly InputProblem[] {
  io.stderr.write(`${formatDiagnostics(diagnostics, sourceLines)}\n`);
  return diagnostics.map(({ file, line, column, message, hint = null }) => ({ file, line, column, message, hint }));
}

function readText(file: string): { readonly text: string } | { readonly reason: string } {
  try {
    const { size } = statSync(file);
    if (size > maxFileBytes) {
      return { reason: `the file has ${size} bytes; a litmus test may have ${maxFileBytes}` };
    }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)) };
  } catch (error) {
    const reason = fileErrorReason(error);
    if (reason !== undefined) return { reason };
    if (error instanceof TypeError) return { reason: 'not a text file: it is not valid UTF-8' };
    throw error;
  }
}
