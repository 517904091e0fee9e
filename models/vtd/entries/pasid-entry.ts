import {
  copyMask,
  encode,
  fieldMask,
  getAddress,
  getField,
  layout,
  reservedMask,
  zeroUnderMask,
} from '../../entry-layout.ts';
import { type Capabilities, defaultCapabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/** PASID table entry of scalable mode: 512 bits, which hardware may read as four 128-bit quanta in any order. */
export const pasidEntry = layout({
  name: 'PASID table entry',
  widthBits: 512,
  section: 'VT-d 9.6',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    faultProcessingDisable: { high: 1, low: 1, spec: 'FPD' },
    addressWidth: { high: 4, low: 2, spec: 'AW', reservedUnless: 'SSTS' },
    pgtt: { high: 8, low: 6, spec: 'PGTT' },
    secondStageAccessedDirty: { high: 9, low: 9, spec: 'SSADE', reservedUnless: ['SSTS', 'SSADS'] },
    secondStagePointer: { high: 63, low: 12, spec: 'SSPTPTR', addressWidth: 'HAW', unitBytes: 4096 },
    domainId: { high: 79, low: 64, spec: 'DID' },
    pageWalkSnoop: { high: 87, low: 87, spec: 'PWSNP', reservedUnless: 'SMPWC' },
    pageSnoop: { high: 88, low: 88, spec: 'PGSNP', reservedUnless: 'SC' },
    cacheDisable: { high: 89, low: 89, spec: 'CD', reservedUnless: 'MTS' },
    extendedMemoryType: { high: 90, low: 90, spec: 'EMTE', reservedUnless: 'MTS' },
    pageAttributeTable: { high: 127, low: 96, spec: 'PAT', reservedUnless: 'MTS' },
    supervisorRequest: { high: 128, low: 128, spec: 'SRE', reservedUnless: 'SRS' },
    firstStageMode: { high: 131, low: 130, spec: 'FSPM', reservedUnless: 'FSTS' },
    writeProtect: { high: 132, low: 132, spec: 'WPE' },
    formerNoExecute: { high: 133, low: 133, spec: 'NXE', ignored: true },
    formerSupervisorExecute: { high: 134, low: 134, spec: 'SMEP', ignored: true },
    extendedAccessedFlag: { high: 135, low: 135, spec: 'EAFE', reservedUnless: 'EAFS' },
    firstStagePointer: { high: 191, low: 140, spec: 'FSPTPTR', addressWidth: 'HAW', unitBytes: 4096 },
    hptSize: { high: 257, low: 256, spec: 'HPTSZ', reservedUnless: 'HPTS' },
    hptPrefetchDisable: { high: 258, low: 258, spec: 'HPTPFD', reservedUnless: 'HPTS' },
    hptPointer: { high: 319, low: 268, spec: 'HPTPTR', addressWidth: 'HAW', reservedUnless: 'HPTS', unitBytes: 4096 },
    hptDomainId: { high: 335, low: 320, spec: 'HPTDID', reservedUnless: 'HPTS' },
  },
});

const { fields } = pasidEntry;
type FieldName = keyof typeof fields;

/** Values of PGTT; 0, 5, 6 and 7 are reserved. */
export const pasidTableType = { first: 1, second: 2, nested: 3, passThrough: 4 } as const;

/** Values of fields by name; pointers are byte addresses. */
export type PasidEntryValues = Readonly<Partial<Record<FieldName, number>>>;

/** A new entry from named field values. */
export function encodePasidEntry(values: PasidEntryValues): Uint32Array {
  return encode(pasidEntry, values);
}

// VT-d 9.6, Rev. 5.10. SRE counts for every type: it has no "ignored" clause, and fault 5Dh names none. Too many bits
// here only force a more careful update; too few would hide a tear.
const always: readonly FieldName[] = ['present', 'faultProcessingDisable'];
const anyType: readonly FieldName[] = ['pgtt', 'domainId', 'pageWalkSnoop', 'pageSnoop', 'supervisorRequest'];
const firstStage: readonly FieldName[] = [
  'firstStageMode',
  'writeProtect',
  'extendedAccessedFlag',
  'firstStagePointer',
];
const secondStage: readonly FieldName[] = ['addressWidth', 'secondStageAccessedDirty', 'secondStagePointer'];
const memoryTypes: readonly FieldName[] = ['cacheDisable', 'pageAttributeTable'];
const hostPermissions: readonly FieldName[] = ['hptSize', 'hptPrefetchDisable', 'hptPointer', 'hptDomainId'];

/** What decides about used bits besides the entry itself. */
interface PasidEntryReading {
  readonly capabilities: Capabilities;
  /** HPTE of the context entry. */
  readonly hostPermissionTable: boolean;
}

const plainReading: PasidEntryReading = { capabilities: defaultCapabilities, hostPermissionTable: false };
const absentMask = fieldMask(pasidEntry, always);
/** By PGTT and {@link readingIndex}. */
const presentMasks = Array.from({ length: 64 }, (_, index) => fieldMask(pasidEntry, usedFields(index)));

function readingIndex({ capabilities, hostPermissionTable }: PasidEntryReading): number {
  return (capabilities.MTS << 3) | (capabilities.firstStageModeAlwaysUsed << 4) | (hostPermissionTable ? 32 : 0);
}

function usedFields(index: number): readonly FieldName[] {
  const type = index & 7;
  const [mts, fspm, hpt] = [(index & 8) !== 0, (index & 16) !== 0, (index & 32) !== 0];
  const isReserved = type < pasidTableType.first || type > pasidTableType.passThrough;
  const usesFirst = isReserved || usesFirstStage(type);
  const usesSecond = isReserved || type === pasidTableType.second || type === pasidTableType.nested;
  return [
    ...always,
    ...anyType,
    ...(usesFirst ? firstStage : []),
    ...(usesSecond ? secondStage : []),
    ...(isReserved || mts ? memoryTypes : []),
    ...(isReserved || (mts && usesSecond) ? (['extendedMemoryType'] as const) : []),
    ...(fspm ? (['firstStageMode'] as const) : []),
    ...(isReserved || hpt ? hostPermissions : []),
  ];
}

/**
 * The bits hardware looks at, given what the entry itself says (VT-d 9.6), into 16 words of `out`. A type that is
 * reserved uses every field. Reserved bits are not among them: {@link checkPasidEntry} looks at those.
 */
export function usedPasidEntryBits(
  words: ArrayLike<number>,
  base: number,
  out: Uint32Array,
  reading: PasidEntryReading = plainReading,
): void {
  const isPresent = getField(fields.present, words, base) === 1;
  const index = getField(fields.pgtt, words, base) | readingIndex(reading);
  copyMask(isPresent ? (presentMasks[index] as Uint32Array) : absentMask, out);
}

/** 0 for a good entry, else the fault of VT-d 7.1.3 Table 30: conditions SPT.2, SPT.3, SPT.4, in this order. */
export function checkPasidEntry(words: ArrayLike<number>, base: number, capabilities: Capabilities): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.pasidNotPresent;
  }
  if (!zeroUnderMask(words, base, reservedMask(pasidEntry, capabilities))) {
    return entryFault.pasidReserved;
  }
  return isProgrammable(words, base, capabilities) ? 0 : entryFault.pasidInvalid;
}

function isProgrammable(words: ArrayLike<number>, base: number, capabilities: Capabilities): boolean {
  const { FSTS, SSTS, NEST, PT, SAGAW, FL5LP } = capabilities;
  const aw = getField(fields.addressWidth, words, base);
  const fspm = getField(fields.firstStageMode, words, base);
  const isAwGood = aw >= 1 && aw <= 3 && ((SAGAW >>> aw) & 1) === 1;
  const isFspmGood = fspm === 0 || (fspm === 1 && FL5LP === 1);
  const isUnusedFspmGood = isFspmGood || capabilities.firstStageModeAlwaysUsed === 0;
  switch (getField(fields.pgtt, words, base)) {
    case pasidTableType.first:
      return FSTS === 1 && isFspmGood;
    case pasidTableType.second:
      return SSTS === 1 && isAwGood && isUnusedFspmGood;
    case pasidTableType.nested:
      // The first-stage root is a guest address here, and must be one the second stage can take.
      return (
        NEST === 1 && isAwGood && isFspmGood && firstStagePointer(words, base) < 2 ** inputWidthBits(aw, capabilities)
      );
    case pasidTableType.passThrough:
      return PT === 1 && isUnusedFspmGood;
    default:
      return false;
  }
}

function inputWidthBits(aw: number, capabilities: Capabilities): number {
  return Math.min(capabilities.MGAW, 30 + 9 * aw);
}

/** Whether translations of a PGTT take an input address through first-stage tables. */
export function usesFirstStage(pgtt: number): boolean {
  return pgtt === pasidTableType.first || pgtt === pasidTableType.nested;
}

/** FSPTPTR as a byte address: host-physical for the first stage alone, guest-physical when nested. */
export function firstStagePointer(words: ArrayLike<number>, base: number): number {
  return getAddress(fields.firstStagePointer, words, base);
}

/** SSPTPTR as a byte address, host-physical. */
export function secondStagePointer(words: ArrayLike<number>, base: number): number {
  return getAddress(fields.secondStagePointer, words, base);
}
