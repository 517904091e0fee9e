import { usedPasidEntryBits } from '../../models/vtd/entries/pasid-entry.ts';

/**
 * An enumerator that shares nothing with the simulator but the table of used bits: memory is 8 quadwords, a writer
 * makes atomic stores, a fetcher reads quantum 0 and quantum 1, each at once, and no fetch spans a sync.
 */

/** Stores made at once, by quadword; or a point no fetch may span. */
export type WriterStep = { readonly store: ReadonlyMap<number, bigint> } | 'sync';

export interface Update {
  readonly from: readonly bigint[];
  readonly to: readonly bigint[];
  readonly steps: readonly WriterStep[];
  /** The stores may happen in any order (plain stores); there is no sync then. */
  readonly anyOrder: boolean;
}

/** Whether some fetch sees a present entry that on the bits in use equals neither the old nor the new one. */
export function canTear(update: Update, order: 'ascending' | 'descending'): boolean {
  for (const [early, late] of update.anyOrder ? anyOrderPairs(update) : orderedPairs(update)) {
    const [quantum0, quantum1] = order === 'ascending' ? [early, late] : [late, early];
    const seen = [...quantum0.slice(0, 2), ...quantum1.slice(2, 4), 0n, 0n, 0n, 0n];
    if ((seen[0] as bigint) % 2n === 1n && !equalInUse(seen, update.from) && !equalInUse(seen, update.to)) {
      return true;
    }
  }
  return false;
}

type Memory = readonly bigint[];

/** Contents of memory at the two reads of a fetch, for stores in program order. */
function* orderedPairs({ from, steps }: Update): Generator<readonly [Memory, Memory]> {
  let sinceSync: Memory[] = [from];
  let memory = from;
  for (const step of steps) {
    if (step === 'sync') {
      sinceSync = [memory];
    } else {
      memory = memory.map((qword, i) => step.store.get(i) ?? qword);
      sinceSync.push(memory);
    }
    for (const early of sinceSync) {
      yield [early, memory];
    }
  }
}

/** The same for stores in any order: every set of stores done at the first read, and every larger one at the second. */
function* anyOrderPairs({ from, steps }: Update): Generator<readonly [Memory, Memory]> {
  const stores = steps.flatMap((step) => (step === 'sync' ? [] : [step.store]));
  const after = (done: number): Memory =>
    from.map((qword, i) =>
      stores.reduce((value, store, s) => ((done >> s) & 1 ? (store.get(i) ?? value) : value), qword),
    );
  for (let late = 0; late < 1 << stores.length; late += 1) {
    for (let early = late; ; early = (early - 1) & late) {
      yield [after(early), after(late)];
      if (early === 0) {
        break;
      }
    }
  }
}

function equalInUse(a: Memory, b: Memory): boolean {
  const [wordsA, wordsB] = [words(a), words(b)];
  const [usedA, usedB] = [new Uint32Array(16), new Uint32Array(16)];
  usedPasidEntryBits(wordsA, 0, usedA);
  usedPasidEntryBits(wordsB, 0, usedB);
  return wordsA.every(
    (word, i) => ((word ^ (wordsB[i] as number)) & ((usedA[i] as number) | (usedB[i] as number))) === 0,
  );
}

function words(memory: Memory): Uint32Array {
  return Uint32Array.from(memory.flatMap((qword) => [Number(qword & 0xffff_ffffn), Number(qword >> 32n)]));
}
