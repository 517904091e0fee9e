import Table from 'cli-table3';
import type { CaseReport, ViolationReport } from '../scenarios/report.ts';
import type { CaseResult } from './campaign.ts';
import { markOf, type Style } from './verdict-text.ts';

const tableWidth = 80;
const gap = 1;

/** Which columns give way when a row is too wide: names wrap, numbers do not. */
const headings = ['', 'case', 'expected', 'verdict', 'hits/runs', 'seed'] as const;
const wrapping = [1, 2] as const;

const minNameWidth = 16;
const minRuleWidth = 8;

type Cells = readonly [mark: string, name: string, expected: string, verdict: string, hits: string, seed: string];

/** Verdicts of all cases, grouped by scenario, at most 80 columns wide. */
export function verdictTable(results: readonly CaseResult[], style: Style): string {
  const rows = results.map(({ report }) => ({ report, cells: cellsOf(report) }));
  const widths = columnWidths(rows.map(({ cells }) => cells));
  const table = new Table({
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [], compact: true },
    colWidths: widths.map((width) => width + gap),
  });
  table.push([...headings]);
  let scenario = '';
  for (const { report, cells } of rows) {
    if (report.scenario !== scenario) {
      scenario = report.scenario;
      table.push([{ content: scenario, colSpan: headings.length }]);
    }
    const [mark, name, expected, verdict, hits, seed] = cells;
    const lines = [brokenAt('.', name, widths[1] ?? 0), brokenAt(' ', expected, widths[2] ?? 0)];
    table.push([style(markOf(report).colour, mark), ...lines, verdict, hits, seed]);
  }
  const lines = table.toString().split('\n');
  return lines.map((line) => line.trimEnd()).join('\n');
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

function cellsOf(report: CaseReport): Cells {
  const shown = shownViolation(report);
  return [
    markOf(report).text,
    report.case,
    report.expect.length === 0 ? 'holds' : report.expect.join(' '),
    report.verdict,
    `${shown?.count ?? 0}/${report.runs}`,
    shown?.first.seed ?? '',
  ];
}

/** One row, one number: the rule the case is about; others that were broken make the case unexpected and are told below. */
function shownViolation({ violations, expect }: CaseReport): ViolationReport | undefined {
  return violations.find(({ rule }) => expect.includes(rule)) ?? violations[0];
}

/** Lines of at most `width`, ended after a separator where that is possible. The table's own way breaks colours. */
function brokenAt(separator: string, text: string, width: number): string {
  const lines = [''];
  for (const part of text.split(new RegExp(`(?<=[${separator}])`)).flatMap((each) => pieces(each, width))) {
    const line = lines.at(-1) ?? '';
    if (line === '' || line.length + part.trimEnd().length <= width) {
      lines[lines.length - 1] = line + part;
    } else {
      lines.push(part);
    }
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

function pieces(text: string, width: number): readonly string[] {
  return text.trimEnd().length <= width ? [text] : [text.slice(0, width), ...pieces(text.slice(width), width)];
}

function columnWidths(rows: readonly Cells[]): readonly number[] {
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((cells) => cells[i]?.length ?? 0), 1),
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
