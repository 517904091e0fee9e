import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';

/** Bits of cqcsr (RISC-V IOMMU, cqcsr). */
export const cqcsrBit = {
  cqen: 1 << 0,
  cie: 1 << 1,
  cqmf: 1 << 8,
  cmdTo: 1 << 9,
  cmdIll: 1 << 10,
  fenceWIp: 1 << 11,
  cqon: 1 << 16,
  busy: 1 << 17,
} as const;

const errorBits = cqcsrBit.cqmf | cqcsrBit.cmdTo | cqcsrBit.cmdIll;
const clearedByOne = errorBits | cqcsrBit.fenceWIp;

/** ipsr.cip. */
const commandQueueInterrupt = 1;

/** The control and status register of the command queue, and its interrupt. */
export class QueueRegisters {
  /** cqen, cie and the bits that software clears. */
  readonly #bits: Cell;
  readonly #isOn: Cell;
  readonly #interrupt: Cell;

  constructor(arena: Arena) {
    this.#bits = new Cell(arena, 'riscv.cqcsr');
    this.#isOn = new Cell(arena, 'riscv.cqcsr.cqon');
    this.#interrupt = new Cell(arena, 'riscv.ipsr.cip');
  }

  /** cqcsr as it is read. */
  get value(): number {
    const on = this.#isOn.get() === 1 ? cqcsrBit.cqon : 0;
    return this.#bits.get() | on | (this.isBusy ? cqcsrBit.busy : 0);
  }

  get isOn(): boolean {
    return this.#isOn.get() === 1;
  }

  /** cqen was written and has not taken effect. */
  get isBusy(): boolean {
    return ((this.#bits.get() & cqcsrBit.cqen) !== 0) !== this.isOn;
  }

  /** Whether an error stops the queue until software clears it. */
  get hasError(): boolean {
    return (this.#bits.get() & errorBits) !== 0;
  }

  /** ipsr, as far as the command queue is concerned. */
  get pendingInterrupts(): number {
    return this.#interrupt.get();
  }

  /** Sets cqen with cqon, and cie, before the run. */
  preset(isOn: boolean, asksForInterrupts: boolean): void {
    this.#bits.set((isOn ? cqcsrBit.cqen : 0) | (asksForInterrupts ? cqcsrBit.cie : 0));
    this.#isOn.set(Number(isOn));
  }

  /** A write of cqcsr: ones clear errors; what cqen asks for comes with {@link turn}. */
  write(value: number): void {
    const kept = this.#bits.get() & clearedByOne & ~value;
    this.#bits.set(kept | (value & (cqcsrBit.cqen | cqcsrBit.cie)));
    this.#update();
  }

  /** cqon follows cqen; true if the queue is on now, with its errors gone. */
  turn(): boolean {
    const isOn = !this.isOn;
    this.#isOn.set(Number(isOn));
    if (isOn) {
      this.#bits.set(this.#bits.get() & ~clearedByOne);
    }
    return isOn;
  }

  /** Sets an error bit, or fence_w_ip. */
  raise(bit: number): void {
    this.#bits.set(this.#bits.get() | bit);
    this.#update();
  }

  /** A write of ipsr: ones clear; what is still the case is pending again at once. */
  clearInterrupts(value: number): void {
    this.#interrupt.set(this.#interrupt.get() & ~value);
    this.#update();
  }

  #update(): void {
    const bits = this.#bits.get();
    if ((bits & cqcsrBit.cie) !== 0 && (bits & clearedByOne) !== 0) {
      this.#interrupt.set(commandQueueInterrupt);
    }
  }
}
