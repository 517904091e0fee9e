import { describe, expect, it } from 'vitest';
import { encodeDescriptor } from '../../../models/vtd/descriptors.ts';
import { registerOffset } from '../../../models/vtd/translation-unit.ts';
import { invalidate, ringWorld, waitOf } from '../../support/vtd-queue.ts';
import { nic, type TaskParts, type VtdRun, type VtdWorld } from '../../support/vtd-world.ts';

const registers = 0xfed9_0000;
const faultStatus = registers + registerOffset.faultStatus;
const tail = registers + registerOffset.invalidationQueueTail;
const [queueError, completionError, timeoutError] = [0x10, 0x20, 0x40];

const status = ({ system }: VtdWorld): readonly number[] => system.unit.readRegister(registerOffset.faultStatus, 1);
const record = ({ system }: VtdWorld): readonly number[] =>
  system.unit.readRegister(registerOffset.invalidationQueueError, 2);

/** What is done and what is lost, in order: `iotlb5`, `wait1`, `lost3`, `ask5`, `answer5`, `ITE5`. */
function story(run: VtdRun): string {
  return run.records
    .flatMap(({ event }) => {
      switch (event.kind) {
        case 'invalidation-done':
          return [`${event.invalidation}${event.did}`];
        case 'status-written':
          return [`wait${event.data}`];
        case 'descriptor-lost':
          return [`lost${event.slot}`];
        case 'device-tlb-request':
          return [`ask${event.sid}/${event.itag}`];
        case 'device-tlb-completion':
          return [`${event.result === 'unknown' ? 'stray' : 'answer'}${event.sid}/${event.itag}`];
        case 'device-tlb-timeout':
          return [`ITE${event.sid}`];
        default:
          return [];
      }
    })
    .join(' ');
}

/** Waits until FSTS is not 0 any more. */
function seesError({ cpu }: TaskParts) {
  const seen = { word: { address: 0, was: 0 }, registers: [{ address: faultStatus, was: 0n }] };
  return cpu.waitForChange('an error', seen);
}

describe('ITags (VT-d 4.3)', () => {
  it('a request with one completion is done with it, and the tag is free again', () => {
    const entries = () => [invalidate.deviceTlb(5), invalidate.deviceTlb(5)];
    const world = ringWorld(entries, { endpoints: { 5: 1 }, vtd: { itags: 1 } });
    expect(world.outcomes(story)).toEqual(new Set(['ask5/0 answer5/0 ask5/0 answer5/0']));
  });

  it('a request waits while no tag is free, and what does not need one goes on', () => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(5), invalidate.deviceTlb(6), waitOf(parts, 1)], {
      endpoints: { 5: 1, 6: 1 },
      vtd: { itags: 1 },
    });
    // Which of the two goes first is open (6.5.2.12), and nothing else.
    expect(world.outcomes(story)).toEqual(
      new Set(['ask5/0 answer5/0 ask6/0 answer6/0 wait1', 'ask6/0 answer6/0 ask5/0 answer5/0 wait1']),
    );
    const past = ringWorld(() => [invalidate.deviceTlb(5), invalidate.deviceTlb(6), invalidate.piotlb(7)], {
      endpoints: { 5: 1, 6: 1 },
      vtd: { itags: 1 },
    });
    expect(past.outcomes(story)).toContain('ask5/0 piotlb7 answer5/0 ask6/0 answer6/0');
  });

  it('two tags are two requests on their way at once', () => {
    const world = ringWorld(() => [invalidate.deviceTlb(5), invalidate.deviceTlb(6)], { endpoints: { 5: 1, 6: 1 } });
    const stories = world.outcomes(story);
    expect(stories).toContain('ask5/0 ask6/1 answer6/1 answer5/0');
    expect(stories).toContain('ask5/0 answer5/0 ask6/0 answer6/0');
  });

  it.each([2, 8])('is done with the last of %i completions; a count of 0 is 8', (count) => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(nic), waitOf(parts, 1)], { endpoints: { [nic]: count } });
    expect(world.outcomes(story)).toEqual(new Set([`ask16/0 ${'answer16/0 '.repeat(count)}wait1`]));
    expect(
      world
        .runWith(1)
        .events('device-tlb-completion')
        .map(({ result }) => result),
    ).toEqual([...Array(count - 1).fill('open'), 'done']);
  });
});

describe('a time-out (VT-d 6.5.2.11)', () => {
  it('sets ITE with the requester, frees the tag, aborts the wait and leaves the head where it is', () => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(nic), waitOf(parts, 1)], { endpoints: {} });
    expect(world.outcomes(story)).toEqual(new Set(['ask16/0 ITE16 lost0 lost1']));
    expect(status(world)).toEqual([timeoutError]);
    expect(record(world)).toEqual([0, nic]);
    expect(world.system.unit.queue.headSlot).toBe(2);
    const { nowNs } = world.runWith(1).outcome;
    expect(nowNs).toBeGreaterThanOrEqual(60_000_000_000);
  });

  it('says nothing of the requester on older hardware', () => {
    const world = ringWorld(() => [invalidate.deviceTlb(nic)], { endpoints: {}, vtd: { recordsErrorSource: false } });
    world.runWith(1);
    expect(status(world)).toEqual([timeoutError]);
    expect(record(world)).toEqual([0, 0]);
  });

  it('aborts all waits there are, also of those whose own requests are answered later', () => {
    const world = ringWorld(
      (parts) => [invalidate.deviceTlb(5), waitOf(parts, 1), invalidate.deviceTlb(6), waitOf(parts, 2)],
      { endpoints: {} },
    );
    const stories = world.outcomes(story);
    for (const each of stories) {
      // Each function is asked and runs out of time; no wait is ever complete.
      expect(each).toMatch(/lost1/);
      expect(each).toMatch(/lost3/);
      expect(each).not.toMatch(/wait/);
      expect(each.match(/ITE/g)).toHaveLength(2);
    }
  });

  it('keeps the requester of the first until it is cleared', () => {
    const world = ringWorld(() => [invalidate.deviceTlb(5), invalidate.deviceTlb(6)], { endpoints: {} });
    const run = world.runWith(1);
    const [first] = run.events('device-tlb-timeout');
    expect(run.events('device-tlb-timeout')).toHaveLength(2);
    expect(record(world)[1]).toBe(first?.sid);
  });

  it('leaves in doubt what waits behind the oldest device-TLB invalidation: executed or lost', () => {
    const fenced = ringWorld(
      (parts) => [invalidate.deviceTlb(5), waitOf(parts, 1, { fence: true }), invalidate.iotlb(6)],
      { endpoints: {} },
    );
    expect(fenced.outcomes(story)).toEqual(
      new Set(['ask5/0 ITE5 lost0 lost2 lost1', 'ask5/0 ITE5 lost0 lost1 iotlb6']),
    );
    const untagged = ringWorld(() => [invalidate.deviceTlb(5), invalidate.deviceTlb(6)], {
      endpoints: { 6: 1 },
      vtd: { itags: 1 },
    });
    expect(untagged.outcomes(story)).toEqual(
      new Set(['ask6/0 answer6/0 ask5/0 ITE5 lost0', 'ask5/0 ITE5 lost0 lost1', 'ask5/0 ITE5 lost0 ask6/0 answer6/0']),
    );
  });

  it('does not touch what is older, nor a request that is already at its endpoint', () => {
    const world = ringWorld(() => [invalidate.iotlb(5), invalidate.deviceTlb(6)], { endpoints: {} });
    expect(world.outcomes(story)).toEqual(new Set(['iotlb5 ask6/0 ITE6 lost1']));
    const two = ringWorld(() => [invalidate.deviceTlb(5), invalidate.deviceTlb(6)], { endpoints: {} });
    for (const each of two.outcomes(story)) {
      expect(each).toMatch(/ITE5 lost0/);
      expect(each).toMatch(/ITE6 lost1/);
    }
  });

  it('stops fetching until software clears it; then fetching goes on at IQH', () => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(5), waitOf(parts, 1), invalidate.iotlb(6)], {
      endpoints: {},
      tail: 64,
      tasks: {
        *late(parts) {
          const { cpu } = parts;
          yield* seesError(parts);
          yield* cpu.writeRegister(tail, 32, 96n);
          yield* cpu.writeRegister(faultStatus, 32, BigInt(queueError | completionError));
          yield* cpu.writeRegister(faultStatus, 32, BigInt(timeoutError));
        },
      },
    });
    for (const seed of [1, 2, 3, 4, 5]) {
      const run = world.runWith(seed);
      const at = (kind: string, last: (words: readonly number[]) => boolean): number =>
        run.records.findLastIndex(({ event }) => event.kind === kind && 'words' in event && last(event.words));
      const cleared = at('register-written', ([word]) => word === timeoutError);
      expect(at('descriptor-fetched', () => true)).toBeGreaterThan(cleared);
      expect(run.events('descriptor-fetched').map(({ slot }) => slot)).toEqual([0, 1, 2]);
      expect(story(run)).toMatch(/ITE5 lost0 lost1 iotlb6$/);
      expect(status(world)).toEqual([0]);
      expect(record(world)).toEqual([0, 0]);
    }
  });

  it('never comes to a function that always answers, whatever the order', () => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(5), waitOf(parts, 1)], { endpoints: { 5: 1 } });
    expect(world.outcomes(story)).toEqual(new Set(['ask5/0 answer5/0 wait1']));
  });
});

describe('a completion that nothing was asked for', () => {
  const stray = (sid: number, itag: number) =>
    function* ({ cpu, system }: TaskParts) {
      yield* cpu.readDevice('stray completion', () => system.unit.queue.completeDeviceTlb(sid, itag, 1));
    };

  it('sets ICE with the requester, and the queue goes on', () => {
    const world = ringWorld((parts) => [invalidate.iotlb(5), waitOf(parts, 1)], {
      endpoints: {},
      tasks: { stray: stray(7, 0) },
    });
    for (const each of world.outcomes(story)) {
      expect(each.replace('stray7/0', '').trim().replaceAll(/ +/g, ' ')).toBe('iotlb5 wait1');
    }
    expect(status(world)).toEqual([completionError]);
    expect(record(world)).toEqual([0, 7 * 0x1_0000]);
  });

  it.each([
    { who: 'another function', sid: 7, itag: 0 },
    { who: 'the function, with another tag', sid: 5, itag: 1 },
    { who: 'the function, with a tag that the unit does not have', sid: 5, itag: 31 },
  ])('is not taken for the answer when it is from $who', ({ sid, itag }) => {
    const world = ringWorld((parts) => [invalidate.deviceTlb(5), waitOf(parts, 1)], {
      endpoints: { 5: 1 },
      tasks: { stray: stray(sid, itag) },
    });
    for (const each of world.outcomes(story)) {
      expect(each.replace(`stray${sid}/${itag}`, '').trim().replaceAll(/ +/g, ' ')).toBe('ask5/0 answer5/0 wait1');
    }
    expect(status(world)).toEqual([completionError]);
  });

  it('is what an answer after the time-out is', () => {
    const world = ringWorld(() => [invalidate.deviceTlb(5)], {
      endpoints: {},
      tasks: {
        *late(parts) {
          yield* seesError(parts);
          yield* stray(5, 0)(parts);
        },
      },
    });
    expect(story(world.runWith(1))).toBe('ask5/0 ITE5 lost0 stray5/0');
    expect(status(world)).toEqual([timeoutError | completionError]);
    expect(record(world)).toEqual([0, 5 * 0x1_0000 + 5]);
  });
});

describe('a queue error that software clears (VT-d 6.5.2.11)', () => {
  const bad = Array.from(encodeDescriptor(invalidate.iotlb()), (word, i) => (i === 7 ? 1 : word));

  it('lets fetching go on at the head, where software has put something better; tail writes before trigger nothing', () => {
    const world = ringWorld((parts) => [bad, waitOf(parts, 1), invalidate.context(9)], {
      tail: 64,
      tasks: {
        *repair(parts) {
          const { cpu, system } = parts;
          const ring = system.places.find(({ name }) => name === 'invalidation queue')?.address ?? 0;
          yield* seesError(parts);
          expect(yield* cpu.readRegister(faultStatus, 32)).toBe(BigInt(queueError));
          expect(yield* cpu.readRegister(registers + registerOffset.invalidationQueueHead, 32)).toBe(0n);
          expect(yield* cpu.readRegister(tail, 32)).toBe(64n);
          expect(yield* cpu.readRegister(registers + registerOffset.invalidationQueueError, 64)).toBe(4n);
          // A second error is not recorded while the first is.
          yield* cpu.writeRegister(tail, 32, 16n);
          yield* cpu.writeRegister(tail, 32, 96n);
          yield* cpu.storeBlock(ring, Array.from(encodeDescriptor(invalidate.iotlb(8))));
          expect(yield* cpu.readRegister(registers + registerOffset.invalidationQueueError, 64)).toBe(4n);
          yield* cpu.writeRegister(faultStatus, 32, BigInt(queueError));
        },
      },
    });
    for (const seed of [1, 2, 3, 4, 5]) {
      const run = world.runWith(seed);
      expect(run.outcome.end).toBe('finished');
      expect(run.events('queue-error')).toHaveLength(1);
      expect(run.events('descriptor-fetched').map(({ slot }) => slot)).toEqual([0, 0, 1, 2]);
      expect(run.events('invalidation-done')).toHaveLength(2);
      expect(run.events('status-written')).toHaveLength(1);
    }
  });
});

describe('the size of the ring', () => {
  it.each([
    { queueSlots: 4, slot: 4, code: 1 },
    { queueSlots: 8, slot: 4, code: -1 },
  ])('of $queueSlots slots: a tail at slot $slot gives $code', ({ queueSlots, slot, code }) => {
    const four = [5, 6, 7, 8].map((did) => invalidate.iotlb(did));
    const world = ringWorld(() => four, { vtd: { queueSlots }, tail: slot * 32 });
    const run = world.runWith(1);
    expect(world.system.unit.queue.errorCode).toBe(code);
    expect(run.events('invalidation-done')).toHaveLength(code === -1 ? 4 : 0);
  });
});

describe('a read of a register with store buffers', () => {
  const orders = (isRegister: boolean): ReadonlySet<string> => {
    const world = ringWorld(() => [], {
      system: { memoryModel: 'x86-tso' },
      prepare: ({ page }) => page('data'),
      tasks: {
        *reader({ cpu, page }) {
          if (isRegister) {
            yield* cpu.writeRegister(faultStatus, 32, 0x70n);
          } else {
            yield* cpu.store32(page('data'), 1n);
          }
          yield* cpu.readRegister(faultStatus, 32);
        },
      },
      tail: 0,
    });
    const data = world.parts.page('data');
    return world.outcomes((run) =>
      run.records
        .flatMap(({ event }) => {
          const isStore = event.kind === 'store' && event.address === data;
          const isWrite = event.kind === 'register-written' && event.register === 'FSTS';
          return isStore || isWrite || event.kind === 'register-read' ? [event.kind] : [];
        })
        .join(' '),
    );
  };

  it('passes an earlier store, as uncached reads do, and no earlier register write', () => {
    expect(orders(false)).toEqual(new Set(['store register-read', 'register-read store']));
    expect(orders(true)).toEqual(new Set(['register-written register-read']));
  });
});
