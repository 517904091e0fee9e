/** `text` with everything that a mail or a terminal may show wrongly replaced: printable ASCII is left. */
export function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/**
 * `text` in lines of at most `width` characters, broken at blanks, and inside words that are longer than a line. Lines
 * after the first are indented, so that a reader sees they belong together.
 */
export function wrapText(text: string, width: number, indentWidth = 2): readonly string[] {
  const indent = ' '.repeat(width > indentWidth * 4 ? indentWidth : 0);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').filter((each) => each !== '')) {
    const joined = line.trim() === '' ? `${line}${word}` : `${line} ${word}`;
    if (joined.length <= width) {
      line = joined;
      continue;
    }
    if (line.trim() !== '') {
      lines.push(line);
      line = indent;
    }
    line += word;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = `${indent}${line.slice(width)}`;
    }
  }
  return line.trim() === '' && lines.length > 0 ? lines : [...lines, line];
}

/** `text` without what could steer a terminal; letters of other scripts stay, for names of files. */
export function printableText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
