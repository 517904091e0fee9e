import { Table } from '../../sim/containers.ts';
import { provenanceEntry, provenanceVersion } from '../trace-events.ts';
import { type Checker, hexCode } from './checker.ts';

/** After software was told that the old entry is out of use, a translation built from it still moves data, or a cache still makes DMA fault by it. */
export const staleTranslation: Checker = {
  rule: 'stale-translation',
  brokenWhen:
    'after software was told an invalidation is complete, a translation built from the old state is used, or a fault comes from a cache that keeps the old state',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const legal = new Table(arena, 'checker.stale.legal', facts.entryCount, 1);
    trace.observe('update-begin', (event) => legal.set(event.entry, 0, event.legal));
    trace.observe('update-end', (event) => legal.set(event.entry, 0, event.legal));
    /** The first entry whose version, as the provenance has it, software has been told is out of use; or -1. */
    const oldEntry = (provenances: readonly number[]): number => {
      for (const provenance of provenances) {
        const entry = provenanceEntry(provenance);
        const version = provenanceVersion(provenance);
        if (version !== 0 && (legal.get(entry, 0) & (1 << version)) === 0) {
          return entry;
        }
      }
      return -1;
    };
    trace.observe('dma', (event) => {
      const entry = oldEntry(event.provenance);
      if (entry !== -1) {
        const name = facts.nameOfEntry(entry);
        report(
          `${facts.nameOfDevice(event.sid)} reached 0x${event.address.toString(16)} by a translation built from the ` +
            `old ${name}, whose invalidation software had seen complete`,
          'VT-d 6.5.3.3, 6.2.3.1',
          name,
        );
      }
    });
    trace.observe('cached-fault', (event) => {
      const entry = oldEntry(event.provenance);
      if (entry !== -1) {
        const name = facts.nameOfEntry(entry);
        report(
          `DMA of ${facts.nameOfDevice(event.sid)} to 0x${event.iova.toString(16)} faults (${hexCode(event.reason)}) by ` +
            `the old ${name}, which a cache still has after software had taken the change as complete`,
          'VT-d 6.1, 6.5.3.3',
          name,
        );
      }
    });
  },
};
