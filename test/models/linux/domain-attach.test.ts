import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { CacheTags } from '../../../models/linux/vtd/cache-tags.ts';
import { DomainIds } from '../../../models/linux/vtd/domain-ids.ts';
import { type TraceEvent, traceEventFields } from '../../../models/trace-events.ts';
import { Arena } from '../../../sim/arena.ts';
import { Trace } from '../../../sim/trace.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { type TaskBody, vtdWorld } from '../../support/vtd-world.ts';

const newIds = (): DomainIds => {
  const clock = { nowNs: 0, stepNumber: 0, processId: 0 };
  return new DomainIds(new Arena(), new Trace<TraceEvent>(clock, traceEventFields));
};

describe('the allocator of domain IDs', () => {
  it('hands out the lowest free ID from 2 on, once for each domain', () => {
    const ids = newIds();
    ids.reserve(3);
    expect(ids.acquire(0)).toEqual({ did: 2, isNew: true });
    expect(ids.acquire(1)).toEqual({ did: 4, isNew: true });
    expect(ids.acquire(0)).toEqual({ did: 2, isNew: false });
    expect([ids.idOf(0), ids.idOf(1), ids.idOf(2)]).toEqual([2, 4, undefined]);
  });

  it('takes an ID back with the last user, and not before', () => {
    const ids = newIds();
    ids.acquire(0);
    ids.acquire(0);
    expect([ids.release(0), ids.idOf(0), ids.release(0)]).toEqual([false, 2, true]);
    ids.free(0);
    expect(ids.acquire(1).did).toBe(2);
    // One release too many changes nothing.
    expect(ids.release(5)).toBe(false);
  });
});

describe('the cache tags of a domain', () => {
  const tag = { type: 'iotlb', sid: -1, did: 5, pasid: 1 } as const;
  const deviceTlb = { type: 'device-tlb', sid: 0x10, did: 5, pasid: 1 } as const;

  it('are in the order of their first users, and equal ones are one', () => {
    const tags = new CacheTags(new Arena(), 'a');
    for (const each of [tag, deviceTlb, tag, { ...tag, pasid: 2 }]) {
      tags.assign(each);
    }
    expect(tags.list()).toEqual([tag, deviceTlb, { ...tag, pasid: 2 }]);
  });

  it('go with their last user; a tag that is not there cannot go', () => {
    const tags = new CacheTags(new Arena(), 'a');
    for (const each of [tag, tag, deviceTlb]) {
      tags.assign(each);
    }
    tags.unassign({ ...tag, did: 6 });
    tags.unassign(tag);
    expect(tags.list()).toEqual([tag, deviceTlb]);
    tags.unassign(tag);
    expect(tags.list()).toEqual([deviceTlb]);
  });
});

describe('vtd/attach and vtd/detach', () => {
  const attach = (values: object): TaskBody => flowTask('vtd/attach', { pasid: 1, domain: 'a', ...values });
  const detach = (values: object): TaskBody => flowTask('vtd/detach', { pasid: 1, domain: 'a', ...values });
  const kindsOf = (task: TaskBody, attached: boolean) => {
    const world = vtdWorld({
      domains: { a: { stage: 'second', did: 5 } },
      attach: attached ? [{ pasid: 1, domain: 'a' }] : [],
      pasids: [1],
      tasks: { task },
      checkers,
    });
    const run = world.runWith({ legs: [] });
    expect(run.rules).toEqual([]);
    const { places } = world.system;
    const lock = places.find(({ name }) => name === 'a->cache_lock')?.address;
    const entry = world.parts.vtd.pasidEntryAddress('nic', 1);
    return run.events('store').flatMap(({ address, words }) => {
      if (address === lock) return words[0] === 1 ? ['tags'] : [];
      return address === entry ? ['entry'] : [];
    });
  };

  it.each([
    { order: 'entry-first', steps: ['entry', 'entry', 'tags'] },
    { order: 'tags-first', steps: ['tags', 'entry', 'entry'] },
  ])('attach with $order', ({ order, steps }) => {
    // q0 is stored without P, then with it.
    expect(kindsOf(attach({ order }), false)).toEqual(steps);
  });

  it.each([
    { order: 'tags-first', steps: ['tags', 'entry', 'entry'] },
    { order: 'entry-first', steps: ['entry', 'entry', 'tags'] },
  ])('detach with $order', ({ order, steps }) => {
    // P is cleared, then the rest.
    expect(kindsOf(detach({ order }), true)).toEqual(steps);
  });

  it('detach nothing from a domain that is attached to nothing', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'second' } },
      pasids: [1],
      tasks: { task: detach({ order: 'entry-first' }) },
      checkers,
    });
    const run = world.runWith({ legs: [] });
    expect(run.events('store')).toEqual([]);
    expect(run.rules).toEqual([]);
  });

  it('share one ID between the devices of a domain until the last is gone', () => {
    const world = vtdWorld({
      devices: { nic: 0x10, gpu: 0x18 },
      domains: { a: { stage: 'second' } },
      attach: [{ pasid: 1, domain: 'a' }],
      pasids: [1],
      tasks: {
        *task(parts) {
          yield attach({ device: 'gpu', order: 'tags-first' })(parts);
          yield detach({ order: 'entry-first' })(parts);
          yield detach({ device: 'gpu', order: 'entry-first' })(parts);
        },
      },
      checkers,
    });
    const run = world.runWith({ legs: [] });
    expect(run.events('tag-allocated')).toEqual([]);
    expect(run.events('tag-released')).toEqual([{ kind: 'tag-released', did: 2 }]);
    expect(run.events('invalidation-done').map(({ did }) => did)).toEqual([2, 2, 2, 2]);
    expect(run.rules).toEqual([]);
  });
});
