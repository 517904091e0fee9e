/** One mistake of the user's in one file. Lines and columns count from 1; line 0 means that there is no position. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Column after the last marked character, on the same line. */
  readonly endColumn: number;
  readonly message: string;
  readonly hint?: string;
}

/** More errors than this at once help nobody; the rest is counted. */
const maxShownDiagnostics = 20;
const maxSourceColumns = 100;
const maxQuotedCharacters = 60;

/** The mistake as text: position and message, the source line with a caret, the hint. No line end at the end. */
export function formatDiagnostic(diagnostic: Diagnostic, sourceLines: readonly string[]): string {
  const { file, line, column, message, hint } = diagnostic;
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  const rows = [`${escapeText(place)}: error: ${escapeText(message)}`];
  const source = line > 0 ? sourceLines[line - 1] : undefined;
  if (source !== undefined) {
    const { text, mark } = clip(source, diagnostic);
    rows.push(`${String(line).padStart(5)} | ${text}`.trimEnd(), `${' '.repeat(5)} | ${mark}`);
  }
  if (hint !== undefined) {
    rows.push(`  hint: ${escapeText(hint)}`);
  }
  return rows.join('\n');
}

/** All mistakes of a file, at most 20 of them spelt out. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], sourceLines: readonly string[]): string {
  const rows = diagnostics.slice(0, maxShownDiagnostics).map((each) => formatDiagnostic(each, sourceLines));
  const hidden = diagnostics.length - maxShownDiagnostics;
  return hidden > 0 ? `${rows.join('\n')}\n... and ${hidden} more` : rows.join('\n');
}

/** The order in which one file's mistakes are reported: as a reader meets them. */
export function byPosition(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column || compareText(a.message, b.message);
}

/** `text` in double quotes, shortened and without control characters: safe inside a message. */
export function quote(text: string): string {
  const characters = [...text.slice(0, maxQuotedCharacters * 2)];
  const short = characters.length > maxQuotedCharacters || text.length > maxQuotedCharacters * 2;
  return `"${escapeText(short ? `${characters.slice(0, maxQuotedCharacters).join('')}...` : text)}"`;
}

/**
 * The candidate that `word` was probably meant to be. Case, `-` and `_` do not count as differences, a swap of two
 * neighbours counts as one. The answer does not depend on the order of the candidates.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(word);
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = candidate === word ? undefined : likeness(folded, fold(candidate));
    if (distance === undefined) {
      continue;
    }
    const order = best === undefined ? -1 : distance - best.distance || compareText(candidate, best.candidate);
    if (order < 0) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** Two in five characters may be wrong, but never all of them: `a` is no misspelling of `b`. */
function likeness(word: string, candidate: string): number | undefined {
  const allowed = Math.min(Math.max(1, Math.floor(word.length * 0.4)), word.length - 1, candidate.length - 1);
  if (word === candidate) {
    return 0;
  }
  if (Math.abs(word.length - candidate.length) <= allowed) {
    const distance = editDistance(word, candidate);
    if (distance <= allowed) {
      return distance;
    }
  }
  // `present-bit` for `present-bit-first`: worse than any misspelling, better than no hint.
  const isPrefix = word.length >= 3 && candidate.startsWith(word);
  return isPrefix ? candidate.length : undefined;
}

/** Optimal string alignment: inserts, deletes, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

function fold(word: string): string {
  // Nothing that we name is longer, and the edit distance takes time in proportion to the square.
  return word.slice(0, 100).toLowerCase().replace(/[-_]/g, '');
}

/** Code-unit order: the same in every locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Control, format (bidirectional marks!), line and paragraph separators, lone surrogates, private use, unassigned. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

function escapeText(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The part of a source line around the marked columns, one printed character for each of the file's. */
function clip(source: string, { column, endColumn }: Diagnostic): { text: string; mark: string } {
  // Far-off text is dropped before the line is taken apart: a line may be a megabyte long.
  const from = Math.max(0, column - 1 - maxSourceColumns * 2);
  const near = source.slice(from, column - 1 + maxSourceColumns * 2);
  const before = [...near.slice(0, column - 1 - from)].length;
  const marked = [...near.slice(column - 1 - from, endColumn - 1 - from)].length;
  const characters = [...near.replace(/\t/g, ' ').replace(unprintable, '?')];
  const cutLeft = from > 0 || (characters.length > maxSourceColumns && before > maxSourceColumns / 2);
  const start = cutLeft ? Math.max(0, before - maxSourceColumns / 2) : 0;
  const room = maxSourceColumns - (cutLeft ? 3 : 0);
  const cutRight = from + near.length < source.length || characters.length - start > room;
  const shown = characters.slice(start, start + room - (cutRight ? 3 : 0));
  const width = Math.max(1, Math.min(marked, shown.length - (before - start)));
  return {
    text: `${cutLeft ? '...' : ''}${shown.join('')}${cutRight ? '...' : ''}`,
    mark: `${' '.repeat((cutLeft ? 3 : 0) + before - start)}^${'~'.repeat(width - 1)}`,
  };
}
