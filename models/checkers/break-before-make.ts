import { Table } from '../../sim/containers.ts';
import { getAddress, getField } from '../entry-layout.ts';
import { isLeaf, pageTableEntry } from '../riscv/entries/page-table-entry.ts';
import type { Checker } from './checker.ts';

const { fields } = pageTableEntry;
/** Of each entry as it is in memory: its low word, and its page number in two halves. */
const column = { flags: 0, pageLow: 1, pageHigh: 2 } as const;
/** V, R, W, X, U and G: what a change of size has to leave as it is. */
const attributes = 0x3f;
const valid = 1;

/**
 * A PTE that leads to a table became one that maps what the table mapped, or the other way round, while it was valid, and
 * with other rights or another address: hardware may then use either, or both.
 */
export const breakBeforeMake: Checker = {
  rule: 'break-before-make',
  brokenWhen:
    'a valid page-table entry got another size together with other rights or another address, without V = 0 in between (RISC-V IOMMU)',
  stopsRun: false,
  attach({ arena, trace, facts, report }) {
    const { leavesBelow } = facts;
    if (leavesBelow === undefined) {
      return;
    }
    const contents = new Table(arena, 'checker.break-before-make', facts.entryCount, 3);
    const note = (entry: number, words: readonly number[]): void => {
      const page = pageOf(words);
      contents.set(entry, column.flags, (words[0] as number) & attributes);
      contents.set(entry, column.pageLow, page % 2 ** 16);
      contents.set(entry, column.pageHigh, Math.floor(page / 2 ** 16));
    };
    trace.observe('entry-declared', ({ structure, entry, version, words }) => {
      // Version 1 is what memory holds at the start.
      if (version === 1 && isPte(structure)) {
        note(entry, words);
      }
    });
    trace.observe('entry-changed', ({ structure, entry, before, words }) => {
      if (!isPte(structure)) {
        return;
      }
      note(entry, words);
      const isChanged = isValid(before) && isValid(words) && isLeaf(before) !== isLeaf(words);
      if (!isChanged) {
        return;
      }
      const large = isLeaf(words) ? words : before;
      const differs = leavesBelow(entry).some((leaf) => {
        const flags = contents.get(leaf.entry, column.flags);
        const page = contents.get(leaf.entry, column.pageHigh) * 2 ** 16 + contents.get(leaf.entry, column.pageLow);
        const isSame = flags === ((large[0] as number) & attributes) && page === pageOf(large) + leaf.offset / 4096;
        return (flags & valid) === 1 && !isSame;
      });
      if (differs) {
        const name = facts.nameOfEntry(entry);
        report(
          `${name} got another size and with it other rights or another address while it was valid`,
          'RISC-V IOMMU, Guidelines for changing page-table entries',
          name,
        );
      }
    });
  },
};

function isPte(structure: string): boolean {
  return structure === 'riscv-first-stage-pte' || structure === 'riscv-second-stage-pte';
}

function isValid(words: readonly number[]): boolean {
  return getField(fields.valid, words, 0) === 1;
}

function pageOf(words: readonly number[]): number {
  return getAddress(fields.address, words, 0) / 4096;
}
