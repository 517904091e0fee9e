import type { RunRecord } from '../scenarios/report.ts';
import type { ScheduleFigures, ShrinkReport } from '../scenarios/shrink-case.ts';
import {
  commandText,
  fileWord,
  maxChoicesLength,
  type RunAddress,
  replayCommand,
  seedWords,
  shrinkCommand,
} from './command-text.ts';
import { documentHead } from './json-document.ts';
import type { ToolInfo } from './package-info.ts';
import { drawPicture } from './picture.ts';
import type { ReplayedRun } from './replay-text.ts';
import { counted } from './verdict-text.ts';
import { violationText } from './violation-text.ts';
import { printableText, wrapText } from './wrap-text.ts';

const textWidth = 80;

/** `shrunk from 38 context switches and 83 events to 3 and 18`, with a note where the search did not end by itself. */
function shrunkText({ before, after, end }: ShrinkReport): string {
  const from = `${switchesText(before)} and ${counted(before.events, 'event')}`;
  switch (end) {
    case 'minimal':
      return `shrunk from ${from} to ${after.switches} and ${after.events}`;
    case 'runs':
      return `shrunk from ${from} to ${after.switches} and ${after.events}, not to the end: too many schedules to try`;
    case 'stopped':
      return `shrunk from ${from} to ${after.switches} and ${after.events}, not to the end: the time of --shrink-time was up`;
    case 'unshrinkable':
      return `not shrunk: the order of this run with drawn times does not fail where only windows decide`;
  }
}

/** What `tornread shrink` prints. */
export function shrinkResultText(run: ReplayedRun, report: ShrinkReport, save: string | undefined): string {
  const { record, violation, before, after, runs } = report;
  const title = `${record.scenario} ${record.case}: ${violation.rule}, ${shrunkText(report)}`;
  return [
    ...wrapText(printableText(title), textWidth),
    ...violationText(violation),
    '',
    drawPicture(record),
    '',
    figuresText('before', before),
    figuresText('after', after),
    `${counted(runs, 'candidate')} run; digest ${record.digest}`,
    repeatCommand(run, report, save),
    '',
  ].join('\n');
}

function figuresText(name: string, figures: ScheduleFigures): string {
  const { preemptions, events, choices } = figures;
  const parts = [
    switchesText(figures),
    `${preemptions} of them not forced`,
    counted(events, 'event'),
    counted(choices, 'choice'),
  ];
  return `${name.padEnd(7)}${parts.join(', ')}`;
}

function switchesText({ switches }: ScheduleFigures): string {
  return `${switches} context switch${switches === 1 ? '' : 'es'}`;
}

/** The command that shows the run a report ends with. */
function choicesCommand(file: string, record: RunRecord): string {
  return commandText(['replay', fileWord(file), '--case', record.case, '--choices', record.choices]);
}

/** A recording's scenario file may not be there any more; then the way to the run is the one the user took. */
function repeatCommand({ recordingFile, recorded }: ReplayedRun, { record }: ShrinkReport, save: string | undefined) {
  if (save !== undefined) {
    return commandText(['replay', save]);
  }
  return recordingFile === undefined
    ? choicesCommand(record.file, record)
    : commandText(['shrink', recordingFile, ...(recorded ? ['--recorded'] : [])]);
}

/**
 * The end of a picture in a campaign's report: what was cut, and the one command that repeats the picture. The seed is
 * that of the run that was found; where the choices are too long for a line, `shrink` leads from it to the picture.
 */
export function shrunkEnd(report: ShrinkReport, found: RunAddress & { readonly rule: string }): readonly string[] {
  const { record, end } = report;
  const text = wrapText(shrunkText(report), textWidth);
  if (end === 'unshrinkable') {
    return [...text, replayCommand(found)];
  }
  if (record.choices === found.choices) {
    // A search may have found the shortest run itself.
    return [choicesCommand(record.file, record)];
  }
  return record.choices.length <= maxChoicesLength
    ? [...text, `found with ${seedWords(found)}`, choicesCommand(record.file, record)]
    : [...text, shrinkCommand(found)];
}

/** The document of `shrink --json`. */
export function shrinkJson(run: ReplayedRun, report: ShrinkReport, tool: ToolInfo): object {
  const { record, violation, before, after, runs, end } = report;
  return {
    ...documentHead(tool),
    shrink: {
      scenario: record.scenario,
      case: record.case,
      file: record.file,
      line: run.scenarioCase.line,
      rule: violation.rule,
      message: violation.message,
      source: violation.source,
      before: figuresJson(before),
      after: figuresJson(after),
      runs,
      end,
      seed: run.record.seed,
      choices: record.choices,
      digest: record.digest,
    },
  };
}

function figuresJson({ switches, preemptions, events, choices }: ScheduleFigures): object {
  return { switches, preemptions, events, choices };
}
