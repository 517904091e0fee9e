import { Table } from '../../sim/containers.ts';
import { provenanceEntry } from '../trace-events.ts';
import { type Checker, hexCode } from './checker.ts';

/** DMA faulted although nobody had been told to expect it. */
export const unexpectedFault: Checker = {
  rule: 'unexpected-fault',
  brokenWhen: 'DMA faulted during an update declared hitless, or with a reason only a torn entry gives',
  stopsRun: true,
  attach({ arena, trace, facts, report }) {
    const hitless = new Table(arena, 'checker.unexpected-fault.hitless', facts.entryCount, 1);
    // The update may be over when the fault is reported: what counts is when hardware met the entry.
    const met = new Table(arena, 'checker.unexpected-fault.met', facts.entryCount, 1);
    trace.observe('update-begin', (event) => hitless.set(event.entry, 0, event.hitless ? 1 : 0));
    trace.observe('update-end', (event) => hitless.set(event.entry, 0, 0));
    trace.observe('entry-used', (event) => {
      if (event.entry >= 0 && event.reason !== 0) {
        met.set(event.entry, 0, hitless.get(event.entry, 0));
      }
    });
    trace.observe('fault', (event) => {
      const { text, onlyTornEntryGives } = facts.faultReason(event.reason);
      const fault = `DMA of ${facts.nameOfDevice(event.sid)} to 0x${event.iova.toString(16)} faulted: ${hexCode(event.reason)} ${text}`;
      if (onlyTornEntryGives) {
        const subject = `${facts.nameOfDevice(event.sid)} ${hexCode(event.reason)}`;
        report(`${fault}, which no entry software had declared gives`, 'VT-d 7.1.3 Table 30', subject);
        return;
      }
      for (const provenance of event.provenance) {
        const entry = provenanceEntry(provenance);
        if (hitless.get(entry, 0) === 1 || met.get(entry, 0) === 1) {
          const name = facts.nameOfEntry(entry);
          report(`${fault}, while ${name} changed in a way declared hitless`, 'VT-d 6.5.3.3', name);
        }
        met.set(entry, 0, 0);
      }
    });
  },
};
