import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { RunRecord } from '../scenarios/report.ts';
import { maxDepth, type SeededStrategy, seededStrategies } from '../scenarios/strategy-names.ts';
import { decodeRecording } from '../sim/schedulers/replay.ts';
import { CommandError, fileErrorReason } from './command-error.ts';
import { exitCodes } from './exit-codes.ts';
import type { ToolInfo } from './package-info.ts';
import { printableText } from './wrap-text.ts';

const recordingFormat = 2;
/** A million choices and more; nothing a replay writes comes near it. */
const maxFileBytes = 16 << 20;

/**
 * One run, as `--save` writes it: a failing schedule that outlives the seeds it was found with, and with the scenario
 * in it, so that one file is enough to repeat the run elsewhere.
 */
export interface RecordingFile {
  readonly format: number;
  readonly tool: ToolInfo;
  readonly scenario: RecordedScenario;
  readonly case: string;
  readonly strategy: SeededStrategy;
  /** Of the strategy `pct`; null of all others. */
  readonly depth: number | null;
  /** null: the run came from choices alone. */
  readonly seed: string | null;
  readonly choices: string;
  readonly digest: string;
}

interface RecordedScenario {
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
  readonly text: string;
}

export function recordingText(
  record: RunRecord,
  { text, sha256 }: Pick<RecordedScenario, 'text' | 'sha256'>,
  tool: ToolInfo,
): string {
  const recording: RecordingFile = {
    format: recordingFormat,
    tool: { name: tool.name, version: tool.version },
    scenario: { name: record.scenario, file: record.file, sha256, text },
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
    const hint = value.format === 1 ? '; hint: record the run again by its seed, with replay --save' : '';
    throw refuse(`recording format ${shown(value.format)}, and this version reads format ${recordingFormat}${hint}`);
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

/** Says how the scenario file that was recorded has changed since; undefined if it has not, or is not there. */
export function scenarioDifference({ scenario: { file, sha256 } }: RecordingFile): string | undefined {
  const now = fileSha256(file);
  return now === undefined || now === sha256
    ? undefined
    : `the scenario file ${file} has changed since: its sha256 is ${now}, the recording's ${sha256}; ` +
        'hint: --recorded runs the scenario as it was recorded';
}

function fileSha256(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? sha256Of(readFileSync(path)) : undefined;
  } catch (error) {
    if (fileErrorReason(error) === undefined) {
      throw error;
    }
    // What cannot be read cannot be compared, and the recording has all it needs.
    return undefined;
  }
}

function sha256Of(contents: string | Uint8Array): string {
  return createHash('sha256').update(contents).digest('hex');
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
      text: take('scenario.text', scenario.text, /./s),
    },
    case: take('case', value.case, /./s),
    strategy: takeStrategy(value.strategy, refuse),
    depth: takeDepth(value, refuse),
    seed: value.seed === null ? null : take('seed', value.seed, /^0x[0-9a-f]{1,16}$/),
    choices: take('choices', value.choices, /^[wt]:/),
    digest: take('digest', value.digest, /^[0-9a-f]{16}$/),
  };
  const { text, sha256 } = recording.scenario;
  if (sha256Of(text) !== sha256) {
    throw refuse(
      `the sha256 of "scenario.text" is ${sha256Of(text)}, "scenario.sha256" is ${sha256}; was the file edited?`,
    );
  }
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
