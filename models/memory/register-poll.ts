import { type CpuCore, CpuOperation } from './cpu-operations.ts';
import type { LoadRequest } from './memory-model.ts';

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
  readonly #loads: readonly LoadRequest[];

  constructor(cpu: CpuCore, poll: Poll) {
    super(cpu);
    this.label = poll.label;
    this.#poll = poll;
    this.#loads = poll.polled.words.map((address) => cpu.loadRequest('READ_ONCE', { address, wordCount: 1 }));
  }

  override ready(): boolean {
    const { core, peekRegister } = this.cpu.ports;
    return (
      core.canReadRegister() &&
      this.#loads.every((load) => core.canRead(load)) &&
      this.#poll.isDone({
        words: this.#loads.map(({ address }) => core.peekWord(address) >>> 0),
        registers: this.#registers(peekRegister),
      })
    );
  }

  /** Loads of the last round; as it goes on until the values are as wanted, they are the newest there are. */
  execute(): Polled {
    const { core, readRegister } = this.cpu.ports;
    const words = this.#loads.map((load) => core.read(load, { choose: () => 0 })[0] as number);
    const registers = this.#registers(readRegister);
    this.cpu.registerRead();
    return { words, registers };
  }

  #registers(read: (address: number, wordCount: number) => readonly number[]): readonly number[] {
    return this.#poll.polled.registers.map((address) => (read(address, 1)[0] as number) >>> 0);
  }
}
