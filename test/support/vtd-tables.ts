import type { WorldParts } from './vtd-world.ts';

/** Sets bits `high` to `low` of the entry at an address, whatever words they are in; before the run. */
export function setBits(
  { system }: WorldParts,
  address: number,
  { high, low, value }: { readonly high: number; readonly low: number; readonly value: bigint },
): void {
  for (let bit = low; bit <= high; bit += 1) {
    const word = address + (bit >>> 5) * 4;
    const mask = 1 << (bit & 31);
    const isSet = ((value >> BigInt(bit - low)) & 1n) === 1n;
    const old = system.memory.read(word);
    system.memory.initialise(word, [isSet ? old | mask : old & ~mask]);
  }
}

/** One bit of {@link setBits}. */
export function setBit(parts: WorldParts, address: number, bit: number, value: 0 | 1): void {
  setBits(parts, address, { high: bit, low: bit, value: BigInt(value) });
}

/** A pointer to a table: bits 51:12 of a quadword, counted from `low`. */
export function setPointer(parts: WorldParts, address: number, low: number, pointer: number): void {
  setBits(parts, address, { high: low + 51 - 12, low, value: BigInt(pointer) >> 12n });
}

/** Address of the paging entry of an input address at a level, from the tables in memory; level 1 is the leaf. */
export function pagingEntry(
  { system }: WorldParts,
  walk: { readonly table: number; readonly address: number; readonly level: number },
): number {
  const index = (level: number): number => Math.floor(walk.address / 2 ** (12 + 9 * (level - 1))) % 512;
  let { table } = walk;
  for (let level = 4; level > walk.level; level -= 1) {
    table = system.memory.read(table + index(level) * 8) & ~0xfff;
  }
  return table + index(walk.level) * 8;
}

/** Where the tables of the only domain `a` and device `nic` are. */
export interface Places {
  readonly root: number;
  readonly context: number;
  readonly directory: number;
  /** PASID entry 1 in scalable mode. */
  readonly pasid: number;
  /** First-stage paging entry of 0x1000 at a level (not of nested domains, whose tables are in guest addresses). */
  first(level: number): number;
  second(level: number): number;
}

export function placesOf(parts: WorldParts): Places {
  const { vtd, system } = parts;
  const device = vtd.device('nic');
  const { firstStageTable, secondStageTable } = parts.domain('a');
  return {
    root: device.rootEntryAddress,
    context: device.contextEntryAddress,
    directory: device.pasidDirectoryAddress,
    pasid: system.config.vtd.mode === 'scalable' ? vtd.pasidEntryAddress('nic', 1) : 0,
    first: (level) => pagingEntry(parts, { table: firstStageTable, address: 0x1000, level }),
    second: (level) => pagingEntry(parts, { table: secondStageTable, address: 0x1000, level }),
  };
}
