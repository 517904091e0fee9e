import type { Arena } from '../../sim/arena.ts';
import { unmodelled } from '../../sim/assert.ts';
import { Cell } from '../../sim/containers.ts';
import { getAddress, getField, layout } from '../entry-layout.ts';
import { PagePointer } from './page-pointer.ts';
import type { RiscvConfig } from './riscv-config.ts';

/** ddtp.iommu_mode (RISC-V IOMMU, ddtp). */
export const ddtpMode = { off: 0, bare: 1, oneLevel: 2, twoLevels: 3, threeLevels: 4 } as const;

const ddtp = layout({
  name: 'ddtp',
  widthBits: 64,
  section: 'RISC-V IOMMU, ddtp',
  fields: {
    mode: { high: 3, low: 0, spec: 'iommu_mode' },
    busy: { high: 4, low: 4, spec: 'busy' },
    table: { high: 53, low: 10, spec: 'PPN', unitBytes: 4096 },
  },
});

/** Bits of a device ID that index a table of device contexts, and those of the non-leaf tables above it. */
const indexBits = { base: [7, 9, 8], extended: [6, 9, 9] } as const;
const leafBytes = { base: 32, extended: 64 } as const;

/** The device-directory-table pointer: what requests are let through by, and where their contexts are. */
export class DirectoryPointer {
  readonly #config: RiscvConfig;
  readonly #mode: Cell;
  readonly #table: PagePointer;
  /** The mode that a write has asked for plus 1, 0: none. While it is not 0, `busy` is 1. */
  readonly #asked: Cell;
  readonly #askedTable: PagePointer;

  constructor(arena: Arena, config: RiscvConfig) {
    this.#config = config;
    this.#mode = new Cell(arena, 'riscv.ddtp.mode');
    this.#table = new PagePointer(arena, 'riscv.ddtp.ppn');
    this.#asked = new Cell(arena, 'riscv.ddtp.asked-mode');
    this.#askedTable = new PagePointer(arena, 'riscv.ddtp.asked-ppn');
  }

  get mode(): number {
    return this.#mode.get();
  }

  get busy(): boolean {
    return this.#asked.get() !== 0;
  }

  /** Levels of the directory; 0 in modes Off and Bare. */
  get levels(): number {
    return Math.max(0, this.mode - ddtpMode.bare);
  }

  /** Physical address of the root table. */
  get table(): number {
    return this.#table.get();
  }

  /** Bits of device IDs that the mode has levels for. */
  get deviceIdBits(): number {
    return indexBits[this.#config.deviceContext].slice(0, this.levels).reduce((sum, bits) => sum + bits, 0);
  }

  /** Byte offset of a device's entry in a table of a level; level 0 has the contexts. */
  offsetOf(deviceId: number, level: number): number {
    const { deviceContext } = this.#config;
    const bits = indexBits[deviceContext];
    const shift = bits.slice(0, level).reduce((sum, width) => sum + width, 0);
    const index = (deviceId >>> shift) & ((1 << (bits[level] as number)) - 1);
    return index * (level === 0 ? leafBytes[deviceContext] : 8);
  }

  /** As the register is read. */
  get words(): readonly number[] {
    return this.#table.withLowBits((Number(this.busy) << 4) | this.mode);
  }

  /** Sets the register before the run. */
  preset(mode: number, table: number): void {
    this.#mode.set(mode);
    this.#table.set(table);
  }

  /** A write; it takes effect with {@link change}. A mode that the IOMMU does not have leaves the register as it is. */
  write(words: readonly number[]): void {
    if (this.busy) {
      unmodelled('a write to ddtp while it is busy, whose outcome is unspecified');
    }
    const value = [words[0] ?? 0, words[1] ?? 0];
    const mode = getField(ddtp.fields.mode, value, 0);
    if (mode > ddtpMode.bare + this.#config.levels) {
      return;
    }
    const isToBare = mode === ddtpMode.bare && this.mode > ddtpMode.bare;
    const isBetweenLevels = mode > ddtpMode.bare && this.mode > ddtpMode.bare && mode !== this.mode;
    if (isToBare || isBetweenLevels) {
      unmodelled(`a change of ddtp.iommu_mode from ${this.mode} to ${mode}, whose outcome is unspecified`);
    }
    this.#asked.set(mode + 1);
    this.#askedTable.set(getAddress(ddtp.fields.table, value, 0));
  }

  /**
   * What is waited for before a change is done: to Off, that every request under way has ended (RISC-V IOMMU, ddtp).
   */
  get drainsRequests(): boolean {
    return this.#asked.get() === ddtpMode.off + 1;
  }

  /** Ends a change. */
  change(): void {
    this.#mode.set(this.#asked.get() - 1);
    this.#table.set(this.#askedTable.get());
    this.#asked.set(0);
    this.#askedTable.set(0);
  }
}
