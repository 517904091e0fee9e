import { styleText } from 'node:util';
import type { CaseReport } from '../scenarios/report.ts';
import type { OutputStream } from './io.ts';

export type Colour = 'green' | 'red' | 'yellow';
export type Style = (colour: Colour, text: string) => string;

/** Colours for a stream that shows them; NO_COLOR and FORCE_COLOR are node's to honour. */
export function styleFor(stream: OutputStream): Style {
  return (colour, text) => styleText(colour, text, { stream });
}

/** `unexpected` and `inconclusive` are what exit codes 1 and 4 are made of. */
export type Outcome = 'asExpected' | 'unexpected' | 'inconclusive';

export function outcomeOf({ asExpected, verdict }: CaseReport): Outcome {
  if (asExpected) {
    return 'asExpected';
  }
  return verdict === 'inconclusive' ? 'inconclusive' : 'unexpected';
}

const marks: Readonly<Record<Outcome, { readonly text: string; readonly colour: Colour }>> = {
  asExpected: { text: 'ok', colour: 'green' },
  unexpected: { text: 'FAIL', colour: 'red' },
  inconclusive: { text: '??', colour: 'yellow' },
};

export function markOf(report: CaseReport): { readonly text: string; readonly colour: Colour } {
  return marks[outcomeOf(report)];
}

export function expectedText({ expect }: Pick<CaseReport, 'expect'>): string {
  return expect.length === 0 ? 'holds' : expect.join(' and ');
}

export interface Summary {
  readonly cases: number;
  readonly asExpected: number;
  readonly unexpected: number;
  readonly inconclusive: number;
}

export function summarize(reports: readonly CaseReport[]): Summary {
  const count = (outcome: Outcome): number => reports.filter((report) => outcomeOf(report) === outcome).length;
  return {
    cases: reports.length,
    asExpected: count('asExpected'),
    unexpected: count('unexpected'),
    inconclusive: count('inconclusive'),
  };
}

export interface SummaryNotes {
  readonly lost: number;
  readonly problems: number;
  readonly isInterrupted: boolean;
}

/** The last line of a campaign. */
export function summaryText(summary: Summary, notes: SummaryNotes & { readonly runs: number }): string {
  return `${counted(summary.cases, 'case')}, ${counted(notes.runs, 'run')}: ${summaryParts(summary, notes).join(', ')}`;
}

/** How the cases came out; what there is none of is left out. */
export function summaryParts(summary: Summary, { lost, problems, isInterrupted }: SummaryNotes): readonly string[] {
  return [
    `${summary.asExpected} as expected`,
    ...(summary.unexpected > 0 ? [`${summary.unexpected} not as expected`] : []),
    ...(summary.inconclusive > 0 ? [`${summary.inconclusive} inconclusive`] : []),
    ...(lost > 0 ? [`${counted(lost, 'run')} lost`] : []),
    ...(problems > 0 ? [`${counted(problems, 'error')} in scenario files`] : []),
    ...(isInterrupted ? ['interrupted'] : []),
  ];
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
