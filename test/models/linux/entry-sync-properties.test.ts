import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EntryPlan,
  type EntryRules,
  planEntryUpdate,
  type Quanta,
  quantaOf,
} from '../../../models/linux/entry-sync.ts';
import { type EntrySyncMutant, entrySetChange, entrySyncMutants } from '../../../models/linux/entry-sync-mutants.ts';
import { type PasidUsedBits, pasidEntryRules, usedPasidBits } from '../../../models/linux/vtd/pasid-used-bits.ts';
import { encodePasidEntry, type PasidEntryValues } from '../../../models/vtd/entries/pasid-entry.ts';

const bit = fc.constantFrom(0, 1);
const page = fc.constantFrom(0xa000, 0xb000, 0xc000);
/** Few values for each field, so that entries often agree in some of them. */
const values: fc.Arbitrary<PasidEntryValues> = fc.record({
  present: fc.constant(1),
  pgtt: fc.integer({ min: 1, max: 4 }),
  faultProcessingDisable: bit,
  addressWidth: fc.constantFrom(1, 2),
  secondStageAccessedDirty: bit,
  secondStagePointer: page,
  domainId: fc.constantFrom(5, 8),
  pageWalkSnoop: bit,
  pageSnoop: bit,
  supervisorRequest: bit,
  firstStageMode: bit,
  writeProtect: bit,
  extendedAccessedFlag: bit,
  firstStagePointer: page,
});

/** An entry that sets no bit its mask does not have, as the driver's functions are meant to; or one not present. */
function entryWithin(used: PasidUsedBits): fc.Arbitrary<Uint32Array> {
  const present = values.map((fields) => {
    const words = encodePasidEntry(fields);
    return words.map((word, i) => word & (usedPasidBits(used, words)[i] as number));
  });
  return fc.oneof({ weight: 4, arbitrary: present }, { weight: 1, arbitrary: fc.constant(new Uint32Array(16)) });
}

interface Update {
  readonly from: Quanta;
  readonly to: Quanta;
  readonly rules: EntryRules;
  readonly plan: EntryPlan;
}

function updates(mutant: EntrySyncMutant = 'none', versions: readonly PasidUsedBits[] = ['corrected', 'spec']) {
  return fc
    .tuple(fc.constantFrom<64 | 128>(64, 128), fc.constantFrom(...versions))
    .chain(([bits, used]) => fc.tuple(fc.constant(bits), fc.constant(used), entryWithin(used), entryWithin(used)))
    .map(([bits, used, old, target]): Update => {
      const [from, to] = [quantaOf(old, bits), quantaOf(target, bits)];
      const rules = pasidEntryRules(bits, used);
      const descending = mutant === 'descending-stores';
      return {
        from,
        to,
        rules,
        plan: planEntryUpdate(from, to, rules, { change: entrySetChange(mutant), descending }),
      };
    });
}

const isValid = (entry: Quanta, { validQuantum, validBit }: EntryRules): boolean =>
  ((entry[validQuantum] as bigint) & validBit) !== 0n;

/** Whether two entries agree on the bits that the first uses, or either. */
function agree(a: Quanta, b: Quanta, rules: EntryRules, onBoth = false): boolean {
  const used = rules.usedBits(a);
  const usedThere = onBoth ? rules.usedBits(b) : used;
  return a.every(
    (quantum, i) => ((quantum ^ (b[i] as bigint)) & ((used[i] as bigint) | (usedThere[i] as bigint))) === 0n,
  );
}

/** Contents of memory from each sync to the next, the last window being open. */
function windowsOf({ from, plan }: Update): readonly (readonly Quanta[])[] {
  let memory = from;
  const windows: Quanta[][] = [[memory]];
  for (const { stores, syncs } of plan.batches) {
    for (const { quantum, value } of stores) {
      memory = memory.map((old, i) => (i === quantum ? value : old));
      windows.at(-1)?.push(memory);
    }
    if (syncs) {
      windows.push([memory]);
    }
  }
  return windows;
}

/** Every entry that a fetcher of 128-bit pieces can put together in a window, whatever the order of its reads. */
function viewsOf(window: readonly Quanta[], { quantumBits, quantumCount }: EntryRules): readonly Quanta[] {
  const perPiece = 128 / quantumBits;
  let views: readonly Quanta[] = [[]];
  for (let first = 0; first < quantumCount; first += perPiece) {
    const pieces = new Map(window.map((memory) => memory.slice(first, first + perPiece)).map((p) => [p.join(), p]));
    views = views.flatMap((view) => [...pieces.values()].map((piece) => [...view, ...piece]));
  }
  return views;
}

/** A view that is valid and neither the old entry nor the new one; undefined: there is none. */
function tornView(update: Update): Quanta | undefined {
  const { from, to, rules } = update;
  return windowsOf(update)
    .flatMap((window) => viewsOf(window, rules))
    .find((view) => isValid(view, rules) && !agree(view, from, rules, true) && !agree(view, to, rules, true));
}

describe('entry_sync, for any two entries within their masks', () => {
  it('ends with the target, and stores no quantum without need', () => {
    fc.assert(
      fc.property(updates(), (update) => {
        expect(windowsOf(update).at(-1)?.at(-1)).toEqual(update.to);
        let memory = update.from;
        for (const { quantum, value } of update.plan.batches.flatMap(({ stores }) => stores)) {
          expect(value).not.toBe(memory[quantum]);
          memory = memory.map((old, i) => (i === quantum ? value : old));
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('has in memory at each sync, if it is valid, the old or the new entry on the bits in use now', () => {
    fc.assert(
      fc.property(updates(), (update) => {
        const { from, to, rules } = update;
        for (const [memory] of windowsOf(update) as readonly [Quanta][]) {
          expect(!isValid(memory, rules) || agree(memory, from, rules) || agree(memory, to, rules)).toBe(true);
        }
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  it('shows no fetcher anything but the old entry, the new one, or one that is not present', () => {
    fc.assert(
      fc.property(updates(), (update) => tornView(update) === undefined),
      { seed: 3, numRuns: 2000 },
    );
  });

  it('is never seen not present where it is hitless between two that are present', () => {
    fc.assert(
      fc.property(updates(), (update) => {
        const { from, to, rules, plan } = update;
        fc.pre(plan.kind !== 'disruptive' && isValid(from, rules) && isValid(to, rules));
        for (const memory of windowsOf(update).flat()) {
          expect(isValid(memory, rules)).toBe(true);
        }
      }),
      { seed: 4, numRuns: 1000 },
    );
  });

  it('warns of nothing but stores to bits that no mask has', () => {
    fc.assert(
      fc.property(updates(), ({ plan }) => plan.warnings.length === 0),
      { seed: 5, numRuns: 500 },
    );
  });

  it('needs at most three batches', () => {
    fc.assert(
      fc.property(updates(), ({ plan }) => plan.batches.length <= 3),
      { seed: 6, numRuns: 500 },
    );
  });
});

describe('a mutant of entry_sync', () => {
  // What the last syncs end is equal to the new entry; what P=0 hides may be left; and in a batch no order counts.
  const harmless: readonly EntrySyncMutant[] = [
    'none',
    'no-clean-sync',
    'no-make-sync',
    'break-valid-bit-only',
    'descending-stores',
  ];

  it.each(Object.keys(entrySyncMutants) as EntrySyncMutant[])('%s shows a torn entry, or is known not to', (mutant) => {
    const details = fc.check(
      fc.property(updates(mutant), (update) => tornView(update) === undefined),
      { seed: 7, numRuns: 2000 },
    );
    expect(details.failed).toBe(!harmless.includes(mutant));
  });

  it.each([
    ['too-small', true],
    ['too-large', false],
  ] as const)('with a mask that is %s: shows one: %s', (used, shows) => {
    // Planned by the wrong mask, seen by the right one.
    const planned = updates('none', ['corrected']).map((update): Update => {
      const { quantumBits } = update.rules;
      return { ...update, plan: planEntryUpdate(update.from, update.to, pasidEntryRules(quantumBits, used)) };
    });
    const details = fc.check(
      fc.property(planned, (update) => tornView(update) === undefined),
      { seed: 8, numRuns: 2000 },
    );
    expect(details.failed).toBe(shows);
  });
});
