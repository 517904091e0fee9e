import type { Fence } from './access-order.ts';
import type { AcceptsWords, AccessSink, Core, LoadRequest, RmwRequest, StoreRequest } from './memory-model.ts';
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
  abstract peekWord(address: number): number;
  abstract canReadRegister(): boolean;
  abstract isDrained(): boolean;
  /** Whether no buffered store overlaps a part of what is loaded. */
  protected abstract isWhole(address: number, wordCount: number): boolean;
  abstract waitsAt(fence: Fence): boolean;

  canRead({ address, wordCount }: LoadRequest, accepts?: AcceptsWords): boolean {
    return this.isWhole(address, wordCount) && (accepts === undefined || accepts(this.#words(address, wordCount)));
  }

  read({ address, wordCount, reserves }: LoadRequest): readonly number[] {
    if (reserves === true) {
      this.#reservation?.take(address, wordCount, false);
    }
    return this.#words(address, wordCount);
  }

  #words(address: number, wordCount: number): readonly number[] {
    const words: number[] = [];
    for (let i = 0; i < wordCount; i += 1) {
      words.push(this.peekWord(address + i * 4) >>> 0);
    }
    return words;
  }

  begin(): void {}

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

  forget(): void {}

  retire(): void {}
}
