import { type PhysicalMemory, pageBytes } from '../memory/physical-memory.ts';
import { encodeFirstStagePagingEntry } from '../vtd/entries/first-stage-paging-entry.ts';
import type { PasidEntryValues } from '../vtd/entries/pasid-entry.ts';
import { encodeSecondStagePagingEntry } from '../vtd/entries/second-stage-paging-entry.ts';
import type { Domain, Leaf, Stage } from './vtd/vtd-driver.ts';

/** Guest-physical addresses of a nested domain: above all RAM, so that a walk that forgets the second stage fails. */
const guestBase = 0x4000_0000;
const levels = 4;
const entriesPerTable = 512;

interface Mapping {
  readonly iova: number;
  readonly address: number;
  readonly writable: boolean;
}

export interface DomainPlan {
  readonly name: string;
  readonly stage: Stage;
  /** Undefined: it is given one with its first attachment. */
  readonly did: number | undefined;
  readonly map: readonly Mapping[];
  /** What flows will map: the tables are there, with a leaf entry that is not present. */
  readonly mappedLater?: readonly { readonly iova: number; readonly address: number }[];
  readonly entry?: PasidEntryValues;
  /** Domains, built before, whose tables are this one's too. */
  readonly shares?: { readonly first?: string | undefined; readonly second?: string | undefined };
}

export interface PageTableMemory {
  readonly memory: PhysicalMemory;
  readonly allocatePage: (name: string) => number;
  /** Tables of the domains built so far, by name of the domain; filled by {@link buildDomain}. */
  readonly trees?: Map<string, DomainTrees>;
}

export interface DomainTrees {
  readonly first?: Tables | undefined;
  readonly second?: Tables | undefined;
}

/** Writes the tables of a domain into memory before a run: four levels, accessed and dirty flags set. */
export function buildDomain(ram: PageTableMemory, plan: DomainPlan): Domain {
  const { name, stage, did, entry = {} } = plan;
  const trees = treesOf(ram, plan);
  const fromIova = trees.first ?? trees.second;
  ram.trees?.set(name, trees);
  return {
    name,
    stage,
    did: did ?? -1,
    allocatesId: did === undefined,
    // What the first stage points to is a guest address when nested.
    firstStageTable: trees.first === undefined ? 0 : trees.first.pointerBase + trees.first.root,
    secondStageTable: trees.second?.root ?? 0,
    entry,
    leaves: fromIova?.leaves ?? new Map(),
    leafBase: fromIova?.pointerBase ?? 0,
  };
}

/** The leaf paging entry that maps a page of memory, in the stage that leads from IOVAs. */
export function leafEntryFor({ stage, leafBase }: Domain, page: number): Uint32Array {
  const words = stage === 'second' ? secondStageWords : firstStageWords;
  return words(leafBase + page, { leaf: true, writable: true });
}

/** The page of memory that such an entry maps; undefined if it is not present. */
export function pageOfLeaf({ stage, leafBase }: Domain, value: bigint): number | undefined {
  const isPresent = (value & (stage === 'second' ? 3n : 1n)) !== 0n;
  return isPresent ? Number(value & 0x000f_ffff_ffff_f000n) - leafBase : undefined;
}

function treesOf(ram: PageTableMemory, plan: DomainPlan): DomainTrees {
  const { name, stage, shares = {} } = plan;
  const sharedFirst = ram.trees?.get(shares.first ?? '')?.first;
  const sharedSecond = ram.trees?.get(shares.second ?? '')?.second;
  const newFirst = (base: number): Tables => new Tables(ram, `${name} first-stage table`, firstStageWords, base);
  const second = (): Tables => sharedSecond ?? new Tables(ram, `${name} second-stage table`, secondStageWords);
  switch (stage) {
    case 'pass-through':
      return {};
    case 'first':
      return { first: mapped(sharedFirst ?? newFirst(0), plan) };
    case 'second':
      return { second: mapped(second(), plan) };
    case 'nested': {
      const guest = mapped(sharedFirst ?? newFirst(guestBase), plan);
      const host = second();
      for (const page of [...guest.pages, ...guest.targets]) {
        host.map(guest.pointerBase + page, page, true);
      }
      return { first: guest, second: host };
    }
  }
}

function mapped(tables: Tables, { map, mappedLater = [] }: DomainPlan): Tables {
  for (const { iova, address, writable } of map) {
    tables.map(iova, address, writable);
  }
  for (const { iova, address } of mappedLater) {
    tables.prepare(iova, address);
  }
  return tables;
}

type EntryWords = (address: number, options: { readonly leaf: boolean; readonly writable: boolean }) => Uint32Array;

const firstStageWords: EntryWords = (address, { leaf, writable }) =>
  encodeFirstStagePagingEntry({
    present: 1,
    readWrite: writable || !leaf ? 1 : 0,
    userSupervisor: 1,
    accessed: 1,
    dirty: leaf ? 1 : 0,
    address,
  });

const secondStageWords: EntryWords = (address, { leaf, writable }) =>
  encodeSecondStagePagingEntry({ read: 1, write: writable || !leaf ? 1 : 0, address });

/** One tree of tables; `pointerBase` is added to every pointer in it (the guest's view of a nested domain). */
class Tables {
  readonly root: number;
  /** All table pages, by host-physical address. */
  readonly pages: number[] = [];
  /** All pages that leaves lead to, likewise. */
  readonly targets: number[] = [];
  readonly leaves = new Map<number, Leaf>();
  readonly pointerBase: number;
  readonly #ram: PageTableMemory;
  readonly #name: string;
  readonly #words: EntryWords;
  readonly #children = new Map<string, number>();

  constructor(ram: PageTableMemory, name: string, words: EntryWords, pointerBase = 0) {
    this.#ram = ram;
    this.#name = name;
    this.#words = words;
    this.pointerBase = pointerBase;
    this.root = this.#newTable(levels);
  }

  map(iova: number, page: number, writable: boolean): void {
    const address = this.#leafAddress(iova);
    this.targets.push(page);
    this.leaves.set(iova, { address, page });
    this.#ram.memory.initialise(address, this.#words(this.pointerBase + page, { leaf: true, writable }));
  }

  /** Makes the tables for a page that software will map. */
  prepare(iova: number, page: number): void {
    this.targets.push(page);
    if (!this.leaves.has(iova)) {
      this.leaves.set(iova, { address: this.#leafAddress(iova), page: undefined });
    }
  }

  /** The tables above the leaf are made where they are missing. */
  #leafAddress(iova: number): number {
    let table = this.root;
    for (let level = levels; level > 1; level -= 1) {
      const entryAddress = table + indexAt(iova, level) * 8;
      const key = `${entryAddress}`;
      let child = this.#children.get(key);
      if (child === undefined) {
        child = this.#newTable(level - 1);
        this.#children.set(key, child);
        const words = this.#words(child + this.pointerBase, { leaf: false, writable: true });
        this.#ram.memory.initialise(entryAddress, words);
      }
      table = child;
    }
    return table + indexAt(iova, 1) * 8;
  }

  #newTable(level: number): number {
    const page = this.#ram.allocatePage(`${this.#name} L${level}`);
    this.pages.push(page);
    return page;
  }
}

function indexAt(iova: number, level: number): number {
  return Math.floor(iova / (pageBytes * entriesPerTable ** (level - 1))) % entriesPerTable;
}
