import { layout } from '../../entry-layout.ts';

// Descriptors are laid out as 256 bits; what is defined as 128 bits has zeros behind it (VT-d 6.5.2).

const typeFields = {
  typeLow: { high: 3, low: 0, spec: 'Type' },
  typeHigh: { high: 11, low: 9, spec: 'Type' },
} as const;
const pageFields = {
  addressMask: { high: 69, low: 64, spec: 'AM' },
  hint: { high: 70, low: 70, spec: 'IH' },
  address: { high: 127, low: 76, spec: 'ADDR', unitBytes: 4096 },
} as const;
const granularity = { high: 5, low: 4, spec: 'G' } as const;
const did = { high: 31, low: 16, spec: 'DID' } as const;
const pasid = { high: 51, low: 32, spec: 'PASID' } as const;

/** Context-cache invalidation. */
export const contextDescriptor = layout({
  name: 'context-cache invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.1',
  fields: {
    ...typeFields,
    granularity,
    did,
    sid: { high: 47, low: 32, spec: 'SID' },
    functionMask: { high: 49, low: 48, spec: 'FM' },
  },
});

/** IOTLB invalidation; the address is a second-stage input. */
export const iotlbDescriptor = layout({
  name: 'IOTLB invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.3',
  fields: {
    ...typeFields,
    granularity,
    drainWrites: { high: 6, low: 6, spec: 'DW' },
    drainReads: { high: 7, low: 7, spec: 'DR' },
    did,
    ...pageFields,
  },
});

/** Invalidation wait. The status address has more bits than a field may have, so it comes in two. */
export const waitDescriptor = layout({
  name: 'invalidation wait descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.9',
  fields: {
    ...typeFields,
    interrupt: { high: 4, low: 4, spec: 'IF' },
    statusWrite: { high: 5, low: 5, spec: 'SW' },
    fence: { high: 6, low: 6, spec: 'FN' },
    pageRequestDrain: { high: 7, low: 7, spec: 'PD', reservedUnless: 'PDS' },
    statusData: { high: 63, low: 32, spec: 'Status Data' },
    statusAddressLow: { high: 95, low: 66, spec: 'Status Address', unitBytes: 4 },
    statusAddressHigh: { high: 127, low: 96, spec: 'Status Address' },
  },
});

/** PASID-based IOTLB invalidation; the address is a first-stage input. */
export const piotlbDescriptor = layout({
  name: 'PASID-based IOTLB invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.4',
  fields: { ...typeFields, granularity, did, pasid, ...pageFields },
});

/** PASID-cache invalidation. */
export const pasidCacheDescriptor = layout({
  name: 'PASID-cache invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.2',
  fields: { ...typeFields, granularity, did, pasid },
});

/** Codes of the granularity field by name; a code that is missing is invalid. */
export const granularityCodes = {
  context: { global: 1, domain: 2, device: 3 },
  iotlb: { global: 1, domain: 2, page: 3 },
  piotlb: { pasid: 2, page: 3 },
  'pasid-cache': { domain: 0, pasid: 1, global: 3 },
} as const;
