import { describe, expect, it } from 'vitest';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { faultReasons } from '../../../models/vtd/fault-reasons.ts';
import { type Places, placesOf, setBit, setBits, setPointer } from '../../support/vtd-tables.ts';
import {
  type DmaSketch,
  seen,
  type VtdRun,
  vtdWorld,
  type WorldParts,
  type WorldSketch,
} from '../../support/vtd-world.ts';

type Change = (parts: WorldParts, places: Places) => void;
type Answer = 'UR' | 'CA' | 'no access';

/** Beyond the RAM and below 2^HAW. */
const nowhere = 0x4000_0000;

interface Asked {
  readonly mode?: 'scalable' | 'legacy';
  readonly stage?: Stage;
  readonly dma?: DmaSketch;
  readonly vtd?: WorldSketch['vtd'];
}

/** One function with ATS, one DMA, and tables that were changed before the run. */
function ask({ mode = 'scalable', stage = 'first', dma = {}, vtd = {} }: Asked, change: Change = () => {}): VtdRun {
  const usual = mode === 'scalable' ? { pasid: 1 } : {};
  const world = vtdWorld({
    vtd: { mode, ...vtd },
    ats: {},
    domains: { a: { stage: mode === 'legacy' ? 'second' : stage, did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    dma: { traffic: { ...usual, ...dma } },
    prepare: (parts) => change(parts, placesOf(parts)),
  });
  return world.runWith(1);
}

function answerOf(run: VtdRun): Answer | 'translation' {
  const [completion] = run.events('translation-completion');
  if (completion === undefined) throw new Error('nothing answered the translation request');
  if (completion.status !== 'success') {
    return completion.status;
  }
  return completion.readable || completion.writable ? 'translation' : 'no access';
}

type Row = readonly [code: number, when: string, answer: Answer, asked: Asked, change: Change];

// VT-d 7.1.3 Table 30, column "translation request".
const rows: readonly Row[] = [
  [0x39, 'the root half is not present', 'UR', {}, (p, at) => setBit(p, at.root, 0, 0)],
  [0x3a, 'a reserved bit in the root half', 'CA', {}, (p, at) => setBit(p, at.root, 11, 1)],
  [0x40, 'the context table is not in memory', 'CA', {}, (p, at) => setPointer(p, at.root, 12, nowhere)],
  [0x41, 'the context entry is not present', 'UR', {}, (p, at) => setBit(p, at.context, 0, 0)],
  [0x42, 'a reserved bit in the context entry', 'CA', {}, (p, at) => setBit(p, at.context, 7, 1)],
  [0x44, 'DTE is clear', 'UR', {}, (p, at) => setBit(p, at.context, 2, 0)],
  [0x45, 'PASIDE is clear', 'UR', {}, (p, at) => setBit(p, at.context, 3, 0)],
  [0x46, 'the PASID is beyond the directory', 'UR', { dma: { pasid: 0x2001 } }, () => {}],
  [0x50, 'the directory is not in memory', 'CA', {}, (p, at) => setPointer(p, at.context, 12, nowhere)],
  [0x51, 'the directory entry is not present', 'no access', {}, (p, at) => setBit(p, at.directory, 0, 0)],
  [0x52, 'a reserved bit in the directory entry', 'CA', {}, (p, at) => setBit(p, at.directory, 2, 1)],
  [0x59, 'the PASID entry is not present', 'no access', {}, (p, at) => setBit(p, at.pasid, 0, 0)],
  [0x5a, 'a reserved bit in the PASID entry', 'CA', {}, (p, at) => setBit(p, at.pasid, 5, 1)],
  [0x5b, 'PGTT is 0', 'CA', {}, (p, at) => setBits(p, at.pasid, { high: 8, low: 6, value: 0n })],
  [0x71, 'a first-stage entry is not present', 'no access', {}, (p, at) => setBit(p, at.first(1), 0, 0)],
  [0x80, 'the address is not canonical', 'no access', { dma: { iova: 2 ** 47 } }, () => {}],
  [0x85, 'the page is read-only', 'no access', { dma: { write: true } }, (p, at) => setBit(p, at.first(1), 1, 0)],
  [
    0x78,
    'a second-stage table is not in memory',
    'CA',
    { stage: 'second' },
    (p, at) => setPointer(p, at.second(3), 12, nowhere),
  ],
  [
    0x79,
    'a second-stage entry allows nothing',
    'no access',
    { stage: 'second' },
    (p, at) => setBits(p, at.second(1), { high: 1, low: 0, value: 0n }),
  ],
  [0x2, 'the legacy context entry is not present', 'UR', { mode: 'legacy' }, (p, at) => setBit(p, at.context, 0, 0)],
  [
    0xd,
    'TT lets untranslated requests pass only',
    'UR',
    { mode: 'legacy' },
    (p, at) => setBits(p, at.context, { high: 3, low: 2, value: 0n }),
  ],
  [
    0x3,
    'AW of the legacy context entry is 0',
    'CA',
    { mode: 'legacy' },
    (p, at) => setBits(p, at.context, { high: 66, low: 64, value: 0n }),
  ],
];

describe('a translation request is answered', () => {
  it.each(rows)('%# (%xh): when %s, with %s', (code, _, answer, asked, change) => {
    const run = ask(asked, change);
    expect(answerOf(run)).toBe(answer);
    expect(run.faults).toEqual([code]);
    // R=W=0 is for the function to deal with; software is told of UR and CA.
    expect(run.events('fault')[0]?.recorded).toBe(answer !== 'no access');
    expect(run.events('dma')).toEqual([]);
    expect(run.events('ats-disabled')).toHaveLength(answer === 'UR' ? 1 : 0);
  });

  it('as the table of reasons has it', () => {
    const texts = { UR: 'UR', CA: 'CA', 'no access': ['no-access', 'effective'] };
    for (const [code, , answer] of rows) {
      expect(texts[answer]).toContain(faultReasons.get(code)?.translationAnswer);
    }
  });

  it.each<Asked>([
    { stage: 'first' },
    { stage: 'second' },
    { stage: 'nested' },
    { stage: 'pass-through', dma: { iova: 0x1_0040 } },
    { mode: 'legacy' },
    { dma: { write: true } },
    { vtd: { iotlbFirst: false } },
  ])('with a translation for the access it was for: %o', (asked) => {
    const run = ask(asked);
    const write = asked.dma?.write === true;
    expect(run.faults).toEqual([]);
    const [completion] = run.events('translation-completion');
    const [dma] = run.events('dma');
    expect(completion).toMatchObject({ status: 'success', readable: !write, writable: write });
    expect(completion?.address).toBe((dma?.address ?? 0) - ((asked.dma?.iova ?? 0x1000) % 4096));
    expect(run.events('request')).toEqual([]);
    expect(run.events('translated-request')).toHaveLength(1);
  });

  it('without a report where FPD keeps it back', () => {
    const run = ask({}, (p, at) => {
      setBit(p, at.pasid, 5, 1);
      setBit(p, at.pasid, 1, 1);
    });
    expect(answerOf(run)).toBe('CA');
    expect(run.events('fault')[0]?.recorded).toBe(false);
  });
});

describe('the IOTLB', () => {
  const both = {
    domains: { a: { stage: 'first', did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    ats: { entries: 0 },
    dma: { plain: { pasid: 1, ats: false }, asking: { pasid: 1 } },
  } as const satisfies WorldSketch;

  it.each([
    { iotlbFirst: true, contextReads: 2 },
    { iotlbFirst: false, contextReads: 3 },
  ])('answers it; looked up first ($iotlbFirst), without the context entry', ({ iotlbFirst, contextReads }) => {
    const world = vtdWorld({ ...both, vtd: { iotlbFirst, iotlbEntries: 1 } });
    const run = world.runWith({ legs: [{ run: 'plain', until: seen('dma') }] });
    expect(run.events('cache-hit').filter(({ cache }) => cache === 'iotlb')).toHaveLength(1);
    expect(run.events('page-table-read')).toHaveLength(4);
    // The last one is for the translated request.
    const uses = run.events('entry-used').filter(({ structure }) => structure === 'scalable-context-entry');
    expect(uses).toHaveLength(contextReads);
    expect(run.events('dma')).toHaveLength(2);
  });

  it('answers none with what a context entry without DTE let in', () => {
    const world = vtdWorld({ ...both, vtd: { iotlbEntries: 1 }, prepare: (p) => setBit(p, placesOf(p).context, 2, 0) });
    const run = world.runWith({ legs: [{ run: 'plain', until: seen('dma') }] });
    expect(run.faults).toEqual([0x44]);
    expect(run.events('dma')).toHaveLength(1);
  });
});

describe('a translated request', () => {
  it('is refused with 44h once DTE is clear, though the function holds the translation', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      ats: {},
      dma: { traffic: { pasid: 1, repeat: 2 } },
      tasks: {
        *driver({ cpu, vtd }) {
          const { contextEntryAddress } = vtd.device('nic');
          const low = yield* cpu.load64(contextEntryAddress);
          yield* cpu.store64(contextEntryAddress, low & ~4n);
        },
      },
    });
    const run = world.runWith({ legs: [{ run: 'traffic', until: seen('dma') }], prefer: ['driver'] });
    expect(run.events('translation-request')).toHaveLength(1);
    expect(run.events('translated-request')).toHaveLength(2);
    expect(run.faults).toEqual([0x44]);
    expect(run.events('dma')).toHaveLength(1);
  });
});
