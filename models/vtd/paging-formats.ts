import { unmodelled } from '../../sim/assert.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { type EntryCheck, encodeBelow, type PagingFormat, right } from '../iommu/page-walk.ts';
import { checkFirstStagePagingEntry, firstStagePagingEntry } from './entries/first-stage-paging-entry.ts';
import {
  checkSecondStagePagingEntry,
  isSecondStagePresent,
  secondStagePagingEntry,
} from './entries/second-stage-paging-entry.ts';
import type { VtdConfig } from './vtd-config.ts';

/** Fault reasons a stage can give (VT-d 7.1.3 Table 30); legacy mode has codes of its own. */
interface StageReasons {
  readonly rootAccess: number;
  readonly tableAccess: number;
  readonly notPresent: number;
  readonly reserved: number;
  readonly noWrite: number;
  readonly noRead: number;
}

const firstStageReasons: StageReasons = {
  rootAccess: 0x73,
  tableAccess: 0x70,
  notPresent: 0x71,
  reserved: 0x72,
  noWrite: 0x85,
  noRead: 0x86,
};
const secondStageReasons: StageReasons = {
  rootAccess: 0x7b,
  tableAccess: 0x78,
  notPresent: 0x79,
  reserved: 0x7a,
  noWrite: 0x85,
  noRead: 0x86,
};
const legacyReasons: StageReasons = {
  // SSPTPTR that leads nowhere is invalid programming of the context entry (LCT.4).
  rootAccess: 0x3,
  tableAccess: 0x7,
  notPresent: 0x6,
  reserved: 0xc,
  noWrite: 0x5,
  noRead: 0x6,
};
/** Second stage of a nested walk, where it translates the address of a first-stage table (75h, 76h in one). */
const nestedTableReasons: StageReasons = { ...secondStageReasons, noRead: 0x75 };
const userAccessReason = 0x81;
/** 1 GB pages; whether a unit has them is not modelled apart. */
const maxLargePageLevel = 3;

/** The page tables that a VT-d unit walks. */
export interface VtdPagingFormats {
  readonly first: PagingFormat;
  readonly second: PagingFormat;
  /** The second stage where it translates addresses of first-stage tables. */
  readonly nestedTable: PagingFormat;
}

export function vtdPagingFormats(config: VtdConfig): VtdPagingFormats {
  return {
    first: firstStage(config),
    second: secondStage(config, config.mode === 'legacy' ? legacyReasons : secondStageReasons),
    nestedTable: secondStage(config, nestedTableReasons),
  };
}

function firstStage({ capabilities }: VtdConfig): PagingFormat {
  const reasons = firstStageReasons;
  const { fields } = firstStagePagingEntry;
  return {
    stage: 'first',
    structure: 'first-stage-paging-entry',
    rootEntries: 512,
    rootAccess: reasons.rootAccess,
    tableAccess: reasons.tableAccess,
    noLeaf: reasons.reserved,
    isPresent: (words) => getField(fields.present, words, 0) === 1,
    check(words, { level, write, rights }: EntryCheck): number {
      const reason = checkFirstStagePagingEntry(words, 0, capabilities);
      if (reason !== 0) {
        return -reason;
      }
      const large = getField(fields.pageSize, words, 0) === 1;
      if (large && level > maxLargePageLevel) {
        return -reasons.reserved;
      }
      if (getField(fields.userSupervisor, words, 0) === 0) {
        return -userAccessReason;
      }
      const writable = getField(fields.readWrite, words, 0);
      if (write && writable === 0) {
        return -reasons.noWrite;
      }
      const leaf = large || level === 1;
      if (getField(fields.accessed, words, 0) === 0 || (leaf && write && getField(fields.dirty, words, 0) === 0)) {
        unmodelled('setting the accessed or dirty flag of a first-stage paging entry');
      }
      const given = right.read + right.write * writable;
      return encodeBelow(getAddress(fields.address, words, 0), { level: level - 1, rights: rights & given, leaf });
    },
  };
}

function secondStage({ capabilities, mode }: VtdConfig, reasons: StageReasons): PagingFormat {
  const { fields } = secondStagePagingEntry;
  return {
    stage: 'second',
    structure: 'second-stage-paging-entry',
    rootEntries: 512,
    rootAccess: reasons.rootAccess,
    tableAccess: reasons.tableAccess,
    noLeaf: reasons.reserved,
    isPresent: (words) => isSecondStagePresent(words, 0),
    check(words, { level, write, rights }: EntryCheck): number {
      const readable = getField(fields.read, words, 0);
      const writable = getField(fields.write, words, 0);
      if (readable === 0 && writable === 0) {
        return -(mode === 'legacy' && write ? reasons.noWrite : reasons.notPresent);
      }
      const large = getField(fields.pageSize, words, 0) === 1;
      const isReserved = checkSecondStagePagingEntry(words, 0, capabilities) !== 0;
      if (isReserved || (large && level > maxLargePageLevel)) {
        return -reasons.reserved;
      }
      if (write ? writable === 0 : readable === 0) {
        return -(write ? reasons.noWrite : reasons.noRead);
      }
      const given = right.read * readable + right.write * writable;
      const leaf = large || level === 1;
      return encodeBelow(getAddress(fields.address, words, 0), { level: level - 1, rights: rights & given, leaf });
    },
  };
}
