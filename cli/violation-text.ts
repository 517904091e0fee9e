import type { RunRecord } from '../scenarios/report.ts';
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

/** What the run drew of the `free` variables; nothing if there are none. */
export function knobsText({ knobs }: Pick<RunRecord, 'knobs'>): readonly string[] {
  const drawn = Object.entries(knobs).map(([name, value]) => `${name}=${value}`);
  return drawn.length === 0 ? [] : wrapText(printableText(`free: ${drawn.join(' ')}`), textWidth);
}
