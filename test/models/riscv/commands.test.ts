import { describe, expect, it } from 'vitest';
import { qwordOf } from '../../../models/entry-layout.ts';
import { defaultRiscvCapabilities } from '../../../models/riscv/capabilities.ts';
import {
  atsInval,
  atsPrgr,
  deviceTlbOperands,
  encodeRange,
  everyPage,
  iodirInvalDdt,
  iodirInvalPdt,
  iofence,
  iotinval,
  isIllegal,
  rangeOver,
  translationOperands,
} from '../../../models/riscv/commands.ts';
import { encodeDeviceContext } from '../../../models/riscv/entries/device-context.ts';

const qwords = (words: Uint32Array): readonly bigint[] => [qwordOf(words, 0, 0), qwordOf(words, 0, 1)];
const page = (firstPage: number, pageCount = 1) => ({ firstPage, pageCount });
const limits = { capabilities: defaultRiscvCapabilities, deviceIdBits: 24, wireSignals: false };
const illegal = (words: Uint32Array, more: object = {}): boolean => isIllegal(words, 0, { ...limits, ...more });

describe('commands are encoded as the specification says (worked examples)', () => {
  it.each<[string, Uint32Array, bigint, bigint]>([
    ['IOTINVAL.VMA PSCID 5', iotinval('vma', { pscid: 5 }), 0x1_0000_5001n, 0n],
    [
      'IOTINVAL.VMA PSCID 5, page 0x12345000',
      iotinval('vma', { pscid: 5, pages: page(0x12345) }),
      0x1_0000_5401n,
      0x048d_1400n,
    ],
    [
      'IOTINVAL.VMA PSCID 5, 64 KiB at 0x10000',
      iotinval('vma', { pscid: 5, pages: page(0x10, 16) }),
      0x1_0000_5401n,
      0x5e00n,
    ],
    ['IOFENCE.C PR PW', iofence({ reads: true, writes: true }), 0x3002n, 0n],
    ['IODIR.INVAL_DDT 0x108', iodirInvalDdt(0x108), 0x0001_0802_0000_0003n, 0n],
    ['IODIR.INVAL_PDT 0x108, 7', iodirInvalPdt(0x108, 7), 0x0001_0802_0000_7083n, 0n],
    [
      'ATS.INVAL 0x108 PASID 7, 64 KiB at 0x10000',
      atsInval({ sid: 0x108, pasid: 7, global: false, ...page(0x10, 16) }),
      0x0001_0801_0000_7004n,
      0x17800n,
    ],
    [
      'ATS.INVAL 0x108 PASID 7, page 0x1000',
      atsInval({ sid: 0x108, pasid: 7, global: false, ...page(1) }),
      0x0001_0801_0000_7004n,
      0x1000n,
    ],
    [
      'ATS.INVAL of everything',
      atsInval({ sid: 0x108, pasid: 7, global: false, ...page(0, Number.POSITIVE_INFINITY) }),
      0x0001_0801_0000_7004n,
      0x7fff_ffff_ffff_f800n,
    ],
    [
      'ATS.PRGR success',
      atsPrgr({ sid: 0x108, pasid: 7, group: 3, response: 0 }),
      0x0001_0801_0000_7084n,
      0x3_0000_0000n,
    ],
    [
      'ATS.PRGR failure',
      atsPrgr({ sid: 0x108, pasid: 7, group: 3, response: 15 }),
      0x0001_0801_0000_7084n,
      0xf003_0000_0000n,
    ],
  ])('%s', (_, words, first, second) => {
    expect(qwords(words)).toEqual([first, second]);
  });
});

describe('device contexts are encoded as the specification says (worked examples)', () => {
  const context = encodeDeviceContext(
    { valid: 1, enableAts: 1, pscid: 5, firstMode: 8, firstTable: 0x8020_0000 },
    'base',
  );

  it.each([
    ['tc', 0, 0x3n],
    ['ta', 2, 0x5000n],
    ['fsc', 3, 0x8000_0000_0008_0200n],
  ])('%s', (_, word, value) => {
    expect(qwordOf(context, 0, word)).toBe(value);
  });
});

describe('a range of pages', () => {
  it.each<[number, number, number, number, number]>([
    [0x1000, 0x2fff, 0, 4, 0x1800],
    [0x7000, 0x8fff, 0, 16, 0x7800],
    [0, 0x1f_ffff, 0, 512, 0xf_f800],
    [0x1000, 0x1fff, 1, 1, 0x1000],
  ])('%#x to %#x is a power of two and aligned', (start, end, firstPage, pageCount, payload) => {
    const range = rangeOver(start / 4096, Math.floor(end / 4096));
    expect(range).toEqual({ firstPage, pageCount });
    expect(encodeRange(range) * 4096 + (pageCount > 1 ? 0x800 : 0)).toBe(payload);
  });

  it.each([1, 2, 16, 512, everyPage])('of %d pages comes back from a command', (pageCount) => {
    const range = { firstPage: pageCount === everyPage ? 0 : pageCount * 3, pageCount };
    expect(translationOperands(iotinval('vma', { pages: range }), 0).pages).toEqual(range);
    const message = deviceTlbOperands(atsInval({ sid: 0x10108, pasid: -1, global: false, ...range }), 0);
    const all = { firstPage: 0, pageCount: Number.POSITIVE_INFINITY };
    expect(message).toEqual({ sid: 0x10108, pasid: -1, global: false, ...(pageCount === everyPage ? all : range) });
  });
});

describe('an illegal command', () => {
  it.each<[string, Uint32Array]>([
    ['of a reserved opcode', Uint32Array.of(5, 0, 0, 0)],
    ['of a custom opcode', Uint32Array.of(64, 0, 0, 0)],
    ['of opcode 0', Uint32Array.of(0, 0, 0, 0)],
    ['of an unknown function', Uint32Array.of(2 | (1 << 7), 0, 0, 0)],
    ['with a reserved bit', Uint32Array.of(1, 1 << 3, 0, 0)],
    ['IOTINVAL.GVMA with PSCV', iotinval('gvma', { pscid: 1 })],
    ['IOTINVAL with NL', iotinval('vma', { nonLeaf: true })],
    ['IOTINVAL with S', iotinval('vma', { pages: page(0, 2) })],
    ['IODIR.INVAL_DDT with PID', iodirInvalPdt(1, 1).map((word, i) => (i === 0 ? word & ~(1 << 7) : word))],
    ['IODIR.INVAL_PDT without DV', Uint32Array.of(3 | (1 << 7), 0, 0, 0)],
    ['IOFENCE.C with WSI', iofence({ reads: false, writes: false, wireSignal: true })],
  ])('%s', (_, words) => {
    expect(illegal(words)).toBe(true);
  });

  it('is one of a device that ddtp has no levels for', () => {
    expect(illegal(iodirInvalDdt(0x80), { deviceIdBits: 7 })).toBe(true);
    expect(illegal(iodirInvalDdt(0x7f), { deviceIdBits: 7 })).toBe(false);
  });

  it('is what a capability would make legal', () => {
    const capabilities = { ...defaultRiscvCapabilities, NL: 1, S: 1, ATS: 0 };
    expect(illegal(iotinval('vma', { nonLeaf: true, pages: page(0, 2) }), { capabilities })).toBe(false);
    expect(illegal(atsInval({ sid: 1, pasid: -1, global: false, ...page(0) }), { capabilities })).toBe(true);
  });
});
