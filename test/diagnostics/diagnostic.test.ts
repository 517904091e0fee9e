import { describe, expect, it } from 'vitest';
import { closest, type Diagnostic, formatDiagnostic, formatDiagnostics, quote } from '../../diagnostics/diagnostic.ts';
import { ScenarioError } from '../../scenarios/format/scenario-error.ts';

const at = (column: number, endColumn: number, line = 1): Diagnostic => ({
  file: 'scenarios/vtd/x.yaml',
  line,
  column,
  endColumn,
  message: 'unknown key "fetchOder"',
});

describe('formatDiagnostic', () => {
  it('shows the place, the source line with a caret, and the hint', () => {
    const lines = [...Array<string>(13).fill(''), '  iommu: { model: vtd, fetchOder: any }'];
    const diagnostic = { ...at(24, 33, 14), hint: 'did you mean "fetchOrder"?' };
    expect(formatDiagnostic(diagnostic, lines)).toBe(
      [
        'scenarios/vtd/x.yaml:14:24: error: unknown key "fetchOder"',
        '   14 |   iommu: { model: vtd, fetchOder: any }',
        '      |                        ^~~~~~~~~',
        '  hint: did you mean "fetchOrder"?',
      ].join('\n'),
    );
  });

  it('has no position and no source line when the file has none', () => {
    expect(formatDiagnostic({ ...at(0, 0, 0), message: 'the file is empty' }, [])).toBe(
      'scenarios/vtd/x.yaml: error: the file is empty',
    );
  });

  it('lets no control character of the file, the message, the hint or the file name through', () => {
    const evil = '\x1b[31m\t\x07\u202e\u2028\x9b\ud800';
    const text = formatDiagnostic({ ...at(1, 3), file: `a${evil}`, message: evil, hint: evil }, [evil]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
    expect(text).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800]/);
    expect(text).toContain('    1 | ?[31m ?');
  });

  it('keeps the caret below its word after a tab and after characters of two code units', () => {
    const [, source, mark] = formatDiagnostic(at(6, 9), ['\t𝒳: abc']).split('\n');
    expect(mark?.indexOf('^')).toBe([...(source ?? '')].indexOf('a'));
  });

  it('clips a long line around the caret to 100 columns', () => {
    const line = `${'a'.repeat(300)}XYZ${'b'.repeat(300)}`;
    const [, source = '', mark = ''] = formatDiagnostic(at(301, 304), [line]).split('\n');
    expect(source.slice('    1 | '.length)).toHaveLength(100);
    expect(source.slice(mark.indexOf('^'), mark.length)).toBe('XYZ');
    expect(source).toMatch(/\| \.\.\.a+XYZb+\.\.\.$/);
  });

  it('clips a line of a megabyte without reading it whole', () => {
    const line = 'x'.repeat(1_000_000);
    for (const column of [1, 60, 999_999, 1_000_001]) {
      const [, source = '', mark = ''] = formatDiagnostic(at(column, 1_000_001), [line]).split('\n');
      expect(source.length).toBeLessThanOrEqual(108);
      expect(mark.length).toBeLessThanOrEqual(109);
    }
  });
});

describe('formatDiagnostics', () => {
  it('spells out 20 and counts the rest', () => {
    const many = Array.from({ length: 25 }, (_, index) => at(1, 2, index + 1));
    const rows = formatDiagnostics(many, []).split('\n');
    expect(rows).toHaveLength(21);
    expect(rows.at(-1)).toBe('... and 5 more');
    expect(new ScenarioError(many).message).toBe(rows.join('\n'));
  });
});

describe('quote', () => {
  it('shortens long text and shows control characters by number', () => {
    expect(quote('a\nb')).toBe('"a\\u{a}b"');
    expect(quote('x'.repeat(1000))).toBe(`"${'x'.repeat(60)}..."`);
  });
});

describe('closest', () => {
  const keys = ['fetchOrder', 'model', 'devices', 'did', 'pasid', 'present-bit-first', 'write', 'clear-first'];
  it.each([
    ['fetchOder', 'fetchOrder'],
    ['fetch_order', 'fetchOrder'],
    ['FETCHORDER', 'fetchOrder'],
    ['writ', 'write'],
    ['pasdi', 'pasid'],
    ['present-bit', 'present-bit-first'],
    ['device', 'devices'],
    ['x', undefined],
    ['zebra', undefined],
    ['', undefined],
    ['did', undefined],
    ['y'.repeat(100_000), undefined],
  ])('%s is meant to be %s', (word, meant) => {
    expect(closest(word, keys)).toBe(meant);
    expect(closest(word, keys.toReversed())).toBe(meant);
  });
});
