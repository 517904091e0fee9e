import type { TraceEvent } from '../../models/trace-events.ts';
import { encodePasidEntry } from '../../models/vtd/entries/pasid-entry.ts';
import type { RunRecord } from '../../scenarios/report.ts';

/** Where the hand-made runs have their one PASID entry, and its name in the registry. */
export const entryAddress = 0x3040;
export const entry = 0;

export const processes = { cpu: 0, buffer: 1, fetcher: 2, queue: 3, otherCpu: 4 } as const;

/** A record of a run that did these things, one step each unless a step is given. */
export function runRecord(
  happened: readonly (readonly [process: keyof typeof processes, event: TraceEvent, step?: number])[],
  overrides: Partial<RunRecord> = {},
): RunRecord {
  const records = happened.map(([process, event, step], i) => ({
    stepNumber: step ?? i + 1,
    atNs: (i + 1) * 10,
    processId: processes[process],
    event,
  }));
  return {
    scenario: 'vtd/pasid-teardown',
    case: 'clear-first',
    file: 'scenarios/vtd/pasid-teardown.yaml',
    strategy: 'portfolio',
    depth: null,
    knobs: {},
    seed: '0x11',
    choices: 'w:0.1',
    end: 'violated',
    detail: '',
    events: records.length,
    nowNs: records.length * 10,
    violations: happened.flatMap(([, event]) => (event.kind === 'violation' ? event : [])),
    digest: '0123456789abcdef',
    records,
    agents: [
      { process: 'teardown', column: 'CPU 0 (teardown)' },
      { process: 'CPU 0 store buffer', column: 'CPU 0' },
      { process: 'nic', column: 'IOMMU' },
      { process: 'invalidation', column: 'IOMMU' },
      { process: 'other', column: 'CPU 1 (other)' },
    ],
    places: [
      { name: 'nic.pasid[1]', address: entryAddress, byteCount: 64 },
      { name: 'nic PASID table', address: 0x3000, byteCount: 4096 },
      { name: 'invalidation queue', address: 0x1000, byteCount: 4096 },
      { name: 'page1', address: 0x5000, byteCount: 4096 },
    ],
    entryNames: ['nic.pasid[1]'],
    iommu: 'vtd',
    ...overrides,
  };
}

/** The entry while it is attached: first stage, DID 5. */
export const attached = [
  ...encodePasidEntry({ present: 1, pgtt: 1, domainId: 5, firstStagePointer: 0x8000, pageWalkSnoop: 1 }),
];

export function quantumOf(words: readonly number[], quantum: number): readonly number[] {
  return words.slice(quantum * 4, quantum * 4 + 4);
}

export function readQuantum(quantum: number, words: readonly number[] = quantumOf(attached, quantum)): TraceEvent {
  return { kind: 'entry-read', structure: 'pasid-entry', entry, address: entryAddress, quantum, words };
}

export function useEntry(words: readonly number[]): TraceEvent {
  return {
    kind: 'entry-used',
    structure: 'pasid-entry',
    entry,
    address: entryAddress,
    present: true,
    version: 0,
    reason: 0,
    words,
  };
}

/** A 64-bit store to a quadword of the entry that everybody sees at once. */
export function storeQword(qword: number, words: readonly number[] = [0, 0]): TraceEvent {
  return { kind: 'store', address: entryAddress + qword * 8, words, cpu: 0 };
}

export function bufferQword(qword: number, words: readonly number[] = [0, 0]): TraceEvent {
  return { kind: 'store-buffered', address: entryAddress + qword * 8, words };
}

export const request: TraceEvent = { kind: 'request', sid: 0x10, pasid: 1, iova: 0x1000, write: true };

export const corrupted: TraceEvent = {
  kind: 'violation',
  rule: 'corrupted-entry',
  message: 'nic.pasid[1] was used with bits that equal neither the old nor the new entry',
  source: 'VT-d 9 (head of the chapter), 6.5.3.3',
};
