import type { RunRecord } from '../scenarios/report.ts';
import { createNameBook } from './name-book.ts';
import { pictureAgents } from './picture-agents.ts';
import { layOutColumns, type PictureCell } from './picture-columns.ts';
import { selectRecords } from './picture-selection.ts';
import { type PictureStep, pictureSteps } from './picture-steps.ts';

/** A mail is read, not studied: beyond this the middle is left out. */
const maxLines = 25;
/** Steps kept at the top of a picture that is cut: how the update began. */
const keptAtTop = 4;
const minKeptAtEnd = 6;

/**
 * The race of one run as text: a column for each agent, time downwards, the violation in `< … >` where it happened.
 * ASCII, at most 72 characters wide and about 25 lines long, ready to paste into a mail.
 */
export function drawPicture(record: RunRecord): string {
  const book = createNameBook(record);
  const agents = pictureAgents(record);
  const steps = pictureSteps({ record, book, agents }, selectRecords(record, book));
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
  let picture = layOutColumns(steps, order);
  let atEnd = steps.length - keptAtTop - 1;
  while (picture.split('\n').length > maxLines && atEnd >= minKeptAtEnd) {
    const hidden = steps.slice(keptAtTop, steps.length - atEnd);
    const count = hidden.reduce((sum, step) => sum + step.eventCount, 0);
    const note: PictureCell = { column: undefined, text: `(${count} events not shown)` };
    picture = layOutColumns([...steps.slice(0, keptAtTop), note, ...steps.slice(-atEnd)], order);
    atEnd -= 1;
  }
  return picture;
}
