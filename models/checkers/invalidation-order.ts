import { Table } from '../../sim/containers.ts';
import { getField } from '../entry-layout.ts';
import type { Structure, TraceEvent } from '../trace-events.ts';
import { contextEntry } from '../vtd/entries/context-entry.ts';
import { pasidEntry, pasidTableType } from '../vtd/entries/pasid-entry.ts';
import type { Checker, CheckerFacts } from './checker.ts';
import {
  type ChangedStructure,
  type EntryChange,
  type RequiredInvalidation,
  requiredInvalidations,
} from './required-invalidations.ts';

type Done = Extract<TraceEvent, { kind: 'invalidation-done' }>;

const structures: Readonly<Record<Structure, ChangedStructure>> = {
  'root-entry': 'root',
  'scalable-root-entry': 'root',
  'context-entry': 'context',
  'scalable-context-entry': 'context',
  'pasid-directory-entry': 'pasid-directory',
  'pasid-entry': 'pasid-entry',
};

/**
 * Ghost state of one entry: the change that invalidations are owed for, and how many of them are done. They are owed
 * once a declared configuration that was present is replaced; stores to an entry that is not present take nothing back.
 */
const column = { owed: 0, change: 1, oldDid: 2, oldPgtt: 3, done: 4 } as const;
const changes: readonly EntryChange[] = ['present-cleared', 'other-field'];

/** Software took a change as complete without the invalidations of the specification's table, in their order. */
export const invalidationOrder: Checker = {
  rule: 'invalidation-order',
  brokenWhen: 'a required order of invalidations (VT-d 6.5.3.3) was not kept before software took a change as complete',
  stopsRun: false,
  attach({ arena, trace, facts, report, atRest }) {
    const debts = new Table(arena, 'checker.invalidation-order', facts.entryCount, 5);
    trace.observe('entry-changed', ({ structure, entry, versionBefore, version, before, words }) => {
      const isOwed = debts.get(entry, column.owed) === 1;
      const replaces = ((before[0] as number) & 1) === 1 && versionBefore !== 0 && version !== versionBefore;
      if (!isOwed && !replaces) {
        return;
      }
      if (!isOwed) {
        debts.set(entry, column.owed, 1);
        debts.set(entry, column.oldDid, didOf(structure, before));
        debts.set(entry, column.oldPgtt, pgttOf(structure, before));
      }
      if (((before[0] as number) & 1) === 1) {
        debts.set(entry, column.change, ((words[0] as number) & 1) === 1 ? 1 : 0);
        // What was invalidated before this store may be cached again from what it replaces.
        debts.set(entry, column.done, 0);
      }
    });
    trace.observe('invalidation-done', (event) => {
      for (let entry = 0; entry < facts.entryCount; entry += 1) {
        if (debts.get(entry, column.owed) === 1) {
          const steps = stepsFor(facts, entry, debts);
          const done = debts.get(entry, column.done);
          const next = steps[done];
          if (next !== undefined && covers(event, next, { entry, facts, did: debts.get(entry, column.oldDid) })) {
            debts.set(entry, column.done, done + 1);
            if (done + 1 === steps.length) {
              debts.clearRow(entry);
            }
          }
        }
      }
    });
    const settle = (entry: number): void => {
      if (debts.get(entry, column.owed) === 1) {
        const missing = stepsFor(facts, entry, debts)[debts.get(entry, column.done)];
        if (missing !== undefined) {
          report(
            `${facts.nameOfEntry(entry)} changed, and software went on without ${describe(missing)}, in this order, for ` +
              `the old DID ${debts.get(entry, column.oldDid)}`,
            'VT-d 6.5.3.3, 6.2.3.1',
          );
        }
      }
      debts.clearRow(entry);
    };
    trace.observe('update-end', ({ entry }) => settle(entry));
    // A store may still have been in a buffer when software went on.
    atRest(() => {
      for (let entry = 0; entry < facts.entryCount; entry += 1) {
        settle(entry);
      }
    });
  },
};

function stepsFor(facts: CheckerFacts, entry: number, debts: Table): readonly RequiredInvalidation[] {
  const pgtt = debts.get(entry, column.oldPgtt);
  const { sequence } = requiredInvalidations({
    structure: structures[facts.structureOfEntry(entry)],
    change: changes[debts.get(entry, column.change)] as EntryChange,
    mode: facts.mode,
    cachingMode: facts.cachingMode,
    walksSecondStage: pgtt === pasidTableType.second || pgtt === pasidTableType.nested,
    isRidPasid: facts.pasidOfEntry(entry) === 0,
  });
  // No device here has ATS enabled, so no device TLB can hold anything.
  return sequence.filter(({ kind }) => kind !== 'device-tlb' && kind !== 'pasid-device-tlb');
}

interface Scope {
  readonly entry: number;
  readonly facts: CheckerFacts;
  readonly did: number;
}

/** Whether an invalidation does at least what a step of the table asks for (VT-d 6.5.2.1 to 6.5.2.4). */
function covers(done: Done, step: RequiredInvalidation, scope: Scope): boolean {
  switch (step.kind) {
    case 'context':
      return done.invalidation === 'context' && coversContext(done, step, scope);
    case 'pasid-cache':
      return done.invalidation === 'pasid-cache' && coversTags(done, step, scope);
    case 'iotlb':
      return done.invalidation === 'iotlb' && coversTags(done, step, scope);
    case 'piotlb':
      // An IOTLB invalidation of the whole domain drops all that a PASID-selective one does.
      return (done.invalidation === 'piotlb' || done.invalidation === 'iotlb') && coversTags(done, step, scope);
    default:
      return false;
  }
}

function coversContext(done: Done, step: RequiredInvalidation, { entry, facts, did }: Scope): boolean {
  if (done.granularity === 'global' || step.granularity === 'global') {
    return done.granularity === 'global';
  }
  return done.granularity === 'device' ? done.sid === facts.sidOfEntry(entry) : done.did === did;
}

function coversTags(done: Done, step: RequiredInvalidation, { entry, facts, did }: Scope): boolean {
  switch (done.granularity) {
    case 'global':
      return true;
    case 'domain':
      return step.granularity !== 'global' && (done.did === did || !hasDid(facts.structureOfEntry(entry)));
    case 'pasid':
      return step.granularity === 'pasid' && done.did === did && done.pasid === facts.pasidOfEntry(entry);
    default:
      return false;
  }
}

/** Which domains a change of the other structures affects, the entry does not say. */
function hasDid(structure: Structure): boolean {
  return structure === 'pasid-entry' || structure === 'context-entry';
}

function didOf(structure: Structure, words: readonly number[]): number {
  switch (structure) {
    case 'pasid-entry':
      return getField(pasidEntry.fields.domainId, words, 0);
    case 'context-entry':
      return getField(contextEntry.fields.domainId, words, 0);
    default:
      return 0;
  }
}

function pgttOf(structure: Structure, words: readonly number[]): number {
  return structure === 'pasid-entry' ? getField(pasidEntry.fields.pgtt, words, 0) : 0;
}

function describe({ kind, granularity }: RequiredInvalidation): string {
  const names: Readonly<Record<RequiredInvalidation['kind'], string>> = {
    context: 'a context-cache invalidation',
    'pasid-cache': 'a PASID-cache invalidation',
    iotlb: 'an IOTLB invalidation',
    piotlb: 'a PASID-based IOTLB invalidation',
    'device-tlb': 'a device-TLB invalidation',
    'pasid-device-tlb': 'a PASID-based device-TLB invalidation',
  };
  return `${names[kind]} (${granularity})`;
}
