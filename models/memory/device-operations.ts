import { valueOfWords } from '../qword.ts';
import { type CpuCore, CpuOperation } from './cpu-operations.ts';

export class LoadRegister extends CpuOperation<bigint> {
  readonly #address: number;
  readonly #widthBits: 32 | 64;

  constructor(cpu: CpuCore, address: number, widthBits: 32 | 64) {
    super(cpu);
    this.#address = address;
    this.#widthBits = widthBits;
  }

  get label(): string {
    return `read of register 0x${this.#address.toString(16)}`;
  }

  override ready(): boolean {
    return this.cpu.ports.core.canReadRegister();
  }

  execute(): bigint {
    const words = this.cpu.ports.readRegister(this.#address, this.#widthBits / 32);
    this.cpu.registerRead();
    return valueOfWords(words);
  }
}

/** Reads a register until bits of it are clear; only the read that finds them so is a step. */
export class WaitForRegister extends CpuOperation<void> {
  readonly #address: number;
  readonly #mask: number;
  readonly label: string;

  constructor(cpu: CpuCore, wait: { address: number; mask: number; label: string }) {
    super(cpu);
    this.#address = wait.address;
    this.#mask = wait.mask;
    this.label = wait.label;
  }

  override ready(): boolean {
    const { core, peekRegister } = this.cpu.ports;
    return core.canReadRegister() && ((peekRegister(this.#address, 1)[0] as number) & this.#mask) === 0;
  }

  execute(): void {
    this.cpu.ports.readRegister(this.#address, 1);
    this.cpu.registerRead();
  }
}

/** A 32-bit device register as a loop has last read it. */
export interface SeenRegister {
  readonly address: number;
  readonly was: bigint;
}

export interface SeenState {
  readonly word: { readonly address: number; readonly was: number };
  readonly registers: readonly SeenRegister[];
}

export class WaitForChange extends CpuOperation<void> {
  readonly label: string;
  readonly #seen: SeenState;

  constructor(cpu: CpuCore, label: string, seen: SeenState) {
    super(cpu);
    this.label = label;
    this.#seen = seen;
  }

  override ready(): boolean {
    const { core, peekRegister } = this.cpu.ports;
    const { word, registers } = this.#seen;
    return (
      core.peekWord(word.address) >>> 0 !== word.was ||
      registers.some(({ address, was }) => valueOfWords(peekRegister(address, 1)) !== was)
    );
  }

  execute(): void {}
}

export class ReadDevice<T> extends CpuOperation<T> {
  readonly label: string;
  readonly #read: () => T;

  constructor(cpu: CpuCore, label: string, read: () => T) {
    super(cpu);
    this.label = label;
    this.#read = read;
  }

  override get guarded(): boolean {
    return false;
  }

  execute(): T {
    return this.#read();
  }
}
