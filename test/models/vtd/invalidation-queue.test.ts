import { describe, expect, it } from 'vitest';
import { encodeDescriptor } from '../../../models/vtd/descriptors.ts';
import { maxQueueSlots } from '../../../models/vtd/invalidation-queue.ts';
import { registerOffset } from '../../../models/vtd/translation-unit.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate, ringWorld, waitOf } from '../../support/vtd-queue.ts';
import { type TaskParts, vtdWorld } from '../../support/vtd-world.ts';

/** Eight words of a descriptor, with one field overwritten. */
function raw(words: ArrayLike<number>, word: number, value: number): readonly number[] {
  return Array.from(words, (old, i) => (i === word ? value : old));
}

describe('the invalidation queue', () => {
  it.each([0, 1, 2, 3, 4])('fetches in the order of the ring, whatever the schedule (seed %i)', (seed) => {
    const world = ringWorld((parts) => [...Array(9).fill(invalidate.iotlb()), waitOf(parts, 1)]);
    const run = world.runWith(seed);
    expect(run.events('descriptor-fetched').map(({ slot }) => slot)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(run.events('invalidation-done')).toHaveLength(9);
    expect(world.system.unit.queue.headSlot).toBe(10);
  });

  it('fetches nothing before the tail is written', () => {
    const run = ringWorld(() => [invalidate.iotlb()], { tail: 0 }).runWith(1);
    expect(run.outcome.end).toBe('finished');
    expect(run.events('descriptor-fetched')).toEqual([]);
  });

  it('goes around the ring of 128 slots, again and again', () => {
    const world = vtdWorld({
      tasks: {
        *submitter({ cpu, vtd }) {
          for (let did = 0; did < 100; did += 1) {
            yield* vtd.queue.submitSync(cpu, [invalidate.iotlb(did), invalidate.context()]);
          }
        },
      },
    });
    const run = world.runWith(1);
    expect(run.outcome.end).toBe('finished');
    const slots = run.events('descriptor-fetched').map(({ slot }) => slot);
    expect(slots).toEqual(Array.from({ length: 300 }, (_, i) => i % maxQueueSlots));
    const dids = run.events('invalidation-done').filter(({ invalidation }) => invalidation === 'iotlb');
    expect(dids.map(({ did }) => did)).toEqual(Array.from({ length: 100 }, (_, did) => did));
    expect(run.events('status-written')).toHaveLength(100);
  });

  it('serves two CPUs that submit at once: each goes on after its own invalidation, in every schedule', () => {
    const submit = (did: number) =>
      function* ({ cpu, vtd, page }: TaskParts) {
        yield* vtd.queue.submitSync(cpu, [invalidate.iotlb(did)]);
        yield* cpu.store32(page('after') + did * 4, 1n);
      };
    const world = vtdWorld({ tasks: { five: submit(5), six: submit(6) }, prepare: ({ page }) => page('after') });
    const after = world.parts.page('after');
    for (let seed = 0; seed < 300; seed += 1) {
      const run = world.runWith(seed);
      expect(run.outcome.end).toBe('finished');
      for (const did of [5, 6]) {
        const at = run.records.findIndex(({ event }) => event.kind === 'invalidation-done' && event.did === did);
        const on = run.records.findIndex(({ event }) => event.kind === 'store' && event.address === after + did * 4);
        expect(at).toBeGreaterThan(-1);
        expect(on).toBeGreaterThan(at);
      }
    }
  });

  it('writes the data of a wait to its address, and nothing around it', () => {
    const world = ringWorld((parts) => [waitOf(parts, 3)]);
    const run = world.runWith(1);
    const status = world.parts.page('status');
    expect(run.events('status-written')).toMatchObject([{ address: status + 12, data: 3 }]);
    const read = (offset: number): number => world.system.memory.read(status + offset);
    expect([read(8), read(12), read(16)]).toEqual([0, 3, 0]);
  });

  it('completes a wait without SW in silence', () => {
    const world = ringWorld((parts) => [raw(encodeDescriptor(waitOf(parts, 3)), 0, 5), waitOf(parts, 4)]);
    expect(world.runWith(1).events('status-written')).toMatchObject([{ data: 4 }]);
  });
});

describe('a queue error (VT-d 6.5.2.11, 11.4.9.9)', () => {
  const good = encodeDescriptor(invalidate.iotlb());
  it.each([
    { code: 3, what: 'type 0', words: raw(good, 0, 0) },
    { code: 3, what: 'type Bh', words: raw(good, 0, 0xb) },
    { code: 3, what: 'type 12h, a wait with bit 9 set', words: raw(good, 0, 0x202) },
    { code: 4, what: 'a reserved bit', words: raw(good, 0, (good[0] as number) | (1 << 8)) },
    { code: 4, what: 'a bit of the upper half', words: raw(good, 7, 1) },
    { code: 4, what: 'granularity 0 of an IOTLB invalidation', words: raw(good, 0, 2) },
    { code: 4, what: 'granularity 1 of a PASID-based one', words: raw(good, 0, 0x16) },
    { code: 4, what: 'granularity 2 of a PASID-cache one', words: raw(good, 0, 0x27) },
  ])('$code for $what stops the head there; earlier descriptors complete, later ones are never fetched', (bad) => {
    const world = ringWorld((parts) => [invalidate.context(), waitOf(parts, 1), bad.words, invalidate.iotlb(6)]);
    for (const seed of [1, 2, 3]) {
      const run = world.runWith(seed);
      expect(run.events('queue-error')).toEqual([{ kind: 'queue-error', slot: 2, code: bad.code }]);
      expect(run.events('invalidation-done')).toHaveLength(1);
      expect(run.events('status-written')).toHaveLength(1);
      expect(run.events('descriptor-fetched').map(({ slot }) => slot)).toEqual([0, 1, 2]);
      expect(world.system.unit.queue.headSlot).toBe(2);
      expect(world.system.unit.queue.errorCode).toBe(bad.code);
    }
  });

  it('is none for a good descriptor', () => {
    const world = ringWorld(() => [Array.from(good)]);
    expect(world.runWith(1).events('queue-error')).toEqual([]);
    expect(world.system.unit.queue.errorCode).toBe(-1);
  });

  it.each([invalidate.pasidCache(), invalidate.piotlb()])('3 for $kind in legacy mode, which has no such type', (d) => {
    const world = ringWorld(() => [d], { vtd: { mode: 'legacy' } });
    expect(world.runWith(1).events('queue-error')).toMatchObject([{ slot: 0, code: 3 }]);
  });

  it.each([
    { code: 1, tail: maxQueueSlots * 32, what: 'a tail beyond the ring' },
    { code: 6, tail: 16, what: 'a tail in the middle of a 256-bit descriptor' },
  ])('$code for $what', ({ code, tail }) => {
    const world = ringWorld(() => [invalidate.iotlb()], { tail });
    const run = world.runWith(1);
    expect(run.events('queue-error')).toMatchObject([{ code }]);
    expect(run.events('descriptor-fetched')).toEqual([]);
    const last = ringWorld(() => [invalidate.iotlb()], { tail: 32 }).runWith(1);
    expect(last.events('queue-error')).toEqual([]);
  });

  it('leaves the task that submitted it stuck, and it says what the task waits for', () => {
    const world = vtdWorld({
      tasks: {
        *submitter({ cpu, vtd }) {
          yield* vtd.queue.submitSync(cpu, [raw(good, 0, 0)]);
        },
      },
    });
    const { outcome } = world.runWith(1);
    expect(outcome).toMatchObject({ end: 'violated', violations: [{ rule: 'stuck' }] });
    expect(outcome.violations[0]?.message).toContain('submitter waits for the status of its wait descriptor');
  });

  it('also leaves stuck who submits after it', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        *bad({ cpu, vtd }) {
          yield* vtd.queue.submitSync(cpu, [raw(good, 0, 0)]);
        },
        good: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' }),
      },
    });
    const { outcome } = world.runWith({ legs: [], prefer: ['bad', 'invalidation fetch', 'good'] });
    expect(outcome.violations[0]?.message).toMatch(/bad waits for .*; good waits for/);
  });
});

describe('what the queue does not model', () => {
  it.each([3, 8])('stops the run at descriptor type %i where no function has a device TLB', (type) => {
    const { outcome } = ringWorld(() => [[type, 0, 0, 0, 0, 0, 0, 0]]).runWith(1);
    const detail = 'a device-TLB invalidation to requester 0x0, which has no device TLB';
    expect(outcome).toMatchObject({ end: 'unmodelled', detail });
  });
});

describe('a descriptor with nothing to do here', () => {
  it('completes: interrupt entries and host permission tables are not cached', () => {
    const hpt = { kind: 'hpt', granularity: 'global', did: 0, addressMask: 0, address: 0, levels: 3 } as const;
    const world = ringWorld((parts) => [invalidate.interruptEntry(), hpt, waitOf(parts, 1)]);
    expect(world.outcomes((run) => run.events('status-written').length)).toEqual(new Set([1]));
  });

  it('answers a page request, with its PASID if it has one', () => {
    const response = { kind: 'page-group-response', sid: 0x10, responseCode: 1, groupIndex: 7 } as const;
    const run = ringWorld((parts) => [{ ...response, pasid: 3 }, response, waitOf(parts, 1)]).runWith(1);
    const told = run.events('page-group-response').map(({ kind, ...rest }) => rest);
    expect(told).toContainEqual({ sid: 0x10, pasid: 3, code: 1, group: 7 });
    expect(told).toContainEqual({ sid: 0x10, pasid: -1, code: 1, group: 7 });
    expect(run.events('status-written')).toHaveLength(1);
  });
});

describe('a wait with IF = 1 (VT-d 6.5.2.10)', () => {
  it('writes its status, then sets ICS.IWC, which software clears by writing 1', () => {
    const world = ringWorld((parts) => [waitOf(parts, 1, { interrupt: true })]);
    const { unit } = world.system;
    const run = world.runWith(1);
    expect(run.events('status-written')).toMatchObject([{ data: 1 }]);
    expect(unit.readRegister(registerOffset.invalidationCompletionStatus, 1)).toEqual([1]);
    unit.writeRegister(registerOffset.invalidationCompletionStatus, [0]);
    expect(unit.readRegister(registerOffset.invalidationCompletionStatus, 1)).toEqual([1]);
    unit.writeRegister(registerOffset.invalidationCompletionStatus, [1]);
    expect(unit.readRegister(registerOffset.invalidationCompletionStatus, 1)).toEqual([0]);
  });

  it('a wait without leaves it alone', () => {
    const world = ringWorld((parts) => [waitOf(parts, 1)]);
    world.runWith(1);
    expect(world.system.unit.readRegister(registerOffset.invalidationCompletionStatus, 1)).toEqual([0]);
  });
});
