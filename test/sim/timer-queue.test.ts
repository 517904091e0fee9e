import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../../sim/timer-queue.ts';

/** Takes everything out, in order. */
function drain(queue: TimerQueue): [processId: number, atNs: number][] {
  const taken: [number, number][] = [];
  while (queue.size > 0) {
    const id = queue.take();
    taken.push([id, queue.atNsOf(id)]);
  }
  return taken;
}

function queueOf(moments: readonly number[]): TimerQueue {
  const queue = new TimerQueue(moments.length);
  for (const [id, atNs] of moments.entries()) queue.insert(id, atNs);
  return queue;
}

describe('the timer queue', () => {
  it('gives moments in their order', () => {
    expect(drain(queueOf([30, 10, 20]))).toEqual([
      [1, 10],
      [2, 20],
      [0, 30],
    ]);
  });

  it.each([0, 1, 500, 1023, 1024, 1025, 5000, 1e12])('gives ties at %i ns in the order of insertion', (atNs) => {
    expect(drain(queueOf(Array(5).fill(atNs))).map(([id]) => id)).toEqual([0, 1, 2, 3, 4]);
  });

  it('keeps that order when one of the tie was far away when it came, and the other near', () => {
    const queue = new TimerQueue(4);
    queue.insert(3, 2000); // beyond the wheel of 1024 slots
    queue.insert(0, 976);
    expect(queue.take()).toBe(0);
    queue.insert(1, 2000); // 1024 ns ahead: still beyond
    queue.insert(0, 977);
    expect(queue.take()).toBe(0);
    queue.insert(2, 2000); // 1023 ns ahead: in the wheel
    expect(drain(queue)).toEqual([
      [3, 2000],
      [1, 2000],
      [2, 2000],
    ]);
  });

  it('does not mix up moments whose slots are the same', () => {
    // 5, 1029 and 2053 are the same slot of a wheel of 1024.
    expect(drain(queueOf([2053, 5, 1029]))).toEqual([
      [1, 5],
      [2, 1029],
      [0, 2053],
    ]);
  });

  it('jumps over any stretch of nothing', () => {
    const moments = [1e12, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 31, 9e15, 60e9];
    const sorted = [...moments].sort((a, b) => a - b);
    expect(drain(queueOf(moments)).map(([, atNs]) => atNs)).toEqual(sorted);
  });

  it('takes a moment that is now, and refuses one that is past', () => {
    const queue = new TimerQueue(2);
    queue.insert(0, 100);
    queue.take();
    queue.insert(0, 100);
    expect(() => queue.insert(1, 99)).toThrow('not scheduled in the past');
    expect(queue.take()).toBe(0);
  });

  it('starts again from 0 when cleared, also half way through', () => {
    const queue = queueOf([10, 2000, 70_000, 20]);
    queue.take();
    queue.clear();
    expect(queue.size).toBe(0);
    queue.insert(1, 5);
    queue.insert(0, 5);
    expect(drain(queue)).toEqual([
      [1, 5],
      [0, 5],
    ]);
    queue.clear();
    queue.insert(2, 0);
    expect(drain(queue)).toEqual([[2, 0]]);
  });

  it('agrees with a sorted list, for any insertions and takes', () => {
    const delay = fc.oneof(
      { weight: 3, arbitrary: fc.nat(3) },
      { weight: 2, arbitrary: fc.nat(100) },
      { weight: 3, arbitrary: fc.integer({ min: 1020, max: 1030 }) },
      { weight: 1, arbitrary: fc.constantFrom(1023, 1024, 2047, 2048, 0x1_0000_0000) },
      { weight: 1, arbitrary: fc.nat(1e12) },
    );
    // True: a moment for the next process that has none. False: take one.
    const actions = fc.array(fc.tuple(fc.boolean(), delay), { maxLength: 200 });
    fc.assert(
      fc.property(actions, fc.integer({ min: 1, max: 40 }), (steps, processCount) => {
        const queue = new TimerQueue(processCount);
        let model: { id: number; atNs: number; sequence: number }[] = [];
        let nowNs = 0;
        let sequence = 0;
        const takeOne = () => {
          const first = model.reduce((a, b) =>
            b.atNs < a.atNs || (b.atNs === a.atNs && b.sequence < a.sequence) ? b : a,
          );
          model = model.filter((entry) => entry !== first);
          const id = queue.take();
          expect([id, queue.atNsOf(id)]).toEqual([first.id, first.atNs]);
          nowNs = first.atNs;
        };
        for (const [inserts, delayNs] of steps) {
          const free = Array.from({ length: processCount }, (_, id) => id).filter((id) =>
            model.every((entry) => entry.id !== id),
          );
          if (inserts && free.length > 0) {
            const id = free[sequence % free.length] as number;
            queue.insert(id, nowNs + delayNs);
            model.push({ id, atNs: nowNs + delayNs, sequence });
            sequence += 1;
          } else if (model.length > 0) {
            takeOne();
          }
          expect(queue.size).toBe(model.length);
        }
        while (model.length > 0) takeOne();
      }),
      { numRuns: 300 },
    );
  });
});
