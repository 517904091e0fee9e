import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printableText, toAscii, wrapText } from '../../cli/wrap-text.ts';

describe('wrapText', () => {
  it('breaks at blanks and indents what follows', () => {
    expect(wrapText('one two three four', 11)).toEqual(['one two', '  three', '  four']);
  });

  it('breaks a word only when it is longer than a line', () => {
    expect(wrapText('abcdefghijklmnop', 10)).toEqual(['abcdefghij', '  klmnop']);
  });

  it('gives one empty line for nothing', () => {
    expect(wrapText('  ', 10)).toEqual(['']);
  });

  it('loses nothing and keeps the width', () => {
    const property = fc.property(fc.string(), fc.integer({ min: 1, max: 80 }), (text, width) => {
      const lines = wrapText(text, width);
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    });
    fc.assert(property, { seed: 1, numRuns: 1000 });
  });
});

it('toAscii leaves printable ASCII alone', () => {
  expect(toAscii('a\tb\x1bc~\u00e9\u{1f600}')).toBe('a?b?c~???');
});

it('printableText keeps letters of every script and no control', () => {
  expect(printableText('é\x1b[31m\u202e\n')).toBe('é?[31m??');
});
