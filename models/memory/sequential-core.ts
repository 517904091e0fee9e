import type { Access, AccessSink, Core } from './memory-model.ts';

/** Sequential consistency: every write arrives at once. */
export class SequentialCore implements Core {
  readonly #sink: AccessSink;

  constructor(sink: AccessSink) {
    this.#sink = sink;
  }

  hasRoom(): boolean {
    return true;
  }

  write(access: Access): void {
    this.#sink.apply(access);
  }

  canRead(): boolean {
    return true;
  }

  canReadRegister(): boolean {
    return true;
  }

  readWord(address: number): number {
    return this.#sink.readWord(address);
  }

  isDrained(): boolean {
    return true;
  }
}
