import { describe, expect, it } from 'vitest';
import {
  invalidationRows,
  requiredInvalidations,
  type TableChange,
} from '../../../models/checkers/required-invalidations.ts';

const context: TableChange = {
  structure: 'context',
  change: 'present-cleared',
  mode: 'scalable',
  cachingMode: false,
  walksSecondStage: false,
  isRidPasid: false,
};
const pasid: TableChange = { ...context, structure: 'pasid-entry' };

function sequenceOf(change: TableChange): string {
  return requiredInvalidations(change)
    .sequence.map(({ kind, granularity }) => `${kind} ${granularity}`)
    .join(', ');
}

describe('the invalidations that a change needs', () => {
  it.each<[string, TableChange, string]>([
    [
      'a root entry',
      { ...context, structure: 'root' },
      'context global, pasid-cache global, iotlb global, device-tlb global',
    ],
    [
      'a root entry in legacy mode',
      { ...context, structure: 'root', mode: 'legacy', change: 'other-field' },
      'context global, iotlb global, device-tlb global',
    ],
    ['a context entry', context, 'context device, pasid-cache domain, iotlb domain, device-tlb global'],
    [
      'a context entry in legacy mode',
      { ...context, mode: 'legacy' },
      'context device, iotlb domain, device-tlb global',
    ],
    [
      'a directory entry',
      { ...context, structure: 'pasid-directory' },
      'pasid-cache pasid, iotlb domain, device-tlb global',
    ],
    [
      'P 1->0 of a first-stage or pass-through entry',
      pasid,
      'pasid-cache pasid, piotlb pasid, pasid-device-tlb global',
    ],
    [
      'P 1->0 of a second-stage or nested entry',
      { ...pasid, walksSecondStage: true },
      'pasid-cache pasid, iotlb domain, pasid-device-tlb global',
    ],
    [
      'P 1->0 of the RID_PASID entry',
      { ...pasid, isRidPasid: true },
      'pasid-cache pasid, piotlb pasid, device-tlb global',
    ],
    [
      'P 1->0 of the RID_PASID entry, second stage',
      { ...pasid, isRidPasid: true, walksSecondStage: true },
      'pasid-cache pasid, iotlb domain, device-tlb global',
    ],
    [
      'SSADE',
      { ...pasid, change: 'second-stage-dirty', walksSecondStage: true },
      'pasid-cache pasid, iotlb domain, pasid-device-tlb global',
    ],
    [
      'another field of a first-stage entry',
      { ...pasid, change: 'other-field' },
      'pasid-cache pasid, piotlb pasid, pasid-device-tlb global',
    ],
    [
      'another field of a second-stage entry',
      { ...pasid, change: 'other-field', walksSecondStage: true },
      'pasid-cache pasid, piotlb pasid, pasid-device-tlb global',
    ],
    [
      'another field of the RID_PASID entry',
      { ...pasid, change: 'other-field', isRidPasid: true },
      'pasid-cache pasid, piotlb pasid, device-tlb global',
    ],
    [
      'a domain ID given out again',
      { ...pasid, change: 'domain-id-reused' },
      'pasid-cache domain, iotlb domain, device-tlb global',
    ],
    [
      'a domain ID given out again in legacy mode',
      { ...context, change: 'domain-id-reused', mode: 'legacy' },
      'context domain, iotlb domain, device-tlb global',
    ],
  ])('%s', (_name, change, expected) => {
    expect(sequenceOf(change)).toBe(expected);
  });

  it.each([
    ['root', 'legacy'],
    ['root', 'scalable'],
    ['context', 'legacy'],
    ['context', 'scalable'],
    ['pasid-directory', 'scalable'],
    ['pasid-entry', 'scalable'],
  ] as const)(
    'are none for P 0->1 of a %s in %s mode, unless hardware caches what is not present',
    (structure, mode) => {
      const change = { ...context, structure, mode, change: 'present-set' } as const;
      expect(sequenceOf(change)).toBe('');
      expect(sequenceOf({ ...change, cachingMode: true })).not.toBe('');
    },
  );

  it('are those of the entry type for P 0->1 with caching mode, but no device TLB in legacy mode', () => {
    const present = { change: 'present-set', cachingMode: true } as const;
    expect(sequenceOf({ ...pasid, ...present })).toBe('pasid-cache pasid, piotlb pasid, pasid-device-tlb global');
    expect(sequenceOf({ ...context, ...present, mode: 'legacy' })).toBe('context device, iotlb domain');
    expect(sequenceOf({ ...context, ...present })).toBe(sequenceOf(context));
  });

  it('have no row for what the table does not have', () => {
    expect(() => requiredInvalidations({ ...pasid, mode: 'legacy' })).toThrow(
      'VT-d 6.5.3.3 has a row for pasid-entry present-cleared in legacy mode',
    );
    expect(() => requiredInvalidations({ ...pasid, change: 'second-stage-dirty' })).toThrow('second-stage-dirty');
  });
});

describe('the table', () => {
  it('goes context, PASID cache, IOTLB, device TLB in every row, and says where it is from', () => {
    const rank = ['context', 'pasid-cache', 'iotlb', 'piotlb', 'device-tlb', 'pasid-device-tlb'];
    for (const { sequence, section } of invalidationRows) {
      const ranks = sequence.map(({ kind }) => rank.indexOf(kind));
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      expect(section).toBe('VT-d 6.5.3.3 Table 28');
    }
  });

  it('has no row that another one hides', () => {
    const chosen = new Set(
      [...invalidationRows].flatMap(({ structure, mode, changes }) =>
        changes.flatMap((change) =>
          [0, 1, 2, 3, 4, 5, 6, 7].flatMap((flags) => {
            const query = {
              structure,
              mode,
              change,
              cachingMode: (flags & 1) !== 0,
              walksSecondStage: (flags & 2) !== 0,
              isRidPasid: (flags & 4) !== 0,
            };
            return change === 'second-stage-dirty' && !query.walksSecondStage ? [] : [requiredInvalidations(query)];
          }),
        ),
      ),
    );
    expect(invalidationRows.filter((row) => !chosen.has(row))).toEqual([]);
  });
});
