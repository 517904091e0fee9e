import { describe, expect, it } from 'vitest';
import { entryFromQwords, fieldsByPosition, qwordOf, reservedMask } from '../../../models/entry-layout.ts';
import { defaultCapabilities } from '../../../models/vtd/capabilities.ts';
import {
  decodeDescriptor,
  descriptorBytes,
  descriptorError,
  descriptorType,
  encodeDescriptor,
  type InvalidationDescriptor,
  waitFields,
} from '../../../models/vtd/descriptors.ts';
import {
  contextDescriptor,
  iotlbDescriptor,
  pasidCacheDescriptor,
  piotlbDescriptor,
  waitDescriptor,
} from '../../../models/vtd/entries/invalidation-descriptors.ts';

function qwords(words: ArrayLike<number>): readonly bigint[] {
  return Array.from({ length: 4 }, (_, i) => qwordOf(words, 0, i));
}

const page = { addressMask: 0, address: 0, hint: false };
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
];

describe.each(encodings)('%s', (_name, descriptor, low, high) => {
  const words = encodeDescriptor(descriptor);

  it('is encoded as Linux does, with zeros behind', () => {
    expect(words.length * 4).toBe(descriptorBytes);
    expect(qwords(words)).toEqual([low, high, 0n, 0n]);
  });

  it('is accepted in the modes that have its type', () => {
    expect(descriptorError(words, 0, 'scalable')).toBe(0);
    expect(descriptorError(words, 0, 'legacy')).toBe(
      descriptor.kind === 'piotlb' || descriptor.kind === 'pasid-cache' ? 3 : 0,
    );
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
    // Types without a layout here: the queue has to stop at them as unmodelled.
    [0x3n, 0, 0],
    [0x4n, 0, 0],
    [0x8n, 0, 3],
    [0xan, 0, 3],
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
  ])('gives 4 for %s', (_name, qwords) => {
    expect(errorOf(qwords)).toBe(4);
  });

  it.each([
    ['context', 1n, [4, 0, 0, 0]],
    ['IOTLB', 2n, [4, 0, 0, 0]],
    ['PASID-based IOTLB', 6n, [4, 4, 0, 0]],
    ['PASID-cache', 7n, [0, 0, 4, 0]],
  ])('gives 4 for a granularity that a %s invalidation does not have', (_name, type, expected) => {
    expect([0n, 1n, 2n, 3n].map((g) => errorOf([type | (g << 4n), 0n, 0n, 0n]))).toEqual(expected);
  });

  it('gives 4 for a page-request drain that the hardware does not have', () => {
    const wait = entryFromQwords([0xa5n, 0x1000n, 0n, 0n]);
    expect(descriptorError(wait, 0, 'scalable', defaultCapabilities)).toBe(0);
    expect(descriptorError(wait, 0, 'scalable', { ...defaultCapabilities, PDS: 0 })).toBe(4);
  });
});
