import type { FlipsReport } from '../../scenarios/flip-case.ts';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { documentText } from '../json-document.ts';
import type { Simulator } from '../library.ts';
import { checkRunChoice, openRun, type RunChoice, usageError } from '../open-run.ts';
import { toolInfo } from '../package-info.ts';
import { recordingText } from '../recording-file.ts';
import { type ReplayedRun, replayJson, replayOutcome, replayText } from '../replay-text.ts';
import { traceText } from '../trace-file.ts';
import { assertWritable, writeWholeFile } from '../write-file.ts';

export interface ReplayCommandOptions extends RunChoice {
  /** The digest the run has to have. */
  readonly digest: string | undefined;
  readonly json: boolean;
  readonly full: boolean;
  readonly flip: boolean;
  readonly trace: string | undefined;
  readonly save: string | undefined;
}

const replayExits = {
  asExpected: exitCodes.asExpected,
  unexpected: exitCodes.notAsExpected,
  inconclusive: exitCodes.inconclusive,
} as const satisfies Record<string, ExitCode>;

/** `tornread replay`: one run again, by its seed, its choices, or a recording. */
export async function replayCommand(options: ReplayCommandOptions, io: CliIo, simulator: Simulator): Promise<ExitCode> {
  checkOptions(options);
  const run = openRun(options, simulator);
  const { record, scenario } = run;
  if (options.digest !== undefined && options.digest !== record.digest) {
    throw new CommandError(
      exitCodes.invalidInput,
      `the digest of the run is ${record.digest}, not ${options.digest}: ` +
        'the seed or the choices belong to another scenario or to another version of tornread',
    );
  }
  const flips = options.flip ? flipsOf(run, simulator) : undefined;
  const tool = toolInfo();
  const { full: isFull } = options;
  io.stdout.write(options.json ? documentText(replayJson(run, tool, flips)) : replayText(run, { isFull, flips }));
  if (options.trace !== undefined) {
    writeWholeFile(options.trace, traceText({ record, sha256: scenario.sha256 }, tool));
  }
  if (options.save !== undefined) {
    writeWholeFile(options.save, recordingText(record, scenario, tool));
  }
  return replayExits[replayOutcome(run)];
}

function checkOptions(options: ReplayCommandOptions): void {
  const { maxEvents, trace, save, full, flip } = options;
  checkRunChoice(options, 'replay');
  if (save !== undefined && maxEvents !== undefined) {
    throw usageError('a recording does not say --max-events; set the limit in the scenario instead');
  }
  if (full && flip) {
    throw usageError('--flip marks lines of the picture, and --full prints none: give one of them');
  }
  for (const path of [trace, save]) {
    if (path !== undefined) assertWritable(path);
  }
}

function flipsOf({ scenarioCase, record, maxEvents }: ReplayedRun, simulator: Simulator): FlipsReport {
  if (record.violations.length === 0) {
    throw usageError('--flip asks what would have made a failing run hold, and this run breaks no rule');
  }
  const flips = simulator.flipCase(scenarioCase, record, maxEvents === undefined ? {} : { maxEvents });
  if (flips === undefined) {
    throw usageError(
      '--flip turns two steps of an order round, and the order of this run with drawn times does not fail by itself; ' +
        'hint: take a run of --strategy random',
    );
  }
  return flips;
}
