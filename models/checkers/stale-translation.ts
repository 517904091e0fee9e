import { Table } from '../../sim/containers.ts';
import { provenanceEntry, provenanceVersion } from '../trace-events.ts';
import type { Checker, CheckerPorts } from './checker.ts';

/**
 * After software was told that the old entry is out of use, a translation built from it still moves data, a cache still
 * makes DMA fault by it, or hardware reads it as not present while it is present in memory.
 */
export const staleTranslation: Checker = {
  rule: 'stale-translation',
  brokenWhen:
    'after software was told a change is complete, a translation built from the old state is used, an interrupt goes ' +
    'where the old entry sent it, a cache still answers with a fault of the old state, or hardware reads an entry that ' +
    'is no longer in memory',
  stopsRun: true,
  attach(ports) {
    const { arena, trace, facts, report } = ports;
    const { sections, faultCode } = facts.words;
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
          sections.stale,
          name,
        );
      }
    });
    const observeInterrupt = (event: { sid: number; index: number; provenance: readonly number[] }): void => {
      const entry = oldEntry(event.provenance);
      if (entry !== -1) {
        const name = facts.nameOfEntry(entry);
        report(
          `interrupt ${event.index} of ${facts.nameOfDevice(event.sid)} went where the old ${name} sent it, whose ` +
            'invalidation software had seen complete',
          sections['stale-interrupt'],
          name,
        );
      }
    };
    trace.observe('interrupt', observeInterrupt);
    trace.observe('interrupt-posted', observeInterrupt);
    trace.observe('cached-fault', (event) => {
      const entry = oldEntry(event.provenance);
      if (entry !== -1) {
        const name = facts.nameOfEntry(entry);
        report(
          `DMA of ${facts.nameOfDevice(event.sid)} to 0x${event.iova.toString(16)} faults (${faultCode(event.reason)}) by ` +
            `the old ${name}, which a cache still has after software had taken the change as complete`,
          sections['cached-fault'],
          name,
        );
      }
    });
    if (!facts.walksSeeStores) {
      checkReads(ports, legal);
    }
  },
};

/**
 * A walk that began before the end of an update may fault after it, with CM = 0. One that reads P = 0 when the update is
 * over and memory has P = 1 reads behind a cache or a write buffer that nobody has flushed. An old entry that is present
 * shows when DMA goes through it.
 */
function checkReads({ arena, trace, facts, report }: CheckerPorts, legal: Table): void {
  const present = new Table(arena, 'checker.stale.present', facts.entryCount, 2);
  const column = { versions: 0, inMemory: 1 } as const;
  trace.observe('entry-declared', ({ entry, version, words }) => {
    const isPresent = (words[0] as number) & 1;
    present.set(entry, column.versions, present.get(entry, column.versions) | (isPresent << version));
    // Version 1 is what memory holds at the start.
    if (version === 1) {
      present.set(entry, column.inMemory, isPresent);
    }
  });
  trace.observe('entry-changed', ({ entry, words }) => present.set(entry, column.inMemory, (words[0] as number) & 1));
  trace.observe('entry-read', ({ entry, quantum, words }) => {
    if (entry < 0 || quantum !== 0 || ((words[0] as number) & 1) === 1 || present.get(entry, column.inMemory) === 0) {
      return;
    }
    if ((legal.get(entry, 0) & ~present.get(entry, column.versions)) === 0) {
      const name = facts.nameOfEntry(entry);
      report(
        `hardware reads ${name} as not present after software had taken it as present: a store has not left the CPU ` +
          'caches or the write buffer',
        facts.words.sections['unflushed-store'],
        name,
      );
    }
  });
}
