import { describe, expect, it } from 'vitest';
import {
  copyMask,
  encode,
  entryFromQwords,
  equalUnderMask,
  fieldMask,
  fieldsByPosition,
  getAddress,
  getField,
  layout,
  qwordOf,
  reservedMask,
  setField,
  zeroUnderMask,
} from '../../models/entry-layout.ts';

const sample = layout({
  name: 'sample',
  widthBits: 128,
  section: 'none',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'P' },
    pointer: { high: 63, low: 12, spec: 'PTR', addressWidth: 'HAW', unitBytes: 4096 },
    wide: { high: 122, low: 71, spec: 'WIDE' },
    spare: { high: 124, low: 123, spec: 'AVAIL', ignored: true },
    optional: { high: 127, low: 126, spec: 'OPT', reservedUnless: ['ONE', 'TWO'] },
  },
});
const all = { HAW: 46, ONE: 1, TWO: 1 };

function qwords(words: ArrayLike<number>): readonly bigint[] {
  return Array.from({ length: words.length / 2 }, (_, i) => qwordOf(words, 0, i));
}

describe('a layout', () => {
  const row = (high: number, low: number) => ({ high, low, spec: 'X' });

  it('refuses fields that overlap in a single bit', () => {
    const fields = { a: row(11, 4), b: row(4, 0) };
    expect(() => layout({ name: 'bad', widthBits: 32, section: '', fields })).toThrow(
      'bad.b (4:0) overlaps a at bit 4',
    );
    expect(() =>
      layout({ name: 'good', widthBits: 32, section: '', fields: { ...fields, b: row(3, 0) } }),
    ).not.toThrow();
  });

  it.each([
    ['above the entry', row(32, 32), 'bad.a (32:32) is not within the 32 bits of the entry'],
    ['upside down', row(3, 4), 'bad.a (3:4) is not within the 32 bits of the entry'],
    ['below bit 0', row(0, -1), 'bad.a (0:-1) is not within the 32 bits of the entry'],
  ])('refuses a field %s', (_case, a, message) => {
    expect(() => layout({ name: 'bad', widthBits: 32, section: '', fields: { a } })).toThrow(message);
  });

  it('refuses a field that no safe integer can hold, and an odd width', () => {
    const of = (widthBits: number, high: number) => () =>
      layout({ name: 'bad', widthBits, section: '', fields: { a: row(high, 0) } });
    expect(of(64, 51)).not.toThrow();
    expect(of(64, 52)).toThrow('bad.a (52:0) is wider than 52 bits');
    expect(of(48, 3)).toThrow('bad: the width must be a multiple of 32 bits, got 48');
  });

  it('lists its fields by position', () => {
    expect(fieldsByPosition(sample).map(({ name, spec, high, low }) => [name, spec, high, low])).toEqual([
      ['present', 'P', 0, 0],
      ['pointer', 'PTR', 63, 12],
      ['wide', 'WIDE', 122, 71],
      ['spare', 'AVAIL', 124, 123],
      ['optional', 'OPT', 127, 126],
    ]);
  });
});

describe('a layout of facts', () => {
  it('keeps what its table says beside the bits', () => {
    expect([sample.widthBits, sample.wordCount, sample.validBit]).toEqual([128, 4, 0]);
    expect(sample.capabilities).toEqual(['HAW', 'ONE', 'TWO']);
    const ignored = Object.values(sample.fields).filter((field) => field.ignored);
    expect(ignored.map(({ name }) => name)).toEqual(['spare']);
  });
});

describe('a field', () => {
  // From low:high across three words: 71:122 with bit 71 the seventh of its word.
  const words = entryFromQwords([0xffff_ffff_ffff_f001n, 0x0555_5555_5555_5580n]);

  it('is read across word boundaries, in signed and unsigned words, at a base', () => {
    expect(getField(sample.fields.pointer, words, 0)).toBe(2 ** 52 - 1);
    expect(getField(sample.fields.wide, words, 0)).toBe(0xa_aaaa_aaaa_aaab);
    const shifted = Int32Array.from([-1, -1, -1, ...words]);
    expect(getField(sample.fields.wide, shifted, 3)).toBe(0xa_aaaa_aaaa_aaab);
    expect(getField(sample.fields.present, shifted, 3)).toBe(1);
  });

  it('is read from three words', () => {
    const fields = { a: { high: 114, low: 63, spec: 'A' } };
    const three = layout({ name: 'three', widthBits: 128, section: '', fields });
    const bits = [5, 0, 0x8000_0000 | 0, 0xffff_fffe | 0, 0x0007_ffff];
    expect(getField(three.fields.a, bits, 1)).toBe(0xf_ffff_ffff_fffd);
    const written = new Int32Array(5);
    setField(three.fields.a, written, 1, 0xf_ffff_ffff_fffd);
    expect([...written]).toEqual([0, ...bits.slice(1)]);
  });

  it('reads a whole word as unsigned', () => {
    const one = layout({ name: 'one', widthBits: 32, section: '', fields: { a: { high: 31, low: 0, spec: 'A' } } });
    expect(getField(one.fields.a, Int32Array.of(-1), 0)).toBe(0xffff_ffff);
  });

  it.each(Object.values(sample.fields))('$name round-trips and leaves the other bits alone', (field) => {
    const top = 2 ** field.widthBits - 1;
    for (const value of [top, 0, 1, Math.floor(top / 3)]) {
      for (const background of [0, -1]) {
        const target = new Int32Array(6).fill(background);
        setField(field, target, 1, value);
        expect(getField(field, target, 1)).toBe(value);
        const mask = Uint32Array.from(fieldMask(sample, [field.name as 'wide']), (bits) => ~bits);
        expect(equalUnderMask(target, 1, new Int32Array(4).fill(background), 0, mask)).toBe(true);
        expect([target[0], target[5]]).toEqual([background, background]);
      }
    }
  });

  it.each([4, -1, 1.5, Number.NaN])('refuses %d where there are two bits', (value) => {
    expect(() => setField(sample.fields.optional, new Uint32Array(4), 0, value)).toThrow(
      new RangeError(`optional has 2 bits and cannot hold ${value}`),
    );
  });
});

describe('encode', () => {
  it('takes pointers as byte addresses', () => {
    const entry = encode(sample, { present: 1, pointer: 0x2345_6000, optional: 2 });
    expect(qwords(entry)).toEqual([0x2345_6001n, 0x8000_0000_0000_0000n]);
    expect(getAddress(sample.fields.pointer, entry, 0)).toBe(0x2345_6000);
    expect(getField(sample.fields.pointer, entry, 0)).toBe(0x2_3456);
  });

  it('refuses a pointer between pages and a name it does not have', () => {
    expect(() => encode(sample, { pointer: 0x1800 })).toThrow('pointer must be a multiple of 4096, got 6144');
    const misspelled: object = { presnt: 1 };
    expect(() => encode(sample, misspelled)).toThrow('sample has no field presnt');
  });
});

describe('masks', () => {
  it('of fields cover exactly their bits', () => {
    expect(qwords(fieldMask(sample, ['present', 'wide']))).toEqual([1n, 0x07ff_ffff_ffff_ff80n]);
  });

  it('of reserved bits are what no field covers, and address bits beyond the width', () => {
    expect(qwords(reservedMask(sample, all))).toEqual([0xffff_c000_0000_0ffen, 0x2000_0000_0000_007fn]);
    expect(qwords(reservedMask(sample, { ...all, HAW: 52 }))[0]).toBe(0xfff0_0000_0000_0ffen);
  });

  it.each([
    ['ONE', { ...all, ONE: 0 }],
    ['TWO', { ...all, TWO: 0 }],
  ])('of reserved bits have a field whose capability %s is missing', (_name, capabilities) => {
    expect(qwords(reservedMask(sample, capabilities))[1]).toBe(0xe000_0000_0000_007fn);
  });

  it('compare and test only the bits they have', () => {
    const mask = fieldMask(sample, ['pointer']);
    const a = [0, 0, ...encode(sample, { present: 1, pointer: 0x1000, wide: 9 })];
    expect(equalUnderMask(a, 2, encode(sample, { pointer: 0x1000 }), 0, mask)).toBe(true);
    expect(equalUnderMask(a, 2, encode(sample, { pointer: 0x3000 }), 0, mask)).toBe(false);
    expect(zeroUnderMask(a, 2, mask)).toBe(false);
    expect(zeroUnderMask(encode(sample, { present: 1, wide: 9 }), 0, mask)).toBe(true);
  });

  it.each([0, 1, 2, 3])('see every bit of word %i', (index) => {
    const mask = new Uint32Array(4).fill(0xffff_ffff);
    const out = new Uint32Array(5).fill(7);
    copyMask(mask, out);
    expect([...out]).toEqual([...mask, 7]);
    for (const bits of [1, 0x8000_0000]) {
      const words = new Int32Array(6);
      words[index + 1] = bits;
      expect(zeroUnderMask(words, 1, mask)).toBe(false);
      expect(equalUnderMask(words, 1, new Uint32Array(4), 0, mask)).toBe(false);
      expect(equalUnderMask(words, 1, Uint32Array.from(words), 1, mask)).toBe(true);
    }
  });

  it('do not look beyond the entry', () => {
    const mask = new Uint32Array(4).fill(0xffff_ffff);
    const words = [9, 0, 0, 0, 0, 9];
    expect(zeroUnderMask(words, 1, mask)).toBe(true);
    expect(equalUnderMask(words, 1, [0, 0, 0, 0, 8], 0, mask)).toBe(true);
  });
});

describe('quadwords', () => {
  it('are little-endian pairs of words', () => {
    const entry = entryFromQwords([0x1122_3344_8566_7788n, 0xffff_ffff_0000_0001n]);
    expect([...entry]).toEqual([0x8566_7788, 0x1122_3344, 1, 0xffff_ffff]);
    expect(qwordOf(Int32Array.from([7, ...entry]), 1, 1)).toBe(0xffff_ffff_0000_0001n);
  });

  it('are refused beyond 64 bits', () => {
    expect(() => entryFromQwords([0n, 1n << 64n])).toThrow(
      'quadword 1 has 64 bits and cannot hold 18446744073709551616',
    );
    expect(() => entryFromQwords([-1n])).toThrow(RangeError);
  });
});
