import { printableText, wrapText } from './wrap-text.ts';

const textWidth = 80;

/** One sentence a broken rule, with the section that has the rule. */
export function violationText(
  violation: { rule: string; message: string; source: string },
  note = '',
): readonly string[] {
  const { rule, message, source } = violation;
  return wrapText(printableText(`${rule}${note}: ${message} (${source})`), textWidth);
}
