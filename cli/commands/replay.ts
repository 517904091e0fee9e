import type { LoadedScenario, ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { RunRecord } from '../../scenarios/report.ts';
import type { ReplayOptions } from '../../scenarios/run-case.ts';
import type { SeededStrategy } from '../../scenarios/strategy-names.ts';
import { ReplayDivergedError } from '../../sim/schedulers/replay.ts';
import { assertDepthFits } from '../arguments.ts';
import { CommandError } from '../command-error.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { documentText } from '../json-document.ts';
import type { Simulator } from '../library.ts';
import { loadOneScenario } from '../load-scenarios.ts';
import { toolInfo } from '../package-info.ts';
import { readRecording, recordingText, scenarioDifference } from '../recording-file.ts';
import { type ReplayedRun, replayJson, replayOutcome, replayText } from '../replay-text.ts';
import { nearNames, selectCases } from '../select-cases.ts';
import { traceText } from '../trace-file.ts';
import { printableText } from '../wrap-text.ts';
import { assertWritable, writeWholeFile } from '../write-file.ts';

export interface ReplayCommandOptions {
  /** A scenario, or a recording when the name ends in .json. */
  readonly file: string;
  readonly caseName: string | undefined;
  readonly seed: bigint | undefined;
  readonly choices: string | undefined;
  readonly strategy: SeededStrategy | undefined;
  readonly depth: number | undefined;
  readonly maxEvents: number | undefined;
  /** The digest the run has to have. */
  readonly digest: string | undefined;
  readonly json: boolean;
  readonly full: boolean;
  readonly trace: string | undefined;
  readonly save: string | undefined;
}

const recordingEnding = '.json';

const replayExits = {
  asExpected: exitCodes.asExpected,
  unexpected: exitCodes.notAsExpected,
  inconclusive: exitCodes.inconclusive,
} as const satisfies Record<string, ExitCode>;

/** `tornread replay`: one run again, by its seed, its choices, or a recording. */
export async function replayCommand(options: ReplayCommandOptions, io: CliIo, simulator: Simulator): Promise<ExitCode> {
  checkOptions(options);
  const run = options.file.endsWith(recordingEnding)
    ? replayRecording(options, simulator)
    : replayScenario(options, simulator);
  const { record, scenario } = run;
  if (options.digest !== undefined && options.digest !== record.digest) {
    throw new CommandError(
      exitCodes.invalidInput,
      `the digest of the run is ${record.digest}, not ${options.digest}: ` +
        'the seed or the choices belong to another scenario or to another version of tornread',
    );
  }
  const tool = toolInfo();
  io.stdout.write(options.json ? documentText(replayJson(run, tool)) : replayText(run, { isFull: options.full }));
  if (options.trace !== undefined) {
    writeWholeFile(options.trace, traceText({ record, sha256: scenario.sha256 }, tool));
  }
  if (options.save !== undefined) {
    writeWholeFile(options.save, recordingText(record, scenario.sha256, tool));
  }
  return replayExits[replayOutcome(run)];
}

function checkOptions(options: ReplayCommandOptions): void {
  const { file, caseName, seed, choices, strategy, depth, maxEvents, trace, save } = options;
  const isRecording = file.endsWith(recordingEnding);
  const given = [caseName, seed, choices, strategy, depth, maxEvents].some((value) => value !== undefined);
  if (isRecording && given) {
    throw usage(
      'a recording says itself which case and which schedule to run; give no --case, --seed, --choices, --strategy, --depth or --max-events',
    );
  }
  if (!isRecording && (seed === undefined) === (choices === undefined)) {
    throw usage('say which run to replay: either --seed or --choices');
  }
  if (choices !== undefined && (strategy !== undefined || depth !== undefined || maxEvents !== undefined)) {
    throw usage('--choices leave no choice for --strategy, --depth or --max-events');
  }
  assertDepthFits(strategy, depth);
  if (save !== undefined && maxEvents !== undefined) {
    throw usage('a recording does not say --max-events; set the limit in the scenario instead');
  }
  for (const path of [trace, save]) {
    if (path !== undefined) assertWritable(path);
  }
}

function replayScenario(options: ReplayCommandOptions, simulator: Simulator): ReplayedRun {
  const { file, seed, choices, strategy = 'portfolio', depth, maxEvents } = options;
  const scenario = loadOneScenario(file, simulator);
  const scenarioCase = chooseCase(scenario, options.caseName);
  const how: ReplayOptions =
    seed === undefined
      ? { choices: choices ?? '' }
      : { strategy, depth, seed, ...(maxEvents === undefined ? {} : { maxEvents }) };
  const record = replay(scenarioCase, how, { simulator, what: file });
  return { scenario, scenarioCase, record, maxEvents, recordingFile: undefined };
}

function replayRecording({ file }: ReplayCommandOptions, simulator: Simulator): ReplayedRun {
  const refuse = (message: string): CommandError =>
    new CommandError(exitCodes.invalidInput, `${printableText(file)}: ${printableText(message)}`);
  const recording = readRecording(file, toolInfo());
  const scenario = loadOneScenario(recording.scenario.file, simulator);
  const difference = scenarioDifference(recording, scenario);
  if (difference !== undefined) {
    throw refuse(difference);
  }
  const scenarioCase = scenario.cases.find(({ name }) => name === recording.case);
  if (scenarioCase === undefined) {
    throw refuse(`${scenario.name} has no case "${recording.case}"; was the file edited?`);
  }
  const record = replay(scenarioCase, { choices: recording.choices }, { simulator, what: file });
  if (record.digest !== recording.digest) {
    throw refuse(
      `the digest of the run is ${record.digest}, the recording's ${recording.digest}; was the file edited?`,
    );
  }
  const { seed, strategy, depth } = recording;
  if (seed !== null) {
    // The printed command goes by the seed, so an edited one must not pass.
    const bySeed = simulator.replayCase(scenarioCase, { strategy, depth: depth ?? undefined, seed: BigInt(seed) });
    if (bySeed.digest !== recording.digest) {
      throw refuse(
        `seed ${seed} gives digest ${bySeed.digest}, the recording's is ${recording.digest}; was the file edited?`,
      );
    }
  }
  return {
    scenario,
    scenarioCase,
    record: { ...record, seed, strategy, depth },
    maxEvents: undefined,
    recordingFile: file,
  };
}

function replay(
  scenarioCase: ScenarioCase,
  options: ReplayOptions,
  { simulator, what }: { readonly simulator: Simulator; readonly what: string },
): RunRecord {
  try {
    return simulator.replayCase(scenarioCase, options);
  } catch (error) {
    if (error instanceof ReplayDivergedError) {
      throw new CommandError(exitCodes.invalidInput, `${printableText(what)}: ${error.message}`);
    }
    throw error;
  }
}

/** The case named; a scenario with one case needs no name. */
function chooseCase(scenario: LoadedScenario, name: string | undefined): ScenarioCase {
  const exact = scenario.cases.find((each) => each.name === name);
  const fitting = selectCases([scenario], name === undefined ? [] : [name]).cases;
  const [only] = fitting;
  if (exact !== undefined) {
    return exact;
  }
  if (only !== undefined && fitting.length === 1) {
    return only.scenarioCase;
  }
  if (name !== undefined && only === undefined) {
    throw new CommandError(
      exitCodes.nothingRan,
      `no case of ${scenario.name} matches "${printableText(name)}"; ${nearNames(name, [scenario])}`,
    );
  }
  const names = fitting.slice(0, 8).map(({ scenarioCase }) => scenarioCase.name);
  const more = fitting.length > names.length ? `, and ${fitting.length - names.length} more` : '';
  throw usage(`--case has to name one of ${scenario.name}'s cases: ${names.join(', ')}${more}`);
}

function usage(message: string): CommandError {
  return new CommandError(exitCodes.usage, message);
}
