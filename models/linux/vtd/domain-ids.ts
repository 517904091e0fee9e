import type { Arena } from '../../../sim/arena.ts';
import { assert } from '../../../sim/assert.ts';
import { BitSet, WordArray } from '../../../sim/containers.ts';
import type { Channel } from '../../../sim/trace.ts';
import type { SystemTrace, TraceEvent } from '../../trace-events.ts';

/** IDs below are not for domains: 0 is reserved, 1 is FLPT_DEFAULT_DID of identity and SVA. */
const firstDomainId = 2;
/** IDs that the allocator has; far fewer than CAP.ND gives, and more than a scenario can have domains. */
const domainIdCount = 64;
/** Domains that can have an ID of the allocator. */
const maxDomains = 32;

/**
 * iommu->domain_ida and the users of each (domain, IOMMU): the lowest ID that is free goes to a domain with its first
 * attachment, and comes back with the last one. Whoever asks holds iommu->did_lock.
 */
export class DomainIds {
  readonly #taken: BitSet;
  readonly #idOf: WordArray;
  readonly #usersOf: WordArray;
  readonly #allocated: Channel<Extract<TraceEvent, { kind: 'tag-allocated' }>>;
  readonly #released: Channel<Extract<TraceEvent, { kind: 'tag-released' }>>;

  constructor(arena: Arena, trace: SystemTrace) {
    this.#taken = new BitSet(arena, 'linux.domain-ids', domainIdCount);
    this.#idOf = new WordArray(arena, 'linux.domain-id-of', maxDomains);
    this.#usersOf = new WordArray(arena, 'linux.domain-id-users', maxDomains);
    this.#allocated = trace.channel('tag-allocated');
    this.#released = trace.channel('tag-released');
    for (let did = 0; did < firstDomainId; did += 1) {
      this.#taken.set(did, true);
    }
  }

  /** Keeps an ID that a scenario has given to a domain by number. */
  reserve(did: number): void {
    if (did < domainIdCount) {
      this.#taken.set(did, true);
    }
  }

  /** One more user of a domain's ID; `isNew` when this is its first, and the ID has just been taken. */
  acquire(domain: number): { readonly did: number; readonly isNew: boolean } {
    const users = this.#usersOf.get(domain);
    this.#usersOf.set(domain, users + 1);
    if (users > 0) {
      return { did: this.#idOf.get(domain), isNew: false };
    }
    let did = firstDomainId;
    while (did < domainIdCount && this.#taken.has(did)) {
      did += 1;
    }
    assert(did < domainIdCount, 'an ID is free');
    this.#taken.set(did, true);
    this.#idOf.set(domain, did);
    return { did, isNew: true };
  }

  /** The ID a domain has, which it was given with its first attachment; undefined if nothing is attached. */
  idOf(domain: number): number | undefined {
    return this.#usersOf.get(domain) === 0 ? undefined : this.#idOf.get(domain);
  }

  /** One user less, if there is one; whether it was the last, so that the ID has to go back. */
  release(domain: number): boolean {
    const users = this.#usersOf.get(domain);
    this.#usersOf.set(domain, Math.max(0, users - 1));
    return users === 1;
  }

  /** Software begins to use an ID: caches are taken to hold nothing of it. */
  handOut(did: number): void {
    if (this.#allocated.active) {
      this.#allocated.emit({ kind: 'tag-allocated', did });
    }
  }

  /** ida_free: the ID is free for any domain. */
  free(domain: number): void {
    const did = this.#idOf.get(domain);
    this.#taken.set(did, false);
    this.#idOf.set(domain, 0);
    if (this.#released.active) {
      this.#released.emit({ kind: 'tag-released', did });
    }
  }
}
