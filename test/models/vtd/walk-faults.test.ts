import { describe, expect, it } from 'vitest';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import type { Capabilities } from '../../../models/vtd/capabilities.ts';
import { faultReasons } from '../../../models/vtd/fault-reasons.ts';
import { type Places, placesOf, setBit, setBits, setPointer } from '../../support/vtd-tables.ts';
import { type DmaSketch, type VtdRun, vtdWorld, type WorldParts } from '../../support/vtd-world.ts';

type Change = (parts: WorldParts, places: Places) => void;

/** A table content that faults, and the nearest one that does not. */
interface FaultCase {
  readonly code: number;
  readonly when: string;
  readonly stage?: Stage;
  readonly dma?: DmaSketch;
  readonly capabilities?: Partial<Capabilities>;
  readonly broken?: Change;
  readonly legal?: Change;
  /** The request of the legal neighbour, where not the tables but the request is what is wrong. */
  readonly legalDma?: DmaSketch;
}

const nothing: Change = () => {};
/** Beyond the 256 KB of RAM and below 2^HAW. */
const nowhere = 0x4000_0000;
/** Bit 46 of a pointer: the first one that HAW = 46 reserves. */
const beyondHaw = 46;

function run(mode: 'scalable' | 'legacy', fault: FaultCase, change: Change, dma: DmaSketch): VtdRun {
  const world = vtdWorld({
    vtd: { mode },
    capabilities: fault.capabilities ?? {},
    domains: { a: { stage: fault.stage ?? (mode === 'legacy' ? 'second' : 'first'), did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    dma: { traffic: dma },
    prepare: (parts) => change(parts, placesOf(parts)),
  });
  return world.runWith(1);
}

function suite(mode: 'scalable' | 'legacy', cases: readonly FaultCase[]): void {
  it.each(cases.map((one) => ({ ...one, hex: `${one.code.toString(16).toUpperCase()}h` })))('$hex: $when', (fault) => {
    const usual = mode === 'scalable' ? { pasid: 1 } : {};
    const broken = run(mode, fault, fault.broken ?? nothing, { ...usual, ...fault.dma });
    expect(broken.faults).toEqual([fault.code]);
    expect(broken.events('fault')[0]).toMatchObject({ recorded: true, sid: 0x10 });
    expect(broken.events('dma')).toEqual([]);
    const legal = run(mode, fault, fault.legal ?? nothing, fault.legalDma ?? { ...usual, ...fault.dma });
    expect(legal.faults).toEqual([]);
    expect(legal.events('dma')).toHaveLength(1);
  });

  it('has no code twice by mistake and none that the table of reasons lacks', () => {
    expect(new Set(cases.map(({ when }) => when)).size).toBe(cases.length);
    expect(cases.filter(({ code }) => !faultReasons.has(code))).toEqual([]);
  });
}

describe('faults of a walk in scalable mode (VT-d 7.1.3 Table 30)', () => {
  const second = { stage: 'second' } as const;
  suite('scalable', [
    { code: 0x39, when: 'LP is clear', broken: (p, at) => setBit(p, at.root, 0, 0) },
    { code: 0x3a, when: 'a reserved bit in the root half', broken: (p, at) => setBit(p, at.root, 11, 1) },
    {
      code: 0x3a,
      when: 'LCTP beyond HAW',
      broken: (p, at) => setBit(p, at.root, beyondHaw, 1),
      legal: (p, at) => setBit(p, at.root + 8, beyondHaw, 1),
    },
    { code: 0x40, when: 'the context table is not in memory', broken: (p, at) => setPointer(p, at.root, 12, nowhere) },
    { code: 0x41, when: 'the context entry is not present', broken: (p, at) => setBit(p, at.context, 0, 0) },
    { code: 0x42, when: 'bit 7 of the context entry', broken: (p, at) => setBit(p, at.context, 7, 1) },
    { code: 0x42, when: 'the last bit of the context entry', broken: (p, at) => setBit(p, at.context, 255, 1) },
    {
      code: 0x42,
      when: 'PRE without ECAP.PRS',
      capabilities: { PRS: 0 },
      broken: (p, at) => setBits(p, at.context, { high: 4, low: 2, value: 0b111n }),
      legal: (p, at) => setBits(p, at.context, { high: 4, low: 2, value: 0b011n }),
    },
    {
      code: 0x43,
      when: 'PRE without DTE',
      broken: (p, at) => setBits(p, at.context, { high: 4, low: 2, value: 0b110n }),
      legal: (p, at) => setBits(p, at.context, { high: 4, low: 2, value: 0b111n }),
    },
    {
      code: 0x43,
      when: 'RID_PASID beyond the directory',
      broken: (p, at) => setBits(p, at.context, { high: 83, low: 64, value: 0x2000n }),
      legal: (p, at) => setBits(p, at.context, { high: 83, low: 64, value: 0x1fffn }),
    },
    { code: 0x45, when: 'PASIDE is clear', broken: (p, at) => setBit(p, at.context, 3, 0) },
    { code: 0x46, when: 'PASID beyond 2^(PDTS+13)', dma: { pasid: 0x2001 }, legalDma: { pasid: 1 } },
    {
      code: 0x48,
      when: 'the PASID of the request is RID_PASID',
      broken: (p, at) => setBits(p, at.context, { high: 83, low: 64, value: 1n }),
      legal: (p, at) => setBits(p, at.context, { high: 83, low: 64, value: 2n }),
    },
    { code: 0x50, when: 'the directory is not in memory', broken: (p, at) => setPointer(p, at.context, 12, nowhere) },
    { code: 0x51, when: 'the directory entry is not present', broken: (p, at) => setBit(p, at.directory, 0, 0) },
    { code: 0x52, when: 'bit 2 of the directory entry', broken: (p, at) => setBit(p, at.directory, 2, 1) },
    {
      code: 0x58,
      when: 'the PASID table is not in memory',
      broken: (p, at) => setPointer(p, at.directory, 12, nowhere),
    },
    { code: 0x59, when: 'the PASID entry is not present', broken: (p, at) => setBit(p, at.pasid, 0, 0) },
    { code: 0x5a, when: 'bit 5 of the PASID entry', broken: (p, at) => setBit(p, at.pasid, 5, 1) },
    {
      code: 0x5a,
      when: 'bit 129 of the PASID entry, and not 133, which is ignored',
      broken: (p, at) => setBit(p, at.pasid, 129, 1),
      legal: (p, at) => setBit(p, at.pasid, 133, 1),
    },
    { code: 0x5a, when: 'the last bit of the PASID entry', broken: (p, at) => setBit(p, at.pasid, 511, 1) },
    {
      code: 0x5a,
      when: 'SRE without ECAP.SRS',
      broken: (p, at) => setBit(p, at.pasid, 128, 1),
      capabilities: { SRS: 0 },
    },
    {
      code: 0x5b,
      when: 'a reserved PGTT',
      broken: (p, at) => setBits(p, at.pasid, { high: 8, low: 6, value: 5n }),
      legal: (p, at) => setBits(p, at.pasid, { high: 8, low: 6, value: 4n }),
    },
    {
      code: 0x5b,
      when: 'FSPM 2 of a first-stage entry',
      broken: (p, at) => setBits(p, at.pasid, { high: 131, low: 130, value: 2n }),
    },
    {
      code: 0x5b,
      when: 'AW 4 of a second-stage entry',
      ...second,
      broken: (p, at) => setBits(p, at.pasid, { high: 4, low: 2, value: 4n }),
    },
    {
      code: 0x5b,
      when: 'AW that SAGAW lacks',
      ...second,
      capabilities: { SAGAW: 0b0100 },
      broken: (p, at) => setBits(p, at.pasid, { high: 4, low: 2, value: 1n }),
    },
    {
      code: 0x5b,
      when: 'FSPTPTR of a nested entry beyond its second stage',
      stage: 'nested',
      broken: (p, at) => setBits(p, at.pasid, { high: 191, low: 140, value: 1n << 36n }),
      capabilities: { HAW: 52 },
    },
    {
      code: 0x70,
      when: 'a lower first-stage table is not in memory',
      broken: (p, at) => setPointer(p, at.first(3), 12, nowhere),
    },
    { code: 0x71, when: 'a first-stage leaf is not present', broken: (p, at) => setBit(p, at.first(1), 0, 0) },
    { code: 0x71, when: 'a first-stage table entry is not present', broken: (p, at) => setBit(p, at.first(3), 0, 0) },
    { code: 0x72, when: 'a first-stage leaf beyond HAW', broken: (p, at) => setBit(p, at.first(1), beyondHaw, 1) },
    { code: 0x72, when: 'PS in a first-stage entry of level 4', broken: (p, at) => setBit(p, at.first(4), 7, 1) },
    {
      code: 0x73,
      when: 'the top first-stage table is not in memory',
      broken: (p, at) => setPointer(p, at.pasid, 140, nowhere),
    },
    {
      code: 0x78,
      when: 'a lower second-stage table is not in memory',
      ...second,
      broken: (p, at) => setPointer(p, at.second(2), 12, nowhere),
    },
    {
      code: 0x79,
      when: 'a second-stage leaf with R = W = 0',
      ...second,
      broken: (p, at) => setBits(p, at.second(1), { high: 1, low: 0, value: 0n }),
      legal: (p, at) => setBits(p, at.second(1), { high: 1, low: 0, value: 1n }),
    },
    {
      code: 0x7a,
      when: 'a second-stage leaf beyond HAW',
      ...second,
      broken: (p, at) => setBit(p, at.second(1), beyondHaw, 1),
    },
    {
      code: 0x7b,
      when: 'the top second-stage table is not in memory',
      ...second,
      broken: (p, at) => setPointer(p, at.pasid, 12, nowhere),
    },
    {
      code: 0x80,
      when: 'a first-stage address that is not canonical',
      dma: { pasid: 1, iova: 2 ** 47 },
      legalDma: { pasid: 1 },
    },
    { code: 0x81, when: 'a supervisor page', broken: (p, at) => setBit(p, at.first(1), 2, 0) },
    { code: 0x81, when: 'a supervisor table', broken: (p, at) => setBit(p, at.first(4), 2, 0) },
    {
      code: 0x83,
      when: 'a pass-through address beyond HAW',
      stage: 'pass-through',
      dma: { pasid: 1, iova: 2 ** 46 },
      legalDma: { pasid: 1, iova: 2 ** 46 - 4096 },
    },
    {
      code: 0x84,
      when: 'a second-stage address beyond AW',
      ...second,
      dma: { pasid: 1, iova: 2 ** 48 },
      legalDma: { pasid: 1 },
    },
    {
      code: 0x85,
      when: 'a write to a read-only first-stage page',
      dma: { write: true },
      broken: (p, at) => setBit(p, at.first(1), 1, 0),
    },
    {
      code: 0x85,
      when: 'a write below a read-only first-stage table',
      dma: { write: true },
      broken: (p, at) => setBit(p, at.first(2), 1, 0),
    },
    {
      code: 0x85,
      when: 'a write to a read-only second-stage page',
      ...second,
      dma: { write: true },
      broken: (p, at) => setBit(p, at.second(1), 1, 0),
    },
    {
      code: 0x86,
      when: 'a read of a write-only second-stage page',
      ...second,
      broken: (p, at) => setBit(p, at.second(1), 0, 0),
    },
  ]);
});

describe('faults of a walk in legacy mode (VT-d 7.1.3 Table 30)', () => {
  suite('legacy', [
    { code: 0x1, when: 'the root entry is not present', broken: (p, at) => setBit(p, at.root, 0, 0) },
    { code: 0x2, when: 'the context entry is not present', broken: (p, at) => setBit(p, at.context, 0, 0) },
    {
      code: 0x3,
      when: 'AW 4',
      broken: (p, at) => setBits(p, at.context, { high: 66, low: 64, value: 4n }),
      legal: (p, at) => setBits(p, at.context, { high: 70, low: 67, value: 0xfn }),
    },
    { code: 0x3, when: 'TT 3', broken: (p, at) => setBits(p, at.context, { high: 3, low: 2, value: 3n }) },
    {
      code: 0x3,
      when: 'TT 1 without ECAP.DT',
      capabilities: { DT: 0 },
      broken: (p, at) => setBits(p, at.context, { high: 3, low: 2, value: 1n }),
    },
    {
      code: 0x3,
      when: 'pass-through with an AW that is not the widest',
      broken: (p, at) => setBits(p, at.context, { high: 3, low: 2, value: 2n }),
      legal: (p, at) => {
        setBits(p, at.context, { high: 3, low: 2, value: 2n });
        setBits(p, at.context, { high: 66, low: 64, value: 3n });
      },
    },
    { code: 0x4, when: 'an address beyond AW', dma: { iova: 2 ** 48 }, legalDma: {} },
    {
      code: 0x5,
      when: 'a write to a read-only page',
      dma: { write: true },
      broken: (p, at) => setBit(p, at.second(1), 1, 0),
    },
    {
      code: 0x5,
      when: 'a write to a page with R = W = 0',
      dma: { write: true },
      broken: (p, at) => setBits(p, at.second(1), { high: 1, low: 0, value: 0n }),
    },
    { code: 0x6, when: 'a read of a write-only page', broken: (p, at) => setBit(p, at.second(1), 0, 0) },
    { code: 0x7, when: 'a lower table is not in memory', broken: (p, at) => setPointer(p, at.second(3), 12, nowhere) },
    { code: 0x9, when: 'the context table is not in memory', broken: (p, at) => setPointer(p, at.root, 12, nowhere) },
    { code: 0xa, when: 'a reserved bit in the root entry', broken: (p, at) => setBit(p, at.root, 64, 1) },
    { code: 0xb, when: 'bit 71 of the context entry', broken: (p, at) => setBit(p, at.context, 71, 1) },
    { code: 0xc, when: 'a leaf beyond HAW', broken: (p, at) => setBit(p, at.second(1), beyondHaw, 1) },
    { code: 0x31, when: 'a request with PASID', dma: { pasid: 1 }, legalDma: {} },
  ]);
});

describe('FPD', () => {
  const broken: Readonly<Record<string, { readonly code: number; readonly change: Change }>> = {
    '59h': { code: 0x59, change: (p, at) => setBit(p, at.pasid, 0, 0) },
    '5Ah': { code: 0x5a, change: (p, at) => setBit(p, at.pasid, 5, 1) },
    '71h': { code: 0x71, change: (p, at) => setBit(p, at.first(1), 0, 0) },
  };
  const fpd: Readonly<Record<string, Change>> = {
    'the context entry': (p, at) => setBit(p, at.context, 1, 1),
    'the directory entry': (p, at) => setBit(p, at.directory, 1, 1),
    'the PASID entry': (p, at) => setBit(p, at.pasid, 1, 1),
  };

  describe.each(Object.entries(fpd))('in %s', (_, disable) => {
    it.each(Object.entries(broken))('keeps %s from being recorded', (__, { code, change }) => {
      const fault: FaultCase = { code, when: '' };
      const enabled = run('scalable', fault, change, { pasid: 1 });
      expect(enabled.events('fault')[0]).toMatchObject({ reason: code, recorded: true });
      const both: Change = (p, at) => {
        change(p, at);
        disable(p, at);
      };
      expect(run('scalable', fault, both, { pasid: 1 }).events('fault')[0]).toMatchObject({
        reason: code,
        recorded: false,
      });
    });
  });

  it('counts even in an entry that is not present', () => {
    const change: Change = (p, at) => setBits(p, at.context, { high: 1, low: 0, value: 0b10n });
    expect(run('scalable', { code: 0x41, when: '' }, change, { pasid: 1 }).events('fault')[0]).toMatchObject({
      reason: 0x41,
      recorded: false,
    });
  });

  const unqualified: readonly { readonly code: number; readonly change: Change }[] = [
    { code: 0x50, change: (p, at) => setPointer(p, at.context, 12, nowhere) },
    { code: 0x58, change: (p, at) => setPointer(p, at.directory, 12, nowhere) },
  ];
  it.each(unqualified)('leaves faults recorded that are not qualified ($code)', ({ code, change }) => {
    const both: Change = (p, at) => {
      change(p, at);
      setBit(p, at.context, 1, 1);
      setBit(p, at.directory, 1, 1);
    };
    expect(run('scalable', { code, when: '' }, both, { pasid: 1 }).events('fault')[0]).toMatchObject({
      reason: code,
      recorded: true,
    });
  });

  it('of a legacy context entry keeps qualified faults from being recorded', () => {
    const change: Change = (p, at) => setBit(p, at.second(1), 0, 0);
    const both: Change = (p, at) => {
      change(p, at);
      setBit(p, at.context, 1, 1);
    };
    const fault: FaultCase = { code: 0x6, when: '' };
    expect(run('legacy', fault, change, {}).events('fault')[0]).toMatchObject({ reason: 0x6, recorded: true });
    expect(run('legacy', fault, both, {}).events('fault')[0]).toMatchObject({ reason: 0x6, recorded: false });
  });
});
