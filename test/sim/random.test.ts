import { describe, expect, it } from 'vitest';
import { RandomStream, RandomStreams } from '../../sim/random.ts';

function seeded(name: string, low: number, high = 0): RandomStream {
  const stream = new RandomStream(name);
  stream.reseed({ low, high });
  return stream;
}

const draw = (stream: RandomStream, count: number) => Array.from({ length: count }, () => stream.next() >>> 0);

describe('a random stream', () => {
  it('is pinned: other numbers here make every seed that was ever mailed mean something else', () => {
    expect(draw(seeded('pin', 0x2a), 5)).toEqual([
      1_607_880_872, 2_095_803_403, 45_522_149, 4_271_918_318, 1_391_325_926,
    ]);
    const small = seeded('pin', 0x2a);
    expect(Array.from({ length: 5 }, () => small.below(100))).toEqual([37, 48, 1, 99, 32]);
    const large = seeded('pin', 0x2a);
    expect(Array.from({ length: 2 }, () => large.below(1_000_000_000_000))).toEqual([374_363_938_460, 10_598_951_483]);
  });

  it('depends on its name, and on each half of the seed', () => {
    const first = [
      seeded('pin', 0x2a),
      seeded('pin2', 0x2a),
      seeded('pin', 0x2b),
      seeded('pin', 0x2a, 1),
      seeded('pin', 0, 0x2a),
    ].map((stream) => draw(stream, 4).join(' '));
    expect(new Set(first).size).toBe(5);
  });

  it('starts again at the same place when seeded again', () => {
    const stream = seeded('again', 1);
    const first = draw(stream, 10);
    stream.reseed({ low: 2, high: 0 });
    draw(stream, 3);
    stream.reseed({ low: 1, high: 0 });
    expect(draw(stream, 10)).toEqual(first);
  });

  it('of neighbouring seeds are strangers: about half of the bits differ', () => {
    let differing = 0;
    for (let seed = 0; seed < 1000; seed += 1) {
      let bits = (draw(seeded('near', seed), 1)[0] as number) ^ (draw(seeded('near', seed + 1), 1)[0] as number);
      for (; bits !== 0; bits &= bits - 1) differing += 1;
    }
    // 32 000 fair bits: 16 000 with a standard deviation of 89; ten of them to either side.
    expect(Math.abs(differing - 16_000)).toBeLessThan(900);
  });
});

describe('below', () => {
  /** Chi square over `buckets` equal parts of [0, count). */
  function chiSquare(count: number, buckets: number, draws: number): number {
    const stream = seeded('uniform', 0x2a);
    const seen = new Array<number>(buckets).fill(0);
    for (let i = 0; i < draws; i += 1) {
      const value = stream.below(count);
      expect(Number.isInteger(value) && value >= 0 && value < count).toBe(true);
      const bucket = Math.floor((value * buckets) / count);
      seen[bucket] = (seen[bucket] as number) + 1;
    }
    const expected = draws / buckets;
    return seen.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  }

  // Fair draws exceed the limit once in ten million tables; a draw with the top values missing exceeds it at once.
  it.each([
    { count: 2, buckets: 2, limit: 29 },
    { count: 3, buckets: 3, limit: 33 },
    { count: 100, buckets: 100, limit: 190 },
    { count: 65_536, buckets: 64, limit: 140 },
    { count: 65_537, buckets: 64, limit: 140 },
    { count: 1_000_003, buckets: 64, limit: 140 },
    { count: 60_000_000_000, buckets: 64, limit: 140 },
    { count: 2 ** 53, buckets: 64, limit: 140 },
  ])('is uniform below $count', ({ count, buckets, limit }) => {
    expect(chiSquare(count, buckets, 20_000)).toBeLessThan(limit);
  });

  it('reaches the low bits of large counts too', () => {
    const stream = seeded('low bits', 1);
    const seen = new Array<number>(64).fill(0);
    for (let i = 0; i < 20_000; i += 1) {
      const value = stream.below(2 ** 50) % 64;
      seen[value] = (seen[value] as number) + 1;
    }
    const chi = seen.reduce((sum, n) => sum + (n - 312.5) ** 2 / 312.5, 0);
    expect(chi).toBeLessThan(140);
  });

  it('reaches every one of a few alternatives, the first and the last included', () => {
    for (const count of [1, 2, 3, 7, 64]) {
      const stream = seeded('every', count);
      const seen = new Set(Array.from({ length: count * 40 }, () => stream.below(count)));
      expect(seen.size).toBe(count);
    }
  });
});

describe('streams of one campaign', () => {
  it('are independent: drawing from one does not shift another', () => {
    const alone = new RandomStreams();
    alone.reseed({ low: 5, high: 6 });
    const expected = draw(alone.stream('b'), 5);
    const mixed = new RandomStreams();
    mixed.reseed({ low: 5, high: 6 });
    const drawn: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      draw(mixed.stream('a'), i + 1);
      drawn.push(mixed.stream('b').next() >>> 0);
      draw(mixed.stream('c'), 2);
    }
    expect(drawn).toEqual(expected);
  });

  it('start again with each run, whichever streams earlier runs have used', () => {
    const fresh = new RandomStreams();
    fresh.reseed({ low: 9, high: 0 });
    const expected = draw(fresh.stream('a'), 4);
    const used = new RandomStreams();
    used.reseed({ low: 1, high: 0 });
    draw(used.stream('a'), 7);
    used.reseed({ low: 2, high: 0 });
    draw(used.stream('b'), 7); // 'a' is not asked in this run
    used.reseed({ low: 9, high: 0 });
    expect(draw(used.stream('a'), 4)).toEqual(expected);
  });

  it('are those of the same name and seed made singly', () => {
    const streams = new RandomStreams();
    streams.reseed({ low: 0x2a, high: 0 });
    expect(draw(streams.stream('pin'), 5)).toEqual(draw(seeded('pin', 0x2a), 5));
  });
});
