import { type EntryLayout, encode, getAddress, getField, reservedMask, zeroUnderMask } from '../entry-layout.ts';
import type { DeviceTlbInvalidation } from '../iommu/device-tlb-port.ts';
import type { RiscvCapabilities } from './capabilities.ts';
import {
  fence,
  invalidateDeviceTlb,
  invalidateDirectory,
  invalidateTranslations,
  pageGroupResponse,
} from './entries/commands.ts';

export const commandBytes = 16;
export const commandWords = commandBytes / 4;

/** Opcode and func3 of a command, as opcode * 8 + func3 (RISC-V IOMMU, Command-queue). */
export const commandType = {
  iotinvalVma: 1 * 8,
  iotinvalGvma: 1 * 8 + 1,
  iofence: 2 * 8,
  iodirDdt: 3 * 8,
  iodirPdt: 3 * 8 + 1,
  atsInval: 4 * 8,
  atsPrgr: 4 * 8 + 1,
} as const;

const layouts: ReadonlyMap<number, EntryLayout> = new Map<number, EntryLayout>([
  [commandType.iotinvalVma, invalidateTranslations],
  [commandType.iotinvalGvma, invalidateTranslations],
  [commandType.iofence, fence],
  [commandType.iodirDdt, invalidateDirectory],
  [commandType.iodirPdt, invalidateDirectory],
  [commandType.atsInval, invalidateDeviceTlb],
  [commandType.atsPrgr, pageGroupResponse],
]);

/** Which addresses an invalidation names, in 4 KB pages. */
export interface PageRange {
  readonly firstPage: number;
  /** A power of two; {@link everyPage} is the whole space. */
  readonly pageCount: number;
}

const wholeSpaceBits = 52;
export const everyPage = 2 ** wholeSpaceBits;

/** ADDR[63:12] of a range: ones below the lowest 0 say how many pages (PCIe ATS 10.3.1; RISC-V IOMMU, S operand). */
export function encodeRange({ firstPage, pageCount }: PageRange): number {
  return pageCount === 1 ? firstPage : firstPage + pageCount / 2 - 1;
}

function decodeRange(pageNumber: number, isRange: boolean): PageRange {
  if (!isRange) {
    return { firstPage: pageNumber, pageCount: 1 };
  }
  let pageCount = 2;
  for (let rest = pageNumber; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    pageCount *= 2;
  }
  return { firstPage: pageCount >= everyPage ? 0 : pageNumber - (pageNumber % pageCount), pageCount };
}

/** The least range of a power of two of pages that has both, aligned to its size. */
export function rangeOver(firstPage: number, lastPage: number): PageRange {
  let pageCount = 1;
  while (Math.floor(firstPage / pageCount) !== Math.floor(lastPage / pageCount)) {
    pageCount *= 2;
  }
  return { firstPage: firstPage - (firstPage % pageCount), pageCount };
}

/** IOTINVAL: `pages` is AV = 1, with S = 1 where there are more than one. */
export interface TranslationInvalidation {
  readonly pscid?: number | undefined;
  readonly gscid?: number | undefined;
  readonly pages?: PageRange | undefined;
  readonly nonLeaf?: boolean;
}

export function iotinval(type: 'vma' | 'gvma', { pscid, gscid, pages, nonLeaf = false }: TranslationInvalidation) {
  return encode(invalidateTranslations, {
    opcode: 1,
    function: type === 'vma' ? 0 : 1,
    addressValid: Number(pages !== undefined),
    pscid: pscid ?? 0,
    pscidValid: Number(pscid !== undefined),
    guestValid: Number(gscid !== undefined),
    nonLeaf: Number(nonLeaf),
    gscid: gscid ?? 0,
    range: Number(pages !== undefined && pages.pageCount > 1),
    address: pages === undefined ? 0 : encodeRange(pages) * 4096,
  });
}

export interface FenceOperands {
  /** PR and PW: requests that the IOMMU has processed are in memory. */
  readonly reads: boolean;
  readonly writes: boolean;
  /** AV: what is stored where when the fence is complete. */
  readonly store?: { readonly address: number; readonly data: number } | undefined;
  readonly wireSignal?: boolean;
}

export function iofence({ reads, writes, store, wireSignal = false }: FenceOperands): Uint32Array {
  const address = store?.address ?? 0;
  return encode(fence, {
    opcode: 2,
    addressValid: Number(store !== undefined),
    wireSignal: Number(wireSignal),
    reads: Number(reads),
    writes: Number(writes),
    data: store?.data ?? 0,
    addressLow: address % 2 ** 32,
    addressHigh: Math.floor(address / 2 ** 32),
  });
}

/** IODIR.INVAL_DDT of one device, or without `did` of all. */
export function iodirInvalDdt(did?: number): Uint32Array {
  return encode(invalidateDirectory, { opcode: 3, deviceValid: Number(did !== undefined), did: did ?? 0 });
}

export function iodirInvalPdt(did: number, pid: number): Uint32Array {
  return encode(invalidateDirectory, { opcode: 3, function: 1, deviceValid: 1, did, pid });
}

/** ATS.INVAL; `sid` is the requester ID, above 16 bits the segment. */
export function atsInval(range: Omit<DeviceTlbInvalidation, 'itag'>): Uint32Array {
  const { sid, pasid, global, firstPage, pageCount } = range;
  return encode(invalidateDeviceTlb, {
    opcode: 4,
    ...pasidFields(pasid),
    ...requesterFields(sid),
    global: Number(global),
    range: Number(pageCount > 1),
    address: encodeRange({ firstPage, pageCount: Math.min(pageCount, everyPage) }) * 4096,
  });
}

/** ATS.PRGR; response codes are those of PCIe: 0 success, 1 invalid request, 15 failure. */
export function atsPrgr(response: { sid: number; pasid: number; group: number; response: number }): Uint32Array {
  const { sid, pasid, group, response: code } = response;
  return encode(pageGroupResponse, {
    opcode: 4,
    function: 1,
    ...pasidFields(pasid),
    ...requesterFields(sid),
    group,
    response: code,
  });
}

function pasidFields(pasid: number): { pid: number; pidValid: number } {
  return { pid: Math.max(0, pasid), pidValid: Number(pasid >= 0) };
}

function requesterFields(sid: number): { rid: number; segment: number; segmentValid: number } {
  const segment = sid >>> 16;
  return { rid: sid & 0xffff, segment, segmentValid: Number(segment > 0) };
}

/** Type of a command; one of {@link commandType} or not. */
export function typeOfCommand(words: ArrayLike<number>, base: number): number {
  const { opcode, function: func3 } = invalidateTranslations.fields;
  return getField(opcode, words, base) * 8 + getField(func3, words, base);
}

/** What of an IOMMU decides whether a command is legal. */
export interface CommandLimits {
  readonly capabilities: RiscvCapabilities;
  /** Bits of device IDs that ddtp has levels for. */
  readonly deviceIdBits: number;
  /** fctl.WSI. */
  readonly wireSignals: boolean;
}

/** Whether a command is illegal or has reserved bits or operands set (RISC-V IOMMU, Command-queue): cqcsr.cmd_ill. */
export function isIllegal(words: ArrayLike<number>, base: number, limits: CommandLimits): boolean {
  const type = typeOfCommand(words, base);
  const entryLayout = layouts.get(type);
  const { capabilities } = limits;
  if (entryLayout === undefined || !zeroUnderMask(words, base, reservedMask(entryLayout, capabilities))) {
    return true;
  }
  switch (type) {
    case commandType.iotinvalGvma:
      return getField(invalidateTranslations.fields.pscidValid, words, base) === 1;
    case commandType.iofence:
      return getField(fence.fields.wireSignal, words, base) === 1 && !limits.wireSignals;
    case commandType.iodirDdt:
      return getField(invalidateDirectory.fields.pid, words, base) !== 0 || !namesDevice(words, base, limits, 0);
    case commandType.iodirPdt:
      return !namesDevice(words, base, limits, 1);
    case commandType.atsInval:
    case commandType.atsPrgr:
      return capabilities.ATS === 0;
    default:
      return false;
  }
}

/** DV is at least `needed`, and DID no wider than ddtp has levels for. */
function namesDevice(words: ArrayLike<number>, base: number, { deviceIdBits }: CommandLimits, needed: number): boolean {
  const { deviceValid, did } = invalidateDirectory.fields;
  const valid = getField(deviceValid, words, base);
  return valid >= needed && (valid === 0 || getField(did, words, base) < 2 ** deviceIdBits);
}

/** Operands of an IOTINVAL. */
export function translationOperands(words: ArrayLike<number>, base: number) {
  const { fields } = invalidateTranslations;
  const has = (field: keyof typeof fields): boolean => getField(fields[field], words, base) === 1;
  const pageNumber = getField(fields.address, words, base);
  return {
    pscid: has('pscidValid') ? getField(fields.pscid, words, base) : undefined,
    gscid: has('guestValid') ? getField(fields.gscid, words, base) : undefined,
    pages: has('addressValid') ? decodeRange(pageNumber, has('range')) : undefined,
    nonLeaf: has('nonLeaf'),
  };
}

/** Operands of an IODIR command; -1: DV = 0. */
export function directoryOperands(
  words: ArrayLike<number>,
  base: number,
): { readonly did: number; readonly pid: number } {
  const { deviceValid, did, pid } = invalidateDirectory.fields;
  return {
    did: getField(deviceValid, words, base) === 1 ? getField(did, words, base) : -1,
    pid: getField(pid, words, base),
  };
}

/** Operands of an IOFENCE.C. */
export function fenceOperands(words: ArrayLike<number>, base: number): Required<FenceOperands> {
  const { fields } = fence;
  const has = (field: keyof typeof fields): boolean => getField(fields[field], words, base) === 1;
  const address = getAddress(fields.addressLow, words, base) + getField(fields.addressHigh, words, base) * 2 ** 32;
  const store = has('addressValid') ? { address, data: getField(fields.data, words, base) } : undefined;
  return { reads: has('reads'), writes: has('writes'), store, wireSignal: has('wireSignal') };
}

/** The message that an ATS.INVAL sends, but for its ITag. */
export function deviceTlbOperands(words: ArrayLike<number>, base: number): Omit<DeviceTlbInvalidation, 'itag'> {
  const { fields } = invalidateDeviceTlb;
  const at = (field: keyof typeof fields): number => getField(fields[field], words, base);
  const { firstPage, pageCount } = decodeRange(at('address'), at('range') === 1);
  return {
    sid: at('rid') + (at('segmentValid') === 1 ? at('segment') * 0x1_0000 : 0),
    pasid: at('pidValid') === 1 ? at('pid') : -1,
    global: at('global') === 1,
    firstPage,
    pageCount: pageCount >= everyPage ? Number.POSITIVE_INFINITY : pageCount,
  };
}
