import type { Arena } from '../../../sim/arena.ts';
import { unmodelled } from '../../../sim/assert.ts';
import { Fifo } from '../../../sim/containers.ts';

const tagTypes = ['iotlb', 'device-tlb'] as const;

/** struct cache_tag of drivers/iommu/intel/cache.c: a cache that may hold translations of a domain. */
export interface CacheTag {
  readonly type: (typeof tagTypes)[number];
  /** Requester ID of the device whose TLB it is; -1 for the IOTLB, which is the unit's. */
  readonly sid: number;
  readonly did: number;
  readonly pasid: number;
}

/** The tags that an attachment brings to its domain (cache_tag_assign_domain), in the order of the list. */
export function cacheTagsOf(
  device: { readonly sid: number; readonly ats: boolean },
  { did, pasid }: Pick<CacheTag, 'did' | 'pasid'>,
): readonly CacheTag[] {
  const iotlb = { type: 'iotlb', sid: -1, did, pasid } as const;
  return device.ats ? [iotlb, { type: 'device-tlb', sid: device.sid, did, pasid }] : [iotlb];
}

/** Tags that one domain can have at once. */
const maxCacheTags = 16;
const column = { type: 0, sid: 1, did: 2, pasid: 3, users: 4 } as const;

/**
 * domain->cache_tags: what a change of the domain's page tables has to flush, in list order. Devices that have an IOTLB
 * tag in common share it. Whoever looks or changes holds domain->cache_lock.
 */
export class CacheTags {
  readonly #list: Fifo;

  constructor(arena: Arena, domain: string) {
    this.#list = new Fifo(arena, `linux.${domain}.cache-tags`, maxCacheTags, 5);
  }

  /** cache_tag_assign: one more user of a tag that is there, else a new one at the end. */
  assign(tag: CacheTag): void {
    const known = this.#find(tag);
    if (known !== -1) {
      this.#list.set(known, column.users, this.#list.get(known, column.users) + 1);
      return;
    }
    if (this.#list.isFull) {
      unmodelled(`more than ${maxCacheTags} cache tags of one domain`);
    }
    const row = this.#list.push();
    this.#list.set(row, column.type, tagTypes.indexOf(tag.type));
    this.#list.set(row, column.sid, tag.sid);
    this.#list.set(row, column.did, tag.did);
    this.#list.set(row, column.pasid, tag.pasid);
    this.#list.set(row, column.users, 1);
  }

  /** cache_tag_unassign: one user less, and the last one takes the tag away. Nothing where there is no such tag. */
  unassign(tag: CacheTag): void {
    const row = this.#find(tag);
    if (row === -1) {
      return;
    }
    const users = this.#list.get(row, column.users) - 1;
    if (users === 0) {
      this.#list.remove(row);
    } else {
      this.#list.set(row, column.users, users);
    }
  }

  list(): readonly CacheTag[] {
    return Array.from({ length: this.#list.length }, (_, row) => ({
      type: tagTypes[this.#list.get(row, column.type)] as CacheTag['type'],
      sid: this.#list.get(row, column.sid),
      did: this.#list.get(row, column.did),
      pasid: this.#list.get(row, column.pasid),
    }));
  }

  #find(tag: CacheTag): number {
    return this.list().findIndex(
      (each) => each.type === tag.type && each.sid === tag.sid && each.did === tag.did && each.pasid === tag.pasid,
    );
  }
}
