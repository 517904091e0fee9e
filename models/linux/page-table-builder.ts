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
  readonly did: number;
  readonly map: readonly Mapping[];
}

export interface PageTableMemory {
  readonly memory: PhysicalMemory;
  readonly allocatePage: (name: string) => number;
}

/** Writes the tables of a domain into memory before a run: four levels, accessed and dirty flags set. */
export function buildDomain(ram: PageTableMemory, plan: DomainPlan): Domain {
  const { name, stage, did, map } = plan;
  switch (stage) {
    case 'pass-through':
      return { name, stage, did, firstStageTable: 0, secondStageTable: 0 };
    case 'first': {
      const tables = new Tables(ram, `${name} first-stage table`, firstStageWords);
      for (const { iova, address, writable } of map) {
        tables.map(iova, address, writable);
      }
      return { name, stage, did, firstStageTable: tables.root, secondStageTable: 0 };
    }
    case 'second': {
      const tables = new Tables(ram, `${name} second-stage table`, secondStageWords);
      for (const { iova, address, writable } of map) {
        tables.map(iova, address, writable);
      }
      return { name, stage, did, firstStageTable: 0, secondStageTable: tables.root };
    }
    case 'nested': {
      const guest = new Tables(ram, `${name} first-stage table`, firstStageWords, guestBase);
      for (const { iova, address, writable } of map) {
        guest.map(iova, guestBase + address, writable);
      }
      const host = new Tables(ram, `${name} second-stage table`, secondStageWords);
      for (const page of [...guest.pages, ...map.map(({ address }) => address)]) {
        host.map(guestBase + page, page, true);
      }
      return { name, stage, did, firstStageTable: guestBase + guest.root, secondStageTable: host.root };
    }
  }
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

  map(iova: number, address: number, writable: boolean): void {
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
    const words = this.#words(address, { leaf: true, writable });
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
