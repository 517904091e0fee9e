import type { ShrinkReport } from '../scenarios/shrink-case.ts';

/** `shrunk` of a violation in `run --json`; null: nobody asked, or it could not be shrunk. */
export function shrunkJson(report: ShrinkReport | undefined): object | null {
  if (report === undefined || report.end === 'unshrinkable') {
    return null;
  }
  const { after, end, record } = report;
  const { switches, preemptions, events } = after;
  return { choices: record.choices, switches, preemptions, events, digest: record.digest, complete: end === 'minimal' };
}
