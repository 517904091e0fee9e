import { type EntryLayout, getField } from '../models/entry-layout.ts';
import { deviceContext } from '../models/riscv/entries/device-context.ts';
import { ddtEntry, pdtEntry } from '../models/riscv/entries/directory-entry.ts';
import { pageTableEntry } from '../models/riscv/entries/page-table-entry.ts';
import { processContext } from '../models/riscv/entries/process-context.ts';
import type { Structure } from '../models/trace-events.ts';
import { contextEntry } from '../models/vtd/entries/context-entry.ts';
import { firstStagePagingEntry } from '../models/vtd/entries/first-stage-paging-entry.ts';
import { postedInterruptEntry, remappedInterruptEntry } from '../models/vtd/entries/interrupt-remapping-entry.ts';
import { pasidDirectoryEntry } from '../models/vtd/entries/pasid-directory-entry.ts';
import { pasidEntry } from '../models/vtd/entries/pasid-entry.ts';
import { rootEntry } from '../models/vtd/entries/root-entry.ts';
import { scalableContextEntry } from '../models/vtd/entries/scalable-context-entry.ts';
import { scalableRootHalf } from '../models/vtd/entries/scalable-root-entry.ts';
import { secondStagePagingEntry } from '../models/vtd/entries/second-stage-paging-entry.ts';
import { requesterText } from './requester-text.ts';

interface ShownField {
  readonly name: string;
  /** How a value is written; without it as a decimal number, or an address. */
  readonly text?: (value: number) => string;
  /** Said in front of the value; without it the mnemonic of the layout. */
  readonly label?: string;
  /** Names of values, said alone; a value without a name is shown as `label=value`. */
  readonly values?: Readonly<Record<number, string>>;
  /** Left out while 0, because 0 is what an entry that has no use for the field holds. */
  readonly hideZero?: true;
  /** Left out while 0 in words whose `field` says that hardware does not look: it has another value than these. */
  readonly usedWith?: { readonly field: string; readonly values: readonly number[] };
}

interface ShownEntry {
  readonly layout: EntryLayout;
  /** What a reader needs to follow an update, in the order of the picture; not every field of the entry. */
  readonly shown: readonly ShownField[];
}

const pasidTypes = { 1: 'first-stage', 2: 'second-stage', 3: 'nested', 4: 'pass-through' };
const contextTypes = { 0: 'second-stage', 2: 'pass-through' };

const ifPresent = { field: 'present', values: [1] };

/** The parts that both formats of an IRTE have at the same place. */
const interruptSource: readonly ShownField[] = [
  { name: 'sid', text: requesterText, usedWith: ifPresent },
  { name: 'sourceValidation', usedWith: ifPresent },
];

const postedInterrupt: ShownEntry = {
  layout: postedInterruptEntry,
  shown: [
    { name: 'present' },
    { name: 'faultProcessingDisable', hideZero: true },
    { name: 'mode', values: { 1: 'posted' }, usedWith: ifPresent },
    { name: 'urgent', hideZero: true },
    { name: 'vector', text: hex, usedWith: ifPresent },
    { name: 'descriptorLow', usedWith: ifPresent },
    ...interruptSource,
    { name: 'descriptorHigh', text: hex, hideZero: true },
  ],
};

const firstStageModes = { 0: 'Bare', 8: 'Sv39', 9: 'Sv48', 10: 'Sv57' };
const secondStageModes = { 8: 'Sv39x4', 9: 'Sv48x4', 10: 'Sv57x4' };
const ifValid = { field: 'valid', values: [1] };
const directoryFields: readonly ShownField[] = [{ name: 'valid' }, { name: 'table', usedWith: ifValid }];
const pageTableFields: readonly ShownField[] = [
  { name: 'valid' },
  { name: 'read', hideZero: true },
  { name: 'write', hideZero: true },
  { name: 'address', hideZero: true },
];

const entries: Readonly<Record<Structure, ShownEntry>> = {
  'riscv-ddt-entry': { layout: ddtEntry, shown: directoryFields },
  'riscv-device-context': {
    layout: deviceContext,
    shown: [
      { name: 'valid' },
      { name: 'enableAts', hideZero: true },
      { name: 'processDirectory', hideZero: true },
      { name: 'secondMode', values: secondStageModes, hideZero: true },
      { name: 'gscid', hideZero: true },
      { name: 'secondTable', hideZero: true },
      { name: 'pscid' },
      { name: 'firstMode', values: firstStageModes },
      { name: 'firstTable', hideZero: true },
    ],
  },
  'riscv-pdt-entry': { layout: pdtEntry, shown: directoryFields },
  'riscv-process-context': {
    layout: processContext,
    shown: [
      { name: 'valid' },
      { name: 'pscid' },
      { name: 'mode', values: firstStageModes },
      { name: 'table', hideZero: true },
    ],
  },
  'riscv-first-stage-pte': { layout: pageTableEntry, shown: pageTableFields },
  'riscv-second-stage-pte': { layout: pageTableEntry, shown: pageTableFields },
  'interrupt-remapping-entry': {
    layout: remappedInterruptEntry,
    shown: [
      { name: 'present' },
      { name: 'faultProcessingDisable', hideZero: true },
      { name: 'vector', text: hex, usedWith: ifPresent },
      { name: 'destination', usedWith: ifPresent },
      ...interruptSource,
    ],
  },
  'root-entry': { layout: rootEntry, shown: [{ name: 'present' }, { name: 'contextTablePointer' }] },
  'scalable-root-entry': {
    layout: scalableRootHalf,
    shown: [
      { name: 'present', label: 'P' },
      { name: 'contextTablePointer', label: 'CTP' },
    ],
  },
  'context-entry': {
    layout: contextEntry,
    shown: [
      { name: 'present' },
      { name: 'domainId' },
      { name: 'addressWidth' },
      { name: 'translationType', values: contextTypes },
      { name: 'secondStagePointer' },
    ],
  },
  'scalable-context-entry': {
    layout: scalableContextEntry,
    shown: [
      { name: 'present' },
      { name: 'pasidEnable', hideZero: true },
      { name: 'pasidDirectoryPointer' },
      { name: 'ridPasid', hideZero: true },
    ],
  },
  'pasid-directory-entry': {
    layout: pasidDirectoryEntry,
    shown: [{ name: 'present' }, { name: 'pasidTablePointer' }],
  },
  'pasid-entry': {
    layout: pasidEntry,
    shown: [
      { name: 'present' },
      { name: 'faultProcessingDisable', hideZero: true },
      { name: 'domainId' },
      { name: 'pgtt', values: pasidTypes },
      { name: 'secondStagePointer', hideZero: true },
      { name: 'firstStagePointer', usedWith: { field: 'pgtt', values: [1, 3] } },
    ],
  },
  'first-stage-paging-entry': {
    layout: firstStagePagingEntry,
    shown: [{ name: 'present' }, { name: 'readWrite' }, { name: 'address', hideZero: true }],
  },
  'second-stage-paging-entry': {
    layout: secondStagePagingEntry,
    shown: [{ name: 'read' }, { name: 'write' }, { name: 'address', hideZero: true }],
  },
};

/** Bytes of an entry of the structure. */
export function entryByteCount(structure: Structure): number {
  return entries[structure].layout.wordCount * 4;
}

/**
 * The fields that matter in a part of an entry, as `P=1 DID=5 first-stage`; empty when the part has none. `firstWord`
 * says where the part begins, in 32-bit words of the entry.
 */
export function fieldsText(structure: Structure, firstWord: number, words: readonly number[]): string {
  const { layout, shown } = shownEntry(structure, firstWord, words);
  const part = partOf(layout, firstWord, words);
  const texts: string[] = [];
  for (const { name, label, text: shownText, values, hideZero, usedWith } of shown) {
    const value = part(name);
    const field = layout.fields[name];
    if (value === undefined || field === undefined) {
      continue;
    }
    const other = usedWith === undefined ? undefined : part(usedWith.field);
    const isUnused = other !== undefined && usedWith?.values.includes(other) === false;
    if (value === 0 && (hideZero || isUnused)) {
      continue;
    }
    const text = shownText?.(value) ?? (field.unitBytes > 1 ? hex(value * field.unitBytes) : String(value));
    texts.push(values?.[value] ?? `${label ?? field.spec}=${text}`);
  }
  return texts.join(' ');
}

/** Of an IRTE the low half says which format it has; the high half alone is shown as what a posted one would be. */
function shownEntry(structure: Structure, firstWord: number, words: readonly number[]): ShownEntry {
  const { firstWord: modeWord, shift } = remappedInterruptEntry.fields.mode;
  const isRemapped = firstWord <= modeWord && (((words[modeWord - firstWord] ?? 0) >>> shift) & 1) === 0;
  return structure === 'interrupt-remapping-entry' && !isRemapped ? postedInterrupt : entries[structure];
}

/** Reader of the fields that lie in the part as a whole; undefined for the others. */
function partOf(
  layout: EntryLayout,
  firstWord: number,
  words: readonly number[],
): (name: string) => number | undefined {
  const contents = new Uint32Array(layout.wordCount);
  const end = Math.min(firstWord + words.length, layout.wordCount);
  for (let i = Math.max(firstWord, 0); i < end; i += 1) {
    contents[i] = words[i - firstWord] ?? 0;
  }
  return (name) => {
    const field = layout.fields[name];
    const isIn = field !== undefined && field.firstWord >= firstWord && field.lastWord < end;
    return isIn ? getField(field, contents, 0) : undefined;
  };
}

function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}
