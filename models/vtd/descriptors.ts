import { unreachable } from '../../sim/assert.ts';
import { type EntryLayout, encode, getField, reservedMask, zeroUnderMask } from '../entry-layout.ts';
import type { DeviceTlbInvalidation } from '../iommu/device-tlb-port.ts';
import { type Capabilities, defaultCapabilities } from './capabilities.ts';
import {
  contextDescriptor,
  deviceTlbDescriptor,
  granularityCodes,
  hptDescriptor,
  interruptEntryDescriptor,
  iotlbDescriptor,
  pageGroupResponseDescriptor,
  pasidCacheDescriptor,
  pasidDeviceTlbDescriptor,
  piotlbDescriptor,
  waitDescriptor,
} from './entries/invalidation-descriptors.ts';

const pageBytes = 4096;
/** Bytes of a descriptor in a queue of 256-bit ones (IQA.DW = 1); 128-bit descriptors have zeros behind them. */
export const descriptorBytes = 32;

/** Descriptor types (VT-d 6.5.2): bits 11:9 and bits 3:0 of the descriptor, joined. */
export const descriptorType = {
  context: 1,
  iotlb: 2,
  deviceTlb: 3,
  interruptEntry: 4,
  wait: 5,
  piotlb: 6,
  pasidCache: 7,
  pasidDeviceTlb: 8,
  pageGroupResponse: 9,
  hpt: 0xa,
} as const;

/** Address mask of a device-TLB invalidation of every page: S = 1 and ADDR[63:12] all ones but the highest (VT-d 6.5.3.3). */
export const everyPage = 52;

type Granularity<Kind extends keyof typeof granularityCodes> = keyof (typeof granularityCodes)[Kind];

interface PageRange {
  /** Low bits of the page number that are not compared: 0 is one 4 KB page, 9 is 2 MB. */
  readonly addressMask: number;
  /** In bytes, a multiple of 4096. */
  readonly address: number;
  /** IH: only leaf entries changed. */
  readonly hint: boolean;
}

/** Where a device-TLB invalidation goes, and which pages it is about. */
interface EndpointRange {
  /** Requester ID of the function. */
  readonly sid: number;
  /** Requester ID of its physical function. */
  readonly pfsid: number;
  /** MIP: a hint of how many invalidations the function takes at once; 0 is 32. */
  readonly maxInvalidationsPending: number;
  /** In bytes, a multiple of the size. */
  readonly address: number;
  /** Low bits of the page number that are not compared: 0 is one 4 KB page, {@link everyPage} all of them. */
  readonly addressMask: number;
}

/** One descriptor as software means it. What a granularity has no use for is encoded all the same. */
export type InvalidationDescriptor =
  | {
      readonly kind: 'context';
      readonly granularity: Granularity<'context'>;
      readonly did: number;
      readonly sid: number;
      /** Low bits of the function number that are not compared, 0 to 3. */
      readonly functionMask: number;
    }
  | ({
      readonly kind: 'iotlb';
      readonly granularity: Granularity<'iotlb'>;
      readonly did: number;
      readonly drainReads: boolean;
      readonly drainWrites: boolean;
    } & PageRange)
  | {
      /** A wait that writes its status (SW = 1). */
      readonly kind: 'wait';
      /** In bytes, a multiple of 4. */
      readonly statusAddress: number;
      readonly statusData: number;
      readonly interrupt: boolean;
      readonly fence: boolean;
      readonly pageRequestDrain: boolean;
    }
  | ({
      readonly kind: 'piotlb';
      readonly granularity: Granularity<'piotlb'>;
      readonly did: number;
      readonly pasid: number;
    } & PageRange)
  | {
      readonly kind: 'pasid-cache';
      readonly granularity: Granularity<'pasid-cache'>;
      readonly did: number;
      readonly pasid: number;
    }
  | ({ readonly kind: 'device-tlb' } & EndpointRange)
  | ({
      readonly kind: 'pasid-device-tlb';
      readonly pasid: number;
      /** GI: entries of every PASID. */
      readonly globalPasid: boolean;
    } & EndpointRange)
  | {
      readonly kind: 'interrupt-entry';
      readonly granularity: Granularity<'interrupt-entry'>;
      readonly index: number;
      /** Low bits of the index that are not compared. */
      readonly indexMask: number;
    }
  | {
      readonly kind: 'page-group-response';
      readonly sid: number;
      /** Left out: a response without PASID. */
      readonly pasid?: number;
      /** 0 success, 1 invalid, 15 failure. */
      readonly responseCode: number;
      readonly groupIndex: number;
    }
  | ({ readonly kind: 'hpt'; readonly granularity: Granularity<'hpt'>; readonly did: number } & Omit<
      PageRange,
      'hint'
    > & {
        /** IH: 0 first level only, up to 3 all levels. */
        readonly levels: number;
      });

/** The eight words of a descriptor. RangeError for an address that is not aligned and a value that does not fit. */
export function encodeDescriptor(d: InvalidationDescriptor): Uint32Array {
  switch (d.kind) {
    case 'context':
      return encode(contextDescriptor, {
        typeLow: descriptorType.context,
        granularity: granularityCodes.context[d.granularity],
        did: d.did,
        sid: d.sid,
        functionMask: d.functionMask,
      });
    case 'iotlb':
      return encode(iotlbDescriptor, {
        typeLow: descriptorType.iotlb,
        granularity: granularityCodes.iotlb[d.granularity],
        drainWrites: Number(d.drainWrites),
        drainReads: Number(d.drainReads),
        did: d.did,
        ...pageRangeOf(d),
      });
    case 'wait':
      return encode(waitDescriptor, {
        typeLow: descriptorType.wait,
        interrupt: Number(d.interrupt),
        statusWrite: 1,
        fence: Number(d.fence),
        pageRequestDrain: Number(d.pageRequestDrain),
        statusData: d.statusData,
        statusAddressLow: d.statusAddress % 2 ** 32,
        statusAddressHigh: Math.floor(d.statusAddress / 2 ** 32),
      });
    case 'piotlb':
      return encode(piotlbDescriptor, {
        typeLow: descriptorType.piotlb,
        granularity: granularityCodes.piotlb[d.granularity],
        did: d.did,
        pasid: d.pasid,
        ...pageRangeOf(d),
      });
    case 'pasid-cache':
      return encode(pasidCacheDescriptor, {
        typeLow: descriptorType.pasidCache,
        granularity: granularityCodes['pasid-cache'][d.granularity],
        did: d.did,
        pasid: d.pasid,
      });
    case 'device-tlb':
      return encode(deviceTlbDescriptor, { typeLow: descriptorType.deviceTlb, ...endpointRangeOf(d) });
    case 'pasid-device-tlb':
      return encode(pasidDeviceTlbDescriptor, {
        typeLow: descriptorType.pasidDeviceTlb,
        pasid: d.pasid,
        globalPasid: Number(d.globalPasid),
        ...endpointRangeOf(d),
      });
    case 'interrupt-entry':
      return encode(interruptEntryDescriptor, {
        typeLow: descriptorType.interruptEntry,
        granularity: granularityCodes['interrupt-entry'][d.granularity],
        index: d.index,
        indexMask: d.indexMask,
      });
    case 'page-group-response':
      return encode(pageGroupResponseDescriptor, {
        typeLow: descriptorType.pageGroupResponse,
        hasPasid: Number(d.pasid !== undefined),
        pasid: d.pasid ?? 0,
        sid: d.sid,
        responseCode: d.responseCode,
        groupIndex: d.groupIndex,
      });
    case 'hpt':
      return encode(hptDescriptor, {
        typeLow: descriptorType.hpt,
        granularity: granularityCodes.hpt[d.granularity],
        did: d.did,
        addressMask: d.addressMask,
        hint: d.levels,
        address: d.address,
      });
    default:
      return unreachable(d);
  }
}

function pageRangeOf({ addressMask, address, hint }: PageRange): {
  addressMask: number;
  address: number;
  hint: number;
} {
  return { addressMask, address, hint: Number(hint) };
}

/** The size of a range stands in its address: with S = 1 the lowest bit that is 0 is the highest that is not compared. */
function endpointRangeOf({ sid, pfsid, maxInvalidationsPending, address, addressMask }: EndpointRange): {
  readonly [Name in 'sid' | 'pfsidLow' | 'pfsidHigh' | 'maxPending' | 'address' | 'size']: number;
} {
  const size = 2 ** addressMask * pageBytes;
  if (!Number.isInteger(addressMask) || addressMask < 0 || addressMask > everyPage || address % size !== 0) {
    throw new RangeError(`${address} is not the beginning of a range of 2^${addressMask} pages`);
  }
  return {
    sid,
    pfsidLow: pfsid & 0xf,
    pfsidHigh: pfsid >>> 4,
    maxPending: maxInvalidationsPending,
    address: address + Math.max(size / 2 - pageBytes, 0),
    size: Number(addressMask > 0),
  };
}

/** Type of a descriptor, bits 11:9 above bits 3:0; one of {@link descriptorType} if it is valid. */
export function decodeDescriptor(words: ArrayLike<number>, base: number): number {
  const { typeLow, typeHigh } = contextDescriptor.fields;
  return getField(typeHigh, words, base) * 16 + getField(typeLow, words, base);
}

/** Readers of a wait descriptor. */
export const waitFields = {
  interrupt: (words: ArrayLike<number>, base: number): boolean =>
    getField(waitDescriptor.fields.interrupt, words, base) === 1,
  statusWrite: (words: ArrayLike<number>, base: number): boolean =>
    getField(waitDescriptor.fields.statusWrite, words, base) === 1,
  fence: (words: ArrayLike<number>, base: number): boolean => getField(waitDescriptor.fields.fence, words, base) === 1,
  statusData: (words: ArrayLike<number>, base: number): number =>
    getField(waitDescriptor.fields.statusData, words, base),
  /** In bytes; addresses of 2^53 and above, which no memory here has, lose low bits. */
  statusAddress: (words: ArrayLike<number>, base: number): number =>
    getField(waitDescriptor.fields.statusAddressHigh, words, base) * 2 ** 32 +
    getField(waitDescriptor.fields.statusAddressLow, words, base) * 4,
} as const;

/** A device-TLB invalidation of either type, as an endpoint is told of it. */
export function deviceTlbRequest(
  words: ArrayLike<number>,
  base: number,
): Pick<DeviceTlbInvalidation, 'sid' | 'pasid' | 'global' | 'firstPage' | 'pageCount'> {
  const hasPasid = decodeDescriptor(words, base) === descriptorType.pasidDeviceTlb;
  const { fields } = hasPasid ? pasidDeviceTlbDescriptor : deviceTlbDescriptor;
  const page = getField(fields.address, words, base);
  const maskedBits = getField(fields.size, words, base) === 1 ? lowestZeroBit(page) + 1 : 0;
  const pageCount = 2 ** maskedBits;
  return {
    sid: getField(fields.sid, words, base),
    pasid: hasPasid ? getField(pasidDeviceTlbDescriptor.fields.pasid, words, base) : -1,
    global: hasPasid && getField(pasidDeviceTlbDescriptor.fields.globalPasid, words, base) === 1,
    firstPage: maskedBits >= everyPage ? 0 : Math.floor(page / pageCount) * pageCount,
    pageCount: maskedBits >= everyPage ? Number.POSITIVE_INFINITY : pageCount,
  };
}

function lowestZeroBit(value: number): number {
  let bit = 0;
  for (let rest = value; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    bit += 1;
  }
  return bit;
}

interface DescriptorRule {
  readonly layout: EntryLayout<string, 'PDS'>;
  readonly granularities: readonly number[] | undefined;
  /** Page-selective where the granularity says so, with AM in bits 69:64. */
  readonly hasAddressMask?: boolean;
}

/** G of a page-selective invalidation of any type that has one. */
const pageGranularity = 3;

const rules: ReadonlyMap<number, DescriptorRule> = new Map<number, DescriptorRule>([
  [descriptorType.context, { layout: contextDescriptor, granularities: Object.values(granularityCodes.context) }],
  [
    descriptorType.iotlb,
    { layout: iotlbDescriptor, granularities: Object.values(granularityCodes.iotlb), hasAddressMask: true },
  ],
  [descriptorType.wait, { layout: waitDescriptor, granularities: undefined }],
  [
    descriptorType.piotlb,
    { layout: piotlbDescriptor, granularities: Object.values(granularityCodes.piotlb), hasAddressMask: true },
  ],
  [
    descriptorType.pasidCache,
    { layout: pasidCacheDescriptor, granularities: Object.values(granularityCodes['pasid-cache']) },
  ],
  [descriptorType.deviceTlb, { layout: deviceTlbDescriptor, granularities: undefined }],
  [descriptorType.pasidDeviceTlb, { layout: pasidDeviceTlbDescriptor, granularities: undefined }],
  // Its one bit of granularity has no invalid value.
  [descriptorType.interruptEntry, { layout: interruptEntryDescriptor, granularities: undefined }],
  [descriptorType.pageGroupResponse, { layout: pageGroupResponseDescriptor, granularities: undefined }],
  [
    descriptorType.hpt,
    { layout: hptDescriptor, granularities: Object.values(granularityCodes.hpt), hasAddressMask: true },
  ],
]);

/** IQERCD.IQEI (VT-d 11.4.9.9). */
const invalidType = 3;
const reservedField = 4;
const lastType = { legacy: 5, scalable: 0xa } as const;

/**
 * 0, or the IQEI code of a descriptor of eight words that the queue must refuse: 3 for a type the mode does not have
 * (legacy 1 to 5, scalable 1 to Ah), 4 for reserved bits, and 4 as well for an invalid granularity, for which the
 * specification has no code of its own. Likewise for AM above
 * CAP.MAMV, for which QEMU stops the queue too.
 */
export function descriptorError(
  words: ArrayLike<number>,
  base: number,
  mode: 'scalable' | 'legacy',
  capabilities: Capabilities = defaultCapabilities,
): 0 | typeof invalidType | typeof reservedField {
  const type = decodeDescriptor(words, base);
  if (type < 1 || type > lastType[mode]) {
    return invalidType;
  }
  const rule = rules.get(type);
  if (rule === undefined) {
    return 0;
  }
  if (!zeroUnderMask(words, base, reservedMask(rule.layout, capabilities))) {
    return reservedField;
  }
  if (rule.granularities === undefined) {
    return 0;
  }
  const code = getField(contextDescriptor.fields.granularity, words, base);
  const isPage = rule.hasAddressMask && code === pageGranularity;
  const masksTooMuch = isPage && getField(iotlbDescriptor.fields.addressMask, words, base) > capabilities.MAMV;
  return rule.granularities.includes(code) && !masksTooMuch ? 0 : reservedField;
}
