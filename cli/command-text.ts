import { defaultDepth } from '../scenarios/strategy-names.ts';

/** The words of one command, quoted where a shell would take them for something else. */
export function commandText(words: readonly string[]): string {
  return ['npx', 'tornread', ...words].map(shellWord).join(' ');
}

function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) {
    return word;
  }
  // Only $'…' can hold a control character in a form that a terminal shows and a shell reads back.
  if (/\p{C}/u.test(word)) {
    return `$'${[...Buffer.from(word, 'utf8')].map(shellByte).join('')}'`;
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function shellByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[\w@%+=:,./ -]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** What a run depends on besides scenario, case and seed; left out where it is the default. */
interface RunSettings {
  readonly strategy: string;
  /** Of the strategy `pct`; null of all others. */
  readonly depth: number | null;
  readonly maxEvents: number | undefined;
}

export interface RunAddress extends RunSettings {
  readonly file: string;
  readonly case: string;
  /** '' for a run that is known by its choices alone. */
  readonly seed: string;
  readonly choices?: string;
}

/** Longest list of choices that goes into a command of a report: it should still be one line of a mail, or nearly. */
export const maxChoicesLength = 120;

/** A search finds its runs again, so where the choices are too long for a line it is the search that is repeated. */
function isFoundAgainBySearch({ seed, choices = '' }: RunAddress): boolean {
  return seed === '' && choices.length > maxChoicesLength;
}

/** The command that repeats one run. */
export function replayCommand(run: RunAddress): string {
  return isFoundAgainBySearch(run)
    ? commandText(['explore', fileWord(run.file), '--case', run.case])
    : commandText(['replay', fileWord(run.file), ...replayWords(run)]);
}

/** The command that finds a run by its seed and shows the shortest one that fails like it. */
export function shrinkCommand(run: RunAddress & { readonly rule: string }): string {
  return isFoundAgainBySearch(run)
    ? replayCommand(run)
    : commandText(['shrink', fileWord(run.file), ...replayWords(run), '--rule', run.rule]);
}

/** `--seed 0x11`, and what else the seed needs to mean that run. */
export function seedWords(run: RunAddress): string {
  return replayWords(run).slice(2).map(shellWord).join(' ');
}

/** What follows `replay FILE`, for a table that names the scenario once for many runs. */
export function replayOptions(run: RunAddress): string {
  return replayWords(run).map(shellWord).join(' ');
}

function replayWords(run: RunAddress): readonly string[] {
  // A recheck makes the schedules of `portfolio`, twice; choices leave nothing to a strategy.
  const strategy = run.strategy === 'recheck' || run.seed === '' ? 'portfolio' : run.strategy;
  return [...caseWords(run), ...settingWords({ ...run, strategy })];
}

/** The command that repeats a campaign that found nothing. */
export function campaignCommand(run: RunAddress & { readonly runs: number }): string {
  const runs = ['--seeds', String(run.runs)];
  return commandText(['run', fileWord(run.file), ...caseWords(run), ...runs, ...settingWords(run)]);
}

/** A file whose name begins with `-` would be taken for an option. */
export function fileWord(file: string): string {
  return file.startsWith('-') ? `./${file}` : file;
}

function caseWords({ case: name, seed, choices }: RunAddress): readonly string[] {
  return ['--case', name, ...(seed === '' && choices !== undefined ? ['--choices', choices] : ['--seed', seed])];
}

function settingWords({ strategy, depth, maxEvents }: RunSettings): readonly string[] {
  return [
    ...(strategy === 'portfolio' ? [] : ['--strategy', strategy]),
    ...(depth === null || depth === defaultDepth ? [] : ['--depth', String(depth)]),
    ...(maxEvents === undefined ? [] : ['--max-events', String(maxEvents)]),
  ];
}
