import type { TraceEvent } from '../models/trace-events.ts';
import { traceEventFields } from '../models/trace-events.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { generatorName } from '../sim/random.ts';
import type { TraceRecord } from '../sim/trace.ts';
import type { ToolInfo } from './package-info.ts';

/** Changes whenever a reader of version n could misread a file. */
const traceFormat = 1;

export interface TracedRun {
  readonly record: RunRecord;
  /** SHA-256 of the scenario file. */
  readonly sha256: string;
}

/**
 * A run as JSON Lines: a head, one line an event, a tail; a file without its tail has been cut. Keys stand in declared
 * order, times are strings, so that equal runs are equal bytes.
 */
export function traceText({ record, sha256 }: TracedRun, tool: ToolInfo): string {
  const { scenario, file, seed, strategy, depth, knobs, end, digest, records } = record;
  const head = {
    k: 'head',
    format: traceFormat,
    tool: { name: tool.name, version: tool.version },
    scenario: { name: scenario, file, sha256: `sha256:${sha256}` },
    case: record.case,
    seed,
    strategy,
    depth,
    knobs: { ...knobs },
    prng: generatorName,
  };
  const events = records.map((each, i) => eventLine(each, i, record.agents[each.processId]?.process ?? null));
  const tail = { k: 'tail', count: records.length, end, digest };
  return [head, ...events, tail].map((line) => `${JSON.stringify(line)}\n`).join('');
}

function eventLine({ stepNumber, atNs, event }: TraceRecord<TraceEvent>, index: number, agent: string | null): object {
  const fields: Record<string, unknown> = Object.fromEntries(Object.entries(event));
  const names: readonly string[] = traceEventFields[event.kind];
  return {
    k: 'ev',
    i: index,
    step: stepNumber,
    t: String(atNs),
    agent,
    kind: event.kind,
    ...Object.fromEntries(names.map((name) => [name, fields[name]])),
  };
}
