import { fieldMask, getField } from '../../entry-layout.ts';
import { pasidEntry, pasidTableType, usedPasidEntryBits } from '../../vtd/entries/pasid-entry.ts';
import { type EntryRules, quantaOf, wordsOfQuanta } from '../entry-sync.ts';

/**
 * What the driver tells the library that hardware looks at: `rfc`, the first posting (2026-03-09); `corrected`, the reply
 * of 2026-03-11, with PGSNP for second stage and pass-through; `spec`, Rev. 5.10 as the checkers read it; and two
 * mistakes: `too-small`, without the pointer and mode of the first stage, and `too-large`, every bit.
 */
export const pasidUsedBits = ['rfc', 'corrected', 'spec', 'too-small', 'too-large'] as const;
export type PasidUsedBits = (typeof pasidUsedBits)[number];

type FieldName = keyof typeof pasidEntry.fields;
type MaskTable = Readonly<Record<number, Uint32Array>>;

const { first, second, nested, passThrough } = pasidTableType;
const firstStage: readonly FieldName[] = ['firstStagePointer', 'firstStageMode'];
const secondStage: readonly FieldName[] = ['faultProcessingDisable', 'secondStageAccessedDirty', 'secondStagePointer'];
const snoop: readonly FieldName[] = ['pageWalkSnoop', 'pageSnoop'];
const common: readonly FieldName[] = ['present', 'addressWidth', 'pgtt', 'domainId'];

/** The switch of intel_pasid_get_used; `snoopBits` are those of second stage and pass-through, where the versions differ. */
function masksOf(snoopBits: readonly FieldName[], firstStageBits: readonly FieldName[] = firstStage): MaskTable {
  const mask = (...fields: readonly FieldName[]): Uint32Array => fieldMask(pasidEntry, [...common, ...fields]);
  return {
    [first]: mask(...snoop, ...firstStageBits),
    [second]: mask(...secondStage, ...snoopBits),
    [nested]: mask(
      ...secondStage,
      ...snoop,
      ...firstStageBits,
      'supervisorRequest',
      'writeProtect',
      'extendedAccessedFlag',
    ),
    [passThrough]: mask('faultProcessingDisable', ...snoopBits),
  };
}

const presentOnly = fieldMask(pasidEntry, ['present']);
const everything = new Uint32Array(pasidEntry.wordCount).fill(0xffff_ffff);
const tables: Readonly<Record<Exclude<PasidUsedBits, 'spec'>, MaskTable>> = {
  rfc: masksOf(['pageWalkSnoop']),
  corrected: masksOf(snoop),
  'too-small': masksOf(snoop, []),
  'too-large': { [first]: everything, [second]: everything, [nested]: everything, [passThrough]: everything },
};

/** The mask of one version for the contents of an entry; 16 words. */
export function usedPasidBits(version: PasidUsedBits, words: ArrayLike<number>): Uint32Array {
  if (version === 'spec') {
    const used = new Uint32Array(pasidEntry.wordCount);
    usedPasidEntryBits(words, 0, used);
    return used;
  }
  const isPresent = getField(pasidEntry.fields.present, words, 0) === 1;
  // WARN_ON of the driver: it makes no entry of another type.
  return (isPresent && tables[version][getField(pasidEntry.fields.pgtt, words, 0)]) || presentOnly;
}

/** A PASID entry as the library sees it: its 512 bits in quanta of 64 or 128, P in the first. */
export function pasidEntryRules(quantumBits: 64 | 128, version: PasidUsedBits): EntryRules {
  return {
    quantumBits,
    quantumCount: pasidEntry.widthBits / quantumBits,
    validQuantum: 0,
    validBit: 1n,
    usedBits: (entry) => quantaOf(usedPasidBits(version, wordsOfQuanta(entry, quantumBits)), quantumBits),
  };
}
