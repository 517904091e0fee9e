import { assert } from '../../../sim/assert.ts';
import { type PhysicalMemory, pageBytes } from '../../memory/physical-memory.ts';
import { isPaging, type RiscvDomain, type RiscvLeaf, type RiscvMode, type RiscvStage } from './domains.ts';

/**
 * Guest-physical addresses of a nested domain: above all RAM, so that a walk that forgets the second stage fails, and
 * with a bit in the upper half of a PTE.
 */
const guestBase = 0x4_0000_0000;
const levelsOf = { sv39: 3, sv48: 4, sv57: 5 } as const;
const entriesPerTable = 512;
/** A second-stage root has 2 more index bits: 16 KB, aligned to that. */
const secondStageRootPages = 4;

export interface RiscvDomainPlan {
  readonly name: string;
  readonly stage: RiscvStage;
  /** 0: a flow gives it one. */
  readonly pscid: number;
  readonly gscid: number;
  readonly mode: RiscvMode;
  readonly map: readonly { readonly iova: number; readonly address: number; readonly writable: boolean }[];
  /** What flows will map: the tables are there, with a leaf PTE that is not valid. */
  readonly mappedLater: readonly { readonly iova: number; readonly address: number }[];
}

export interface RiscvTableMemory {
  readonly memory: PhysicalMemory;
  readonly allocatePage: (name: string) => number;
}

/** PTE bits (RISC-V privileged specification, Sv39): V, R, W, U, A, D. */
const pteBits = { valid: 0x1, read: 0x2, write: 0x4, user: 0x10, accessed: 0x40, dirty: 0x80 } as const;

/** A leaf PTE as Linux has it, accessed and dirty: hardware has nothing to update. */
export function leafPte(address: number, writable = true): bigint {
  const { valid, read, write, user, accessed, dirty } = pteBits;
  const flags = valid | read | (writable ? write | dirty : 0) | user | accessed;
  return (BigInt(address / pageBytes) << 10n) | BigInt(flags);
}

/** A PTE that leads to a table. */
function tablePte(address: number): bigint {
  return (BigInt(address / pageBytes) << 10n) | BigInt(pteBits.valid);
}

/** The page of memory that a leaf PTE of a domain maps; undefined if it is not valid. */
export function pageOfPte({ leafBase }: Pick<RiscvDomain, 'leafBase'>, pte: bigint): number | undefined {
  return (pte & 1n) === 0n ? undefined : Number((pte >> 10n) & 0xfff_ffff_ffffn) * pageBytes - leafBase;
}

/** Writes the tables of a domain into memory before a run. */
export function buildRiscvDomain(ram: RiscvTableMemory, plan: RiscvDomainPlan): RiscvDomain {
  const { name, stage, pscid, gscid, mode, map, mappedLater } = plan;
  const domain = { name, stage, pscid, gscid, mode, firstStageTable: 0, secondStageTable: 0, leafBase: 0 };
  if (!isPaging({ stage })) {
    return { ...domain, leaves: new Map() };
  }
  const isNested = stage === 'nested';
  const fromIova = new RiscvTables(ram, {
    name: `${name} ${stage === 'second' ? 'second' : 'first'}-stage table`,
    mode,
    isSecondStage: stage === 'second',
    pointerBase: isNested ? guestBase : 0,
  });
  for (const { iova, address, writable } of map) {
    fromIova.map(iova, address, writable);
  }
  for (const { iova, address } of mappedLater) {
    fromIova.prepare(iova, address);
  }
  const { leaves } = fromIova;
  if (stage === 'second') {
    return { ...domain, secondStageTable: fromIova.root, leaves };
  }
  if (!isNested) {
    return { ...domain, firstStageTable: fromIova.root, leaves };
  }
  const host = new RiscvTables(ram, { name: `${name} second-stage table`, mode, isSecondStage: true, pointerBase: 0 });
  for (const page of [...fromIova.pages, ...fromIova.targets]) {
    host.map(guestBase + page, page, true);
  }
  return {
    ...domain,
    firstStageTable: guestBase + fromIova.root,
    secondStageTable: host.root,
    leafBase: guestBase,
    leaves,
  };
}

interface TableOptions {
  readonly name: string;
  readonly mode: RiscvMode;
  readonly isSecondStage: boolean;
  /** Added to every pointer: the guest's view of a nested domain. */
  readonly pointerBase: number;
}

/** One tree of tables. */
class RiscvTables {
  readonly root: number;
  /** All table pages, by host-physical address. */
  readonly pages: number[] = [];
  /** All pages that leaves lead to, likewise. */
  readonly targets: number[] = [];
  readonly leaves = new Map<number, RiscvLeaf>();
  readonly #ram: RiscvTableMemory;
  readonly #options: TableOptions;
  readonly #levels: number;
  readonly #children = new Map<number, number>();

  constructor(ram: RiscvTableMemory, options: TableOptions) {
    this.#ram = ram;
    this.#options = options;
    this.#levels = levelsOf[options.mode];
    this.root = options.isSecondStage ? this.#newRoot() : this.#newTable(this.#levels);
  }

  map(iova: number, page: number, writable: boolean): void {
    const place = this.#leafPlace(iova);
    this.targets.push(page);
    this.leaves.set(iova, { ...place, page });
    this.#write(place.address, leafPte(this.#options.pointerBase + page, writable));
  }

  /** Makes the tables for a page that software will map. */
  prepare(iova: number, page: number): void {
    this.targets.push(page);
    if (!this.leaves.has(iova)) {
      this.leaves.set(iova, { ...this.#leafPlace(iova), page: undefined });
    }
  }

  /** The tables above the leaf are made where they are missing. */
  #leafPlace(iova: number): Omit<RiscvLeaf, 'page'> {
    let table = this.root;
    let tableEntryAddress = 0;
    for (let level = this.#levels; level > 1; level -= 1) {
      tableEntryAddress = table + this.#indexAt(iova, level) * 8;
      let child = this.#children.get(tableEntryAddress);
      if (child === undefined) {
        child = this.#newTable(level - 1);
        this.#children.set(tableEntryAddress, child);
        this.#write(tableEntryAddress, tablePte(child + this.#options.pointerBase));
      }
      table = child;
    }
    return { address: table + this.#indexAt(iova, 1) * 8, table, tableEntryAddress };
  }

  /** The root of a second stage takes all index bits that are left. */
  #indexAt(iova: number, level: number): number {
    const index = Math.floor(iova / (pageBytes * entriesPerTable ** (level - 1)));
    const isWide = this.#options.isSecondStage && level === this.#levels;
    return index % (isWide ? entriesPerTable * secondStageRootPages : entriesPerTable);
  }

  #newTable(level: number): number {
    const page = this.#ram.allocatePage(`${this.#options.name} L${level}`);
    this.pages.push(page);
    return page;
  }

  #newRoot(): number {
    let root = this.#newTable(this.#levels);
    while (root % (secondStageRootPages * pageBytes) !== 0) {
      root = this.#newTable(this.#levels);
    }
    for (let i = 1; i < secondStageRootPages; i += 1) {
      assert(this.#newTable(this.#levels) === root + i * pageBytes, 'pages are given out in order');
    }
    return root;
  }

  #write(address: number, pte: bigint): void {
    this.#ram.memory.initialise(address, [Number(pte & 0xffff_ffffn), Number(pte >> 32n)]);
  }
}
