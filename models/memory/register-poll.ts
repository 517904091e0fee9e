import { type CpuCore, CpuOperation } from './cpu-operations.ts';

/** 32-bit words of memory and registers that a loop looks at. */
export interface Polled<T> {
  readonly words: readonly T[];
  readonly registers: readonly T[];
}

/** Reads words and registers again and again until they are as wanted; only the round that finds them so is a step. */
export class RegisterPoll extends CpuOperation<Polled<number>> {
  readonly label: string;
  readonly #polled: Polled<number>;
  readonly #isDone: (words: readonly number[], registers: readonly number[]) => boolean;

  constructor(
    cpu: CpuCore,
    poll: {
      readonly label: string;
      readonly polled: Polled<number>;
      readonly isDone: (words: readonly number[], registers: readonly number[]) => boolean;
    },
  ) {
    super(cpu);
    this.label = poll.label;
    this.#polled = poll.polled;
    this.#isDone = poll.isDone;
  }

  override ready(): boolean {
    const { core, peekRegister } = this.cpu.ports;
    return core.canReadRegister() && this.#isDone(this.#words(), this.#registers(peekRegister));
  }

  execute(): Polled<number> {
    return { words: this.#words(), registers: this.#registers(this.cpu.ports.readRegister) };
  }

  #words(): readonly number[] {
    return this.#polled.words.map((address) => this.cpu.ports.core.peekWord(address) >>> 0);
  }

  #registers(read: (address: number, wordCount: number) => readonly number[]): readonly number[] {
    return this.#polled.registers.map((address) => (read(address, 1)[0] as number) >>> 0);
  }
}
