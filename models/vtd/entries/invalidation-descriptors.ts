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

/** Bits that a device-TLB invalidation shares with its PASID-based one. */
const endpointFields = {
  ...typeFields,
  pfsidLow: { high: 15, low: 12, spec: 'PFSID' },
  pfsidHigh: { high: 63, low: 52, spec: 'PFSID' },
  address: { high: 127, low: 76, spec: 'ADDR', unitBytes: 4096 },
} as const;

/** Device-TLB invalidation: entries without PASID of one function. */
export const deviceTlbDescriptor = layout({
  name: 'device-TLB invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.5',
  fields: {
    ...endpointFields,
    maxPending: { high: 20, low: 16, spec: 'MIP' },
    sid: { high: 47, low: 32, spec: 'SID' },
    size: { high: 64, low: 64, spec: 'S' },
  },
});

/** PASID-based device-TLB invalidation. */
export const pasidDeviceTlbDescriptor = layout({
  name: 'PASID-based device-TLB invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2.6',
  fields: {
    ...endpointFields,
    maxPending: { high: 8, low: 4, spec: 'MIP' },
    sid: { high: 31, low: 16, spec: 'SID' },
    pasid,
    globalPasid: { high: 64, low: 64, spec: 'GI' },
    size: { high: 75, low: 75, spec: 'S' },
  },
});

/** Interrupt entry cache invalidation. */
export const interruptEntryDescriptor = layout({
  name: 'interrupt entry cache invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2',
  fields: {
    ...typeFields,
    granularity: { high: 4, low: 4, spec: 'G' },
    indexMask: { high: 31, low: 27, spec: 'IM' },
    index: { high: 47, low: 32, spec: 'IIDX' },
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

/** Page group response: the answer to a page request. */
export const pageGroupResponseDescriptor = layout({
  name: 'page group response descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2',
  fields: {
    ...typeFields,
    hasPasid: { high: 4, low: 4, spec: 'PASID_P' },
    responseCode: { high: 15, low: 12, spec: 'Response Code' },
    sid: { high: 31, low: 16, spec: 'RID' },
    pasid,
    groupIndex: { high: 75, low: 67, spec: 'PRG Index' },
  },
});

/** Host permission table cache invalidation. */
export const hptDescriptor = layout({
  name: 'HPT cache invalidation descriptor',
  widthBits: 256,
  section: 'VT-d 6.5.2',
  fields: {
    ...typeFields,
    granularity,
    did: { high: 31, low: 16, spec: 'HPTDID' },
    addressMask: { high: 69, low: 64, spec: 'AM' },
    hint: { high: 71, low: 70, spec: 'IH' },
    address: { high: 127, low: 76, spec: 'ADDR', unitBytes: 4096 },
  },
});

/** Codes of the granularity field by name; a code that is missing is invalid. */
export const granularityCodes = {
  context: { global: 1, domain: 2, device: 3 },
  iotlb: { global: 1, domain: 2, page: 3 },
  piotlb: { pasid: 2, page: 3 },
  'pasid-cache': { domain: 0, pasid: 1, global: 3 },
  'interrupt-entry': { global: 0, index: 1 },
  hpt: { global: 1, domain: 2, page: 3 },
} as const;
