import type { LoadedScenario, ScenarioCase } from '../scenarios/load-scenario.ts';
import type { RunRecord } from '../scenarios/report.ts';
import type { ReplayOptions } from '../scenarios/run-case.ts';
import type { SeededStrategy } from '../scenarios/strategy-names.ts';
import { ReplayDivergedError } from '../sim/schedulers/replay.ts';
import { assertDepthFits } from './arguments.ts';
import { CommandError } from './command-error.ts';
import { exitCodes } from './exit-codes.ts';
import type { Simulator } from './library.ts';
import { loadOneScenario, loadScenarioText } from './load-scenarios.ts';
import { toolInfo } from './package-info.ts';
import { readRecording, scenarioDifference } from './recording-file.ts';
import type { ReplayedRun } from './replay-text.ts';
import { nearNames, selectCases } from './select-cases.ts';
import { printableText } from './wrap-text.ts';

/** Which run a command is about: one of a scenario's, or the recorded one. */
export interface RunChoice {
  /** A scenario, or a recording when the name ends in .json. */
  readonly file: string;
  readonly caseName: string | undefined;
  readonly seed: bigint | undefined;
  readonly choices: string | undefined;
  readonly strategy: SeededStrategy | undefined;
  readonly depth: number | undefined;
  readonly maxEvents: number | undefined;
  /** Runs the scenario in the recording, whatever has become of the file. */
  readonly recorded: boolean;
}

const recordingEnding = '.json';

/** Refuses words that contradict each other, before anything is read. `verb` is what the user wants to do. */
export function checkRunChoice(choice: RunChoice, verb: string): void {
  const { file, caseName, seed, choices, strategy, depth, maxEvents, recorded } = choice;
  const isRecording = file.endsWith(recordingEnding);
  const given = [caseName, seed, choices, strategy, depth, maxEvents].some((value) => value !== undefined);
  if (isRecording && given) {
    throw usageError(
      'a recording says itself which case and which schedule to run; give no --case, --seed, --choices, --strategy, --depth or --max-events',
    );
  }
  if (!isRecording && recorded) {
    throw usageError(`--recorded is for recordings; ${file} is a scenario`);
  }
  if (!isRecording && (seed === undefined) === (choices === undefined)) {
    throw usageError(`say which run to ${verb}: either --seed or --choices`);
  }
  if (choices !== undefined && (strategy !== undefined || depth !== undefined || maxEvents !== undefined)) {
    throw usageError('--choices leave no choice for --strategy, --depth or --max-events');
  }
  assertDepthFits(strategy, depth);
}

/** Runs it, and has it checked that it is the one that was meant. */
export function openRun(choice: RunChoice, simulator: Simulator): ReplayedRun {
  return choice.file.endsWith(recordingEnding) ? openRecording(choice, simulator) : openScenario(choice, simulator);
}

export function usageError(message: string): CommandError {
  return new CommandError(exitCodes.usage, message);
}

function openScenario(options: RunChoice, simulator: Simulator): ReplayedRun {
  const { file, seed, choices, strategy = 'portfolio', depth, maxEvents } = options;
  const scenario = loadOneScenario(file, simulator);
  const scenarioCase = chooseCase(scenario, options.caseName);
  const how: ReplayOptions =
    seed === undefined
      ? { choices: choices ?? '' }
      : { strategy, depth, seed, ...(maxEvents === undefined ? {} : { maxEvents }) };
  const record = replay(scenarioCase, how, { simulator, what: file });
  return { scenario, scenarioCase, record, maxEvents, recordingFile: undefined, recorded: false };
}

function openRecording({ file, recorded }: RunChoice, simulator: Simulator): ReplayedRun {
  const refuse = (message: string): CommandError =>
    new CommandError(exitCodes.invalidInput, `${printableText(file)}: ${printableText(message)}`);
  const recording = readRecording(file, toolInfo());
  const difference = recorded ? undefined : scenarioDifference(recording);
  if (difference !== undefined) {
    throw refuse(difference);
  }
  const scenario = loadScenarioText(recording.scenario, simulator);
  if (scenario.name !== recording.scenario.name) {
    throw refuse(
      `"scenario.name" is "${recording.scenario.name}", that of "scenario.file" is "${scenario.name}"; was the file edited?`,
    );
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
  const found = { ...record, seed, strategy, depth };
  return { scenario, scenarioCase, record: found, maxEvents: undefined, recordingFile: file, recorded };
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
  throw usageError(`--case has to name one of ${scenario.name}'s cases: ${names.join(', ')}${more}`);
}
