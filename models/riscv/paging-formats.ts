import { getAddress, getField } from '../entry-layout.ts';
import { coveredBytes, type EntryCheck, encodeBelow, type PagingFormat, right } from '../iommu/page-walk.ts';
import type { ContextReader } from './context-reader.ts';
import { isLeaf, isReserved, pageTableEntry } from './entries/page-table-entry.ts';
import { cause } from './fault-causes.ts';

/** The page tables that an IOMMU walks; causes are by the kind of access that the request is. */
export interface RiscvPagingFormats {
  readonly first: PagingFormat;
  readonly second: PagingFormat;
  /** The second stage where it translates addresses of first-stage and process-directory tables. */
  readonly nestedTable: PagingFormat;
}

const { fields } = pageTableEntry;

export function riscvPagingFormats(reader: ContextReader): RiscvPagingFormats {
  return {
    first: format(reader, 'first', true),
    second: format(reader, 'second', true),
    nestedTable: format(reader, 'second', false),
  };
}

/** Cause of a page fault of a stage. */
export function pageFault(stage: 'first' | 'second', write: boolean): number {
  if (stage === 'first') {
    return write ? cause.writePage : cause.readPage;
  }
  return write ? cause.writeGuestPage : cause.readGuestPage;
}

/** `isOfRequest`: its leaf entries are what the request's rights come from. */
function format(reader: ContextReader, stage: 'first' | 'second', isOfRequest: boolean): PagingFormat {
  const accessFault = (): number => (reader.request.write ? cause.writeAccess : cause.readAccess);
  const fault = (): number => pageFault(stage, reader.request.write);
  return {
    stage,
    structure: stage === 'first' ? 'riscv-first-stage-pte' : 'riscv-second-stage-pte',
    // The root of a second stage is four tables (Sv39x4 and so on).
    rootEntries: stage === 'first' ? 512 : 2048,
    get rootAccess(): number {
      return accessFault();
    },
    get tableAccess(): number {
      return accessFault();
    },
    get noLeaf(): number {
      return fault();
    },
    isPresent: (words) => getField(fields.valid, words, 0) === 1,
    check(words, { level, write, rights }: EntryCheck): number {
      if (getField(fields.valid, words, 0) === 0 || isReserved(words)) {
        return -fault();
      }
      const address = getAddress(fields.address, words, 0);
      if (!isLeaf(words)) {
        return encodeBelow(address, { level: level - 1, rights, leaf: false });
      }
      const given = rightsOf(words);
      const isAligned = address % coveredBytes(level) === 0;
      if ((given & (write ? right.write : right.read)) === 0 || !isAligned) {
        return -fault();
      }
      if (isOfRequest) {
        noteLeaf(reader, stage, { given, isGlobal: getField(fields.global, words, 0) === 1 });
      }
      return encodeBelow(address, { level: level - 1, rights: rights & given, leaf: true });
    },
  };
}

/**
 * All requests are without privilege; A and D are software's alone, as SADE and GADE are 0 (RISC-V IOMMU,
 * Device-context fields).
 */
function rightsOf(words: readonly number[]): number {
  const at = (field: keyof typeof fields): number => getField(fields[field], words, 0);
  const usable = at('user') & at('accessed');
  return usable * (right.read * at('read') + right.write * (at('write') & at('dirty')));
}

function noteLeaf(
  { state }: ContextReader,
  stage: 'first' | 'second',
  { given, isGlobal }: { given: number; isGlobal: boolean },
): void {
  const before = state.leafRights.get();
  state.leafRights.set(before === 0 ? given : before & given);
  if (stage === 'first' && isGlobal) {
    state.isGlobal.set(1);
  }
}
