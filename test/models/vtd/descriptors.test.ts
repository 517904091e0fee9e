import { describe, expect, it } from 'vitest';
import { entryFromQwords, fieldsByPosition, qwordOf, reservedMask } from '../../../models/entry-layout.ts';
import { defaultCapabilities } from '../../../models/vtd/capabilities.ts';
import {
  decodeDescriptor,
  descriptorBytes,
  descriptorError,
  descriptorType,
  deviceTlbRequest,
  encodeDescriptor,
  everyPage,
  type InvalidationDescriptor,
  waitFields,
} from '../../../models/vtd/descriptors.ts';
import {
  contextDescriptor,
  deviceTlbDescriptor,
  hptDescriptor,
  interruptEntryDescriptor,
  iotlbDescriptor,
  pageGroupResponseDescriptor,
  pasidCacheDescriptor,
  pasidDeviceTlbDescriptor,
  piotlbDescriptor,
  waitDescriptor,
} from '../../../models/vtd/entries/invalidation-descriptors.ts';

function qwords(words: ArrayLike<number>): readonly bigint[] {
  return Array.from({ length: 4 }, (_, i) => qwordOf(words, 0, i));
}

const page = { addressMask: 0, address: 0, hint: false };
const endpoint = { sid: 0x3a10, pfsid: 0x3a08, maxInvalidationsPending: 5 };
// PFSID[3:0] in bits 15:12, PFSID[15:4] in bits 63:52.
const pfsid = (0x8n << 12n) | (0x3a0n << 52n);
const drain = { drainReads: true, drainWrites: true };

// The quadwords are put together as the QI_* macros of drivers/iommu/intel/iommu.h do.
const encodings: readonly (readonly [string, InvalidationDescriptor, bigint, bigint])[] = [
  ['context, global', { kind: 'context', granularity: 'global', did: 0, sid: 0, functionMask: 0 }, 1n | (1n << 4n), 0n],
  [
    'context, domain',
    { kind: 'context', granularity: 'domain', did: 0x1234, sid: 0, functionMask: 0 },
    1n | (2n << 4n) | (0x1234n << 16n),
    0n,
  ],
  [
    'context, device',
    { kind: 'context', granularity: 'device', did: 5, sid: 0xff10, functionMask: 3 },
    1n | (3n << 4n) | (5n << 16n) | (0xff10n << 32n) | (3n << 48n),
    0n,
  ],
  [
    'IOTLB, global, drained',
    { kind: 'iotlb', granularity: 'global', did: 0, ...page, ...drain },
    2n | (1n << 4n) | (1n << 6n) | (1n << 7n),
    0n,
  ],
  [
    'IOTLB, domain, writes drained',
    { kind: 'iotlb', granularity: 'domain', did: 6, ...page, drainReads: false, drainWrites: true },
    2n | (2n << 4n) | (1n << 6n) | (6n << 16n),
    0n,
  ],
  [
    'IOTLB, 2 MB in a domain, reads drained, leaf only',
    {
      kind: 'iotlb',
      granularity: 'page',
      did: 6,
      addressMask: 9,
      address: 0x7f_ffe0_0000,
      hint: true,
      drainReads: true,
      drainWrites: false,
    },
    2n | (3n << 4n) | (1n << 7n) | (6n << 16n),
    0x7f_ffe0_0000n | (1n << 6n) | 9n,
  ],
  [
    'wait, as qi_submit_sync writes it',
    {
      kind: 'wait',
      statusAddress: 0x3f12_3456_7884,
      statusData: 2,
      interrupt: false,
      fence: false,
      pageRequestDrain: false,
    },
    5n | (1n << 5n) | (2n << 32n),
    0x3f12_3456_7884n,
  ],
  [
    'wait with interrupt, fence and drain',
    {
      kind: 'wait',
      statusAddress: 0x1000,
      statusData: 0xffff_ffff,
      interrupt: true,
      fence: true,
      pageRequestDrain: true,
    },
    5n | (1n << 4n) | (1n << 5n) | (1n << 6n) | (1n << 7n) | (0xffff_ffffn << 32n),
    0x1000n,
  ],
  [
    'PASID-based IOTLB, one PASID',
    { kind: 'piotlb', granularity: 'pasid', did: 5, pasid: 1, ...page },
    6n | (2n << 4n) | (5n << 16n) | (1n << 32n),
    0n,
  ],
  [
    'PASID-based IOTLB, one page',
    { kind: 'piotlb', granularity: 'page', did: 5, pasid: 0xf_ffff, addressMask: 1, address: 0x4000, hint: true },
    6n | (3n << 4n) | (5n << 16n) | (0xf_ffffn << 32n),
    0x4000n | (1n << 6n) | 1n,
  ],
  ['PASID cache, domain', { kind: 'pasid-cache', granularity: 'domain', did: 5, pasid: 0 }, 7n | (5n << 16n), 0n],
  [
    'PASID cache, one PASID',
    { kind: 'pasid-cache', granularity: 'pasid', did: 5, pasid: 1 },
    7n | (1n << 4n) | (5n << 16n) | (1n << 32n),
    0n,
  ],
  ['PASID cache, global', { kind: 'pasid-cache', granularity: 'global', did: 0, pasid: 0 }, 7n | (3n << 4n), 0n],
  [
    'device TLB, one page',
    { kind: 'device-tlb', ...endpoint, address: 0x4000, addressMask: 0 },
    3n | (5n << 16n) | (0x3a10n << 32n) | pfsid,
    0x4000n,
  ],
  [
    'device TLB, 8 KB',
    { kind: 'device-tlb', ...endpoint, address: 0x4000, addressMask: 1 },
    3n | (5n << 16n) | (0x3a10n << 32n) | pfsid,
    0x4001n,
  ],
  [
    'device TLB, 2 MB',
    { kind: 'device-tlb', ...endpoint, address: 0x20_0000, addressMask: 9 },
    3n | (5n << 16n) | (0x3a10n << 32n) | pfsid,
    0x2f_f001n,
  ],
  [
    'device TLB, every page',
    { kind: 'device-tlb', ...endpoint, address: 0, addressMask: everyPage },
    3n | (5n << 16n) | (0x3a10n << 32n) | pfsid,
    0x7fff_ffff_ffff_f001n,
  ],
  [
    'PASID-based device TLB, 16 KB',
    { kind: 'pasid-device-tlb', ...endpoint, pasid: 0xf_ffff, globalPasid: false, address: 0x8000, addressMask: 2 },
    8n | (5n << 4n) | (0x3a10n << 16n) | (0xf_ffffn << 32n) | pfsid,
    0x9000n | (1n << 11n),
  ],
  [
    'PASID-based device TLB, every PASID',
    { kind: 'pasid-device-tlb', ...endpoint, pasid: 0, globalPasid: true, address: 0, addressMask: everyPage },
    8n | (5n << 4n) | (0x3a10n << 16n) | pfsid,
    0x7fff_ffff_ffff_f801n,
  ],
  ['interrupt entry cache, global', { kind: 'interrupt-entry', granularity: 'global', index: 0, indexMask: 0 }, 4n, 0n],
  [
    'interrupt entry cache, four indices',
    { kind: 'interrupt-entry', granularity: 'index', index: 0xfff4, indexMask: 2 },
    4n | (1n << 4n) | (2n << 27n) | (0xfff4n << 32n),
    0n,
  ],
  [
    'page group response',
    { kind: 'page-group-response', sid: 0x10, pasid: 3, responseCode: 15, groupIndex: 0x1ff },
    9n | (1n << 4n) | (15n << 12n) | (0x10n << 16n) | (3n << 32n),
    0x1ffn << 3n,
  ],
  [
    'page group response without PASID',
    { kind: 'page-group-response', sid: 0x10, responseCode: 0, groupIndex: 1 },
    9n | (0x10n << 16n),
    1n << 3n,
  ],
  [
    'HPT cache, 2 MB of a domain',
    { kind: 'hpt', granularity: 'page', did: 7, addressMask: 9, address: 0x20_0000, levels: 3 },
    0xan | (3n << 4n) | (7n << 16n),
    0x20_0000n | (3n << 6n) | 9n,
  ],
];

const legacyKinds = ['context', 'iotlb', 'wait', 'device-tlb', 'interrupt-entry'];

describe.each(encodings)('%s', (_name, descriptor, low, high) => {
  const words = encodeDescriptor(descriptor);

  it('is encoded as Linux does, with zeros behind', () => {
    expect(words.length * 4).toBe(descriptorBytes);
    expect(qwords(words)).toEqual([low, high, 0n, 0n]);
  });

  it('is accepted in the modes that have its type', () => {
    expect(descriptorError(words, 0, 'scalable')).toBe(0);
    expect(descriptorError(words, 0, 'legacy')).toBe(legacyKinds.includes(descriptor.kind) ? 0 : 3);
  });
});

describe('encoding', () => {
  it('refuses what does not fit', () => {
    const wait = { kind: 'wait', statusData: 2, interrupt: false, fence: false, pageRequestDrain: false } as const;
    expect(() => encodeDescriptor({ ...wait, statusAddress: 0x1002 })).toThrow(RangeError);
    expect(() => encodeDescriptor({ kind: 'pasid-cache', granularity: 'pasid', did: 5, pasid: 0x10_0000 })).toThrow(
      'pasid has 20 bits and cannot hold 1048576',
    );
    expect(() =>
      encodeDescriptor({ kind: 'piotlb', granularity: 'page', did: 5, pasid: 1, ...page, address: 0x1800 }),
    ).toThrow('address must be a multiple of 4096, got 6144');
    expect(() => encodeDescriptor({ kind: 'device-tlb', ...endpoint, address: 0x5000, addressMask: 1 })).toThrow(
      '20480 is not the beginning of a range of 2^1 pages',
    );
  });
});

describe('decoding', () => {
  it.each([
    [0x1n, descriptorType.context],
    [0x2n, descriptorType.iotlb],
    [0x5n, descriptorType.wait],
    [0x6n, descriptorType.piotlb],
    [0x7n, descriptorType.pasidCache],
    [0x5f5n, descriptorType.wait + 2 * 16],
    [0xe0fn, 0x7f],
    [0x1f0n, 0],
  ])('joins the two parts of the type of %d', (low, type) => {
    expect(decodeDescriptor([9, ...entryFromQwords([low, 0n, 0n, 0n])], 1)).toBe(type);
  });

  it('reads a wait back', () => {
    const words = [9, 9, ...entryFromQwords([(0x8000_0001n << 32n) | 0x65n, 0x1f_ffff_ffff_fffcn, 0n, 0n])];
    expect(waitFields.statusAddress(words, 2)).toBe(0x1f_ffff_ffff_fffc);
    expect(waitFields.statusData(words, 2)).toBe(0x8000_0001);
    expect(waitFields.statusWrite(words, 2)).toBe(true);
    expect(waitFields.fence(words, 2)).toBe(true);
    expect(waitFields.interrupt(words, 2)).toBe(false);
    expect(waitFields.interrupt(entryFromQwords([0x15n, 0n, 0n, 0n]), 0)).toBe(true);
    expect(waitFields.statusWrite(entryFromQwords([0x15n, 0n, 0n, 0n]), 0)).toBe(false);
    expect(waitFields.fence(entryFromQwords([0x15n, 0n, 0n, 0n]), 0)).toBe(false);
  });
});

describe('the request of a device-TLB invalidation', () => {
  it.each([
    [0, 0x4000, 4, 1],
    [1, 0x4000, 4, 2],
    [9, 0x20_0000, 0x200, 0x200],
    [everyPage, 0, 0, Number.POSITIVE_INFINITY],
  ])('with %i bits masked at 0x%x is of page %i and %i pages', (addressMask, address, firstPage, pageCount) => {
    const range = { ...endpoint, address, addressMask };
    const plain = encodeDescriptor({ kind: 'device-tlb', ...range });
    expect(deviceTlbRequest([9, ...plain], 1)).toEqual({ sid: 0x3a10, pasid: -1, global: false, firstPage, pageCount });
    const tagged = encodeDescriptor({ kind: 'pasid-device-tlb', ...range, pasid: 7, globalPasid: false });
    expect(deviceTlbRequest(tagged, 0)).toEqual({ sid: 0x3a10, pasid: 7, global: false, firstPage, pageCount });
    const global = encodeDescriptor({ kind: 'pasid-device-tlb', ...range, pasid: 0, globalPasid: true });
    expect(deviceTlbRequest(global, 0).global).toBe(true);
  });
});

describe('the layouts', () => {
  it.each([
    [contextDescriptor, 'Type 3:0, G 5:4, Type 11:9, DID 31:16, SID 47:32, FM 49:48'],
    [iotlbDescriptor, 'Type 3:0, G 5:4, DW 6:6, DR 7:7, Type 11:9, DID 31:16, AM 69:64, IH 70:70, ADDR 127:76'],
    [
      waitDescriptor,
      'Type 3:0, IF 4:4, SW 5:5, FN 6:6, PD 7:7, Type 11:9, Status Data 63:32, Status Address 95:66, Status Address 127:96',
    ],
    [piotlbDescriptor, 'Type 3:0, G 5:4, Type 11:9, DID 31:16, PASID 51:32, AM 69:64, IH 70:70, ADDR 127:76'],
    [pasidCacheDescriptor, 'Type 3:0, G 5:4, Type 11:9, DID 31:16, PASID 51:32'],
    [deviceTlbDescriptor, 'Type 3:0, Type 11:9, PFSID 15:12, MIP 20:16, SID 47:32, PFSID 63:52, S 64:64, ADDR 127:76'],
    [
      pasidDeviceTlbDescriptor,
      'Type 3:0, MIP 8:4, Type 11:9, PFSID 15:12, SID 31:16, PASID 51:32, PFSID 63:52, GI 64:64, S 75:75, ADDR 127:76',
    ],
    [interruptEntryDescriptor, 'Type 3:0, G 4:4, Type 11:9, IM 31:27, IIDX 47:32'],
    [
      pageGroupResponseDescriptor,
      'Type 3:0, PASID_P 4:4, Type 11:9, Response Code 15:12, RID 31:16, PASID 51:32, PRG Index 75:67',
    ],
    [hptDescriptor, 'Type 3:0, G 5:4, Type 11:9, HPTDID 31:16, AM 69:64, IH 71:70, ADDR 127:76'],
  ])('have their fields where the specification has them: $name', (layout, expected) => {
    expect(
      fieldsByPosition(layout)
        .map(({ spec, high, low }) => `${spec} ${high}:${low}`)
        .join(', '),
    ).toBe(expected);
  });

  it('reserve what QEMU refuses in a PASID-cache invalidation', () => {
    expect(qwordOf(reservedMask(pasidCacheDescriptor, {}), 0, 0)).toBe(0xfff0_0000_0000_f1c0n);
  });
});

describe('the check of a descriptor', () => {
  const errorOf = (qwords: readonly bigint[], mode: 'scalable' | 'legacy' = 'scalable') =>
    descriptorError([7, ...entryFromQwords(qwords)], 1, mode);

  it.each([
    [0x0n, 3, 3],
    [0xbn, 3, 3],
    [0x205n, 3, 3],
    [0x26n, 0, 3],
    [0x17n, 0, 3],
    [0x25n, 0, 0],
    [0x3n, 0, 0],
    [0x4n, 0, 0],
    [0x8n, 0, 3],
    [0x9n, 0, 3],
    [0x1an, 0, 3],
  ])('of type bits %d gives %i in scalable and %i in legacy mode', (low, scalable, legacy) => {
    expect(errorOf([low, 0n, 0n, 0n], 'scalable')).toBe(scalable);
    expect(errorOf([low, 0n, 0n, 0n], 'legacy')).toBe(legacy);
  });

  it.each([
    ['context bit 6', [0x51n, 0n, 0n, 0n]],
    ['context bit 50', [0x11n | (1n << 50n), 0n, 0n, 0n]],
    ['context quadword 1', [0x11n, 1n, 0n, 0n]],
    ['IOTLB bit 32', [0x12n | (1n << 32n), 0n, 0n, 0n]],
    ['IOTLB bit 71', [0x12n, 0x80n, 0n, 0n]],
    ['wait bit 8', [0x125n, 0n, 0n, 0n]],
    ['wait bit 64', [0x25n, 1n, 0n, 0n]],
    ['the upper half of a wait', [0x25n, 0n, 0n, 1n << 63n]],
    ['PASID-based IOTLB bit 52', [0x26n | (1n << 52n), 0n, 0n, 0n]],
    ['PASID-cache bit 12', [0x1017n, 0n, 0n, 0n]],
    ['device-TLB bit 4', [0x13n, 0n, 0n, 0n]],
    ['device-TLB bit 65', [0x3n, 2n, 0n, 0n]],
    ['interrupt entry cache bit 5', [0x24n, 0n, 0n, 0n]],
    ['interrupt entry cache bit 48', [0x4n | (1n << 48n), 0n, 0n, 0n]],
    ['PASID-based device-TLB bit 65', [0x8n, 2n, 0n, 0n]],
    ['page group response bit 5', [0x29n, 0n, 0n, 0n]],
    ['page group response bit 76', [0x9n, 1n << 12n, 0n, 0n]],
    ['HPT bit 32', [0x1an | (1n << 32n), 0n, 0n, 0n]],
  ])('gives 4 for %s', (_name, qwords) => {
    expect(errorOf(qwords)).toBe(4);
  });

  it.each([
    ['context', 1n, [4, 0, 0, 0]],
    ['IOTLB', 2n, [4, 0, 0, 0]],
    ['PASID-based IOTLB', 6n, [4, 4, 0, 0]],
    ['PASID-cache', 7n, [0, 0, 4, 0]],
    ['HPT', 0xan, [4, 0, 0, 0]],
  ])('gives 4 for a granularity that a %s invalidation does not have', (_name, type, expected) => {
    expect([0n, 1n, 2n, 3n].map((g) => errorOf([type | (g << 4n), 0n, 0n, 0n]))).toEqual(expected);
  });

  it.each([
    ['IOTLB', 2n],
    ['PASID-based IOTLB', 6n],
    ['HPT', 0xan],
  ])('gives 4 for an address mask of a %s invalidation above CAP.MAMV, where a page is named', (_name, type) => {
    expect([18n, 19n, 63n].map((mask) => errorOf([type | (3n << 4n), mask, 0n, 0n]))).toEqual([0, 4, 4]);
    expect(errorOf([type | (2n << 4n), 63n, 0n, 0n])).toBe(0);
  });

  it('gives 4 for a page-request drain that the hardware does not have', () => {
    const wait = entryFromQwords([0xa5n, 0x1000n, 0n, 0n]);
    expect(descriptorError(wait, 0, 'scalable', defaultCapabilities)).toBe(0);
    expect(descriptorError(wait, 0, 'scalable', { ...defaultCapabilities, PDS: 0 })).toBe(4);
  });
});
