import { InOrderCore } from './in-order-core.ts';
import type { StoreRequest } from './memory-model.ts';

/** Sequential consistency: every write arrives at once. */
export class SequentialCore extends InOrderCore {
  readonly drain = undefined;

  hasRoom(): boolean {
    return true;
  }

  write({ access }: StoreRequest): void {
    this.sink.apply(access);
  }

  protected isWhole(): boolean {
    return true;
  }

  canReadRegister(): boolean {
    return true;
  }

  peekWord(address: number): number {
    return this.sink.readWord(address);
  }

  isDrained(): boolean {
    return true;
  }

  waitsAt(): boolean {
    return false;
  }
}
