import type { Flow } from '../../../sim/operation.ts';
import { fieldsByPosition, getField } from '../../entry-layout.ts';
import type { PlainStore } from '../../memory/cpu-operations.ts';
import { pasidEntry } from '../../vtd/entries/pasid-entry.ts';
import {
  carryOut,
  type EntryWarning,
  entrySyncTemplates,
  planEntryUpdate,
  quantaOf,
  readEntry,
  wordsOfQuanta,
} from '../entry-sync.ts';
import { entrySetChange, entrySyncMutants } from '../entry-sync-mutants.ts';
import { defineFlow, type FlowEnvironment, notPresent } from '../flow-definition.ts';
import { flushDeviceTlb } from './device-tlb-flush.ts';
import { afterUpdates, flushIotlbAfter, pasidSyncs, syncPasidEntry } from './entry-sync-callbacks.ts';
import { pasidEntryFor } from './pasid-encoding.ts';
import { pasidEntryRules, pasidUsedBits } from './pasid-used-bits.ts';
import type { Domain } from './vtd-driver.ts';

const mutants = Object.keys(entrySyncMutants) as (keyof typeof entrySyncMutants)[];
const mutantSummary = Object.entries(entrySyncMutants)
  .map(([name, does]) => `${name}: ${does}`)
  .join('; ');

/*  CPU                                   IOMMU fetcher
 *  ===                                   =============
 *  hitless (one critical quantum)
 *    store quanta the old entry ignores
 *    sync: invalidate PASID cache        every fetch that began before is over
 *    store the critical quantum          reads it old or new, the others as either has them
 *    sync
 *    store quanta the new entry ignores
 *    sync
 *  disruptive
 *    store quantum 0 = 0                 P=0: fault 59h from here
 *    sync
 *    store the other quanta; sync
 *    store quantum 0; sync
 *  invalidate IOTLB by the old tag, then the device TLB
 */
export const entrySync = defineFlow({
  name: 'vtd/entry-sync',
  summary: 'Write a PASID entry with the entry_sync library (intel_pasid_write).',
  source: '001_ac28d31df0936f05.txt (LKML 2026-03-09 and review); LuBaolu 03399da, jgunthorpe 02374d8; VT-d 9.6',
  parameters: {
    device: { type: 'device', summary: 'Whose entry.' },
    pasid: { type: 'pasid', summary: 'Which entry.', default: 0 },
    to: { type: 'domain', summary: 'The domain to attach, or not-present.', orNotPresent: true },
    quantum: { type: 'choice', summary: 'Bits stored at once.', values: ['64', '128'], default: '128' },
    used: {
      type: 'choice',
      summary:
        'Which bits the driver takes as used. rfc: first posting; corrected: the reply to the review; spec: Rev. 5.10; ' +
        'too-small: no first-stage pointer and mode; too-large: all.',
      values: pasidUsedBits,
      default: 'corrected',
    },
    template: {
      type: 'choice',
      summary: 'new: as it stands; early: the first draft, with its wrong ranges in the disruptive branch.',
      values: entrySyncTemplates,
      default: 'new',
    },
    sync: {
      type: 'choice',
      summary:
        'consensus: PASID-cache invalidation under the old DID; did-zero: and under DID 0; rfc: by P before and now, IOTLB included.',
      values: pasidSyncs,
      default: 'consensus',
    },
    after: {
      type: 'choice',
      summary:
        'What follows the writer. iotlb: all of the old tag; iotlb-page-0: one page of it, at IOVA 0, as a fence; nothing.',
      values: afterUpdates,
      default: 'iotlb',
    },
    barrier: { type: 'boolean', summary: 'A dma_wmb before the first store.', default: false },
    freshTable: {
      type: 'boolean',
      summary: 'The top table of the new domain gets its first entry just before, by a plain store.',
      default: false,
    },
    compilerMoves: {
      type: 'boolean',
      summary: 'The compiler may move that plain store behind quanta of 64 bits; false: only the CPU can.',
      default: true,
    },
    mutant: { type: 'choice', summary: `${mutantSummary}.`, values: mutants, default: 'none' },
  },
  *start(environment, parameters): Flow {
    const { cpu, vtd } = environment;
    const { device, pasid, to, quantum, used, template, sync, after, barrier, freshTable, compilerMoves, mutant } =
      parameters;
    const address = vtd.pasidEntryAddress(device, pasid);
    const quantumBits = quantum === '64' ? 64 : 128;
    const rules = pasidEntryRules(quantumBits, used);
    const zero = new Uint32Array(pasidEntry.wordCount);
    const target = to === notPresent ? zero : pasidEntryFor(vtd.domain(to));

    yield vtd.lock(cpu);
    const storeBefore = freshTable && to !== notPresent ? yield* emptyTopTable(environment, vtd.domain(to)) : undefined;
    const current = yield* readEntry(cpu, address, rules);
    const old = wordsOfQuanta(current, quantumBits);
    const update = {
      vtd,
      cpu,
      device,
      address,
      pasid,
      oldDid: getField(pasidEntry.fields.domainId, old, 0),
      oldPgtt: getField(pasidEntry.fields.pgtt, old, 0),
      newDid: getField(pasidEntry.fields.domainId, target, 0),
      wasPresent: getField(pasidEntry.fields.present, old, 0) === 1,
    };
    const plan = planEntryUpdate(current, quantaOf(target, quantumBits), rules, {
      template,
      change: entrySetChange(mutant),
      descending: mutant === 'descending-stores',
    });
    const isBroken = plan.kind === 'disruptive';
    const staysPresent = update.wasPresent && getField(pasidEntry.fields.present, target, 0) === 1;
    yield vtd.beginUpdate(address, isBroken ? [zero, target] : [target], staysPresent && !isBroken);
    for (const warning of plan.warnings) {
      yield vtd.note(textOf(warning, quantumBits));
    }
    yield carryOut(plan, {
      cpu,
      address,
      rules,
      barrier,
      storeBefore,
      compilerMoves,
      sync: (batch) => syncPasidEntry(sync, update, batch),
    });
    yield vtd.unlock(cpu);
    // What was not present is in no cache, but for caching mode.
    if (update.wasPresent || sync === 'did-zero') {
      yield flushIotlbAfter(after, update);
    }
    // One device-TLB flush, when the new entry is in place; the first posting has its own in each sync.
    if (update.wasPresent && sync !== 'rfc') {
      yield flushDeviceTlb(vtd, cpu, update);
    }
    yield vtd.endUpdate(address, target);
  },
});

/** Takes the first entry out of the domain's top table, as when the page is new; the plain store that puts it back. */
function* emptyTopTable(
  { cpu }: FlowEnvironment,
  { firstStageTable, secondStageTable }: Domain,
): Flow<PlainStore | undefined> {
  const address = secondStageTable === 0 ? firstStageTable : secondStageTable;
  if (address === 0) {
    return undefined;
  }
  const value = yield* cpu.load64(address);
  yield cpu.store64(address, 0n);
  return { address, widthBits: 64, value };
}

/** The library's WARN_ON, with the names of the bits. */
function textOf({ kind, quantum, bits }: EntryWarning, quantumBits: number): string {
  const isSet = (bit: number): boolean => ((bits >> BigInt(bit - quantum * quantumBits)) & 1n) === 1n;
  const low = quantum * quantumBits;
  const names = fieldsByPosition(pasidEntry)
    .filter((field) => field.low >= low && field.high < low + quantumBits)
    .filter((field) => Array.from({ length: field.widthBits }, (_, i) => field.low + i).some(isSet))
    .map(({ spec }) => spec)
    .join(', ');
  return kind === 'target-sets-unused-bits'
    ? `entry_sync warns: the new entry sets ${names}, which its mask of used bits does not have`
    : `entry_sync warns: no used bit changes, and yet ${names} does`;
}
