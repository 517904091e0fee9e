import { getAddress, getField } from '../entry-layout.ts';
import { deviceContext } from '../riscv/entries/device-context.ts';
import { processContext } from '../riscv/entries/process-context.ts';
import { firstStageMode, secondStageMode } from '../riscv/entries/translation-modes.ts';
import { contextEntry } from '../vtd/entries/context-entry.ts';
import { firstStagePointer, pasidEntry, pasidTableType, secondStagePointer } from '../vtd/entries/pasid-entry.ts';
import type { CheckerFacts, DomainFacts } from './checker.ts';

/** All memory: an entry that lets every address pass, or tables that are no domain's. */
export const everything = 1 << 30;

/** Whether an entry is one that says which domain a request goes to. */
export function leadsToDomains(facts: CheckerFacts, entry: number): boolean {
  switch (facts.structureOfEntry(entry)) {
    case 'pasid-entry':
    case 'context-entry':
    case 'riscv-process-context':
      return true;
    case 'riscv-device-context':
      // One that leads to process contexts says it by these.
      return !facts.hasProcessContexts(facts.sidOfEntry(entry));
    default:
      return false;
  }
}

/**
 * What the contents of an entry lead to: of an entry that leads to domains a bit for each, of a leaf paging entry the
 * number of its page; 0: nowhere.
 */
export function whereTo(facts: CheckerFacts, entry: number, words: readonly number[]): number {
  switch (facts.structureOfEntry(entry)) {
    case 'pasid-entry':
      return getField(pasidEntry.fields.present, words, 0) === 1
        ? matching(facts.domains, (domain) => isPasidEntryOf(domain, words))
        : 0;
    case 'context-entry':
      return getField(contextEntry.fields.present, words, 0) === 1
        ? matching(facts.domains, (domain) => isContextEntryOf(domain, words))
        : 0;
    case 'riscv-device-context':
      return getField(deviceContext.fields.valid, words, 0) === 1
        ? matching(facts.domains, (domain) => isDeviceContextOf(domain, words))
        : 0;
    case 'riscv-process-context':
      return getField(processContext.fields.valid, words, 0) === 1
        ? matching(facts.domains, (domain) => isProcessContextOf(domain, words))
        : 0;
    case 'first-stage-paging-entry':
    case 'second-stage-paging-entry':
    case 'riscv-first-stage-pte':
    case 'riscv-second-stage-pte':
      return Math.floor((facts.pageOfLeaf(entry, words) ?? 0) / 4096);
    default:
      return 0;
  }
}

function matching(domains: readonly DomainFacts[], matches: (domain: DomainFacts) => boolean): number {
  const found = domains.reduce((all, domain, i) => (matches(domain) ? all | (1 << i) : all), 0);
  const isAny = found === 0 || domains.some((domain) => isWithoutTables(domain) && matches(domain));
  return isAny ? found | everything : found;
}

function isWithoutTables({ stage }: DomainFacts): boolean {
  return stage === 'pass-through' || stage === 'identity';
}

/** The tables say to which domain an entry leads; a domain ID may be wrong, and is what caches go by. */
function isPasidEntryOf({ stage, firstStageTable, secondStageTable }: DomainFacts, words: readonly number[]): boolean {
  const isFirst = firstStagePointer(words, 0) === firstStageTable;
  const isSecond = secondStagePointer(words, 0) === secondStageTable;
  switch (getField(pasidEntry.fields.pgtt, words, 0)) {
    case pasidTableType.first:
      return stage === 'first' && isFirst;
    case pasidTableType.second:
      return stage === 'second' && isSecond;
    case pasidTableType.nested:
      return stage === 'nested' && isFirst && isSecond;
    default:
      return stage === 'pass-through';
  }
}

function isContextEntryOf({ stage, secondStageTable }: DomainFacts, words: readonly number[]): boolean {
  return getField(contextEntry.fields.translationType, words, 0) === 2
    ? stage === 'pass-through'
    : stage === 'second' && getAddress(contextEntry.fields.secondStagePointer, words, 0) === secondStageTable;
}

function isDeviceContextOf(
  { stage, firstStageTable, secondStageTable }: DomainFacts,
  words: readonly number[],
): boolean {
  const { fields } = deviceContext;
  const hasFirst = getField(fields.firstMode, words, 0) !== firstStageMode.bare;
  const hasSecond = getField(fields.secondMode, words, 0) !== secondStageMode.bare;
  const isFirst = getAddress(fields.firstTable, words, 0) === firstStageTable;
  const isSecond = getAddress(fields.secondTable, words, 0) === secondStageTable;
  return isStage(stage, { first: hasFirst ? isFirst : undefined, second: hasSecond ? isSecond : undefined });
}

/** A second stage is the matter of the device context. */
function isProcessContextOf({ stage, firstStageTable }: DomainFacts, words: readonly number[]): boolean {
  const { fields } = processContext;
  const hasFirst = getField(fields.mode, words, 0) !== firstStageMode.bare;
  const first = hasFirst ? getAddress(fields.table, words, 0) === firstStageTable : undefined;
  return isStage(stage, { first }) || isStage(stage, { first, second: true });
}

/** Whether the stages that a context has, and whether each is by the tables of the domain, are those of the domain. */
function isStage(
  stage: DomainFacts['stage'],
  { first, second }: { readonly first?: boolean | undefined; readonly second?: boolean | undefined },
): boolean {
  if (first === undefined && second === undefined) {
    return stage === 'identity';
  }
  if (first === undefined || second === undefined) {
    return stage === (first === undefined ? 'second' : 'first') && (first ?? second) === true;
  }
  return stage === 'nested' && first && second;
}
