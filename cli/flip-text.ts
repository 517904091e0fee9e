import type { TraceEvent } from '../models/trace-events.ts';
import type { FlipReport, FlipStep, FlipsReport } from '../scenarios/flip-case.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { eventText } from './event-text.ts';
import { createNameBook, type NameBook } from './name-book.ts';
import type { PictureMarks } from './picture.ts';
import { counted } from './verdict-text.ts';
import { toAscii, wrapText } from './wrap-text.ts';

const textWidth = 72;
/** The nearest say most, and every one takes two marks of the picture. */
const maxShown = 3;

/** What to write at the end of the lines of a picture: both steps of flip n have the mark `(n)`. */
export function flipMarks({ flips }: FlipsReport): PictureMarks {
  const marks = new Map<number, string>();
  for (const [i, { before, after }] of flips.slice(0, maxShown).entries()) {
    for (const { record } of [before, after]) {
      if (record !== -1) marks.set(record, `${marks.has(record) ? `${marks.get(record)} ` : ''}(${i + 1})`);
    }
  }
  return marks;
}

/** One sentence a flip, nearest to the violation first. */
export function flipText({ flips, tried }: FlipsReport, record: RunRecord): readonly string[] {
  if (flips.length === 0) {
    return wrapText(
      `flip: no single pair of steps, turned round, makes it hold (${counted(tried, 'pair')} tried)`,
      textWidth,
    );
  }
  const book = createNameBook(record);
  const shown = flips.slice(0, maxShown).flatMap((flip, i) => wrapText(sentence(flip, i, { record, book }), textWidth));
  const more = flips.length > maxShown ? [`(${flips.length - maxShown} more with --json)`] : [];
  return [...shown, ...more];
}

interface Scene {
  readonly record: RunRecord;
  readonly book: NameBook;
}

function sentence({ before, after }: FlipReport, index: number, scene: Scene): string {
  const [later, earlier] = [stepText(after, scene), stepText(before, scene)];
  return toAscii(`flip (${index + 1}): had "${later}" come before "${earlier}", the run would have held`);
}

/** A step in words that hold in both orders: not what a read found. */
function stepText({ record: index, label }: FlipStep, { record, book }: Scene): string {
  const event = record.records[index]?.event;
  if (event === undefined) {
    return label;
  }
  const text = eventText(event, book);
  return reads.has(event.kind) ? text.replace(/(?:: | = ).*$/, '') : text;
}

const reads: ReadonlySet<TraceEvent['kind']> = new Set(['entry-read', 'page-table-read', 'load']);

/** `flips` of `replay --json`. */
export function flipsJson({ flips }: FlipsReport, record: RunRecord): readonly object[] {
  const book = createNameBook(record);
  const stepJson = (step: FlipStep): object => ({
    process: step.process,
    step: step.step,
    text: stepText(step, { record, book }),
  });
  return flips.map(({ before, after, makesItHold, choices }) => ({
    before: stepJson(before),
    after: stepJson(after),
    makesItHold,
    choices,
  }));
}
