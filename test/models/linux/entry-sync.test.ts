import { describe, expect, it } from 'vitest';
import {
  type EntryPlan,
  type EntryRules,
  type EntrySyncTemplate,
  planEntryUpdate,
  quantaOf,
} from '../../../models/linux/entry-sync.ts';
import { type PasidUsedBits, pasidEntryRules } from '../../../models/linux/vtd/pasid-used-bits.ts';
import { encodePasidEntry } from '../../../models/vtd/entries/pasid-entry.ts';

type Values = Parameters<typeof encodePasidEntry>[0];

const first: Values = {
  present: 1,
  pgtt: 1,
  domainId: 5,
  firstStagePointer: 0xaa000,
  addressWidth: 2,
  pageWalkSnoop: 1,
};
const second: Values = { ...first, pgtt: 2, domainId: 6, firstStagePointer: 0, secondStagePointer: 0xbb000 };
const nested: Values = { ...second, pgtt: 3, domainId: 7, firstStagePointer: 0xcc000 };
const passThrough: Values = { present: 1, pgtt: 4, domainId: 1, addressWidth: 2, pageWalkSnoop: 1 };
const entries = {
  notPresent: {},
  first,
  firstOtherRoot: { ...first, firstStagePointer: 0xab000 },
  firstFiveLevels: { ...first, firstStageMode: 1 },
  firstOtherDomain: { ...first, domainId: 8 },
  first2: { ...first, domainId: 8, firstStagePointer: 0xab000 },
  second,
  second2: { ...second, domainId: 9, secondStagePointer: 0xbc000 },
  secondAccessedDirty: { ...second, secondStageAccessedDirty: 1 },
  secondSnooped: { ...second, pageSnoop: 1 },
  secondNarrow: { ...second, addressWidth: 1 },
  nested,
  nestedOtherRoot: { ...nested, firstStagePointer: 0xcd000 },
  nested2: { ...nested, domainId: 10, firstStagePointer: 0xcd000, secondStagePointer: 0xbd000 },
  nestedOverFirst: { ...nested, firstStagePointer: 0xaa000 },
  nestedOverFirstSupervisor: { ...nested, firstStagePointer: 0xaa000, supervisorRequest: 1 },
  passThrough,
  passThroughOfFirst: { ...passThrough, domainId: 5 },
} as const satisfies Record<string, Values>;
type Name = keyof typeof entries;

interface Version {
  readonly used?: PasidUsedBits;
  readonly template?: EntrySyncTemplate;
  /** Put over both entries. */
  readonly values?: (name: Name) => Values;
}

function planOf(from: Name, to: Name, quantumBits: 64 | 128, version: Version = {}): EntryPlan {
  const { used = 'corrected', template = 'new', values = (name: Name) => entries[name] } = version;
  const quanta = (name: Name) => quantaOf(encodePasidEntry(values(name)), quantumBits);
  return planEntryUpdate(quanta(from), quanta(to), pasidEntryRules(quantumBits, used), { template });
}

/** '0 zeroed, then 1, then 0': the quanta of each batch; a sync is where `|` stands, and at the end. */
function batchesOf({ batches }: EntryPlan): string {
  return batches
    .map(({ stores, phase }) => stores.map(({ quantum }) => `${quantum}${phase === 'break' ? '=0' : ''}`).join(' '))
    .join(' | ');
}

interface Row {
  readonly from: Name;
  readonly to: Name;
  /** Batches with quanta of 128 bits, and of 64; `=0` marks what makes an update disruptive. */
  readonly by128: string;
  readonly by64: string;
}

/** As the specification orders types: not present, first stage, second stage, nested, pass-through. */
const transitions: readonly Row[] = [
  // What is not present uses P alone: all else is preloaded, and the quantum of P is the critical one.
  { from: 'notPresent', to: 'first', by128: '1 | 0', by64: '1 2 | 0' },
  { from: 'notPresent', to: 'nested', by128: '1 | 0', by64: '1 2 | 0' },
  // These have nothing above bit 127.
  { from: 'notPresent', to: 'second', by128: '0', by64: '1 | 0' },
  { from: 'notPresent', to: 'passThrough', by128: '0', by64: '1 | 0' },
  // P goes first, and the rest, unused by then, is cleaned.
  { from: 'first', to: 'notPresent', by128: '0 | 1', by64: '0 | 1 2' },
  { from: 'nested', to: 'notPresent', by128: '0 | 1', by64: '0 | 1 2' },
  { from: 'second', to: 'notPresent', by128: '0', by64: '0 | 1' },
  { from: 'passThrough', to: 'notPresent', by128: '0', by64: '0 | 1' },

  // Only the root or its mode differs: one store, and the tag stays.
  { from: 'first', to: 'firstOtherRoot', by128: '1', by64: '2' },
  { from: 'first', to: 'firstFiveLevels', by128: '1', by64: '2' },
  { from: 'first', to: 'firstOtherDomain', by128: '0', by64: '1' },
  // DID and root are in different quanta and both in use.
  { from: 'first', to: 'first2', by128: '0=0 | 1 | 0', by64: '0=0 | 1 2 | 0' },
  // Quantum 1 is out of use after the switch. By qwords, PGTT and DID differ: two critical ones.
  { from: 'first', to: 'second', by128: '0 | 1', by64: '0=0 | 1 2 | 0' },
  { from: 'first', to: 'passThrough', by128: '0 | 1', by64: '0=0 | 1 2 | 0' },
  { from: 'first', to: 'passThroughOfFirst', by128: '0 | 1', by64: '0 | 2' },
  { from: 'first', to: 'nested', by128: '0=0 | 1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'first', to: 'nestedOverFirst', by128: '0', by64: '0=0 | 1 | 0' },
  // A first-stage entry is taken not to use SRE, so SRE is preloaded.
  { from: 'first', to: 'nestedOverFirstSupervisor', by128: '1 | 0', by64: '0=0 | 1 2 | 0' },

  // SSPTPTR and DID in one store; by qwords they are two.
  { from: 'second', to: 'second2', by128: '0', by64: '0=0 | 1 | 0' },
  { from: 'second', to: 'first', by128: '1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'second', to: 'nested', by128: '1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'second', to: 'passThrough', by128: '0', by64: '0=0 | 1 | 0' },
  { from: 'second', to: 'secondAccessedDirty', by128: '0', by64: '0' },
  { from: 'secondAccessedDirty', to: 'second', by128: '0', by64: '0' },
  { from: 'second', to: 'secondSnooped', by128: '0', by64: '1' },
  { from: 'secondSnooped', to: 'second', by128: '0', by64: '1' },
  { from: 'second', to: 'secondNarrow', by128: '0', by64: '0' },

  { from: 'nested', to: 'second', by128: '0 | 1', by64: '0=0 | 1 2 | 0' },
  { from: 'nested', to: 'passThrough', by128: '0 | 1', by64: '0=0 | 1 2 | 0' },
  { from: 'nested', to: 'first', by128: '0=0 | 1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'nestedOverFirst', to: 'first', by128: '0', by64: '0=0 | 1 | 0' },
  { from: 'nestedOverFirstSupervisor', to: 'first', by128: '0 | 1', by64: '0=0 | 1 2 | 0' },
  { from: 'nested', to: 'nestedOtherRoot', by128: '1', by64: '2' },
  { from: 'nested', to: 'nested2', by128: '0=0 | 1 | 0', by64: '0=0 | 1 2 | 0' },

  { from: 'passThrough', to: 'first', by128: '1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'passThrough', to: 'nested', by128: '1 | 0', by64: '0=0 | 1 2 | 0' },
  { from: 'passThrough', to: 'second', by128: '0', by64: '0=0 | 1 | 0' },
  { from: 'passThrough', to: 'passThrough', by128: '', by64: '' },
];

function kindOf(batches: string): EntryPlan['kind'] {
  return batches === '' ? 'none' : batches.includes('=0') ? 'disruptive' : 'hitless';
}

describe('transitions of a PASID entry, by the corrected masks', () => {
  it.each(transitions)('$from to $to: [$by128] in 128 bits, [$by64] in 64', ({ from, to, by128, by64 }) => {
    for (const [quantumBits, batches] of [
      [128, by128],
      [64, by64],
    ] as const) {
      const plan = planOf(from, to, quantumBits);
      expect(batchesOf(plan)).toBe(batches);
      expect(plan.kind).toBe(kindOf(batches));
      expect(plan.warnings).toEqual([]);
    }
  });

  it('go the same way by the masks of Rev. 5.10, but where SRE changes under a first stage', () => {
    // There AW is no bit of these types, so an entry may not set it.
    const values = (name: Name): Values =>
      name.startsWith('first') || name.startsWith('pass') ? { ...entries[name], addressWidth: 0 } : entries[name];
    const batches = (from: Name, to: Name, bits: 64 | 128) =>
      batchesOf(planOf(from, to, bits, { used: 'spec', values }));
    const differing = transitions.filter(
      ({ from, to, by128, by64 }) => batches(from, to, 128) !== by128 || batches(from, to, 64) !== by64,
    );
    expect(differing.map(({ from, to }) => `${from} to ${to}`)).toEqual([
      'first to nestedOverFirstSupervisor',
      'nestedOverFirstSupervisor to first',
    ]);
    for (const { from, to } of differing) {
      expect(batches(from, to, 128)).toBe('0=0 | 1 | 0');
    }
  });

  it('of first-stage entries that set AW, as Linux does, are all disruptive by the masks of Rev. 5.10', () => {
    const plan = planOf('first', 'firstOtherRoot', 128, { used: 'spec' });
    expect(batchesOf(plan)).toBe('0=0 | 1 | 0');
    expect(plan.warnings).toEqual([{ kind: 'target-sets-unused-bits', quantum: 0, bits: 2n << 2n }]);
  });
});

describe('masks that are not the right ones', () => {
  it('too large a mask costs a disruptive update and no more', () => {
    expect(batchesOf(planOf('second', 'first', 128, { used: 'too-large' }))).toBe('0=0 | 1 | 0');
    expect(batchesOf(planOf('second', 'second2', 128, { used: 'too-large' }))).toBe('0');
  });

  it('a target bit outside its mask is warned of, and its quantum always counts as differing', () => {
    const plan = planOf('first', 'firstOtherDomain', 128, { used: 'too-small' });
    expect(plan.kind).toBe('disruptive');
    expect(plan.warnings).toEqual([{ kind: 'target-sets-unused-bits', quantum: 1, bits: 0xaa000n }]);
  });

  it('a current bit outside its mask is cleaned before the switch, while hardware looks at it', () => {
    const plan = planOf('first', 'second', 128, { used: 'too-small' });
    expect(plan.batches.map(({ phase }) => phase)).toEqual(['preload', 'critical']);
    expect(batchesOf(plan)).toBe('1 | 0');
  });

  it('the first posting does not know PGSNP of second stage: setting it warns, clearing it changes "nothing"', () => {
    const setting = planOf('second', 'secondSnooped', 128, { used: 'rfc' });
    expect(setting.kind).toBe('hitless');
    expect(setting.warnings).toEqual([{ kind: 'target-sets-unused-bits', quantum: 0, bits: 1n << 88n }]);
    const clearing = planOf('secondSnooped', 'second', 128, { used: 'rfc' });
    expect(clearing.kind).toBe('none');
    expect(batchesOf(clearing)).toBe('0');
    expect(clearing.warnings).toEqual([{ kind: 'unused-bits-rewritten', quantum: 0, bits: 1n << 88n }]);
  });
});

/** Four quanta, all in use when bit 0 of the valid quantum is set. */
function plainRules(validQuantum: number): EntryRules {
  const all = (1n << 64n) - 1n;
  return {
    quantumBits: 64,
    quantumCount: 4,
    validQuantum,
    validBit: 1n,
    usedBits: (entry) => entry.map((_, i) => (entry[validQuantum] === 0n ? (i === validQuantum ? 1n : 0n) : all)),
  };
}

describe('the early template', () => {
  it('draft 1 stores the valid quantum together with the next ones, and never the last', () => {
    const plan = planEntryUpdate([1n, 2n, 3n, 4n], [5n, 6n, 7n, 8n], plainRules(0), { template: 'early' });
    expect(batchesOf(plan)).toBe('0=0 | 0 1 2');
    expect(batchesOf(planEntryUpdate([1n, 2n, 3n, 4n], [5n, 6n, 7n, 8n], plainRules(0)))).toBe('0=0 | 1 2 3 | 0');
  });

  it('draft 1 with the valid quantum in place 1 leaves out quantum 0, which the upper range does not reach', () => {
    const plan = planEntryUpdate([1n, 3n, 3n, 4n], [5n, 7n, 7n, 8n], plainRules(1), { template: 'early' });
    expect(batchesOf(plan)).toBe('1=0 | 1 2 3');
  });

  it('differs in the disruptive branch only', () => {
    for (const { from, to, by128 } of transitions) {
      const batches = batchesOf(planOf(from, to, 128, { template: 'early' }));
      expect(batches).toBe(by128.replace('0=0 | 1 | 0', '0=0 | 0 1'));
    }
  });
});

describe('an entry with its valid quantum in the middle', () => {
  it('is filled below and above it, each with a sync', () => {
    const plan = planEntryUpdate([1n, 2n, 3n, 4n], [5n, 6n, 7n, 8n], plainRules(2));
    expect(batchesOf(plan)).toBe('2=0 | 0 1 | 3 | 2');
  });
});

describe('safe bits', () => {
  const rules: EntryRules = {
    quantumBits: 64,
    quantumCount: 2,
    validQuantum: 0,
    validBit: 1n,
    usedBits: (entry) => [0xfn, (entry[0] as bigint) % 2n === 1n ? 0xffn : 0n],
    safeBits: () => [0n, 0xf0n],
  };

  it('may be preloaded although both entries use them, so that one quantum is left to switch', () => {
    expect(batchesOf(planEntryUpdate([1n, 0x11n], [3n, 0x21n], rules))).toBe('1 | 0');
    const { safeBits: _, ...strict } = rules;
    expect(batchesOf(planEntryUpdate([1n, 0x11n], [3n, 0x21n], strict))).toBe('0=0 | 1 | 0');
  });

  it('do not help where another bit of the same quantum differs', () => {
    expect(batchesOf(planEntryUpdate([1n, 0x11n], [3n, 0x22n], rules))).toBe('0=0 | 1 | 0');
  });
});
