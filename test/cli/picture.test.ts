import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawPicture } from '../../cli/picture.ts';
import type { TraceEvent } from '../../models/trace-events.ts';
import { anyTraceEvent } from './any-trace-event.ts';
import {
  attached,
  bufferQword,
  corrupted,
  entry,
  entryAddress,
  processes,
  readQuantum,
  request,
  runRecord,
  storeQword,
  useEntry,
} from './run-record.ts';

const zeroQuantum = [0, 0, 0, 0];
/** Quantum 0 as it was, the rest as it is after the teardown. */
const torn = attached.map((word, i) => (i < 4 ? word : 0));

function drawn(...lines: readonly string[]): string {
  return lines.join('\n');
}

describe('the picture of a torn PASID entry', () => {
  it('has the four steps of the diagram in the mail (LKML 2026-01-06)', () => {
    const record = runRecord([
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['cpu', storeQword(0)],
      ['cpu', storeQword(1)],
      ['cpu', storeQword(2)],
      ['fetcher', readQuantum(1, zeroQuantum), 9],
      ['fetcher', useEntry(torn), 9],
      ['fetcher', corrupted, 9],
    ]);
    expect(drawPicture(record)).toBe(
      drawn(
        'CPU 0 (teardown)              IOMMU',
        '                              read nic.pasid[1] q0-1: P=1 DID=5',
        '                                first-stage',
        'store nic.pasid[1] q0-q2 = 0',
        '                              read nic.pasid[1] q2-3: FSPTPTR=0',
        '                              use nic.pasid[1]: P=1 DID=5 first-stage',
        '                                FSPTPTR=0',
        '                              < corrupted-entry: nic.pasid[1] was used',
        '                                with bits that equal neither the old nor',
        '                                the new entry >',
      ),
    );
  });

  it('has a column for what a function with ATS does itself', () => {
    const tags = { sid: 0x10, pasid: 1, iova: 0x1000 };
    const record = runRecord([
      ['fetcher', { kind: 'translation-request', ...tags, write: false }],
      ['fetcher', readQuantum(0)],
      [
        'fetcher',
        {
          kind: 'translation-completion',
          ...tags,
          status: 'success',
          readable: true,
          writable: false,
          address: 0x5000,
        },
      ],
      ['cpu', storeQword(0)],
      ['fetcher', { kind: 'translation-discarded', ...tags }],
      ['fetcher', corrupted],
    ]);
    const agents = record.agents.map((agent) => (agent.process === 'nic' ? { ...agent, device: 'nic' } : agent));
    expect(drawPicture({ ...record, agents })).toBe(
      drawn(
        'CPU 0 (teardown)        IOMMU                    nic',
        '                                                 ask for PASID 1 0x1000',
        '                        read nic.pasid[1] q0-1:',
        '                          P=1 DID=5 first-stage',
        '                        answer: read of 0x5000',
        '                          (page1)',
        'store nic.pasid[1] q0',
        '  = 0',
        '                                                 discard an overtaken',
        '                                                   answer: PASID 1',
        '                                                   0x1000',
        '< corrupted-entry: nic.pasid[1] was used with bits that equal neither',
        '  the old nor the new entry >',
      ),
    );
  });

  it('leaves out what has nothing to do with it', () => {
    const noise: readonly TraceEvent[] = [
      { kind: 'store', address: 0x2000, words: [1], cpu: 0 },
      { kind: 'update-begin', entry, hitless: false, legal: 3 },
      { kind: 'page-table-read', stage: 'first', level: 4, address: 0x8000, words: [1, 0] },
      { kind: 'cache-hit', cache: 'context-cache', sid: 0x10, pasid: 0, did: 0, iova: 0 },
      { kind: 'load', address: entryAddress, words: [65, 0] },
      readQuantum(2, zeroQuantum),
    ];
    const record = runRecord([
      ['fetcher', request],
      ...noise.map((event) => ['fetcher', event] as const),
      ['fetcher', readQuantum(0)],
      ['cpu', storeQword(0)],
      ['fetcher', corrupted],
    ]);
    expect(drawPicture(record)).toBe(
      drawn(
        'CPU 0 (teardown)           IOMMU',
        '                           read nic.pasid[1] q0-1: P=1 DID=5 first-stage',
        'store nic.pasid[1] q0 = 0',
        '                           < corrupted-entry: nic.pasid[1] was used with',
        '                             bits that equal neither the old nor the new',
        '                             entry >',
      ),
    );
  });

  it('shows only the walk that went wrong', () => {
    const record = runRecord([
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['fetcher', request],
      ['cpu', storeQword(0)],
      ['fetcher', readQuantum(1)],
      ['fetcher', corrupted],
    ]);
    expect(drawPicture(record)).not.toContain('q0-1');
  });
});

describe('stores in a picture', () => {
  const walk = (...between: readonly Parameters<typeof runRecord>[0][number][]): string =>
    drawPicture(
      runRecord([
        ['fetcher', request],
        ['fetcher', readQuantum(0)],
        ...between,
        ['fetcher', readQuantum(1)],
        ['fetcher', corrupted],
      ]),
    );

  it('are joined only when they are of the same value', () => {
    const picture = walk(
      ['cpu', storeQword(0, [0x40, 0])],
      ['cpu', storeQword(2)],
      ['cpu', storeQword(3)],
      ['cpu', storeQword(5)],
    );
    expect(picture).toContain('store nic.pasid[1] q0: P=0');
    expect(picture).toContain('store nic.pasid[1] q2-q3, q5 = 0');
  });

  it('are not joined over an event of another column', () => {
    const picture = walk(['cpu', storeQword(0)], ['fetcher', readQuantum(1)], ['cpu', storeQword(1)]);
    expect(picture.match(/store nic\.pasid\[1\] q\d = 0/g)).toHaveLength(2);
  });

  it('to one quadword twice are two steps', () => {
    expect(walk(['cpu', storeQword(0)], ['cpu', storeQword(0)]).match(/q0 = 0/g)).toHaveLength(2);
  });

  it('of 128 bits are told from two of 64', () => {
    const wide: TraceEvent = { kind: 'store', address: entryAddress, words: zeroQuantum, cpu: 0 };
    expect(walk(['cpu', wide])).toContain('store nic.pasid[1] q0-1 = 0');
  });

  it('that waited in the store buffer are shown when made and when seen', () => {
    const record = runRecord([
      ['cpu', bufferQword(0)],
      ['cpu', bufferQword(1)],
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['buffer', storeQword(0)],
      ['buffer', storeQword(1)],
      ['cpu', bufferQword(2)],
      ['buffer', storeQword(2)],
      ['cpu', bufferQword(3)],
      ['fetcher', readQuantum(1, zeroQuantum)],
      ['fetcher', corrupted],
    ]);
    expect(drawPicture(record)).toBe(
      drawn(
        'CPU 0 (teardown)                     IOMMU',
        'store nic.pasid[1] q0-q1 = 0',
        '  (buffered)',
        '                                     read nic.pasid[1] q0-1: P=1 DID=5',
        '                                       first-stage',
        '(nic.pasid[1] q0-q1 visible)',
        'store nic.pasid[1] q2 = 0',
        '                                     read nic.pasid[1] q2-3: FSPTPTR=0',
        '                                     < corrupted-entry: nic.pasid[1] was',
        '                                       used with bits that equal neither',
        '                                       the old nor the new entry >',
      ),
    );
  });

  it('that never left the store buffer are shown when that is the point', () => {
    const record = runRecord([
      ['cpu', bufferQword(0)],
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['fetcher', corrupted],
    ]);
    expect(drawPicture(record)).toMatch(/store nic\.pasid\[1\] q0 = 0\s+\(buffered\)/);
  });
});

describe('the picture of a stale translation', () => {
  const stale: TraceEvent = {
    kind: 'violation',
    rule: 'stale-translation',
    message: 'nic reached 0x5000',
    source: 'VT-d 6.5.3.3',
  };
  const tags = { sid: 0x10, pasid: 1, did: 5, iova: 0x1000 } as const;

  it('shows the walk that filled the cache, the update, the invalidation and the DMA', () => {
    const provenance = [entry * 256 + 1];
    const record = runRecord([
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['fetcher', { kind: 'cache-filled', cache: 'pasid-cache', ...tags, pointer: 0x8000, provenance }],
      ['fetcher', request],
      ['cpu', storeQword(0), 5],
      [
        'cpu',
        {
          kind: 'entry-changed',
          structure: 'pasid-entry',
          entry,
          versionBefore: 1,
          version: 0,
          before: attached,
          words: torn,
        },
        5,
      ],
      ['cpu', { kind: 'register-written', register: 'IQT', words: [0x40] }],
      [
        'queue',
        {
          kind: 'invalidation-done',
          invalidation: 'pasid-cache',
          granularity: 'pasid',
          sid: 0,
          sidMask: 0,
          did: 6,
          pasid: 1,
          iova: 0,
        },
      ],
      ['queue', { kind: 'status-written', address: 0x1400, data: 2 }],
      ['fetcher', { kind: 'cache-hit', cache: 'pasid-cache', ...tags }],
      ['fetcher', { kind: 'dma', ...tags, address: 0x5000, write: true, provenance }, 20],
      ['fetcher', stale, 20],
    ]);
    expect(drawPicture(record)).toBe(
      drawn(
        'CPU 0 (teardown)           IOMMU',
        '                           read nic.pasid[1] q0-1: P=1 DID=5 first-stage',
        '                           fill PASID cache: 00:02.0, DID 5, PASID 1',
        'store nic.pasid[1] q0 = 0',
        'write IQT = 0x40',
        '                           invalidate PASID cache: DID 6, PASID 1',
        '                           write status: done',
        '                           hit in PASID cache: 00:02.0, DID 5, PASID 1',
        '                           DMA to 0x5000 (page1)',
        '                           < stale-translation: nic reached 0x5000 >',
      ),
    );
  });

  it('names a rule broken on the way in short', () => {
    const record = runRecord([
      ['cpu', storeQword(0)],
      ['cpu', { ...stale, rule: 'invalidation-order', message: 'long' }],
      ['fetcher', stale],
    ]);
    expect(drawPicture(record)).toContain('< invalidation-order >\n');
  });
});

describe('a picture', () => {
  it('has a third column when a second CPU has a part in it', () => {
    const record = runRecord([
      ['otherCpu', { kind: 'store', address: entryAddress + 64 - 8, words: [1, 0], cpu: 1 }],
      ['cpu', storeQword(0)],
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['fetcher', corrupted],
    ]);
    expect(drawPicture(record).split('\n')[0]).toBe('CPU 0 (teardown)        CPU 1 (other)            IOMMU');
  });

  it('says how much it leaves out when the race is long', () => {
    const stores = Array.from({ length: 30 }, (_, i) => [
      ['cpu', storeQword(i % 8)] as const,
      ['fetcher', readQuantum(1)] as const,
    ]);
    const picture = drawPicture(runRecord([['fetcher', request], ...stores.flat(), ['fetcher', corrupted]]));
    expect(picture.split('\n').length).toBeLessThanOrEqual(25);
    expect(picture).toMatch(/^\(\d+ events not shown\)$/m);
    expect(picture).toContain('the new\n');
  });

  it('of a very long run is drawn in no time', () => {
    const round = [
      ['cpu', bufferQword(0)],
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['buffer', storeQword(0)],
    ] as const;
    const rounds = Array.from({ length: 20_000 }, () => round);
    const picture = drawPicture(runRecord([...rounds.flat(), ['fetcher', corrupted]]));
    expect(picture).toMatch(/^\(\d{4,} events not shown\)$/m);
  }, 5_000);

  it('is whole when it has few steps, however long their texts', () => {
    const wordy: TraceEvent = { kind: 'violation', rule: 'stuck', message: 'word '.repeat(1000), source: '-' };
    const picture = drawPicture(
      runRecord([
        ['cpu', storeQword(0)],
        ['fetcher', wordy],
      ]),
    );
    expect(picture.match(/word/g)).toHaveLength(1000);
    expect(picture.match(/store/g)).toHaveLength(1);
  });

  it('of a run that broke nothing shows the update and what came of it', () => {
    const record = runRecord([
      ['fetcher', request],
      ['fetcher', readQuantum(0)],
      ['cpu', storeQword(0), 3],
      [
        'cpu',
        {
          kind: 'entry-changed',
          structure: 'pasid-entry',
          entry,
          versionBefore: 1,
          version: 2,
          before: attached,
          words: torn,
        },
        3,
      ],
      ['fetcher', { kind: 'fault', sid: 0x10, pasid: 1, iova: 0x1000, reason: 0x59, recorded: true, provenance: [] }],
    ]);
    expect(drawPicture(record)).toBe(
      drawn(
        'CPU 0 (teardown)           IOMMU',
        '                           read nic.pasid[1] q0-1: P=1 DID=5 first-stage',
        'store nic.pasid[1] q0 = 0',
        '                           fault 59h: SM: present bit in PASID entry is',
        '                             clear',
      ),
    );
  });

  it('spans all columns where nobody is to blame', () => {
    const { records, ...rest } = runRecord([['cpu', storeQword(0)]]);
    const stuck: TraceEvent = { kind: 'violation', rule: 'stuck', message: 'teardown waits for ever', source: '-' };
    const record = { ...rest, records: [...records, { stepNumber: 9, atNs: 90, processId: -1, event: stuck }] };
    expect(drawPicture(record).split('\n').at(-1)).toBe('< stuck: teardown waits for ever >');
  });

  it('is the violation alone when there is no trace', () => {
    const violation = { rule: 'stuck', message: 'nothing moves', source: '-' };
    expect(drawPicture(runRecord([], { violations: [violation] }))).toBe('< stuck: nothing moves >');
  });

  const name = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 90 }), fc.constantFrom('CPU 0', 'CPU 1 (x)', 'IOMMU'));

  it('is ASCII and at most 72 characters wide, whatever happened', () => {
    const happened = fc.array(fc.tuple(fc.integer({ min: -1, max: 7 }), anyTraceEvent), { maxLength: 60 });
    const agents = fc.array(fc.record({ process: name, column: name }), { maxLength: 8 });
    const property = fc.property(
      happened,
      agents,
      fc.array(name, { maxLength: 3 }),
      (events, agentList, entryNames) => {
        const records = events.map(([processId, event], i) => ({ stepNumber: i >> 1, atNs: i, processId, event }));
        const picture = drawPicture({ ...runRecord([]), records, agents: agentList, entryNames });
        for (const line of picture.split('\n')) {
          expect(line).toMatch(/^[\x20-\x7e]{0,72}$/);
          expect(line).not.toMatch(/ $/);
        }
      },
    );
    fc.assert(property, { seed: 1, numRuns: 500 });
  });
});

it('the hand-made runs have an agent for every process', () => {
  expect(Object.values(processes)).toEqual(runRecord([]).agents.map((_, i) => i));
});
