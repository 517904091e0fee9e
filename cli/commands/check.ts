import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import type { Simulator } from '../library.ts';
import { loadScenarios } from '../load-scenarios.ts';
import { counted } from '../verdict-text.ts';

/** `tornread check`: reads every scenario and runs none. */
export function checkCommand(paths: readonly string[], io: CliIo, simulator: Simulator): ExitCode {
  const { scenarios, problems } = loadScenarios(paths, simulator, io);
  const cases = scenarios.reduce((sum, scenario) => sum + scenario.cases.length, 0);
  const found = `${counted(scenarios.length, 'file')}, ${counted(cases, 'case')}`;
  if (problems.length > 0) {
    io.stdout.write(`${found} ok, ${counted(problems.length, 'error')}\n`);
    return exitCodes.invalidInput;
  }
  if (scenarios.length === 0) {
    // A check of nothing must not look like a check that passed.
    io.stderr.write('tornread: error: no scenario file was found\n');
    return exitCodes.nothingRan;
  }
  io.stdout.write(`${found}: ok\n`);
  return exitCodes.asExpected;
}
