import { type PhysicalMemory, pageBytes } from '../memory/physical-memory.ts';
import { encodeFirstStagePagingEntry } from '../vtd/entries/first-stage-paging-entry.ts';
import type { PasidEntryValues } from '../vtd/entries/pasid-entry.ts';
import { encodeSecondStagePagingEntry } from '../vtd/entries/second-stage-paging-entry.ts';
import type { Domain, Stage } from './vtd/vtd-driver.ts';

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
  readonly did: number;
  readonly map: readonly Mapping[];
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
  ram.trees?.set(name, trees);
  return {
    name,
    stage,
    did,
    // What the first stage points to is a guest address when nested.
    firstStageTable: trees.first === undefined ? 0 : trees.first.pointerBase + trees.first.root,
    secondStageTable: trees.second?.root ?? 0,
    entry,
  };
}

function treesOf(ram: PageTableMemory, { name, stage, map, shares = {} }: DomainPlan): DomainTrees {
  const sharedFirst = ram.trees?.get(shares.first ?? '')?.first;
  const sharedSecond = ram.trees?.get(shares.second ?? '')?.second;
  const newFirst = (base: number): Tables => new Tables(ram, `${name} first-stage table`, firstStageWords, base);
  const second = (): Tables => sharedSecond ?? new Tables(ram, `${name} second-stage table`, secondStageWords);
  switch (stage) {
    case 'pass-through':
      return {};
    case 'first':
      return { first: mapped(sharedFirst ?? newFirst(0), map) };
    case 'second':
      return { second: mapped(second(), map) };
    case 'nested': {
      const guest = mapped(sharedFirst ?? newFirst(guestBase), map);
      const host = second();
      for (const page of [...guest.pages, ...guest.targets]) {
        host.map(guest.pointerBase + page, page, true);
      }
      return { first: guest, second: host };
    }
  }
}

function mapped(tables: Tables, map: readonly Mapping[]): Tables {
  for (const { iova, address, writable } of map) {
    tables.map(iova, address, writable);
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

  map(iova: number, address: number, writable: boolean): void {
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
    this.targets.push(address);
    const words = this.#words(this.pointerBase + address, { leaf: true, writable });
    this.#ram.memory.initialise(table + indexAt(iova, 1) * 8, words);
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
