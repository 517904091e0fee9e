import type { TraceEvent } from '../models/trace-events.ts';
import type { RunRecord } from '../scenarios/report.ts';

/** Whose column each record of a run stands in. */
export interface PictureAgents {
  /** All columns from left to right: CPUs by number, then the rest as the run lists them. */
  readonly order: readonly string[];
  /** Column of a record; undefined when no agent did it. */
  columnOf(index: number): string | undefined;
  /** For a store that waited in a store buffer: the record where the CPU made it. */
  issueOf(drain: number): number | undefined;
  /** For a store a CPU made: the record where others begin to see it; undefined when it never comes. */
  drainOf(issue: number): number | undefined;
}

const cpuColumn = /^CPU (\d+)/;
/** The column of a store buffer: that of a CPU, without a task. */
const bufferColumn = /^CPU \d+$/;

export function pictureAgents(record: RunRecord): PictureAgents {
  const issues = pairStores(record);
  const drains = new Map([...issues].map(([drain, issue]) => [issue, drain]));
  const columns = record.agents.map(({ column }) => taskColumn(record, column));
  const ownColumn = (index: number): string | undefined => {
    const { event, processId = -1 } = record.records[index] ?? {};
    const device = event !== undefined && isOfDevice(event) ? record.agents[processId]?.device : undefined;
    return device ?? columns[processId];
  };
  return {
    order: [...columns].sort((a, b) => cpuNumber(a) - cpuNumber(b)),
    columnOf: (index) => ownColumn(issues.get(index) ?? index),
    issueOf: (drain) => issues.get(drain),
    drainOf: (issue) => drains.get(issue),
  };
}

/** What a function with ATS does itself, though the step is of its walk in the IOMMU. */
function isOfDevice(event: TraceEvent): boolean {
  switch (event.kind) {
    case 'cache-hit':
    case 'cache-filled':
    case 'cache-dropped':
      return event.cache === 'device-tlb';
    case 'translation-request':
    case 'translation-discarded':
    case 'translated-request':
    case 'ats-disabled':
      return true;
    default:
      return false;
  }
}

/** Of a column; what is no CPU comes after them all. */
function cpuNumber(column: string): number {
  return Number(cpuColumn.exec(column)?.[1] ?? Number.MAX_SAFE_INTEGER);
}

/** A store buffer works for its CPU's task and stands in the task's column. */
function taskColumn(record: RunRecord, column: string): string {
  if (!bufferColumn.test(column)) {
    return column;
  }
  return record.agents.find((agent) => agent.column.startsWith(`${column} (`))?.column ?? column;
}

/** By the record of each drain, the record of its issue: the first store of that CPU to the place that still waits. */
function pairStores(record: RunRecord): ReadonlyMap<number, number> {
  const waiting = new Map<number, number[]>();
  const issues = new Map<number, number>();
  for (const [index, { event, processId }] of record.records.entries()) {
    const column = record.agents[processId]?.column ?? '';
    if (event.kind === 'store-buffered') {
      const cpu = cpuNumber(column);
      waiting.set(cpu, [...(waiting.get(cpu) ?? []), index]);
    } else if (event.kind === 'store' && bufferColumn.test(column)) {
      const stores = waiting.get(event.cpu) ?? [];
      const place = stores.findIndex((issue) => isSameStore(record.records[issue]?.event, event));
      if (place >= 0) issues.set(index, ...(stores.splice(place, 1) as [number]));
    }
  }
  return issues;
}

function isSameStore(issued: TraceEvent | undefined, arrived: Extract<TraceEvent, { kind: 'store' }>): boolean {
  return (
    issued?.kind === 'store-buffered' &&
    issued.address === arrived.address &&
    issued.words.length === arrived.words.length &&
    issued.words.every((word, i) => word === arrived.words[i])
  );
}
