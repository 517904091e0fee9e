import { type PhysicalMemory, pageBytes } from '../memory/physical-memory.ts';
import { encodeFirstStagePagingEntry } from '../vtd/entries/first-stage-paging-entry.ts';
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
  /** Undefined: it is given one with its first attachment. */
  readonly did: number | undefined;
  readonly map: readonly Mapping[];
  /** What flows will map: the tables are there, with a leaf entry that is not present. */
  readonly mappedLater: readonly { readonly iova: number; readonly address: number }[];
}

export interface PageTableMemory {
  readonly memory: PhysicalMemory;
  readonly allocatePage: (name: string) => number;
}

/** Writes the tables of a domain into memory before a run: four levels, accessed and dirty flags set. */
export function buildDomain(ram: PageTableMemory, plan: DomainPlan): Domain {
  const { name, stage, map, mappedLater } = plan;
  const id = { did: plan.did ?? -1, allocatesId: plan.did === undefined };
  const noTables = { firstStageTable: 0, secondStageTable: 0, tablePages: [], leaves: new Map<number, number>() };
  switch (stage) {
    case 'pass-through':
      return { ...noTables, name, stage, ...id };
    case 'first':
    case 'second': {
      const tables = new Tables(
        ram,
        `${name} ${stage}-stage table`,
        stage === 'first' ? firstStageWords : secondStageWords,
      );
      const leaves = mapAll(tables, plan);
      const root = stage === 'first' ? { firstStageTable: tables.root } : { secondStageTable: tables.root };
      return { ...noTables, name, stage, ...id, ...root, tablePages: tables.pages, leaves };
    }
    case 'nested': {
      const guest = new Tables(ram, `${name} first-stage table`, firstStageWords, guestBase);
      const leaves = mapAll(guest, plan);
      const host = new Tables(ram, `${name} second-stage table`, secondStageWords);
      for (const page of [...guest.pages, ...[...map, ...mappedLater].map(({ address }) => address)]) {
        host.map(guestBase + page, page, true);
      }
      const [firstStageTable, secondStageTable] = [guestBase + guest.root, host.root];
      return {
        name,
        stage,
        ...id,
        firstStageTable,
        secondStageTable,
        tablePages: [...guest.pages, ...host.pages],
        leaves,
      };
    }
  }
}

/** The leaf paging entry that maps a page of memory, in the stage that leads from IOVAs. */
export function leafEntryFor(
  stage: Stage,
  page: { readonly address: number; readonly writable: boolean },
): Uint32Array {
  const words = stage === 'second' ? secondStageWords : firstStageWords;
  const address = page.address + (stage === 'nested' ? guestBase : 0);
  return words(address, { leaf: true, writable: page.writable });
}

/** The page of memory that a leaf entry of that stage maps; undefined if it is not present. */
export function pageOfLeaf(stage: Stage, value: bigint): number | undefined {
  const isPresent = (value & (stage === 'second' ? 3n : 1n)) !== 0n;
  const address = Number(value & 0x000f_ffff_ffff_f000n);
  return isPresent ? address - (stage === 'nested' ? guestBase : 0) : undefined;
}

/** Address of the leaf entry of each IOVA. */
function mapAll(tables: Tables, { map, mappedLater, stage }: DomainPlan): ReadonlyMap<number, number> {
  const leaves = new Map<number, number>();
  for (const { iova, address, writable } of map) {
    leaves.set(iova, tables.map(iova, address + (stage === 'nested' ? guestBase : 0), writable));
  }
  for (const { iova } of mappedLater) {
    leaves.set(iova, leaves.get(iova) ?? tables.leafAddress(iova));
  }
  return leaves;
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

/** One tree of tables; `pointerBase` is added to every table pointer (the guest's view of a nested domain). */
class Tables {
  readonly root: number;
  /** All table pages, by host-physical address. */
  readonly pages: number[] = [];
  readonly #ram: PageTableMemory;
  readonly #name: string;
  readonly #words: EntryWords;
  readonly #pointerBase: number;
  readonly #children = new Map<string, number>();

  constructor(ram: PageTableMemory, name: string, words: EntryWords, pointerBase = 0) {
    this.#ram = ram;
    this.#name = name;
    this.#words = words;
    this.#pointerBase = pointerBase;
    this.root = this.#newTable(levels);
  }

  /** Address of the leaf entry. */
  map(iova: number, address: number, writable: boolean): number {
    const leaf = this.leafAddress(iova);
    this.#ram.memory.initialise(leaf, this.#words(address, { leaf: true, writable }));
    return leaf;
  }

  /** Address of the leaf entry; the tables above it are made where they are missing. */
  leafAddress(iova: number): number {
    let table = this.root;
    for (let level = levels; level > 1; level -= 1) {
      const entryAddress = table + indexAt(iova, level) * 8;
      const key = `${entryAddress}`;
      let child = this.#children.get(key);
      if (child === undefined) {
        child = this.#newTable(level - 1);
        this.#children.set(key, child);
        const words = this.#words(child + this.#pointerBase, { leaf: false, writable: true });
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
