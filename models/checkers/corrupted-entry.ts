import type { Checker } from './checker.ts';

/** Hardware used bits that no software had put there together. */
export const corruptedEntry: Checker = {
  rule: 'corrupted-entry',
  brokenWhen:
    'hardware used an entry, present by its own valid bit, that on the bits in use equals no configuration software had declared for it',
  stopsRun: true,
  attach({ trace, facts, report }) {
    trace.observe('entry-used', (event) => {
      if (event.present && event.version === 0) {
        report(
          `${facts.nameOfEntry(event.entry)} was used with bits that equal neither the old nor the new entry`,
          facts.words.sections.torn,
          facts.nameOfEntry(event.entry),
        );
      }
    });
  },
};
