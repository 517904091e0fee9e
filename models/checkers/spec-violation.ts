import { Table } from '../../sim/containers.ts';
import { getField } from '../entry-layout.ts';
import { firstStagePointer, pasidEntry, pasidTableType, secondStagePointer } from '../vtd/entries/pasid-entry.ts';
import type { Checker, CheckerPorts } from './checker.ts';

const source = 'VT-d 6.2.3.1';
const { fields } = pasidEntry;

/** What the constraints compare, of each PASID entry as it is in memory and as software declared it. */
const column = {
  present: 0,
  did: 1,
  pgtt: 2,
  secondPage: 3,
  firstPage: 4,
  addressWidth: 5,
  firstStageMode: 6,
  extendedAccessed: 7,
  secondAccessedDirty: 8,
} as const;

interface Pair {
  readonly row: (column: number) => number;
  readonly other: (column: number) => number;
  readonly samePasid: boolean;
}

interface Constraint {
  readonly name: string;
  readonly broken: (pair: Pair) => boolean;
  readonly says: string;
}

const usesSecond = (at: (column: number) => number): boolean =>
  at(column.pgtt) === pasidTableType.second || at(column.pgtt) === pasidTableType.nested;
const usesFirst = (at: (column: number) => number): boolean =>
  at(column.pgtt) === pasidTableType.first || at(column.pgtt) === pasidTableType.nested;

/** Constraints between two present entries (VT-d 6.2.3.1; numbered C3 to C6 here). C2 is the rule `invalidation-order`. */
const pairConstraints: readonly Constraint[] = [
  {
    name: 'C4',
    says: 'DIDs of first-stage and pass-through entries must differ from those of second-stage and nested entries',
    broken: ({ row, other }) => row(column.did) === other(column.did) && usesSecond(row) !== usesSecond(other),
  },
  {
    name: 'C3',
    says: 'entries with the same DID must have the same SSPTPTR and AW',
    broken: ({ row, other }) =>
      row(column.did) === other(column.did) &&
      usesSecond(row) &&
      usesSecond(other) &&
      differ(row, other, [column.secondPage, column.addressWidth]),
  },
  {
    name: 'C5',
    says: 'entries with the same PASID and DID must have the same pointers, AW, FSPM and PGTT',
    broken: ({ row, other, samePasid }) =>
      samePasid &&
      row(column.did) === other(column.did) &&
      differ(row, other, [
        column.pgtt,
        column.firstPage,
        column.firstStageMode,
        column.secondPage,
        column.addressWidth,
      ]),
  },
  {
    name: 'C6',
    says: 'entries with the same pointers must have the same FSPM, EAFE and SSADE',
    broken: ({ row, other }) =>
      (usesFirst(row) &&
        usesFirst(other) &&
        !differ(row, other, [column.firstPage, column.secondPage]) &&
        differ(row, other, [column.firstStageMode, column.extendedAccessed])) ||
      (usesSecond(row) &&
        usesSecond(other) &&
        !differ(row, other, [column.secondPage]) &&
        differ(row, other, [column.secondAccessedDirty])),
  },
];

function differ(
  row: (column: number) => number,
  other: (column: number) => number,
  columns: readonly number[],
): boolean {
  return columns.some((c) => row(c) !== other(c));
}

/** Software programmed PASID entries in a way the specification forbids, whether or not hardware was looking. */
export const specViolation: Checker = {
  rule: 'spec-violation',
  brokenWhen: 'a store leaves a PASID entry in a state that VT-d 6.2.3.1 forbids (constraints C1 and C3 to C7)',
  stopsRun: false,
  attach(ports) {
    const { arena, trace, facts } = ports;
    const rows = new Table(arena, 'checker.spec-violation.rows', facts.entryCount, 9);
    const note = (entry: number, words: ArrayLike<number>): void => {
      const values = constrainedFields(words);
      for (const [i, value] of values.entries()) {
        rows.set(entry, i, value);
      }
    };
    trace.observe('entry-declared', ({ structure, entry, version, words }) => {
      // Version 1 is what memory holds at the start.
      if (structure === 'pasid-entry' && version === 1) {
        note(entry, words);
      }
    });
    trace.observe('entry-changed', ({ structure, entry, version, before, words }) => {
      if (structure !== 'pasid-entry') {
        return;
      }
      const present = getField(fields.present, words, 0) === 1;
      if (present && version === 0) {
        const name = facts.nameOfEntry(entry);
        const message = `C1: ${name} is present in memory and equals neither the old nor the new entry`;
        ports.report(message, source, `C1 ${name} in memory`);
      } else if (present && getField(fields.present, before, 0) === 1 && changesTableUnderOneTag(before, words)) {
        const name = facts.nameOfEntry(entry);
        ports.report(`C1: ${name} got another SSPTPTR or PGTT under the same DID`, source, `C1 ${name} under one DID`);
      }
      if (present && version === 0) {
        return;
      }
      note(entry, words);
      checkAgainstOthers(ports, rows, entry);
    });
  },
};

function constrainedFields(words: ArrayLike<number>): readonly number[] {
  const pgtt = getField(fields.pgtt, words, 0);
  const second = pgtt === pasidTableType.second || pgtt === pasidTableType.nested;
  const first = pgtt === pasidTableType.first || pgtt === pasidTableType.nested;
  return [
    getField(fields.present, words, 0),
    getField(fields.domainId, words, 0),
    pgtt,
    second ? Math.floor(secondStagePointer(words, 0) / 4096) : 0,
    first ? Math.floor(firstStagePointer(words, 0) / 4096) : 0,
    second ? getField(fields.addressWidth, words, 0) : 0,
    first ? getField(fields.firstStageMode, words, 0) : 0,
    first ? getField(fields.extendedAccessedFlag, words, 0) : 0,
    second ? getField(fields.secondStageAccessedDirty, words, 0) : 0,
  ];
}

/** C1: a change of SSPTPTR or PGTT has to come with a new DID, in one 16-byte store. */
function changesTableUnderOneTag(before: ArrayLike<number>, words: ArrayLike<number>): boolean {
  const [old, now] = [constrainedFields(before), constrainedFields(words)];
  return (
    old[column.did] === now[column.did] &&
    (old[column.pgtt] !== now[column.pgtt] || old[column.secondPage] !== now[column.secondPage])
  );
}

function checkAgainstOthers({ facts, report }: CheckerPorts, rows: Table, entry: number): void {
  if (rows.get(entry, column.present) === 0) {
    return;
  }
  if (rows.get(entry, column.did) === 0 && facts.cachingMode) {
    const name = facts.nameOfEntry(entry);
    report(`C7: ${name} has DID 0, which caching mode reserves`, source, `C7 ${name}`);
  }
  for (let other = 0; other < facts.entryCount; other += 1) {
    if (other === entry || rows.get(other, column.present) === 0) {
      continue;
    }
    const pair: Pair = {
      row: (c) => rows.get(entry, c),
      other: (c) => rows.get(other, c),
      samePasid: facts.pasidOfEntry(entry) === facts.pasidOfEntry(other),
    };
    const broken = pairConstraints.find((constraint) => constraint.broken(pair));
    if (broken !== undefined) {
      const names = `${facts.nameOfEntry(entry)} and ${facts.nameOfEntry(other)}`;
      report(`${broken.name}: ${names}: ${broken.says}`, source, `${broken.name} ${names}`);
    }
  }
}
