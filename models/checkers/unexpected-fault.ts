import { Table } from '../../sim/containers.ts';
import { provenanceEntry, type Structure, type TraceEvent } from '../trace-events.ts';
import type { Checker, CheckerPorts } from './checker.ts';

type Blocked = Pick<Extract<TraceEvent, { kind: 'fault' }>, 'sid' | 'reason' | 'recorded' | 'provenance'>;

/** DMA faulted although nobody had been told to expect it, or a fault was reported that nobody wants to hear of. */
export const unexpectedFault: Checker = {
  rule: 'unexpected-fault',
  brokenWhen:
    'DMA faulted, or an interrupt was blocked, during an update declared hitless, or with a reason only a torn entry gives, or a fault was reported for an entry declared to be without fault processing (FPD)',
  stopsRun: true,
  attach(ports) {
    const { arena, trace, facts, report } = ports;
    const { sections, faultCode } = facts.words;
    const hitless = new Table(arena, 'checker.unexpected-fault.hitless', facts.entryCount, 1);
    // The update may be over when the fault is reported: what counts is when hardware met the entry.
    const met = new Table(arena, 'checker.unexpected-fault.met', facts.entryCount, 1);
    const unwanted = unwantedReports(ports);
    trace.observe('update-begin', (event) => hitless.set(event.entry, 0, event.hitless ? 1 : 0));
    trace.observe('update-end', (event) => hitless.set(event.entry, 0, 0));
    trace.observe('entry-used', (event) => {
      if (event.entry >= 0 && event.reason !== 0) {
        met.set(event.entry, 0, hitless.get(event.entry, 0));
      }
    });
    const judge = (event: Blocked, what: string): void => {
      const { text, onlyTornEntryGives } = facts.faultReason(event.reason);
      const fault = `${what}: ${faultCode(event.reason)} ${text}`;
      if (onlyTornEntryGives) {
        const subject = `${facts.nameOfDevice(event.sid)} ${faultCode(event.reason)}`;
        report(`${fault}, which no entry software had declared gives`, sections.faults, subject);
        return;
      }
      for (const provenance of event.provenance) {
        const entry = provenanceEntry(provenance);
        const name = facts.nameOfEntry(entry);
        if (hitless.get(entry, 0) === 1 || met.get(entry, 0) === 1) {
          report(`${fault}, while ${name} changed in a way declared hitless`, sections.hitless, name);
        }
        if (event.recorded && unwanted(entry)) {
          const source = 'VT-d 7.1.1, 9.6 (FPD)';
          report(`${fault}, and it was reported though software had declared FPD=1 for ${name}`, source, name);
        }
        met.set(entry, 0, 0);
      }
    };
    trace.observe('fault', (event) =>
      judge(event, `DMA of ${facts.nameOfDevice(event.sid)} to 0x${event.iova.toString(16)} faulted`),
    );
    trace.observe('interrupt-blocked', (event) =>
      judge(event, `interrupt ${event.index} of ${facts.nameOfDevice(event.sid)} was blocked`),
    );
  },
};

const faultProcessingDisable = 2;
/** Structures that have FPD, as bit 1. */
const withFpd: ReadonlySet<Structure> = new Set<Structure>([
  'context-entry',
  'scalable-context-entry',
  'pasid-directory-entry',
  'pasid-entry',
  'interrupt-remapping-entry',
]);
/** Bit sets of versions: legal now; not present, with FPD and without. Then whether the entry was met unwanted. */
const column = { legal: 0, silent: 1, loud: 2, met: 3 } as const;

/**
 * Software that wants no faults of an entry that is not present declares FPD=1 for it where the structure has FPD. The answer tells whether the entry, as hardware met it last, was not present and without
 * FPD, while all that software had declared for it without P had FPD.
 */
function unwantedReports({ arena, trace, facts }: CheckerPorts): (entry: number) => boolean {
  const ghosts = new Table(arena, 'checker.unexpected-fault.fpd', facts.entryCount, 4);
  const isAbsent = (words: readonly number[]): boolean => ((words[0] as number) & 1) === 0;
  const isSilent = (words: readonly number[]): boolean => ((words[0] as number) & faultProcessingDisable) !== 0;
  const noteLegal = (entry: number, legal: number): void => ghosts.set(entry, column.legal, legal);
  trace.observe('entry-declared', ({ structure, entry, version, words }) => {
    if (isAbsent(words)) {
      const into = withFpd.has(structure) && isSilent(words) ? column.silent : column.loud;
      ghosts.set(entry, into, ghosts.get(entry, into) | (1 << version));
    }
  });
  trace.observe('update-begin', ({ entry, legal }) => noteLegal(entry, legal));
  trace.observe('update-end', ({ entry, legal }) => noteLegal(entry, legal));
  trace.observe('entry-used', ({ entry, present, words }) => {
    if (entry >= 0) {
      const legal = ghosts.get(entry, column.legal);
      const wantsSilence =
        (legal & ghosts.get(entry, column.silent)) !== 0 && (legal & ghosts.get(entry, column.loud)) === 0;
      ghosts.set(entry, column.met, wantsSilence && !present && !isSilent(words) ? 1 : 0);
    }
  });
  return (entry) => ghosts.get(entry, column.met) === 1;
}
