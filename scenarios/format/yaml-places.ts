import type { LineCounter } from 'yaml';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Position } from './yaml-node.ts';

/** Source positions of one text. */
export interface TextPlaces {
  readonly file: string;
  readonly lines: readonly string[];
  readonly lineCounter: LineCounter;
}

/** A diagnostic for the text from `start` up to `end`, cut at the end of its first line. */
export function diagnosticAt(
  places: TextPlaces,
  start: number,
  end: number,
  message: string,
  hint?: string,
): Diagnostic {
  return { file: places.file, ...positionAt(places, start, end), message, ...(hint === undefined ? {} : { hint }) };
}

/** Line and columns of the text from `start` up to `end`, cut at the end of its first line. */
export function positionAt(places: TextPlaces, start: number, end: number): Position {
  const { line, col: column } = places.lineCounter.linePos(start);
  const last = places.lineCounter.linePos(end);
  const lineEnd = (places.lines[line - 1] ?? '').trimEnd().length + 1;
  return { line, column, endColumn: Math.max(column, last.line === line ? last.col : lineEnd) };
}
