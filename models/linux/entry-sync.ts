import { assert } from '../../sim/assert.ts';
import { Choose, type Flow, type Operation } from '../../sim/operation.ts';
import { entryFromQwords } from '../entry-layout.ts';
import type { Cpu } from '../memory/cpu.ts';
import type { PlainStore } from '../memory/cpu-operations.ts';
import { qwordsOf } from '../qword.ts';

/**
 * The entry_sync library of Linux (drivers/iommu/entry_sync_template.h, drafts of 2026): how software changes a table
 * entry of several quanta under a fetcher that reads it quantum by quantum. What the entry is, which of its bits count
 * and how fetches are waited for is the caller's; the library knows quanta and one valid bit. It is arm_smmu_write_entry
 * made general.
 */

/** Contents of an entry, lowest quantum first. */
export type Quanta = readonly bigint[];
type QuantumBits = 64 | 128;

export interface EntryRules {
  /** Widest store and widest read that are atomic. */
  readonly quantumBits: QuantumBits;
  readonly quantumCount: number;
  /** Quantum that holds the valid (present) bit, and that bit in it. */
  readonly validQuantum: number;
  readonly validBit: bigint;
  /** `get_used`: the bits hardware looks at, given the entry's own contents. */
  usedBits(entry: Quanta): Quanta;
  /** `get_update_safe` of the newest Arm driver: bits both entries use that may be wrong for a while without harm. */
  safeBits?(current: Quanta, target: Quanta): Quanta;
}

/**
 * What a batch is for. Hitless: `preload` bits the current entry does not use, switch the `critical` quantum, `clean`
 * bits the target does not use. Disruptive: `break` the valid quantum, `fill` the others, `make` it valid. Neither:
 * `rewrite`.
 */
export type Phase = 'preload' | 'critical' | 'clean' | 'break' | 'fill' | 'make' | 'rewrite';

interface QuantumStore {
  readonly quantum: number;
  readonly value: bigint;
}

/** Stores with no order and no sync between them; at least one. */
export interface Batch {
  readonly phase: Phase;
  readonly stores: readonly QuantumStore[];
  /** Whether sync is called when the stores are done: always, but for a mutant. */
  readonly syncs: boolean;
  /** Whether the entry was valid at the sync before this one, or at the start; and whether it is now. */
  readonly wasValid: boolean;
  readonly isValid: boolean;
}

/** What the library warns of: a mask that does not know a bit the caller sets, or stores that nothing asked for. */
export type EntryWarning =
  | { readonly kind: 'target-sets-unused-bits'; readonly quantum: number; readonly bits: bigint }
  | { readonly kind: 'unused-bits-rewritten'; readonly quantum: number; readonly bits: bigint };

export interface EntryPlan {
  /** `none`: no bit in use changes. */
  readonly kind: 'hitless' | 'disruptive' | 'none';
  readonly batches: readonly Batch[];
  readonly warnings: readonly EntryWarning[];
}

/** `new`: as it stands (LuBaolu 03399da); `early`: the first draft, whose disruptive ranges are wrong (jgunthorpe 02374d8). */
export const entrySyncTemplates = ['new', 'early'] as const;
export type EntrySyncTemplate = (typeof entrySyncTemplates)[number];

/** One `set()` of the library: quanta and the values they shall have; those that have them already are not stored. */
interface EntrySet {
  readonly phase: Phase;
  readonly values: readonly QuantumStore[];
  readonly syncs: boolean;
}

/** Another way to make the same update, for mutants: from the sets of the library to other sets. */
export type EntrySetChange = (
  sets: readonly EntrySet[],
  entry: { readonly current: Quanta; readonly rules: EntryRules },
) => readonly EntrySet[];

interface PlanOptions {
  readonly template?: EntrySyncTemplate;
  readonly change?: EntrySetChange;
  /** Within a batch the highest quantum is stored first: nobody promises an order. */
  readonly descending?: boolean;
}

/** What entry_sync_write does to turn `current` into `target`, before it does it. */
export function planEntryUpdate(
  current: Quanta,
  target: Quanta,
  rules: EntryRules,
  { template = 'new', change = (sets) => sets, descending = false }: PlanOptions = {},
): EntryPlan {
  const { preloaded, differing, warnings } = compare(current, target, rules);
  const kind = differing.length === 0 ? 'none' : differing.length === 1 ? 'hitless' : 'disruptive';
  const sets = {
    none: () => [set('rewrite', target, everyQuantum(rules))],
    hitless: () => hitlessSets({ current, target, preloaded }, differing[0] as number, rules),
    disruptive: () => disruptiveSets(target, rules, template),
  }[kind]();
  const batches = batchesOf(change(sets, { current, rules }), { current, rules, descending });
  const rewritten = batches.filter(({ phase }) => phase === 'rewrite').flatMap(({ stores }) => stores);
  return {
    kind,
    batches,
    warnings: [
      ...warnings,
      ...rewritten.map(({ quantum, value }) => ({
        kind: 'unused-bits-rewritten' as const,
        quantum,
        bits: value ^ (current[quantum] as bigint),
      })),
    ],
  };
}

interface Comparison {
  /** The current entry with every bit it does not use as the target has it. */
  readonly preloaded: Quanta;
  /** Quanta in which a bit that the target uses is still wrong then. */
  readonly differing: readonly number[];
  readonly warnings: readonly EntryWarning[];
}

/** entry_quanta_diff. */
function compare(current: Quanta, target: Quanta, rules: EntryRules): Comparison {
  const targetUsed = rules.usedBits(target);
  const safe = rules.safeBits?.(current, target) ?? current.map(() => 0n);
  const currentUsed = rules
    .usedBits(current)
    .map((used, i) => used & ~((safe[i] as bigint) & (targetUsed[i] as bigint)));
  const preloaded = current.map(
    (quantum, i) => (quantum & (currentUsed[i] as bigint)) | ((target[i] as bigint) & ~(currentUsed[i] as bigint)),
  );
  const warnings = target.flatMap((quantum, i): readonly EntryWarning[] => {
    const bits = quantum & ~(targetUsed[i] as bigint);
    return bits === 0n ? [] : [{ kind: 'target-sets-unused-bits', quantum: i, bits }];
  });
  return {
    preloaded,
    differing: everyQuantum(rules).filter(
      (i) => ((preloaded[i] as bigint) & (targetUsed[i] as bigint)) !== (target[i] as bigint),
    ),
    warnings,
  };
}

function hitlessSets(
  { current, target, preloaded }: { readonly current: Quanta; readonly target: Quanta; readonly preloaded: Quanta },
  critical: number,
  rules: EntryRules,
): readonly EntrySet[] {
  // The critical quantum is stored once: its unused bits come with the switch, which may save the first sync.
  const kept = preloaded.map((quantum, i) => (i === critical ? (current[i] as bigint) : quantum));
  return [
    set('preload', kept, everyQuantum(rules)),
    set('critical', target, [critical]),
    set('clean', target, everyQuantum(rules)),
  ];
}

/** Break before make: with the valid bit 0 hardware looks at nothing else. */
function disruptiveSets(target: Quanta, rules: EntryRules, template: EntrySyncTemplate): readonly EntrySet[] {
  const { validQuantum, quantumCount } = rules;
  const broken: EntrySet = { phase: 'break', values: [{ quantum: validQuantum, value: 0n }], syncs: true };
  assert(
    template === 'new' || validQuantum <= 1,
    'the early template keeps to an entry with its valid quantum in front',
  );
  // Start and length. The draft is one short on either side, and its upper range begins with the valid quantum.
  const ranges: readonly (readonly [start: number, length: number])[] =
    template === 'early'
      ? [
          [0, validQuantum - 1],
          [validQuantum, quantumCount - 1],
        ]
      : [
          [0, validQuantum],
          [validQuantum + 1, quantumCount - validQuantum - 1],
        ];
  const fills = ranges
    .filter(([, length]) => length > 0)
    .map(([start, length]) =>
      set(
        'fill',
        target,
        Array.from({ length }, (_, i) => start + i),
      ),
    );
  return [broken, ...fills, set('make', target, [validQuantum])];
}

function set(phase: Phase, values: Quanta, quanta: readonly number[]): EntrySet {
  return { phase, values: quanta.map((quantum) => ({ quantum, value: values[quantum] as bigint })), syncs: true };
}

function everyQuantum({ quantumCount }: EntryRules): readonly number[] {
  return Array.from({ length: quantumCount }, (_, i) => i);
}

/** entry_set: of each set the quanta that differ from memory by then. */
function batchesOf(
  sets: readonly EntrySet[],
  {
    current,
    rules,
    descending,
  }: { readonly current: Quanta; readonly rules: EntryRules; readonly descending: boolean },
): readonly Batch[] {
  const memory = [...current];
  const valid = (): boolean => ((memory[rules.validQuantum] as bigint) & rules.validBit) !== 0n;
  let wasValid = valid();
  return sets.flatMap(({ phase, values, syncs }): readonly Batch[] => {
    const stores = values.filter(({ quantum, value }) => memory[quantum] !== value);
    if (stores.length === 0) {
      return [];
    }
    for (const { quantum, value } of stores) {
      memory[quantum] = value;
    }
    const batch = { phase, stores: descending ? stores.toReversed() : stores, syncs, wasValid, isValid: valid() };
    wasValid = syncs ? batch.isValid : wasValid;
    return [batch];
  });
}

/** What carrying out a plan takes besides the plan. */
export interface EntryWriter {
  readonly cpu: Cpu;
  readonly address: number;
  readonly rules: EntryRules;
  /** `sync`: called after each batch, and returns when no fetch that began before is under way. */
  sync(batch: Batch): Flow;
  /** A dma_wmb before anything is written: the newest Arm driver has it, the template does not. */
  readonly barrier: boolean;
  /** A plain store of the caller's just before: something that the target leads to. */
  readonly storeBefore?: PlainStore | undefined;
  /** Whether the compiler may move that store behind those of the entry. */
  readonly compilerMoves: boolean;
}

/** The entry as it is in memory. */
export function* readEntry(cpu: Cpu, address: number, { quantumBits, quantumCount }: EntryRules): Flow<Quanta> {
  const qwords: bigint[] = [];
  for (let i = 0; i < (quantumCount * quantumBits) / 64; i += 1) {
    qwords.push(yield* cpu.load64(address + i * 8));
  }
  return quantaOfQwords(qwords, quantumBits);
}

/** Stores each quantum of a plan at once, lowest first as entry_set does, and calls `sync` after each batch. */
export function* carryOut({ batches }: EntryPlan, writer: EntryWriter): Flow {
  const { barrier, storeBefore, compilerMoves, rules } = writer;
  // WRITE_ONCE does not keep a plain store before it; the asm of cmpxchg16b does, and so does the call of a sync.
  const mayMove = storeBefore !== undefined && compilerMoves && !barrier && rules.quantumBits === 64;
  const places = mayMove ? (batches[0]?.stores.length ?? 0) + 1 : 1;
  const place = storeBefore === undefined ? -1 : yield* new Choose('compiler', places);
  if (place === 0) {
    yield* writeBefore(writer);
  }
  if (barrier) {
    yield writer.cpu.barrier('dma_wmb');
  }
  for (const [i, batch] of batches.entries()) {
    for (const [j, store] of batch.stores.entries()) {
      yield storeQuantum(writer, store);
      if (i === 0 && place === j + 1) {
        yield* writeBefore(writer);
      }
    }
    if (batch.syncs) {
      yield writer.sync(batch);
    }
  }
}

function* writeBefore({ cpu, storeBefore }: EntryWriter): Flow {
  if (storeBefore !== undefined) {
    yield cpu.store64(storeBefore.address, storeBefore.value);
  }
}

function storeQuantum({ cpu, address, rules }: EntryWriter, { quantum, value }: QuantumStore): Operation<void> {
  const at = address + (quantum * rules.quantumBits) / 8;
  // 128 bits: cmpxchg16b. The kernel uses it without a lock prefix; syncs, not the prefix, order what follows.
  return rules.quantumBits === 64 ? cpu.store64(at, value) : cpu.store128(at, value);
}

/** An entry's 32-bit words as quanta. */
export function quantaOf(words: ArrayLike<number>, quantumBits: QuantumBits): Quanta {
  return quantaOfQwords(qwordsOf(words), quantumBits);
}

/** The 32-bit words of an entry. */
export function wordsOfQuanta(quanta: Quanta, quantumBits: QuantumBits): Uint32Array {
  return entryFromQwords(
    quantumBits === 64 ? quanta : quanta.flatMap((quantum) => [BigInt.asUintN(64, quantum), quantum >> 64n]),
  );
}

function quantaOfQwords(qwords: readonly bigint[], quantumBits: QuantumBits): Quanta {
  return quantumBits === 64
    ? qwords
    : Array.from(
        { length: qwords.length / 2 },
        (_, i) => ((qwords[i * 2 + 1] as bigint) << 64n) | (qwords[i * 2] as bigint),
      );
}
