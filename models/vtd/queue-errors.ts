import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';

/** IQERCD.IQEI codes the queue itself raises (VT-d 11.4.9.9); the others come with the descriptor. */
export const queueErrorCode = { invalidTail: 1, misalignedTail: 6 } as const;

/** Bits of FSTS_REG that the invalidation queue sets and software clears by writing 1 (VT-d 6.5.2.11). */
export const faultStatusBit = { queueError: 1 << 4, completionError: 1 << 5, timeoutError: 1 << 6 } as const;

/** What stopped the invalidation queue, or passed it by: FSTS.IQE, ICE and ITE with what IQERCD says of each. */
export class QueueErrors {
  readonly #recordsSource: boolean;
  /** IQEI + 1 while FSTS.IQE is set, else 0. */
  readonly #queueError: Cell;
  /** ICESID + 1 and ITESID + 1 while the bit is set, else 0. */
  readonly #completionError: Cell;
  readonly #timeoutError: Cell;

  /** `recordsSource`: whether IQERCD says whose completion it was; older hardware has 0 there. */
  constructor(arena: Arena, recordsSource: boolean) {
    this.#recordsSource = recordsSource;
    this.#queueError = new Cell(arena, 'vtd.fsts.iqe');
    this.#completionError = new Cell(arena, 'vtd.fsts.ice');
    this.#timeoutError = new Cell(arena, 'vtd.fsts.ite');
  }

  /** IQEI of the error that stopped the queue, or -1. */
  get code(): number {
    return this.#queueError.get() - 1;
  }

  /** Whether no descriptor may be fetched until software has cleared an error (VT-d 6.5.2.11). */
  get stopsFetching(): boolean {
    return this.#queueError.get() !== 0 || this.#timeoutError.get() !== 0;
  }

  /** IQE; the code of the first error stays. */
  raiseQueueError(code: number): void {
    raise(this.#queueError, code);
  }

  /** ICE: an answer that nothing was asked for. */
  raiseCompletionError(sid: number): void {
    raise(this.#completionError, sid);
  }

  /** ITE: no answer in time. */
  raiseTimeoutError(sid: number): void {
    raise(this.#timeoutError, sid);
  }

  /** FSTS_REG, as far as it is the queue's. */
  get status(): number {
    const bit = (cell: Cell, mask: number): number => (cell.get() === 0 ? 0 : mask);
    return (
      bit(this.#queueError, faultStatusBit.queueError) |
      bit(this.#completionError, faultStatusBit.completionError) |
      bit(this.#timeoutError, faultStatusBit.timeoutError)
    );
  }

  /** A write to FSTS_REG: bits that are 1 are cleared, and fetching goes on at IQH if nothing stops it any more. */
  clear(word: number): void {
    if ((word & faultStatusBit.queueError) !== 0) this.#queueError.set(0);
    if ((word & faultStatusBit.completionError) !== 0) this.#completionError.set(0);
    if ((word & faultStatusBit.timeoutError) !== 0) this.#timeoutError.set(0);
  }

  /** IQERCD_REG: IQEI in bits 3:0, ITESID in 47:32, ICESID in 63:48; 0 for what is not set (VT-d 11.4.9.9). */
  get record(): readonly [low: number, high: number] {
    const sidOf = (cell: Cell): number => (this.#recordsSource ? Math.max(cell.get() - 1, 0) : 0);
    const sources = (sidOf(this.#completionError) << 16) | sidOf(this.#timeoutError);
    return [Math.max(this.code, 0), sources >>> 0];
  }
}

/** Latched when the bit was clear: what comes after it is not recorded. */
function raise(cell: Cell, value: number): void {
  if (cell.get() === 0) {
    cell.set(value + 1);
  }
}
