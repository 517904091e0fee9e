import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { LitmusOutcome } from '../../litmus/explore-litmus.ts';
import type { LitmusTest } from '../../litmus/program.ts';
import { UnmodelledInTest } from '../../litmus/unmodelled.ts';
import type { MemoryModelName } from '../../models/memory/memory-model.ts';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { InputProblem } from '../find-files.ts';
import type { CliIo } from '../io.ts';
import { documentText, errorsJson, schemaVersion } from '../json-document.ts';
import type { LitmusLibrary } from '../library.ts';
import {
  architectureName,
  herdText,
  type LitmusModel,
  type LitmusResult,
  litmusJson,
  litmusTable,
  ownModels,
  verdictCounts,
  warningOf,
} from '../litmus-results.ts';
import { type LoadedTest, loadTests, tellProblems } from '../load-litmus.ts';
import { noProgress, type Progress, startProgress } from '../progress.ts';
import { counted } from '../verdict-text.ts';
import { printableText } from '../wrap-text.ts';

export interface LitmusCommandOptions {
  readonly paths: readonly string[];
  /** Undefined: `portable` for C, its own for each other architecture. */
  readonly arch: LitmusModel | undefined;
  /** States of the machine after which the search of a test ends. */
  readonly maxStates: number | undefined;
  readonly json: boolean;
  /** Print the final states of every test, however many there are. */
  readonly verbose: boolean;
}

/** With more files than this, or a folder, a line for each test is what one wants to see. */
const maxSpelledOut = 5;

interface Run {
  readonly options: LitmusCommandOptions;
  readonly io: CliIo;
  readonly library: LitmusLibrary;
}

/** `tornread litmus`: the final states of tests, and whether their conditions hold in them. */
export async function litmusCommand(
  options: LitmusCommandOptions,
  io: CliIo,
  library: LitmusLibrary,
): Promise<ExitCode> {
  const run: Run = { options, io, library };
  const { tests, problems } = loadTests(options.paths, library, io);
  assertModelFits(tests, options.arch);
  const isSpelledOut = !options.json && (options.verbose || areFewFiles(options.paths));
  const results: LitmusResult[] = [];
  const found = [...problems];
  // Where results are printed as they come, they are the progress.
  const progress = tests.length < 2 || isSpelledOut ? noProgress : await startProgress(io, tests.length, 'tests');
  try {
    await runAll(
      tests,
      run,
      progress,
      (result) => {
        if (isSpelledOut) io.stdout.write(`${results.length > 0 ? '\n' : ''}${printable(herdText(result))}\n`);
        results.push(result);
      },
      found,
    );
  } finally {
    progress.stop();
  }
  if (options.json) {
    io.stdout.write(documentText(documentOf(results, found, io)));
  } else if (!isSpelledOut && results.length > 0) {
    io.stdout.write(`${printable(litmusTable(results))}\n\n${summary(results, found, io)}\n`);
  }
  return exitCodeOf(results, found, run);
}

function documentOf(results: readonly LitmusResult[], problems: readonly InputProblem[], io: CliIo): object {
  return {
    schema: schemaVersion,
    results: results.map(litmusJson),
    ...errorsJson(problems),
    ...(io.interruption.signal === undefined ? {} : { interrupted: true }),
  };
}

function areFewFiles(paths: readonly string[]): boolean {
  return (
    paths.length <= maxSpelledOut &&
    paths.every((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
  );
}

/** Names come from files; the lines between them are ours. */
function printable(text: string): string {
  return text.split('\n').map(printableText).join('\n');
}

/** A test in assembly has its machine; on another one it means nothing. */
function assertModelFits(tests: readonly LoadedTest[], arch: LitmusModel | undefined): void {
  if (arch === undefined || arch === 'sc') return;
  for (const { test } of tests) {
    if (test.architecture === 'c' || ownModels[test.architecture] === arch) continue;
    const own = ownModels[test.architecture];
    throw new CommandError(
      exitCodes.usage,
      `--arch ${arch} is for tests in C; ${printableText(test.file)} is one of ${architectureName(test)}, which runs as ${own} or sc`,
    );
  }
}

async function runAll(
  tests: readonly LoadedTest[],
  run: Run,
  progress: Progress,
  onResult: (result: LitmusResult) => void,
  problems: InputProblem[],
): Promise<void> {
  for (const [i, loaded] of tests.entries()) {
    progress.update(i, loaded.test.name);
    const result = await runTest(loaded, run, problems);
    if (run.io.interruption.signal !== undefined) return;
    if (result !== undefined) onResult(result);
  }
}

/** Undefined: it was not modelled, or interrupted. */
async function runTest(loaded: LoadedTest, run: Run, problems: InputProblem[]): Promise<LitmusResult | undefined> {
  const { test } = loaded;
  const model = run.options.arch ?? (test.architecture === 'c' ? 'portable' : ownModels[test.architecture]);
  try {
    const outcome = await explore(test, model, run);
    if (outcome === undefined) return undefined;
    // What some CPUs may see before others only matters where the verdict says that nothing goes wrong.
    const isSafe = outcome.complete && outcome.verdict !== 'Sometimes';
    const isChecked = test.architecture === 'c' && model === 'portable' && isSafe;
    const own = isChecked ? await explore(test, 'non-mca', run) : undefined;
    return { test, model, outcome, warning: own === undefined ? undefined : warningOf(test, outcome, own) };
  } catch (error) {
    if (!(error instanceof UnmodelledInTest)) throw error;
    problems.push(...tellUnmodelled(error, loaded, run.io));
    return undefined;
  }
}

/** Undefined: interrupted. */
async function explore(
  test: LitmusTest,
  model: MemoryModelName,
  { options, io, library }: Run,
): Promise<LitmusOutcome | undefined> {
  const limits = options.maxStates === undefined ? {} : { maxStates: options.maxStates };
  const slices = library.exploreLitmusInSlices(test, model, limits);
  for (;;) {
    // The loop of events has to turn for a signal to be seen.
    await setImmediate();
    if (io.interruption.signal !== undefined) return undefined;
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
}

function tellUnmodelled(
  { line, message }: UnmodelledInTest,
  { test, sourceLines }: LoadedTest,
  io: CliIo,
): readonly InputProblem[] {
  const source = sourceLines[line - 1] ?? '';
  const column = source.length - source.trimStart().length + 1;
  const place = { file: test.file, line, column, endColumn: source.trimEnd().length + 1 };
  return tellProblems([{ ...place, message: `not modelled: ${message}` }], sourceLines, io);
}

function summary(results: readonly LitmusResult[], problems: readonly InputProblem[], io: CliIo): string {
  const incomplete = results.filter(({ outcome }) => !outcome.complete).length;
  const refused = new Set(problems.map(({ file }) => file)).size;
  const warnings = results.filter(({ warning }) => warning !== undefined).length;
  return [
    `${counted(results.length, 'test')}: ${verdictCounts(results).join(', ')}`,
    ...(incomplete > 0 ? [`${incomplete} incomplete`] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
    ...(refused > 0 ? [`${counted(refused, 'file')} refused`] : []),
    ...(io.interruption.signal === undefined ? [] : ['interrupted']),
  ].join('; ');
}

function exitCodeOf(results: readonly LitmusResult[], problems: readonly InputProblem[], { io }: Run): ExitCode {
  const { signal } = io.interruption;
  if (signal !== undefined) return exitCodes[signal];
  if (problems.length > 0) return exitCodes.invalidInput;
  if (results.length === 0) {
    io.stderr.write('tornread: error: no litmus test was found\n');
    return exitCodes.nothingRan;
  }
  return results.every(({ outcome }) => outcome.complete) ? exitCodes.asExpected : exitCodes.inconclusive;
}
