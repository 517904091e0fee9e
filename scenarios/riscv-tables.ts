import { encodeDirectoryEntry } from '../models/riscv/entries/directory-entry.ts';
import type { RiscvSystem } from '../models/riscv-system.ts';
import { assert } from '../sim/assert.ts';
import {
  directoryIndices,
  directoryTableName,
  processesOf,
  processIndices,
  processLevels,
  processTableName,
} from './format/riscv-plan.ts';
import type { RiscvWorld } from './format/schema.ts';
import { parseRequesterId } from './format/task-plan.ts';

/** A directory entry that leads to a table, and the table. */
interface TableEntry {
  readonly name: string;
  readonly address: number;
  readonly table: number;
}

/** Where the contexts of a device are, and the entries that lead to them. */
export interface DeviceTables {
  readonly name: string;
  readonly deviceId: number;
  readonly contextAddress: number;
  readonly directory: readonly TableEntry[];
  /** Root of the process directory; 0 without one. */
  readonly processRoot: number;
  readonly processes: ReadonlyMap<number, ProcessTables>;
}

interface ProcessTables {
  readonly contextAddress: number;
  readonly directory: readonly TableEntry[];
}

/** Device and process directories of a world, as pages of memory; `page` gives the address of one by its name. */
export class RiscvTables {
  readonly devices = new Map<string, DeviceTables>();
  readonly #world: RiscvWorld;
  readonly #memory: RiscvSystem['memory'];
  readonly #page: (name: string) => number;

  constructor(world: RiscvWorld, { memory }: RiscvSystem, page: (name: string) => number) {
    this.#world = world;
    this.#memory = memory;
    this.#page = page;
    for (const name of Object.keys(world.platform.devices)) {
      this.devices.set(name, this.#build(name));
    }
  }

  device(name: string): DeviceTables {
    const device = this.devices.get(name);
    assert(device !== undefined, `device ${name} has tables`);
    return device;
  }

  process(device: string, process: number): ProcessTables {
    const tables = this.device(device).processes.get(process);
    assert(tables !== undefined, `process ${process} of ${device} has tables`);
    return tables;
  }

  /** The root table of the directory that a device is in. */
  root(device: string): number {
    const { levels } = this.#world.platform.iommu;
    return this.#page(directoryTableName(this.#world, this.#deviceOf(device), levels));
  }

  #deviceOf(name: string): RiscvWorld['platform']['devices'][string] {
    const device = this.#world.platform.devices[name];
    assert(device !== undefined, `device ${name} is known`);
    return device;
  }

  #build(name: string): DeviceTables {
    const { levels, deviceContext } = this.#world.platform.iommu;
    const device = this.#deviceOf(name);
    const deviceId = parseRequesterId(device.requesterId);
    const indices = directoryIndices(this.#world, deviceId);
    const tableOf = (level: number): number => this.#page(directoryTableName(this.#world, device, level));
    const directory = this.#walk(levels, indices, { tableOf, nameOf: (level) => `${name}.ddt${level}` });
    const processDepth = processLevels[device.processDirectory];
    return {
      name,
      deviceId,
      contextAddress: tableOf(1) + (indices[0] as number) * (deviceContext === 'base' ? 32 : 64),
      directory,
      processRoot: processDepth === 0 ? 0 : this.#page(processTableName(name, processDepth, 0, processDepth)),
      processes: new Map(
        processesOf(this.#world, name).map((each) => [each, this.#buildProcess(name, each, processDepth)]),
      ),
    };
  }

  #buildProcess(device: string, process: number, levels: number): ProcessTables {
    const indices = processIndices(process);
    const tableOf = (level: number): number => this.#page(processTableName(device, level, process, levels));
    const nameOf = (level: number): string => `${device}.pdt${level}[${process}]`;
    const directory = this.#walk(levels, indices, { tableOf, nameOf });
    return { contextAddress: tableOf(1) + (indices[0] as number) * 16, directory };
  }

  /** Writes the entries from the root down to the table of contexts, and gives them in this order. */
  #walk(
    levels: number,
    indices: readonly number[],
    { tableOf, nameOf }: { readonly tableOf: (level: number) => number; readonly nameOf: (level: number) => string },
  ): readonly TableEntry[] {
    const entries: TableEntry[] = [];
    for (let level = levels; level > 1; level -= 1) {
      const address = tableOf(level) + (indices[level - 1] as number) * 8;
      const table = tableOf(level - 1);
      this.#memory.initialise(address, encodeDirectoryEntry({ valid: 1, table }));
      entries.push({ name: nameOf(level - 1), address, table });
    }
    return entries;
  }
}
