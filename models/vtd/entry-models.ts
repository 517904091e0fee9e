import type { EntryModel } from '../entry-registry.ts';
import type { VtdStructure } from '../trace-events.ts';
import { contextEntry, usedContextEntryBits } from './entries/context-entry.ts';
import { firstStagePagingEntry, usedFirstStagePagingEntryBits } from './entries/first-stage-paging-entry.ts';
import { remappedInterruptEntry, usedInterruptEntryBits } from './entries/interrupt-remapping-entry.ts';
import { pasidDirectoryEntry, usedPasidDirectoryEntryBits } from './entries/pasid-directory-entry.ts';
import { pasidEntry, usedPasidEntryBits } from './entries/pasid-entry.ts';
import { rootEntry, usedRootEntryBits } from './entries/root-entry.ts';
import { scalableContextEntry, usedScalableContextEntryBits } from './entries/scalable-context-entry.ts';
import { scalableRootHalf, usedScalableRootHalfBits } from './entries/scalable-root-entry.ts';
import { secondStagePagingEntry, usedSecondStagePagingEntryBits } from './entries/second-stage-paging-entry.ts';

/** The VT-d structures, as the entry registry wants to know them. */
export const vtdEntryModels: Readonly<Record<VtdStructure, EntryModel>> = {
  'root-entry': { structure: 'root-entry', wordCount: rootEntry.wordCount, usedBits: usedRootEntryBits },
  'scalable-root-entry': {
    structure: 'scalable-root-entry',
    wordCount: scalableRootHalf.wordCount,
    usedBits: usedScalableRootHalfBits,
  },
  'context-entry': { structure: 'context-entry', wordCount: contextEntry.wordCount, usedBits: usedContextEntryBits },
  'scalable-context-entry': {
    structure: 'scalable-context-entry',
    wordCount: scalableContextEntry.wordCount,
    usedBits: usedScalableContextEntryBits,
  },
  'pasid-directory-entry': {
    structure: 'pasid-directory-entry',
    wordCount: pasidDirectoryEntry.wordCount,
    usedBits: usedPasidDirectoryEntryBits,
  },
  'pasid-entry': { structure: 'pasid-entry', wordCount: pasidEntry.wordCount, usedBits: usedPasidEntryBits },
  'interrupt-remapping-entry': {
    structure: 'interrupt-remapping-entry',
    wordCount: remappedInterruptEntry.wordCount,
    usedBits: usedInterruptEntryBits,
  },
  'first-stage-paging-entry': {
    structure: 'first-stage-paging-entry',
    wordCount: firstStagePagingEntry.wordCount,
    usedBits: usedFirstStagePagingEntryBits,
  },
  'second-stage-paging-entry': {
    structure: 'second-stage-paging-entry',
    wordCount: secondStagePagingEntry.wordCount,
    usedBits: usedSecondStagePagingEntryBits,
  },
};
