import Table from 'cli-table3';
import type { VerdictRow } from './verdict-rows.ts';
import { markOf, type Style } from './verdict-text.ts';
import { printableText, wrapText } from './wrap-text.ts';

const tableWidth = 80;
const gap = 1;
/** Text that belongs to the row above it. */
const noteIndent = '   ';

/** Which columns give way when a row is too wide: names wrap, numbers do not. */
const headings = ['', 'case', 'cases', 'expected', 'verdict'] as const;
const columnCount = headings.length + 1;
const wrapping = [1, 3] as const;

const minNameWidth = 16;
const minRuleWidth = 8;

type Cells = readonly [mark: string, name: string, cases: string, expected: string, verdict: string, hits: string];

/** Verdicts of all cases, grouped by scenario, at most 80 columns wide. */
export function verdictTable(rows: readonly VerdictRow[], style: Style, lastHeading = 'hits/runs'): string {
  const all = rows.map((row) => ({ row, lines: linesOf(row) }));
  const head: Cells = [...headings, lastHeading];
  const widths = columnWidths([head, ...all.flatMap(({ lines }) => lines)]);
  const table = new Table({
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [], compact: true },
    // The last column is as wide as the page: text across all columns would be cut at the end of the table.
    colWidths: widths.map((width, i) => (i === columnCount - 1 ? tableWidth : width) + gap),
  });
  const pushText = (text: string): void => {
    table.push([{ content: text, colSpan: columnCount }]);
  };
  table.push([...aligned(head, widths)]);
  let heading = '';
  for (const { row, lines } of all) {
    if (row.heading !== heading) {
      if (heading !== '') pushText('');
      heading = row.heading;
      pushText(wrapText(printableText(heading), tableWidth).join('\n'));
    }
    for (const cells of lines) {
      const [mark, name, cases, expected, verdict, hits] = aligned(cells, widths);
      const wrapped = [brokenAt('.-', name, widths[1] ?? 0), cases, brokenAt('-', expected, widths[3] ?? 0)];
      table.push([mark === '' ? '' : style(markOf(row.report).colour, mark), ...wrapped, verdict, hits]);
    }
    for (const note of row.notes) {
      const lines = wrapText(printableText(note), tableWidth - noteIndent.length);
      pushText(lines.map((line) => `${noteIndent}${line}`).join('\n'));
    }
  }
  const text = table.toString().split('\n');
  return text.map((line) => line.trimEnd()).join('\n');
}

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** A row's first line, and one for each further rule that is expected: each has its own number of hits. */
function linesOf({ report, name, cases, expected }: VerdictRow): readonly Cells[] {
  return expected.map(({ rule, hits }, i) =>
    i === 0 ? [markOf(report).text, name, String(cases), rule, report.verdict, hits] : ['', '', '', rule, '', hits],
  );
}

/** Numbers end in one column, so that they can be compared. */
function aligned([mark, name, cases, expected, verdict, hits]: Cells, widths: readonly number[]): Cells {
  return [mark, name, cases.padStart(widths[2] ?? 0), expected, verdict, hits.padStart(widths[5] ?? 0)];
}

/** Lines of at most `width`, ended after a separator where that is possible. The table's own way breaks colours. */
function brokenAt(separators: string, text: string, width: number): string {
  const lines = [''];
  for (const part of text.split(new RegExp(`(?<=[${separators}])`)).flatMap((each) => pieces(each, width))) {
    const line = lines.at(-1) ?? '';
    if (line === '' || line.length + part.length <= width) {
      lines[lines.length - 1] = line + part;
    } else {
      lines.push(part);
    }
  }
  return lines.join('\n');
}

function pieces(text: string, width: number): readonly string[] {
  return text.length <= width ? [text] : [text.slice(0, width), ...pieces(text.slice(width), width)];
}

function columnWidths(rows: readonly Cells[]): readonly number[] {
  const widths = Array.from({ length: columnCount }, (_, i) =>
    Math.max(...rows.map((cells) => cells[i]?.length ?? 0), 1),
  );
  let excess = widths.reduce((sum, width) => sum + width + gap, 0) - tableWidth;
  for (const [rank, column] of wrapping.entries()) {
    const width = widths[column] ?? 0;
    // The first gives what it can and still be read, the next the rest.
    const least = rank === 0 ? Math.min(width, minNameWidth) : minRuleWidth;
    const given = Math.max(0, Math.min(excess, width - least));
    widths[column] = width - given;
    excess -= given;
  }
  return widths;
}
