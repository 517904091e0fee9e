import { toAscii, wrapText } from './wrap-text.ts';

/** Widest line of a picture: what is left of a mail's 80 columns after a few levels of quoting. */
const pictureWidth = 72;

/** One thing that happened, in the column of the agent it happened to; `undefined` spans all columns. */
export interface PictureCell {
  readonly column: string | undefined;
  readonly text: string;
  /** Long text that should not make its column wider than the others need it. */
  readonly isProse?: boolean;
  /** What the picture is about: among many columns it spans all of them rather than fill a narrow one. */
  readonly isVerdict?: boolean;
}

const gap = 2;
/** More columns than this leave too little room in each; the agent then stands before the text. */
const maxColumns = 4;

/** Cells as text: a column for each agent, in the order given, time downwards, ASCII, at most 72 characters wide. */
export function layOutColumns(cells: readonly PictureCell[], order: readonly string[]): string {
  const used = new Set(cells.flatMap(({ column }) => column ?? []));
  const columns = [...new Set([...order, ...used])].filter((column) => used.has(column));
  if (columns.length > maxColumns) {
    return cells.flatMap(({ column, text }) => spanned(column === undefined ? text : `${column}: ${text}`)).join('\n');
  }
  const widths = columnWidths(columns, cells);
  const heading = columns.map((column, i) => wrapText(toAscii(column), widths[i] ?? pictureWidth));
  const lines = headingLines(heading, widths);
  for (const { column, text, isVerdict } of cells) {
    const spans = column === undefined || (isVerdict === true && columns.length > 2);
    const index = spans ? -1 : columns.indexOf(column);
    const width = widths[index];
    if (width === undefined) {
      lines.push(...spanned(text));
      continue;
    }
    const indent = ' '.repeat(widths.slice(0, index).reduce((sum, each) => sum + each + gap, 0));
    lines.push(...wrapText(toAscii(text), width).map((line) => `${indent}${line}`.trimEnd()));
  }
  return lines.join('\n');
}

function spanned(text: string): readonly string[] {
  return wrapText(toAscii(text), pictureWidth);
}

/** Names of different length are joined at the bottom, just above what their agents do. */
function headingLines(headings: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const height = Math.max(0, ...headings.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) =>
    headings
      .map((lines, i) => (lines[row - height + lines.length] ?? '').padEnd((widths[i] ?? 0) + gap))
      .join('')
      .trimEnd(),
  );
}

/** Below this, a column breaks words and is hard to read. */
const minWidth = 12;

/**
 * Each column gets what its longest text needs; where that is too much, the wide ones share what the narrow ones leave.
 * The last column has nobody to its right, so what is left over is its own.
 */
function columnWidths(columns: readonly string[], cells: readonly PictureCell[]): readonly number[] {
  const needs = columns.map((column) => {
    const texts = cells.filter((cell) => cell.column === column && cell.isProse !== true).map(({ text }) => text);
    return texts.reduce((widest, text) => Math.max(widest, text.length), Math.max(minWidth, column.length));
  });
  const widths = [...needs];
  let room = pictureWidth - gap * (columns.length - 1);
  let left = columns.length;
  for (const [i, need] of [...needs.entries()].sort(([, a], [, b]) => a - b)) {
    widths[i] = Math.min(need, Math.floor(room / left));
    room -= widths[i] ?? 0;
    left -= 1;
  }
  const last = widths.pop();
  return last === undefined ? [] : [...widths, last + room];
}
