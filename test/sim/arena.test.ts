import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../sim/arena.ts';

function arenaOf(wordCount: number): Arena {
  const arena = new Arena();
  arena.allocate('words', wordCount);
  arena.seal();
  return arena;
}

describe('allocation', () => {
  it('gives regions one after the other, and knows whose word is whose', () => {
    const arena = new Arena();
    expect(arena.allocate('a', 3)).toBe(0);
    expect(arena.allocateTimes('b', 2)).toBe(3);
    // More than the 1024 words an arena starts with: what was written before has to survive the growth.
    arena.put(1, 77);
    arena.putTime(3, 5_000_000_000);
    expect(arena.allocate('c', 5000)).toBe(7);
    expect(arena.wordCount).toBe(5007);
    expect(arena.get(1)).toBe(77);
    expect(arena.getTime(3)).toBe(5_000_000_000);
    expect(arena.get(5006)).toBe(0);
    expect([0, 2, 3, 6, 7, 5006].map((index) => arena.regionOf(index).name)).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect(() => arena.regionOf(5007)).toThrow('every allocated word has a region');
  });

  it('ends with seal, which comes once', () => {
    const arena = arenaOf(1);
    expect(() => arena.allocate('late', 1)).toThrow('not sealed');
    expect(() => arena.allocateTimes('late', 1)).toThrow('not sealed');
    expect(() => arena.seal()).toThrow('sealed once');
  });
});

describe('words', () => {
  it('are 32 bits: what does not fit is cut off, what was unsigned comes back signed', () => {
    const arena = arenaOf(2);
    const kept: [number, number][] = [
      [0x7fff_ffff, 0x7fff_ffff],
      [0xffff_ffff, -1],
      [0x1_2345_6789, 0x2345_6789],
      [-0x8000_0000, -0x8000_0000],
    ];
    for (const [value, word] of kept) {
      arena.put(1, value);
      expect(arena.get(1)).toBe(word);
    }
    expect(arena.get(0)).toBe(0);
  });

  it.each([0, 1, 0xffff_ffff, 0x1_0000_0000, 86_400_000_000_000, 2 ** 53 - 1, -1])('keep the time %i', (atNs) => {
    const arena = new Arena();
    const base = arena.allocateTimes('time', 1);
    arena.putTime(base, atNs);
    expect(arena.getTime(base)).toBe(atNs);
  });
});

describe('undo', () => {
  it('returns to the mark, however often a word changed since', () => {
    const arena = arenaOf(3);
    arena.put(0, 1);
    const outer = arena.mark();
    arena.put(0, 2);
    arena.put(1, 5);
    const inner = arena.mark();
    arena.put(0, 3);
    arena.put(0, 4);
    arena.put(2, 9);
    arena.undoTo(inner);
    expect([...arena.words]).toEqual([2, 5, 0]);
    arena.undoTo(outer);
    expect([...arena.words]).toEqual([1, 0, 0]);
    arena.undoTo(0);
    expect([...arena.words]).toEqual([0, 0, 0]);
  });

  it('does not log what changes nothing', () => {
    const arena = arenaOf(1);
    arena.put(0, 1);
    const mark = arena.mark();
    arena.put(0, 1);
    arena.put(0, 0x1_0000_0001); // the same 32 bits
    expect(arena.mark()).toBe(mark);
  });

  it('is not itself undone', () => {
    const arena = arenaOf(1);
    arena.put(0, 1);
    const mark = arena.mark();
    arena.put(0, 2);
    arena.undoTo(mark);
    expect(arena.mark()).toBe(mark);
    arena.undoTo(mark);
    expect(arena.get(0)).toBe(1);
  });

  it('agrees with copies of all words, for any sequence of changes and returns', () => {
    const change = fc.record({ index: fc.nat(7), value: fc.integer() });
    const back = fc.record({ back: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: change }, back), { maxLength: 60 }), (actions) => {
        const arena = arenaOf(8);
        const marks = [{ mark: arena.mark(), words: arena.snapshot() }];
        for (const action of actions) {
          if ('back' in action) {
            const target = marks[action.back % marks.length] as (typeof marks)[0];
            marks.length = (action.back % marks.length) + 1;
            arena.undoTo(target.mark);
            expect(arena.snapshot()).toEqual(target.words);
          } else {
            arena.put(action.index, action.value);
            marks.push({ mark: arena.mark(), words: arena.snapshot() });
          }
        }
      }),
    );
  });
});

describe('reset', () => {
  it('goes back to what seal found, not to zeros', () => {
    const arena = new Arena();
    arena.allocate('words', 2);
    arena.put(0, 7);
    arena.seal();
    arena.put(0, 8);
    arena.put(1, 9);
    arena.reset();
    expect([...arena.words]).toEqual([7, 0]);
  });

  // 65 536 entries fit the log of a forward run. One more and the run goes on without a log.
  it.each([65_535, 65_536, 65_537, 200_000])('is exact after %i changes', (changes) => {
    const arena = new Arena();
    arena.allocate('words', 8);
    arena.put(0, 3);
    arena.seal();
    arena.hash(true);
    const fingerprint = arena.fingerprint(0);
    for (let i = 0; i < changes; i += 1) {
      arena.put(i & 7, i + 100);
    }
    expect(arena.get(changes & 7)).not.toBe(0);
    arena.reset();
    expect([...arena.words]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    expect(arena.fingerprint(0)).toBe(fingerprint);
    // The next run has its log again, and it is a whole one.
    arena.put(1, 5);
    const mark = arena.mark();
    arena.put(1, 6);
    arena.undoTo(mark);
    expect(arena.get(1)).toBe(5);
    arena.reset();
    expect([...arena.words]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('overflows at 65 536 entries and not before: then only a reset goes back', () => {
    const change = (arena: Arena, times: number) => {
      for (let i = 0; i < times; i += 1) arena.put(0, i + 1);
    };
    const whole = arenaOf(1);
    change(whole, 65_536);
    whole.undoTo(0);
    expect(whole.get(0)).toBe(0);
    const overflowed = arenaOf(1);
    change(overflowed, 65_537);
    expect(() => overflowed.undoTo(0)).toThrow('the undo log is whole');
    overflowed.reset();
    expect(overflowed.get(0)).toBe(0);
  });

  it('is not needed by an exploration, which keeps the whole log', () => {
    const arena = arenaOf(2);
    arena.keepWholeLog(true);
    arena.put(1, 42);
    const mark = arena.mark();
    for (let i = 0; i < 150_000; i += 1) arena.put(0, i + 1);
    arena.undoTo(mark);
    expect([...arena.words]).toEqual([0, 42]);
  });
});

describe('a snapshot', () => {
  it('is a copy, and restoring it can be undone', () => {
    const arena = arenaOf(2);
    arena.hash(true);
    arena.put(0, 1);
    const snapshot = arena.snapshot();
    const fingerprint = arena.fingerprint(0);
    arena.put(0, 2);
    arena.put(1, 3);
    expect([...snapshot]).toEqual([1, 0]);
    const mark = arena.mark();
    arena.restore(snapshot);
    expect([...arena.words]).toEqual([1, 0]);
    expect(arena.fingerprint(0)).toBe(fingerprint);
    arena.undoTo(mark);
    expect([...arena.words]).toEqual([2, 3]);
  });

  it('of another arena is refused', () => {
    expect(() => arenaOf(3).restore(arenaOf(2).snapshot())).toThrow('the snapshot is of this arena');
  });
});

describe('a footprint', () => {
  it('has the words a step read and wrote, and nothing of before or after', () => {
    const arena = arenaOf(8);
    arena.get(7);
    arena.put(7, 1);
    const footprint = arena.record(() => {
      arena.get(4);
      arena.put(2, 9);
      arena.get(1);
      arena.get(4);
    });
    arena.get(6);
    arena.put(5, 1);
    expect([...footprint.reads]).toEqual([4, 1]);
    expect([...footprint.writes]).toEqual([2]);
    const next = arena.record(() => {
      arena.get(0);
    });
    expect([...next.reads]).toEqual([0]);
    expect([...next.writes]).toEqual([]);
    // The first one is a value of its own, not a view of the arena's sets.
    expect([...footprint.reads]).toEqual([4, 1]);
  });

  it('takes a write that changes nothing for a read: another order could make it a change', () => {
    const arena = arenaOf(1);
    const { reads, writes } = arena.record(() => arena.put(0, 0));
    expect([[...reads], [...writes]]).toEqual([[0], []]);
  });

  it('has both words of a time', () => {
    const arena = new Arena();
    arena.allocate('before', 1);
    const base = arena.allocateTimes('time', 1);
    const { reads, writes } = arena.record(() => {
      arena.getTime(base);
      arena.putTime(base, 5 + 2 ** 32);
    });
    expect([...reads]).toEqual([base, base + 1]);
    expect([...writes]).toEqual([base, base + 1]);
  });

  it('ends with a step that throws', () => {
    const arena = arenaOf(2);
    expect(() =>
      arena.record(() => {
        throw new Error('step failed');
      }),
    ).toThrow('step failed');
    arena.get(0);
    expect([...arena.record(() => arena.get(1)).reads]).toEqual([1]);
  });
});
