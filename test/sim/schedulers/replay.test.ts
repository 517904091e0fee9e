import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeRecording,
  encodeRecording,
  type Recording,
  ReplayDivergedError,
  ReplayScheduler,
} from '../../../sim/schedulers/replay.ts';
import { Act, TinyWorld } from '../../support/tiny-world.ts';

/** Two processes of two steps, then one choice of three: 'next' is asked three times at most. */
function world(): TinyWorld {
  const tiny = new TinyWorld().counter('a', 2);
  return tiny.task('b', function* () {
    yield tiny.says('b');
    yield new Act('colour', { act: (context) => void tiny.log.push(`colour ${context.choose('colour', 3)}`) });
  });
}

function replaying(choices: readonly number[]): ReplayScheduler {
  return new ReplayScheduler({ drawsTimes: false, choices });
}

describe('replay', () => {
  it('gives the recorded answers', () => {
    const replay = replaying([1, 1, 2]);
    const tiny = world();
    tiny.run(replay);
    replay.assertUsedUp();
    expect(tiny.log).toEqual(['b', 'colour 2', 'a', 'a']);
  });

  it('can be run again from the start', () => {
    const replay = replaying([0, 1, 1, 2]);
    const tiny = world();
    tiny.run(replay);
    const first = tiny.log;
    tiny.run(replay);
    replay.assertUsedUp();
    expect(tiny.log).toEqual(first);
  });

  const failure = (choices: readonly number[]): unknown => {
    const replay = replaying(choices);
    try {
      world().run(replay);
      replay.assertUsedUp();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  it('says where a recording is too short, and for what', () => {
    expect(failure([1])).toEqual(
      new ReplayDivergedError(
        'replay diverged: the recording ends after 1 choices, the run asks for one more (process "next", 2 options)',
      ),
    );
    expect(failure([1, 1])).toEqual(
      new ReplayDivergedError(
        'replay diverged: the recording ends after 2 choices, the run asks for one more (value "colour", 3 options)',
      ),
    );
  });

  it('says which answer is too large for its choice', () => {
    expect(failure([1, 1, 3])).toEqual(
      new ReplayDivergedError('replay diverged: choice 2 (value "colour") has 3 options, the recording picked 3'),
    );
    expect(failure([2])).toEqual(
      new ReplayDivergedError('replay diverged: choice 0 (process "next") has 2 options, the recording picked 2'),
    );
  });

  it('says how many answers are left over', () => {
    expect(failure([1, 1, 2, 0, 0])).toEqual(
      new ReplayDivergedError('replay diverged: the run ended after 3 of 5 recorded choices'),
    );
    expect(failure([1, 1, 2])).toBeUndefined();
  });
});

describe('the text of a recording', () => {
  const recordings: fc.Arbitrary<Recording> = fc.record({
    drawsTimes: fc.boolean(),
    choices: fc.array(fc.oneof(fc.nat(3), fc.nat(100), fc.maxSafeNat())),
  });

  it('is short and has no capitals', () => {
    expect(encodeRecording({ drawsTimes: false, choices: [0, 1, 10, 35, 36, 1295] })).toBe('w:0.1.a.z.10.zz');
    expect(encodeRecording({ drawsTimes: true, choices: [2 ** 53 - 1] })).toBe('t:2gosa7pa2gv');
    expect(encodeRecording({ drawsTimes: true, choices: [] })).toBe('t:');
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(recordings, (recording) => {
        expect(decodeRecording(encodeRecording(recording))).toEqual(recording);
      }),
    );
  });

  it('is read back where it has a million choices', () => {
    const recording = { drawsTimes: false, choices: Array.from({ length: 1_000_000 }, (_, i) => i % 40) };
    expect(decodeRecording(encodeRecording(recording))).toEqual(recording);
  });

  it.each([
    '',
    'w',
    'x:1',
    '1.2',
    'w:1.',
    'w:.1',
    'w:1..2',
    'W:1',
    'w:A',
    'w:-1',
    'w:1 ',
    ' w:1',
    'w:1\n',
    'w:1.5e3.',
    'w:2gosa7pa2gw', // 2^53
    'w:zzzzzzzzzzz',
    'w:000000000001', // twelve digits
  ])('is refused: %j', (text) => {
    expect(decodeRecording(text)).toBeUndefined();
  });
});
