import { type CpuCore, CpuOperation } from './cpu-operations.ts';

/** 32-bit words of memory and registers that a loop looks at. */
export interface Polled {
  readonly words: readonly number[];
  readonly registers: readonly number[];
}

export interface Poll {
  readonly label: string;
  /** Their addresses. */
  readonly polled: Polled;
  readonly isDone: (values: Polled) => boolean;
}

/** Reads words and registers again and again until they are as wanted; only the round that finds them so is a step. */
export class RegisterPoll extends CpuOperation<Polled> {
  readonly label: string;
  readonly #poll: Poll;

  constructor(cpu: CpuCore, poll: Poll) {
    super(cpu);
    this.label = poll.label;
    this.#poll = poll;
  }

  override ready(): boolean {
    const { core, peekRegister } = this.cpu.ports;
    return core.canReadRegister() && this.#poll.isDone(this.#read(peekRegister));
  }

  execute(): Polled {
    const values = this.#read(this.cpu.ports.readRegister);
    this.cpu.registerRead();
    return values;
  }

  #read(readRegister: (address: number, wordCount: number) => readonly number[]): Polled {
    const { words, registers } = this.#poll.polled;
    return {
      words: words.map((address) => this.cpu.ports.core.peekWord(address) >>> 0),
      registers: registers.map((address) => (readRegister(address, 1)[0] as number) >>> 0),
    };
  }
}
