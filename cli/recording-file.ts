import { readFileSync, statSync } from 'node:fs';
import type { RunRecord } from '../scenarios/report.ts';
import { maxDepth, type SeededStrategy, seededStrategies } from '../scenarios/strategy-names.ts';
import { decodeRecording } from '../sim/schedulers/replay.ts';
import { CommandError, fileErrorReason } from './command-error.ts';
import { exitCodes } from './exit-codes.ts';
import type { ToolInfo } from './package-info.ts';
import { printableText } from './wrap-text.ts';

const recordingFormat = 1;
/** A million choices and more; nothing a replay writes comes near it. */
const maxFileBytes = 16 << 20;

/** One run, as `replay --save` writes it: a failing schedule that outlives the seeds it was found with. */
export interface RecordingFile {
  readonly format: number;
  readonly tool: ToolInfo;
  readonly scenario: { readonly name: string; readonly file: string; readonly sha256: string };
  readonly case: string;
  readonly strategy: SeededStrategy;
  /** Of the strategy `pct`; null of all others. */
  readonly depth: number | null;
  /** null: the run came from choices alone. */
  readonly seed: string | null;
  readonly choices: string;
  readonly digest: string;
}

export function recordingText(record: RunRecord, sha256: string, tool: ToolInfo): string {
  const recording: RecordingFile = {
    format: recordingFormat,
    tool: { name: tool.name, version: tool.version },
    scenario: { name: record.scenario, file: record.file, sha256 },
    case: record.case,
    strategy: seededStrategies.find((each) => each === record.strategy) ?? 'random',
    depth: record.depth,
    seed: record.seed,
    choices: record.choices,
    digest: record.digest,
  };
  return `${JSON.stringify(recording, null, 2)}\n`;
}

/** Reads a recording; throws CommandError for a file that is none, is cut, or is of another version. */
export function readRecording(path: string, tool: ToolInfo): RecordingFile {
  const refuse = (message: string): CommandError =>
    new CommandError(exitCodes.invalidInput, `${printableText(path)}: ${printableText(message)}`);
  const value = parse(readText(path, refuse), refuse);
  if (value.format !== recordingFormat) {
    throw refuse(`recording format ${shown(value.format)}, and this version reads format ${recordingFormat}`);
  }
  const by = isObject(value.tool) ? value.tool : {};
  if (by.name !== tool.name || by.version !== tool.version) {
    throw refuse(
      `recorded by ${shown(by.name)} ${shown(by.version)}, this is ${tool.name} ${tool.version}: ` +
        'the same choices may mean another run',
    );
  }
  return checkFields(value, tool, refuse);
}

/** Says in what a recording and the scenario at hand differ; undefined if they fit. */
export function scenarioDifference(
  { scenario }: RecordingFile,
  loaded: { readonly name: string; readonly sha256: string },
): string | undefined {
  if (scenario.sha256 === loaded.sha256) {
    return undefined;
  }
  return (
    `the scenario ${scenario.name} is not the one that was recorded: ` +
    `its sha256 is ${loaded.sha256}, the recording's ${scenario.sha256}`
  );
}

type Refuse = (message: string) => CommandError;

function readText(path: string, refuse: Refuse): string {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) {
      throw refuse('is not a file');
    }
    if (stat.size > maxFileBytes) {
      throw refuse(`has ${stat.size} bytes, and no recording has more than ${maxFileBytes}`);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = fileErrorReason(error);
    throw reason === undefined ? error : refuse(reason);
  }
}

function parse(text: string, refuse: Refuse): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('is not a whole JSON document; was the file cut or edited?');
  }
  if (!isObject(value)) {
    throw refuse('is not a recording: it has to be an object');
  }
  return value;
}

function checkFields(value: Readonly<Record<string, unknown>>, tool: ToolInfo, refuse: Refuse): RecordingFile {
  const scenario = isObject(value.scenario) ? value.scenario : {};
  const take = (name: string, field: unknown, pattern: RegExp): string => {
    if (typeof field !== 'string' || !pattern.test(field)) {
      throw refuse(`"${name}" is ${shown(field)}; was the file edited?`);
    }
    return field;
  };
  const recording: RecordingFile = {
    format: recordingFormat,
    tool,
    scenario: {
      name: take('scenario.name', scenario.name, /./s),
      file: take('scenario.file', scenario.file, /./s),
      sha256: take('scenario.sha256', scenario.sha256, /^[0-9a-f]{64}$/),
    },
    case: take('case', value.case, /./s),
    strategy: takeStrategy(value.strategy, refuse),
    depth: takeDepth(value, refuse),
    seed: value.seed === null ? null : take('seed', value.seed, /^0x[0-9a-f]{1,16}$/),
    choices: take('choices', value.choices, /^[wt]:/),
    digest: take('digest', value.digest, /^[0-9a-f]{16}$/),
  };
  const decoded = decodeRecording(recording.choices);
  if (decoded === undefined || decoded.drawsTimes !== (recording.strategy === 'timed')) {
    throw refuse('"choices" are not those of one run; was the file edited?');
  }
  return recording;
}

function takeStrategy(value: unknown, refuse: Refuse): SeededStrategy {
  const strategy = seededStrategies.find((each) => each === value);
  if (strategy === undefined) {
    throw refuse(`"strategy" is ${shown(value)}; was the file edited?`);
  }
  return strategy;
}

function takeDepth({ strategy, depth }: Readonly<Record<string, unknown>>, refuse: Refuse): number | null {
  const fits =
    strategy === 'pct' ? Number.isInteger(depth) && Number(depth) >= 1 && Number(depth) <= maxDepth : depth == null;
  if (!fits) {
    throw refuse(`"depth" is ${shown(depth)}; was the file edited?`);
  }
  return strategy === 'pct' ? Number(depth) : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
