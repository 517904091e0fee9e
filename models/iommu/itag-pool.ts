import type { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { Table } from '../../sim/containers.ts';

const column = { sid: 0, received: 1, count: 2 } as const;

/** A completion count of 0 stands for 8 (PCIe ATS 10.3). */
const countOfZero = 8;

/** The tags by which answers of endpoints find the invalidation request they belong to (PCIe ATS 10.3). */
export class ItagPool {
  readonly size: number;
  /** Requester ID plus 1, 0 while the tag is free, and the completions received. */
  readonly #tags: Table;

  constructor(arena: Arena, size: number) {
    this.size = size;
    this.#tags = new Table(arena, 'itags', size, column.count);
  }

  get hasFree(): boolean {
    return this.#firstFree() < this.size;
  }

  /** Hands out the lowest free tag; which one hardware takes is its own choice. */
  take(sid: number): number {
    const itag = this.#firstFree();
    assert(itag < this.size, 'an ITag is free');
    this.#tags.set(itag, column.sid, sid + 1);
    return itag;
  }

  /** Requester ID of the function that has to answer, -1 if the tag is free. */
  sidOf(itag: number): number {
    return this.#tags.get(itag, column.sid) - 1;
  }

  /**
   * One completion message. `done`: as many have come as the message says there are, and the tag is free again; `open`:
   * more are to come; `unknown`: nothing was asked of this function with this tag.
   */
  complete(sid: number, itag: number, completionCount: number): 'done' | 'open' | 'unknown' {
    if (itag >= this.size || this.sidOf(itag) !== sid) {
      return 'unknown';
    }
    const received = this.#tags.get(itag, column.received) + 1;
    if (received < (completionCount === 0 ? countOfZero : completionCount)) {
      this.#tags.set(itag, column.received, received);
      return 'open';
    }
    this.free(itag);
    return 'done';
  }

  free(itag: number): void {
    this.#tags.clearRow(itag);
  }

  #firstFree(): number {
    let itag = 0;
    while (itag < this.size && this.#tags.get(itag, column.sid) !== 0) {
      itag += 1;
    }
    return itag;
  }
}
