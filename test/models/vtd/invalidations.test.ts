import { describe, expect, it } from 'vitest';
import { type CacheTags, TranslationCache } from '../../../models/iommu/translation-cache.ts';
import type { CacheName, TraceEvent } from '../../../models/trace-events.ts';
import { traceEventFields } from '../../../models/trace-events.ts';
import { encodeDescriptor, type InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { pasidTableType } from '../../../models/vtd/entries/pasid-entry.ts';
import { applyInvalidation } from '../../../models/vtd/invalidations.ts';
import { Arena } from '../../../sim/arena.ts';
import type { StepContext } from '../../../sim/operation.ts';
import { Trace } from '../../../sim/trace.ts';

const { first, second, nested, passThrough } = pasidTableType;
const step: StepContext = { processId: 0, nowNs: 0, local: 0, choose: () => 0, retry: () => {} };

type CacheKey = 'contextCache' | 'pasidCache' | 'iotlb' | 'firstStagePaging' | 'secondStagePaging';
type Row = readonly [cache: CacheKey, name: string, tags: Partial<CacheTags>];

/** Rows of all caches that differ in one tag each from what the invalidations below name: DID 5, PASID 1, 0x1000. */
const rows: readonly Row[] = [
  ['contextCache', 'nic, DID 5', { sid: 0x10, did: 5 }],
  ['contextCache', 'nic.4, DID 5', { sid: 0x14, did: 5 }],
  ['contextCache', 'gpu, DID 6', { sid: 0x18, did: 6 }],
  ['pasidCache', 'nic, DID 5, PASID 1', { sid: 0x10, did: 5, pasid: 1, hasPasid: true }],
  ['pasidCache', 'gpu, DID 5, PASID 1', { sid: 0x18, did: 5, pasid: 1, hasPasid: true }],
  ['pasidCache', 'nic, DID 5, PASID 2', { sid: 0x10, did: 5, pasid: 2, hasPasid: true }],
  ['pasidCache', 'nic.4, DID 6, PASID 1', { sid: 0x14, did: 6, pasid: 1, hasPasid: true }],
  ...[first, second, nested, passThrough].flatMap((pgtt): readonly Row[] => [
    ['iotlb', `${pgtt}: DID 5, PASID 1, 1000h`, { did: 5, pasid: 1, hasPasid: true, space: pgtt, iova: 0x1000 }],
    ['iotlb', `${pgtt}: DID 5, PASID 1, 2000h`, { did: 5, pasid: 1, hasPasid: true, space: pgtt, iova: 0x2000 }],
    ['iotlb', `${pgtt}: DID 5, PASID 2, 1000h`, { did: 5, pasid: 2, hasPasid: true, space: pgtt, iova: 0x1000 }],
    ['iotlb', `${pgtt}: DID 6, PASID 1, 1000h`, { did: 6, pasid: 1, hasPasid: true, space: pgtt, iova: 0x1000 }],
    ['iotlb', `${pgtt}: DID 5, RID_PASID 1, 1000h`, { did: 5, pasid: 1, hasPasid: false, space: pgtt, iova: 0x1000 }],
  ]),
  // A PDE (level 2) covers 2 MB, a PML4E (level 4) 512 GB.
  ['firstStagePaging', 'DID 5, PASID 1, PDE of 0h', { did: 5, pasid: 1, level: 2, iova: 0 }],
  ['firstStagePaging', 'DID 5, PASID 1, PDE of 200000h', { did: 5, pasid: 1, level: 2, iova: 0x20_0000 }],
  ['firstStagePaging', 'DID 5, PASID 1, PML4E of 0h', { did: 5, pasid: 1, level: 4, iova: 0 }],
  ['firstStagePaging', 'DID 5, PASID 2, PDE of 0h', { did: 5, pasid: 2, level: 2, iova: 0 }],
  ['firstStagePaging', 'DID 6, PASID 1, PDE of 0h', { did: 6, pasid: 1, level: 2, iova: 0 }],
  ['secondStagePaging', 'DID 5, PDE of 0h', { did: 5, level: 2, iova: 0 }],
  ['secondStagePaging', 'DID 5, PDE of 200000h', { did: 5, level: 2, iova: 0x20_0000 }],
  ['secondStagePaging', 'DID 5, PML4E of 0h', { did: 5, level: 4, iova: 0 }],
  ['secondStagePaging', 'DID 6, PDE of 0h', { did: 6, level: 2, iova: 0 }],
];

/** Names of the rows that are gone, and what was reported. */
function apply(descriptor: InvalidationDescriptor, mode: 'scalable' | 'legacy' = 'scalable') {
  const arena = new Arena();
  const trace = new Trace<TraceEvent>({ nowNs: 0, stepNumber: 0, processId: 0 }, traceEventFields);
  const cache = (name: CacheName) =>
    new TranslationCache(arena, trace, {
      name,
      entryCount: 64,
      payloadWords: 1,
      lookupTags: ['sid', 'pasid', 'hasPasid', 'did', 'level', 'page'],
    });
  const caches = {
    contextCache: cache('context-cache'),
    pasidCache: cache('pasid-cache'),
    iotlb: cache('iotlb'),
    firstStagePaging: cache('first-stage-paging'),
    interruptEntries: { invalidate: () => {}, onTheWay: () => 0 },
    secondStagePaging: cache('second-stage-paging'),
  };
  for (const [i, [key, , tags]] of rows.entries()) {
    // A row is known by its payload; rows of one look-up would replace each other, so each has its source.
    const source = { payload: { length: 1, word: () => i }, pointer: -1, provenance: () => 0 };
    caches[key].fill(step, { sid: i, pasid: 0, hasPasid: false, did: 0, space: 0, iova: 0, ...tags }, source);
  }
  trace.record(true);
  applyInvalidation(caches, trace, { words: encodeDescriptor(descriptor), base: 0, mode });
  const gone = rows.filter(
    ([key], i) => caches[key].find((row) => arena.get(caches[key].payloadBase(row)) === i) === -1,
  );
  return { gone: gone.map(([key, name]) => `${key} ${name}`), records: trace.records.map(({ event }) => event) };
}

function named(key: CacheKey, matches: (name: string) => boolean = () => true): readonly string[] {
  return rows.filter(([cache, name]) => cache === key && matches(name)).map(([cache, name]) => `${cache} ${name}`);
}

const range = { addressMask: 0, address: 0x1000, hint: false };
const drain = { drainReads: true, drainWrites: true };
const usesFirst = (name: string): boolean => name.startsWith(`${first}:`) || name.startsWith(`${nested}:`);
const did5 = (name: string): boolean => name.includes('DID 5');
const around1000h = (name: string): boolean => did5(name) && name.endsWith('of 0h');
const firstPaging = (matches?: (name: string) => boolean): readonly string[] => named('firstStagePaging', matches);
const secondPaging = (matches?: (name: string) => boolean): readonly string[] => named('secondStagePaging', matches);
const pasid1 = (name: string): boolean => / (RID_)?PASID 1,/.test(name);

// VT-d 6.5.2.1 to 6.5.2.4, Tables 23 and 24: what each invalidation of DID 5, PASID 1, 0x1000 drops; all else stays.
const purges: readonly (readonly [string, InvalidationDescriptor, readonly string[]])[] = [
  [
    'context, global',
    { kind: 'context', granularity: 'global', did: 5, sid: 0x10, functionMask: 0 },
    named('contextCache'),
  ],
  [
    'context, device-selective',
    { kind: 'context', granularity: 'device', did: 0, sid: 0x10, functionMask: 0 },
    named('contextCache', (name) => name.startsWith('nic,')),
  ],
  [
    'context, device-selective for all functions',
    { kind: 'context', granularity: 'device', did: 0, sid: 0x13, functionMask: 3 },
    named('contextCache', (name) => name.startsWith('nic')),
  ],
  [
    'context, domain-selective, which scalable mode takes as global',
    { kind: 'context', granularity: 'domain', did: 5, sid: 0, functionMask: 0 },
    named('contextCache'),
  ],
  ['PASID cache, global', { kind: 'pasid-cache', granularity: 'global', did: 9, pasid: 9 }, named('pasidCache')],
  [
    'PASID cache, domain-selective',
    { kind: 'pasid-cache', granularity: 'domain', did: 5, pasid: 9 },
    named('pasidCache', (name) => name.includes('DID 5')),
  ],
  [
    'PASID cache, PASID-selective within domain',
    { kind: 'pasid-cache', granularity: 'pasid', did: 5, pasid: 1 },
    named('pasidCache', (name) => name.includes('DID 5, PASID 1')),
  ],
  [
    'IOTLB, global',
    { kind: 'iotlb', granularity: 'global', did: 9, ...range, ...drain },
    [...named('iotlb'), ...firstPaging(), ...secondPaging()],
  ],
  [
    'IOTLB, domain-selective',
    { kind: 'iotlb', granularity: 'domain', did: 5, ...range, ...drain },
    [...named('iotlb', did5), ...firstPaging(did5), ...secondPaging(did5)],
  ],
  [
    'IOTLB, page-selective: of first-stage and nested rows all of the domain',
    { kind: 'iotlb', granularity: 'page', did: 5, ...range, ...drain },
    [
      ...named('iotlb', (name) => did5(name) && (usesFirst(name) || name.endsWith('1000h'))),
      ...firstPaging(did5),
      ...secondPaging(around1000h),
    ],
  ],
  [
    'IOTLB, page-selective with IH = 1: intermediate entries of the second stage stay',
    { kind: 'iotlb', granularity: 'page', did: 5, ...range, hint: true, ...drain },
    [...named('iotlb', (name) => did5(name) && (usesFirst(name) || name.endsWith('1000h'))), ...firstPaging(did5)],
  ],
  [
    'IOTLB, page-selective, two pages',
    { kind: 'iotlb', granularity: 'page', did: 5, ...range, address: 0x3000, addressMask: 1, ...drain },
    [
      ...named('iotlb', (name) => did5(name) && (usesFirst(name) || name.endsWith('2000h'))),
      ...firstPaging(did5),
      ...secondPaging(around1000h),
    ],
  ],
  [
    'IOTLB, page-selective, 1 GB',
    { kind: 'iotlb', granularity: 'page', did: 5, ...range, address: 0, addressMask: 18, ...drain },
    [...named('iotlb', did5), ...firstPaging(did5), ...secondPaging(did5)],
  ],
  [
    'PASID-based IOTLB, PASID-selective: intermediate entries of the second stage stay',
    { kind: 'piotlb', granularity: 'pasid', did: 5, pasid: 1, ...range },
    [...named('iotlb', (name) => did5(name) && pasid1(name)), ...firstPaging((name) => did5(name) && pasid1(name))],
  ],
  [
    'PASID-based IOTLB, page-selective: second-stage and pass-through rows stay',
    { kind: 'piotlb', granularity: 'page', did: 5, pasid: 1, ...range },
    [
      ...named('iotlb', (name) => did5(name) && pasid1(name) && name.endsWith('1000h') && usesFirst(name)),
      ...firstPaging((name) => around1000h(name) && pasid1(name)),
    ],
  ],
  [
    'PASID-based IOTLB, page-selective with IH = 1',
    { kind: 'piotlb', granularity: 'page', did: 5, pasid: 1, ...range, hint: true },
    named('iotlb', (name) => did5(name) && pasid1(name) && name.endsWith('1000h') && usesFirst(name)),
  ],
  [
    'PASID-based IOTLB, page-selective, four pages',
    { kind: 'piotlb', granularity: 'page', did: 5, pasid: 1, ...range, address: 0, addressMask: 2 },
    [
      ...named('iotlb', (name) => did5(name) && pasid1(name) && usesFirst(name)),
      ...firstPaging((name) => around1000h(name) && pasid1(name)),
    ],
  ],
];

describe('an invalidation', () => {
  it.each(purges)('(%s) drops the rows the specification says and no other', (_, descriptor, expected) => {
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(rows.length);
    expect(apply(descriptor).gone).toEqual(expected);
  });

  it('of the context cache by domain goes by DID in legacy mode', () => {
    const descriptor = { kind: 'context', granularity: 'domain', did: 5, sid: 0, functionMask: 0 } as const;
    expect(apply(descriptor, 'legacy').gone).toEqual(named('contextCache', (name) => name.includes('DID 5')));
  });

  it.each([
    { kind: 'pasid-cache', granularity: 'domain', did: 7, pasid: 1 },
    { kind: 'pasid-cache', granularity: 'pasid', did: 7, pasid: 1 },
    { kind: 'iotlb', granularity: 'domain', did: 7, ...range, ...drain },
    { kind: 'iotlb', granularity: 'page', did: 7, ...range, ...drain },
    { kind: 'piotlb', granularity: 'pasid', did: 7, pasid: 1, ...range },
  ] as const)('($kind, $granularity) with another DID drops nothing', (descriptor) => {
    expect(apply(descriptor).gone).toEqual([]);
  });

  it('is reported with what it was for, and each row with its tags', () => {
    const { records } = apply({ kind: 'piotlb', granularity: 'pasid', did: 5, pasid: 2, ...range });
    expect(records.filter(({ kind }) => kind === 'invalidation-done')).toEqual([
      {
        kind: 'invalidation-done',
        invalidation: 'piotlb',
        granularity: 'pasid',
        sid: -1,
        sidMask: 0,
        did: 5,
        pasid: 2,
        iova: 0x1000,
      },
    ]);
    expect(records.filter(({ kind }) => kind === 'cache-dropped')).toEqual(
      rows.flatMap(([, name], sid) =>
        name.endsWith('DID 5, PASID 2, 1000h') || name === 'DID 5, PASID 2, PDE of 0h'
          ? [
              {
                kind: 'cache-dropped',
                cache: name.includes('PDE') ? 'first-stage-paging' : 'iotlb',
                sid,
                pasid: 2,
                did: 5,
                evicted: false,
              },
            ]
          : [],
      ),
    );
  });

  it.each([
    [{ kind: 'context', granularity: 'global', did: 0, sid: 0, functionMask: 0 }, 'context', 'global'],
    [{ kind: 'context', granularity: 'domain', did: 5, sid: 0, functionMask: 0 }, 'context', 'global'],
    [{ kind: 'context', granularity: 'device', did: 0, sid: 0, functionMask: 0 }, 'context', 'device'],
    [{ kind: 'pasid-cache', granularity: 'domain', did: 5, pasid: 1 }, 'pasid-cache', 'domain'],
    [{ kind: 'iotlb', granularity: 'page', did: 5, ...range, ...drain }, 'iotlb', 'page'],
    [{ kind: 'piotlb', granularity: 'page', did: 5, pasid: 1, ...range }, 'piotlb', 'page'],
  ] as const)('%o is reported as %s, %s', (descriptor, invalidation, granularity) => {
    const { records } = apply(descriptor);
    expect(records).toContainEqual(expect.objectContaining({ kind: 'invalidation-done', invalidation, granularity }));
  });
});
