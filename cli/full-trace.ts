import type { RunRecord } from '../scenarios/report.ts';
import { eventText } from './event-text.ts';
import { createNameBook } from './name-book.ts';
import { toAscii } from './wrap-text.ts';

/** Every event of a run, one line each: step, simulated time, who, what. */
export function fullTraceText(record: RunRecord): string {
  const book = createNameBook(record);
  const rows = record.records.map(({ stepNumber, atNs, processId, event }) => ({
    step: String(stepNumber),
    time: `${atNs} ns`,
    agent: toAscii(record.agents[processId]?.process ?? ''),
    text: toAscii(eventText(event, book)),
  }));
  const width = (column: 'step' | 'time' | 'agent'): number =>
    rows.reduce((widest, row) => Math.max(widest, row[column].length), 0);
  const [step, time, agent] = [width('step'), width('time'), width('agent')];
  return rows
    .map((row) => `${row.step.padStart(step)}  ${row.time.padStart(time)}  ${row.agent.padEnd(agent)}  ${row.text}`)
    .join('\n');
}
