import { Table } from '../../sim/containers.ts';
import { provenanceEntry, provenanceVersion } from '../trace-events.ts';
import type { Checker } from './checker.ts';

/** After software was told that the old entry is out of use, a translation built from it still moves data. */
export const staleTranslation: Checker = {
  rule: 'stale-translation',
  brokenWhen: 'after software was told an invalidation is complete, a translation built from the old state is used',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const legal = new Table(arena, 'checker.stale.legal', facts.entryCount, 1);
    trace.observe('update-begin', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('update-end', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('dma', (event) => {
      for (const provenance of event.provenance) {
        const entry = provenanceEntry(provenance);
        const version = provenanceVersion(provenance);
        if (version !== 0 && (legal.get(entry, 0) & (1 << version)) === 0) {
          report(
            `${facts.nameOfDevice(event.sid)} reached 0x${event.address.toString(16)} by a translation built from the ` +
              `old ${facts.nameOfEntry(entry)}, whose invalidation software had seen complete`,
            'VT-d 6.5.3.3, 6.2.3.1',
            facts.nameOfEntry(entry),
          );
          return;
        }
      }
    });
  },
};
