import { assert } from '../../sim/assert.ts';

/**
 * Which invalidations a change of a table entry needs, in which order (VT-d 6.5.3.3, Table 28 of Rev. 5.10). The rows
 * hold for entries that were present before the change, and with CM = 1 for all.
 */

export interface RequiredInvalidation {
  /** Kind of descriptor: types 1, 7, 2, 6, 3 and 8. */
  readonly kind: 'context' | 'pasid-cache' | 'iotlb' | 'piotlb' | 'device-tlb' | 'pasid-device-tlb';
  /** The least that will do; coarser is always good. Of a device TLB, `global` is all addresses. */
  readonly granularity: 'global' | 'domain' | 'device' | 'pasid';
}

export type ChangedStructure = 'root' | 'context' | 'pasid-directory' | 'pasid-entry';

/**
 * `present-set`: P 0->1. `present-cleared`: P 1->0. `second-stage-dirty`: SSADE of an entry with a second stage;
 * the table has 0->1 only, Linux does the same for 1->0, and so does this. `other-field`: anything else of an entry
 * that was present. `domain-id-reused`: the entry is given a domain ID that was in use before.
 */
export type EntryChange = 'present-set' | 'present-cleared' | 'second-stage-dirty' | 'other-field' | 'domain-id-reused';

export interface TableChange {
  readonly structure: ChangedStructure;
  readonly change: EntryChange;
  readonly mode: 'legacy' | 'scalable';
  /** CAP.CM = 1. */
  readonly cachingMode: boolean;
  /** PASID entry: PGTT before the change is second-stage or nested. */
  readonly walksSecondStage: boolean;
  /** PASID entry: it is the one of RID_PASID, which requests without PASID use. */
  readonly isRidPasid: boolean;
}

export interface InvalidationRow {
  readonly structure: ChangedStructure;
  readonly changes: readonly EntryChange[];
  readonly mode: 'legacy' | 'scalable';
  /** What the row holds for; `undefined` is either. */
  readonly cachingMode?: boolean;
  readonly walksSecondStage?: boolean;
  readonly isRidPasid?: boolean;
  readonly sequence: readonly RequiredInvalidation[];
  readonly section: string;
}

type Step = readonly [RequiredInvalidation['kind'], RequiredInvalidation['granularity']];
type Conditions = Pick<InvalidationRow, 'cachingMode' | 'walksSecondStage' | 'isRidPasid'>;

const anyChange: readonly EntryChange[] = ['present-set', 'present-cleared', 'other-field'];
const allDeviceTlb: Step = ['device-tlb', 'global'];
const allPasidDeviceTlb: Step = ['pasid-device-tlb', 'global'];

function row(
  place: readonly [ChangedStructure, 'legacy' | 'scalable'],
  changes: readonly EntryChange[],
  conditions: Conditions,
  steps: readonly Step[],
): InvalidationRow {
  const [structure, mode] = place;
  const sequence = steps.map(([kind, granularity]) => ({ kind, granularity }));
  return { structure, mode, changes, ...conditions, sequence, section: 'VT-d 6.5.3.3 Table 28' };
}

/** The row of a PASID entry, for the RID_PASID one and for any other: they differ in the device TLB to flush. */
function pasidRows(changes: readonly EntryChange[], conditions: Conditions, steps: readonly Step[]): InvalidationRow[] {
  return [true, false].map((isRidPasid) =>
    row(['pasid-entry', 'scalable'], changes, { ...conditions, isRidPasid }, [
      ...steps,
      isRidPasid ? allDeviceTlb : allPasidDeviceTlb,
    ]),
  );
}

function absentBefore(structure: ChangedStructure, mode: 'legacy' | 'scalable'): InvalidationRow {
  return row([structure, mode], ['present-set'], { cachingMode: false }, []);
}

/** The table; the first row that holds is the one. */
export const invalidationRows: readonly InvalidationRow[] = [
  // What was not present is not cached without caching mode.
  absentBefore('root', 'legacy'),
  absentBefore('context', 'legacy'),
  absentBefore('root', 'scalable'),
  absentBefore('context', 'scalable'),
  absentBefore('pasid-directory', 'scalable'),
  absentBefore('pasid-entry', 'scalable'),

  row(['root', 'scalable'], anyChange, {}, [
    ['context', 'global'],
    ['pasid-cache', 'global'],
    ['iotlb', 'global'],
    allDeviceTlb,
  ]),
  row(['root', 'legacy'], anyChange, {}, [['context', 'global'], ['iotlb', 'global'], allDeviceTlb]),

  // The PASID cache may be left out if no PASID entry of the device was present and CM = 0.
  row(['context', 'scalable'], anyChange, {}, [
    ['context', 'device'],
    ['pasid-cache', 'domain'],
    ['iotlb', 'domain'],
    allDeviceTlb,
  ]),
  // Entries that were not present are cached under domain ID 0, and no device TLB has anything of them.
  row(['context', 'legacy'], ['present-set'], { cachingMode: true }, [
    ['context', 'device'],
    ['iotlb', 'domain'],
  ]),
  row(['context', 'legacy'], anyChange, {}, [['context', 'device'], ['iotlb', 'domain'], allDeviceTlb]),
  row(['context', 'legacy'], ['domain-id-reused'], {}, [['context', 'domain'], ['iotlb', 'domain'], allDeviceTlb]),

  row(['pasid-directory', 'scalable'], anyChange, {}, [['pasid-cache', 'pasid'], ['iotlb', 'domain'], allDeviceTlb]),

  ...pasidRows(['present-cleared', 'second-stage-dirty'], { walksSecondStage: true }, [
    ['pasid-cache', 'pasid'],
    ['iotlb', 'domain'],
  ]),
  ...pasidRows(['present-cleared'], { walksSecondStage: false }, [
    ['pasid-cache', 'pasid'],
    ['piotlb', 'pasid'],
  ]),
  ...pasidRows(['present-set', 'other-field'], {}, [
    ['pasid-cache', 'pasid'],
    ['piotlb', 'pasid'],
  ]),
  row(['pasid-entry', 'scalable'], ['domain-id-reused'], {}, [
    ['pasid-cache', 'domain'],
    ['iotlb', 'domain'],
    allDeviceTlb,
  ]),
];

/**
 * The row for a change. A change the table has no row for (a PASID structure in legacy mode, SSADE without a
 * second stage) is a mistake of the caller and an InternalError.
 */
export function requiredInvalidations(change: TableChange): InvalidationRow {
  const found = invalidationRows.find((candidate) => holdsFor(candidate, change));
  assert(found !== undefined, `VT-d 6.5.3.3 has a row for ${change.structure} ${change.change} in ${change.mode} mode`);
  return found;
}

function holdsFor(candidate: InvalidationRow, change: TableChange): boolean {
  const { cachingMode, walksSecondStage, isRidPasid } = candidate;
  return (
    candidate.structure === change.structure &&
    candidate.mode === change.mode &&
    candidate.changes.includes(change.change) &&
    (cachingMode === undefined || cachingMode === change.cachingMode) &&
    (walksSecondStage === undefined || walksSecondStage === change.walksSecondStage) &&
    (isRidPasid === undefined || isRidPasid === change.isRidPasid)
  );
}
