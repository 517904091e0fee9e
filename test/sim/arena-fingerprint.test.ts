import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../sim/arena.ts';

const plainWords = 6;
const times = 3;

/** Words 0 to 5 are plain, then three times of two words each. */
function sealedArena(): Arena {
  const arena = new Arena();
  arena.allocate('words', plainWords);
  arena.allocateTimes('times', times);
  arena.seal();
  return arena;
}

/** The fingerprint from the words alone: a fresh arena that never hashed by increments. */
function fromScratch(words: Int32Array, nowNs: number): string {
  const arena = sealedArena();
  arena.restore(words);
  return arena.fingerprint(nowNs);
}

const timeBase = (i: number) => plainWords + 2 * i;
const someTime = fc.oneof(fc.constant(-1), fc.nat(100), fc.maxSafeNat());

type Action =
  | { readonly kind: 'put'; readonly index: number; readonly value: number }
  | { readonly kind: 'put-time'; readonly index: number; readonly atNs: number }
  | { readonly kind: 'undo'; readonly to: number };

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), index: fc.nat(plainWords - 1), value: fc.integer() }),
  fc.record({ kind: fc.constant('put-time' as const), index: fc.nat(times - 1), atNs: someTime }),
  fc.record({ kind: fc.constant('undo' as const), to: fc.nat(30) }),
);

describe('the fingerprint', () => {
  it('kept up to date change by change equals the one computed from scratch', () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 40 }), fc.nat(1000), (actions, nowNs) => {
        const arena = sealedArena();
        arena.hash(true);
        const marks = [arena.mark()];
        for (const action of actions) {
          switch (action.kind) {
            case 'put':
              arena.put(action.index, action.value);
              marks.push(arena.mark());
              break;
            case 'put-time':
              arena.putTime(timeBase(action.index), action.atNs);
              marks.push(arena.mark());
              break;
            case 'undo':
              marks.length = (action.to % marks.length) + 1;
              arena.undoTo(marks.at(-1) as number);
          }
          expect(arena.fingerprint(nowNs)).toBe(fromScratch(arena.words, nowNs));
        }
      }),
    );
  });

  it('is the same whichever way a state was reached', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: plainWords, maxLength: plainWords }), fc.nat(), (words, seed) => {
        const straight = sealedArena();
        const detour = sealedArena();
        straight.hash(true);
        detour.hash(true);
        for (const [i, word] of words.entries()) straight.put(i, word);
        for (let i = plainWords - 1; i >= 0; i -= 1) {
          detour.put(i, seed + i);
          detour.put(i, words[i] as number);
        }
        expect(detour.fingerprint(0)).toBe(straight.fingerprint(0));
      }),
    );
  });

  it('differs where any one word differs, in both halves', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: plainWords, maxLength: plainWords }),
        fc.nat(plainWords - 1),
        fc.integer(),
        (words, index, other) => {
          fc.pre(other !== words[index]);
          const arena = sealedArena();
          for (const [i, word] of words.entries()) arena.put(i, word);
          const before = arena.fingerprint(0);
          arena.put(index, other);
          const after = arena.fingerprint(0);
          // Each half maps the words of one place one to one, so one word that differs shows in each.
          expect(after.slice(0, 8)).not.toBe(before.slice(0, 8));
          expect(after.slice(8)).not.toBe(before.slice(8));
        },
      ),
    );
  });

  it('sees a value move from one place to another', () => {
    const place = (index: number) => {
      const arena = sealedArena();
      arena.put(index, 5);
      return arena.fingerprint(0);
    };
    expect(new Set(Array.from({ length: plainWords }, (_, i) => place(i))).size).toBe(plainWords);
  });

  it('takes times relative to now: a state reached later is the same state', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), fc.nat(1e9), fc.maxSafeNat(), (a, b, nowNs, laterNs) => {
        const shift = Math.min(laterNs, 2 ** 52);
        const at = (startNs: number) => {
          const arena = sealedArena();
          arena.putTime(timeBase(0), startNs + a);
          arena.putTime(timeBase(1), startNs + b);
          arena.putTime(timeBase(2), -1);
          return arena.fingerprint(startNs);
        };
        expect(at(nowNs + shift)).toBe(at(nowNs));
      }),
    );
  });

  it('differs with the time left, also beyond 32 bits, and with whether a time is set', () => {
    const left = [-1, 0, 1, 1000, 60_000_000_000, 0x1_0000_0000, 0x2_0000_0000, 90_000_000_000];
    const nowNs = 7_000_000_000;
    const prints = left.map((leftNs) => {
      const arena = sealedArena();
      arena.putTime(timeBase(1), leftNs === -1 ? -1 : nowNs + leftNs);
      return arena.fingerprint(nowNs);
    });
    expect(new Set(prints).size).toBe(left.length);
  });

  it('knows its times also when they were allocated before the arena had to grow', () => {
    const at = (nowNs: number) => {
      const arena = new Arena();
      arena.allocateTimes('time', 1);
      arena.allocate('much', 5000);
      arena.seal();
      arena.putTime(0, nowNs + 40);
      return arena.fingerprint(nowNs);
    };
    expect(at(1000)).toBe(at(0));
  });

  it('differs with which of two times is the later one', () => {
    const arena = sealedArena();
    arena.putTime(timeBase(0), 10);
    arena.putTime(timeBase(1), 20);
    const before = arena.fingerprint(5);
    arena.putTime(timeBase(0), 20);
    arena.putTime(timeBase(1), 10);
    expect(arena.fingerprint(5)).not.toBe(before);
  });

  it('can be switched on in the middle, off and on again', () => {
    const arena = sealedArena();
    arena.put(0, 1);
    arena.hash(true);
    arena.put(1, 2);
    const on = arena.fingerprint(0);
    expect(on).toBe(fromScratch(arena.words, 0));
    arena.hash(false);
    expect(arena.fingerprint(0)).toBe(on);
    arena.put(2, 3);
    expect(arena.fingerprint(0)).toBe(fromScratch(arena.words, 0));
    arena.put(3, 4);
    arena.hash(true);
    expect(arena.fingerprint(0)).toBe(fromScratch(arena.words, 0));
  });

  it('asking for it changes nothing', () => {
    const arena = sealedArena();
    arena.hash(true);
    arena.put(0, 9);
    arena.putTime(timeBase(0), 40);
    const words = arena.snapshot();
    expect(arena.fingerprint(10)).toBe(arena.fingerprint(10));
    expect(arena.fingerprint(30)).not.toBe(arena.fingerprint(10));
    expect(arena.snapshot()).toEqual(words);
    expect(arena.fingerprint(10)).toMatch(/^[0-9a-f]{16}$/);
  });
});
