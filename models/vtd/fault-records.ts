import type { Arena } from '../../sim/arena.ts';
import { Cell } from '../../sim/containers.ts';
import type { Channel } from '../../sim/trace.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';

/**
 * The fault recording registers (VT-d 7.2.1): a ring whose next register takes the next fault if its F bit is clear.
 * Nobody clears F bits in a run, so the number of registers in use says all. Faults of one requester are not collapsed,
 * which the specification allows.
 */
export class FaultRecords {
  readonly #capacity: number;
  readonly #used: Cell;
  /** FSTS.PFO. */
  readonly #overflow: Cell;
  readonly #overflows: Channel<Extract<TraceEvent, { kind: 'fault-overflow' }>>;

  /** `capacity` registers (CAP.NFR plus 1); 0: as many as there are faults. */
  constructor(arena: Arena, trace: SystemTrace, capacity: number) {
    this.#capacity = capacity;
    this.#used = new Cell(arena, 'vtd.frcd.used');
    this.#overflow = new Cell(arena, 'vtd.fsts.pfo');
    this.#overflows = trace.channel('fault-overflow');
  }

  /** FSTS, as far as it is about fault recording: PFO is bit 0. */
  get status(): number {
    return this.#overflow.get();
  }

  /** A write of FSTS: ones clear. */
  clear(word: number): void {
    this.#overflow.set(this.#overflow.get() & ~word);
  }

  /** A fault that FPD does not keep back: it takes a register, or is lost and sets FSTS.PFO. */
  record(sid: number, reason: number): void {
    if (this.#capacity === 0) {
      return;
    }
    if (this.#used.get() < this.#capacity) {
      this.#used.set(this.#used.get() + 1);
      return;
    }
    this.#overflow.set(1);
    if (this.#overflows.active) {
      this.#overflows.emit({ kind: 'fault-overflow', sid, reason });
    }
  }
}
