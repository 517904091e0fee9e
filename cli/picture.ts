import type { RunRecord } from '../scenarios/report.ts';
import { createNameBook } from './name-book.ts';
import { pictureAgents } from './picture-agents.ts';
import { layOutColumns, type PictureCell } from './picture-columns.ts';
import { selectRecords } from './picture-selection.ts';
import { type PictureStep, pictureSteps } from './picture-steps.ts';
import { counted } from './verdict-text.ts';

/** A mail is read, not studied: beyond `cutAbove` lines the middle is left out, until no more than `maxLines` stand. */
const maxLines = 25;
const cutAbove = 28;
/** Steps kept at the top of a picture that is cut: how the update began. */
const keptAtTop = 4;
const minKeptAtEnd = 6;

/** By the index of a record, what to write at the end of its line; what is marked is shown. */
export type PictureMarks = ReadonlyMap<number, string>;

const noMarks: PictureMarks = new Map();

/**
 * The race of one run as text: a column for each agent, time downwards, the violation in `< … >` where it happened.
 * ASCII, at most 72 characters wide and about 25 lines long, ready to paste into a mail.
 */
export function drawPicture(record: RunRecord, marks: PictureMarks = noMarks): string {
  const book = createNameBook(record);
  const agents = pictureAgents(record);
  const selected = new Set([...selectRecords(record, book), ...marks.keys()]);
  const steps = pictureSteps(
    { record, book, agents, marks },
    [...selected].sort((a, b) => a - b),
  );
  return shorten(steps.length > 0 ? steps : violationsAlone(record), agents.order);
}

/** A run whose trace was not recorded still says what it broke. */
function violationsAlone(record: RunRecord): readonly PictureStep[] {
  return record.violations.map(({ rule, message }) => ({
    column: undefined,
    text: `< ${rule}: ${message} >`,
    eventCount: 1,
  }));
}

function shorten(steps: readonly PictureStep[], order: readonly string[]): string {
  // A step takes a line or more, so many steps need not be tried.
  const whole = steps.length <= cutAbove ? layOutColumns(steps, order) : undefined;
  if (whole !== undefined && (lineCount(whole) <= cutAbove || steps.length <= keptAtTop + minKeptAtEnd)) {
    return whole;
  }
  const most = Math.min(maxLines, steps.length - keptAtTop - 1);
  for (let atEnd = most; ; atEnd -= 1) {
    const hidden = steps.slice(keptAtTop, steps.length - atEnd);
    const count = hidden.reduce((sum, step) => sum + step.eventCount, 0);
    const note: PictureCell = { column: undefined, text: `(${counted(count, 'event')} not shown)` };
    const picture = layOutColumns([...steps.slice(0, keptAtTop), note, ...steps.slice(-atEnd)], order);
    if (lineCount(picture) <= maxLines || atEnd <= minKeptAtEnd) {
      return picture;
    }
  }
}

function lineCount(text: string): number {
  return text.split('\n').length;
}
