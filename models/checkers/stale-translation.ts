import { Table } from '../../sim/containers.ts';
import { provenanceEntry, provenanceVersion } from '../trace-events.ts';
import type { Checker } from './checker.ts';

/** After software was told that the old entry is out of use, a translation built from it still moves data. */
export const staleTranslation: Checker = {
  rule: 'stale-translation',
  brokenWhen:
    'after software was told an invalidation is complete, a translation built from the old state is used, or an interrupt goes where the old entry sent it',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const legal = new Table(arena, 'checker.stale.legal', facts.entryCount, 1);
    trace.observe('update-begin', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('update-end', (event) => legal.set(event.entry, 0, event.legal));
    const isStale = (provenance: number): boolean => {
      const version = provenanceVersion(provenance);
      return version !== 0 && (legal.get(provenanceEntry(provenance), 0) & (1 << version)) === 0;
    };
    trace.observe('dma', (event) => {
      const stale = event.provenance.find(isStale);
      if (stale !== undefined) {
        const name = facts.nameOfEntry(provenanceEntry(stale));
        report(
          `${facts.nameOfDevice(event.sid)} reached 0x${event.address.toString(16)} by a translation built from the ` +
            `old ${name}, whose invalidation software had seen complete`,
          'VT-d 6.5.3.3, 6.2.3.1',
          name,
        );
      }
    });
    const observeInterrupt = (event: { sid: number; index: number; provenance: readonly number[] }): void => {
      const stale = event.provenance.find(isStale);
      if (stale !== undefined) {
        const name = facts.nameOfEntry(provenanceEntry(stale));
        report(
          `interrupt ${event.index} of ${facts.nameOfDevice(event.sid)} went where the old ${name} sent it, whose ` +
            'invalidation software had seen complete',
          'VT-d 6.2.7, 6.5.2.7, 6.5.5',
          name,
        );
      }
    };
    trace.observe('interrupt', observeInterrupt);
    trace.observe('interrupt-posted', observeInterrupt);
  },
};
