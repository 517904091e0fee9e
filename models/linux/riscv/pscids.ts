import type { Arena } from '../../../sim/arena.ts';
import { assert } from '../../../sim/assert.ts';
import { BitSet, WordArray } from '../../../sim/containers.ts';
import type { Channel } from '../../../sim/trace.ts';
import type { SystemTrace, TraceEvent } from '../../trace-events.ts';

/** PSCIDs that the allocator has; far fewer than 2^20 - 1, and more than a scenario can have domains. */
const pscidCount = 64;
/** Domains that can have one. */
const maxDomains = 32;

/**
 * riscv_iommu_pscids: the lowest PSCID that is free, from 1 on, goes to a domain when it is made, and comes back when
 * the domain is freed.
 */
export class Pscids {
  readonly #taken: BitSet;
  readonly #ofDomain: WordArray;
  readonly #allocated: Channel<Extract<TraceEvent, { kind: 'tag-allocated' }>>;
  readonly #released: Channel<Extract<TraceEvent, { kind: 'tag-released' }>>;

  constructor(arena: Arena, trace: SystemTrace) {
    this.#taken = new BitSet(arena, 'linux.pscids', pscidCount);
    this.#ofDomain = new WordArray(arena, 'linux.pscid-of', maxDomains);
    this.#allocated = trace.channel('tag-allocated');
    this.#released = trace.channel('tag-released');
    this.#taken.set(0, true);
  }

  /** Before a run: a domain that is there already. */
  give(domain: number, pscid: number): void {
    if (pscid < pscidCount) {
      this.#taken.set(pscid, true);
    }
    this.#ofDomain.set(domain, pscid);
  }

  /** The PSCID of a domain; 0 if it has none now. */
  of(domain: number): number {
    return this.#ofDomain.get(domain);
  }

  /** ida_alloc_range. */
  allocate(domain: number): number {
    let pscid = 1;
    while (pscid < pscidCount && this.#taken.has(pscid)) {
      pscid += 1;
    }
    assert(pscid < pscidCount, 'a PSCID is free');
    this.give(domain, pscid);
    if (this.#allocated.active) {
      this.#allocated.emit({ kind: 'tag-allocated', did: pscid });
    }
    return pscid;
  }

  /** ida_free. */
  free(domain: number): void {
    const pscid = this.#ofDomain.get(domain);
    if (pscid < pscidCount) {
      this.#taken.set(pscid, false);
    }
    this.#ofDomain.set(domain, 0);
    if (this.#released.active) {
      this.#released.emit({ kind: 'tag-released', did: pscid });
    }
  }
}
