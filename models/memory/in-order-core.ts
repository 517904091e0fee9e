import type { Fence } from './access-order.ts';
import type { AccessSink, Core, LoadRequest, RmwRequest, StoreRequest } from './memory-model.ts';
import type { Reservation } from './reservation.ts';

/**
 * What `sc` and `x86-tso` have in common: a load sees the newest value, a read-modify-write waits for everything before
 * it, and dependencies order nothing that is not in order anyway.
 */
export abstract class InOrderCore implements Core {
  protected readonly sink: AccessSink;
  readonly #reservation: Reservation | undefined;
  abstract readonly drain: Core['drain'];

  /** `reservation`: of a CPU that has load-reserved and store-conditional. */
  constructor(sink: AccessSink, reservation?: Reservation) {
    this.sink = sink;
    this.#reservation = reservation;
  }

  abstract hasRoom(): boolean;
  abstract write(request: StoreRequest): void;
  abstract canRead(request: LoadRequest): boolean;
  abstract peekWord(address: number): number;
  abstract canReadRegister(): boolean;
  abstract isDrained(): boolean;
  abstract waitsAt(fence: Fence): boolean;

  read({ address, wordCount, reserves }: LoadRequest): readonly number[] {
    if (reserves === true) {
      this.#reservation?.take(address, wordCount);
    }
    const words: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      words.push(this.peekWord(address + i * 4) >>> 0);
    }
    return words;
  }

  maySee({ address }: LoadRequest, test: (word: number) => boolean): boolean {
    return test(this.peekWord(address) >>> 0);
  }

  readSeen(): void {}

  registerRead(): void {}

  canModify(_request: RmwRequest): boolean {
    return this.isDrained();
  }

  modify(request: RmwRequest, change: (old: readonly number[]) => readonly number[] | undefined): readonly number[] {
    const { address, wordCount } = request;
    const old: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      old.push(this.sink.readWord(address + i * 4) >>> 0);
    }
    const words = change(old);
    if (words !== undefined) {
      this.sink.apply({ kind: 'store', address, words });
    }
    return old;
  }

  canSucceed({ access }: StoreRequest): boolean {
    return this.isDrained() && this.#reservation?.covers(access.address, access.words.length) === true;
  }

  storeConditional({ access }: StoreRequest, succeeds: boolean): void {
    this.#reservation?.drop();
    if (succeeds) {
      this.sink.apply(access);
    }
  }

  fence(): void {}

  combine(): void {}

  branch(): void {}

  contextSync(): void {}

  knows(): boolean {
    return true;
  }

  retire(): void {}
}
