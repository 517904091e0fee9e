import { assert } from '../../sim/assert.ts';
import { Table } from '../../sim/containers.ts';
import { fieldMask, getField } from '../entry-layout.ts';
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

const secondStageDirtyMask = fieldMask(pasidEntry, ['secondStageAccessedDirty']);

type Done = Extract<TraceEvent, { kind: 'invalidation-done' }>;

/**
 * Interrupt remapping has a cache of its own, which the table does not speak of, and page tables rows of their own, by
 * domain and page: `stale-translation` covers both.
 */
const structures: Readonly<Partial<Record<Structure, ChangedStructure>>> = {
  'root-entry': 'root',
  'scalable-root-entry': 'root',
  'context-entry': 'context',
  'scalable-context-entry': 'context',
  'pasid-directory-entry': 'pasid-directory',
  'pasid-entry': 'pasid-entry',
};

/**
 * Ghost state of one entry: the change that invalidations are owed for, and how many of them are done. They are owed
 * once a declared configuration that was present is replaced, with CM = 1 also once an entry becomes present; other stores
 * to an entry that is not present take nothing back.
 */
const column = { owed: 0, change: 1, oldDid: 2, oldPgtt: 3, done: 4, iotlbDid: 5 } as const;
const changes = [
  'present-cleared',
  'other-field',
  'second-stage-dirty',
  'present-set',
] as const satisfies readonly EntryChange[];

/** Software took a change as complete without the invalidations of the specification's table, in their order. */
export const invalidationOrder: Checker = {
  rule: 'invalidation-order',
  brokenWhen: 'a required order of invalidations (VT-d 6.5.3.3) was not kept before software took a change as complete',
  stopsRun: false,
  attach({ arena, trace, facts, report, atRest }) {
    const debts = new Table(arena, 'checker.invalidation-order', facts.entryCount, 6);
    const presentPasids = new Table(arena, 'checker.invalidation-order.present', facts.entryCount, 1);
    const notePresent = (structure: Structure, entry: number, words: readonly number[]): void => {
      if (structure === 'pasid-entry') {
        presentPasids.set(entry, 0, (words[0] as number) & 1);
      }
    };
    trace.observe('entry-declared', ({ structure, entry, version, words }) => {
      // Version 1 is what memory holds at the start.
      if (version === 1) {
        notePresent(structure, entry, words);
      }
    });
    trace.observe('entry-changed', ({ structure, entry, versionBefore, version, before, words }) => {
      if (structures[structure] === undefined) {
        return;
      }
      notePresent(structure, entry, words);
      const isOwed = debts.get(entry, column.owed) === 1;
      if (facts.cachingMode && !isOwed && ((before[0] as number) & 1) === 0 && ((words[0] as number) & 1) === 1) {
        // What was not present is cached under DID 0 (VT-d 6.2.2, 6.2.3); the IOTLB has nothing of it to name.
        debts.set(entry, column.owed, 1);
        debts.set(entry, column.change, changes.indexOf('present-set'));
        debts.set(entry, column.iotlbDid, didOf(structure, words));
        return;
      }
      const replaces = ((before[0] as number) & 1) === 1 && versionBefore !== 0 && version !== versionBefore;
      if (!isOwed && !replaces) {
        return;
      }
      if (!isOwed) {
        debts.set(entry, column.owed, 1);
        debts.set(entry, column.oldDid, didOf(structure, before));
        debts.set(entry, column.iotlbDid, didOf(structure, before));
        debts.set(entry, column.oldPgtt, pgttOf(structure, before));
      }
      // A store to bits out of use leaves the configuration what it was, also in what was cached meanwhile.
      if (((before[0] as number) & 1) === 1 && (version !== versionBefore || version === 0)) {
        debts.set(entry, column.change, changes.indexOf(changeOf(structure, before, words)));
        // What was invalidated before this store may be cached again from what it replaces.
        debts.set(entry, column.done, 0);
      }
    });
    trace.observe('invalidation-done', (event) => {
      for (let entry = 0; entry < facts.entryCount; entry += 1) {
        if (debts.get(entry, column.owed) === 1) {
          const steps = stepsFor(facts, entry, { debts, presentPasids });
          const done = debts.get(entry, column.done);
          const next = steps[done];
          if (next !== undefined && covers(event, next, scopeOf(facts, entry, debts))) {
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
        const missing = stepsFor(facts, entry, { debts, presentPasids })[debts.get(entry, column.done)];
        if (missing !== undefined) {
          report(
            `${facts.nameOfEntry(entry)} changed, and software went on without ${describe(missing)}, in this order` +
              (isOfDeviceTlb(missing) ? '' : `, for the old DID ${debts.get(entry, column.oldDid)}`),
            'VT-d 6.5.3.3, 6.2.3.1',
            facts.nameOfEntry(entry),
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

interface Ghosts {
  readonly debts: Table;
  /** 1 for each PASID entry that is present in memory. */
  readonly presentPasids: Table;
}

function stepsFor(
  facts: CheckerFacts,
  entry: number,
  { debts, presentPasids }: Ghosts,
): readonly RequiredInvalidation[] {
  const pgtt = debts.get(entry, column.oldPgtt);
  const structure = structures[facts.structureOfEntry(entry)];
  assert(structure !== undefined, 'only entries of the table owe invalidations');
  assert(facts.mode !== undefined, 'such an entry is of VT-d');
  const { sequence } = requiredInvalidations({
    structure,
    change: changes[debts.get(entry, column.change)] as EntryChange,
    mode: facts.mode,
    cachingMode: facts.cachingMode,
    walksSecondStage: pgtt === pasidTableType.second || pgtt === pasidTableType.nested,
    isRidPasid: facts.pasidOfEntry(entry) === 0,
  });
  // A context whose PASID entries are all not present affects no domain, and has nothing in the PASID cache (with CM=0).
  const affectsNoDomain =
    facts.structureOfEntry(entry) === 'scalable-context-entry' &&
    !facts.cachingMode &&
    !hasPresentPasid(facts, entry, presentPasids);
  // No device TLB keeps what was not present.
  const isNew = changes[debts.get(entry, column.change)] === 'present-set';
  const hasDeviceTlb = facts.hasDeviceTlb(facts.sidOfEntry(entry)) && !isNew;
  return sequence.filter(
    (step) =>
      (hasDeviceTlb || !isOfDeviceTlb(step)) &&
      !(affectsNoDomain && (step.kind === 'pasid-cache' || step.kind === 'iotlb')),
  );
}

function isOfDeviceTlb({ kind }: RequiredInvalidation): boolean {
  return kind === 'device-tlb' || kind === 'pasid-device-tlb';
}

function hasPresentPasid(facts: CheckerFacts, context: number, presentPasids: Table): boolean {
  for (let entry = 0; entry < facts.entryCount; entry += 1) {
    if (presentPasids.get(entry, 0) === 1 && facts.sidOfEntry(entry) === facts.sidOfEntry(context)) {
      return true;
    }
  }
  return false;
}

function changeOf(structure: Structure, before: readonly number[], words: readonly number[]): (typeof changes)[number] {
  if (((words[0] as number) & 1) === 0) {
    return 'present-cleared';
  }
  const onlyDirty = words.every(
    (word, i) => ((word ^ (before[i] as number)) & ~(secondStageDirtyMask[i] as number)) === 0,
  );
  const pgtt = pgttOf(structure, words);
  return onlyDirty && (pgtt === pasidTableType.second || pgtt === pasidTableType.nested)
    ? 'second-stage-dirty'
    : 'other-field';
}

interface Scope {
  readonly entry: number;
  readonly facts: CheckerFacts;
  /** What context and PASID cache have it under. */
  readonly did: number;
  readonly iotlbDid: number;
}

function scopeOf(facts: CheckerFacts, entry: number, debts: Table): Scope {
  return { entry, facts, did: debts.get(entry, column.oldDid), iotlbDid: debts.get(entry, column.iotlbDid) };
}

/** Whether an invalidation does at least what a step of the table asks for (VT-d 6.5.2.1 to 6.5.2.4). */
function covers(done: Done, step: RequiredInvalidation, scope: Scope): boolean {
  switch (step.kind) {
    case 'context':
      return done.invalidation === 'context' && coversContext(done, step, scope);
    case 'pasid-cache':
      return done.invalidation === 'pasid-cache' && coversTags(done, step, scope);
    case 'iotlb':
      return done.invalidation === 'iotlb' && coversIotlb(done, step, scope);
    case 'piotlb':
      // An IOTLB invalidation of the whole domain drops all that a PASID-selective one does.
      return (done.invalidation === 'piotlb' || done.invalidation === 'iotlb') && coversIotlb(done, step, scope);
    case 'device-tlb':
    case 'pasid-device-tlb':
      return done.invalidation === step.kind && coversDeviceTlb(done, scope);
  }
}

function coversIotlb(done: Done, step: RequiredInvalidation, scope: Scope): boolean {
  return coversTags(done, step, scope) || coversTags(done, step, { ...scope, did: scope.iotlbDid });
}

/** Every page, of requests without PASID or of the entry's PASID. */
function coversDeviceTlb(done: Done, { entry, facts }: Scope): boolean {
  const isOfPasid = done.invalidation === 'device-tlb' || done.pasid === facts.pasidOfEntry(entry);
  const isEveryPage = done.granularity === 'global' || (done.granularity === 'pasid' && isOfPasid);
  return done.sid === facts.sidOfEntry(entry) && isEveryPage;
}

function coversContext(done: Done, step: RequiredInvalidation, { entry, facts, did }: Scope): boolean {
  if (done.granularity === 'global' || step.granularity === 'global') {
    return done.granularity === 'global';
  }
  return done.granularity === 'device'
    ? (done.sid & done.sidMask) === (facts.sidOfEntry(entry) & done.sidMask)
    : done.did === did;
}

function coversTags(done: Done, step: RequiredInvalidation, scope: Scope): boolean {
  const { entry, facts, did } = scope;
  switch (done.granularity) {
    case 'global':
      return true;
    case 'domain':
      return step.granularity !== 'global' && (done.did === did || !hasDid(facts.structureOfEntry(entry)));
    case 'pasid':
      return step.granularity === 'pasid' && coversPasid(done, scope);
    default:
      return false;
  }
}

/** Which domains a change of the other structures affects, the entry does not say. */
function hasDid(structure: Structure): boolean {
  return structure === 'pasid-entry' || structure === 'context-entry';
}

/** A directory entry stands for 64 PASIDs, of domains it does not name. */
function coversPasid(done: Done, { entry, facts, did }: Scope): boolean {
  const pasid = facts.pasidOfEntry(entry);
  return facts.structureOfEntry(entry) === 'pasid-directory-entry'
    ? done.pasid >>> 6 === pasid >>> 6
    : done.did === did && done.pasid === pasid;
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
