import { formatDiagnostics } from '../diagnostics/diagnostic.ts';
import { ScenarioError } from '../scenarios/format/scenario-error.ts';
import type { LoadedScenario } from '../scenarios/load-scenario.ts';
import { CommandError, fileErrorReason } from './command-error.ts';
import { exitCodes } from './exit-codes.ts';
import { findScenarioFiles, type InputProblem, inputProblem } from './find-files.ts';
import type { CliIo } from './io.ts';
import type { Simulator } from './library.ts';
import { printableText } from './wrap-text.ts';

export interface LoadedScenarios {
  readonly scenarios: readonly LoadedScenario[];
  readonly problems: readonly InputProblem[];
}

/** Loads every scenario the paths name; what is wrong with the others is said on stderr and returned. */
export function loadScenarios(paths: readonly string[], simulator: Simulator, io: CliIo): LoadedScenarios {
  const found = findScenarioFiles(paths);
  const scenarios: LoadedScenario[] = [];
  const problems = [...found.problems];
  for (const { file, message } of found.problems) {
    io.stderr.write(`tornread: error: ${printableText(file)}: ${message}\n`);
  }
  for (const file of found.files) {
    const loaded = loadScenario(file, simulator);
    if ('scenario' in loaded) {
      scenarios.push(loaded.scenario);
    } else {
      problems.push(...loaded.problems);
      io.stderr.write(`${loaded.text}\n`);
    }
  }
  return { scenarios, problems };
}

/** Loads the one scenario a command is about; throws CommandError with what is wrong with it. */
export function loadOneScenario(path: string, simulator: Simulator): LoadedScenario {
  const { files, problems } = findScenarioFiles([path]);
  const problem = problems[0];
  if (problem !== undefined) {
    throw new CommandError(exitCodes.invalidInput, `${printableText(path)}: ${problem.message}`);
  }
  const [file = path] = files;
  if (files.length !== 1 || file !== path) {
    throw new CommandError(exitCodes.invalidInput, `${printableText(path)}: is a folder; name one scenario file`);
  }
  const loaded = loadScenario(file, simulator);
  if ('scenario' in loaded) {
    return loaded.scenario;
  }
  throw new CommandError(exitCodes.invalidInput, loaded.text);
}

/** Loads the scenario that a recording holds; messages name the file it was recorded from. */
export function loadScenarioText(
  { file, text }: { readonly file: string; readonly text: string },
  simulator: Simulator,
): LoadedScenario {
  const loaded = loadWith(file, () => simulator.loadScenario(file, Buffer.from(text, 'utf8')));
  if ('scenario' in loaded) {
    return loaded.scenario;
  }
  throw new CommandError(exitCodes.invalidInput, loaded.text);
}

type Loaded =
  | { readonly scenario: LoadedScenario }
  | { readonly problems: readonly InputProblem[]; readonly text: string };

function loadScenario(file: string, simulator: Simulator): Loaded {
  return loadWith(file, () => simulator.loadScenarioFile(file));
}

function loadWith(file: string, load: () => LoadedScenario): Loaded {
  try {
    return { scenario: load() };
  } catch (error) {
    if (error instanceof ScenarioError) {
      const problems = error.diagnostics.map(({ file: at, line, column, message, hint = null }) => {
        return { file: at, line, column, message, hint };
      });
      return { problems, text: formatDiagnostics(error.diagnostics, error.sourceLines) };
    }
    const reason = fileErrorReason(error);
    if (reason === undefined) {
      throw error;
    }
    return {
      problems: [inputProblem(file, reason)],
      text: `tornread: error: ${printableText(file)}: ${reason}`,
    };
  }
}
