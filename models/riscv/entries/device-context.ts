import {
  copyMask,
  encode,
  fieldMask,
  getAddress,
  getField,
  layout,
  reservedMask,
  zeroUnderMask,
} from '../../entry-layout.ts';
import type { RiscvCapabilities } from '../capabilities.ts';
import { cause } from '../fault-causes.ts';
import { firstStageMode, processDirectoryMode, secondStageMode } from './translation-modes.ts';

export type DeviceContextFormat = 'base' | 'extended';

/** Doublewords tc, iohgatp, ta and fsc. */
const baseFields = {
  valid: { high: 0, low: 0, spec: 'V' },
  enableAts: { high: 1, low: 1, spec: 'EN_ATS', reservedUnless: 'ATS' },
  enablePri: { high: 2, low: 2, spec: 'EN_PRI', reservedUnless: 'ATS' },
  translateToGpa: { high: 3, low: 3, spec: 'T2GPA', reservedUnless: ['ATS', 'T2GPA'] },
  disableFaults: { high: 4, low: 4, spec: 'DTF' },
  processDirectory: { high: 5, low: 5, spec: 'PDTV' },
  pasidInPageResponse: { high: 6, low: 6, spec: 'PRPR', reservedUnless: 'ATS' },
  guestAccessedDirty: { high: 7, low: 7, spec: 'GADE', reservedUnless: 'AMO_HWAD' },
  supervisorAccessedDirty: { high: 8, low: 8, spec: 'SADE', reservedUnless: 'AMO_HWAD' },
  defaultProcess: { high: 9, low: 9, spec: 'DPE' },
  bigEndian: { high: 10, low: 10, spec: 'SBE', reservedUnless: 'END' },
  custom: { high: 31, low: 24, spec: 'custom', ignored: true },
  secondTable: { high: 64 + 43, low: 64, spec: 'iohgatp.PPN', unitBytes: 4096 },
  gscid: { high: 64 + 59, low: 64 + 44, spec: 'iohgatp.GSCID' },
  secondMode: { high: 64 + 63, low: 64 + 60, spec: 'iohgatp.MODE' },
  pscid: { high: 128 + 31, low: 128 + 12, spec: 'ta.PSCID' },
  rcid: { high: 128 + 51, low: 128 + 40, spec: 'ta.RCID', reservedUnless: 'QOSID' },
  mcid: { high: 128 + 63, low: 128 + 52, spec: 'ta.MCID', reservedUnless: 'QOSID' },
  firstTable: { high: 192 + 43, low: 192, spec: 'fsc.PPN', unitBytes: 4096 },
  firstMode: { high: 192 + 63, low: 192 + 60, spec: 'fsc.MODE' },
} as const;

/** Device context of 32 bytes. */
export const deviceContext = layout({
  name: 'device context',
  widthBits: 256,
  section: 'RISC-V IOMMU, Leaf DDT entry, Device-context fields',
  validBit: 0,
  fields: baseFields,
});

/** Device context of 64 bytes: with where MSIs are translated. */
export const extendedDeviceContext = layout({
  name: 'extended device context',
  widthBits: 512,
  section: 'RISC-V IOMMU, Leaf DDT entry, Device-context fields',
  validBit: 0,
  fields: {
    ...baseFields,
    msiTable: { high: 256 + 43, low: 256, spec: 'msiptp.PPN', unitBytes: 4096 },
    msiMode: { high: 256 + 63, low: 256 + 60, spec: 'msiptp.MODE' },
    msiMask: { high: 320 + 51, low: 320, spec: 'msi_addr_mask' },
    msiPattern: { high: 384 + 51, low: 384, spec: 'msi_addr_pattern' },
  },
});

/** Bytes of a device context. */
export const deviceContextBytes: Readonly<Record<DeviceContextFormat, number>> = { base: 32, extended: 64 };

const { fields } = deviceContext;
export type DeviceContextValues = Readonly<Partial<Record<keyof typeof fields, number>>>;

/** A new device context from named field values; tables are byte addresses. MSIs are not translated. */
export function encodeDeviceContext(values: DeviceContextValues, format: DeviceContextFormat): Uint32Array {
  return encode(format === 'base' ? deviceContext : extendedDeviceContext, values);
}

type FieldName = keyof typeof fields;
const control: readonly FieldName[] = [
  'valid',
  'enableAts',
  'enablePri',
  'translateToGpa',
  'disableFaults',
  'processDirectory',
  'pasidInPageResponse',
  'guestAccessedDirty',
  'supervisorAccessedDirty',
  'defaultProcess',
  'bigEndian',
  'secondMode',
  'firstMode',
];
const absentMask = fieldMask(deviceContext, ['valid']);
/** By whether a second stage, a first stage and a process directory are there: bits 0, 1 and 2. */
const presentMasks: readonly Uint32Array[] = Array.from({ length: 8 }, (_, used) =>
  fieldMask(deviceContext, [
    ...control,
    ...((used & 1) === 0 ? [] : (['secondTable', 'gscid'] as const)),
    ...((used & 2) === 0 ? [] : (['firstTable'] as const)),
    ...((used & 2) === 0 || (used & 4) !== 0 ? [] : (['pscid'] as const)),
  ]),
);

/**
 * The bits hardware looks at, given what the context itself says, into the words of `out`: PSCID only where the context
 * leads to first-stage tables itself, tables and GSCID only of stages that are not Bare.
 */
export function usedDeviceContextBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  out.fill(0);
  if (getField(fields.valid, words, base) === 0) {
    copyMask(absentMask, out);
    return;
  }
  const hasSecond = getField(fields.secondMode, words, base) !== secondStageMode.bare;
  const hasFirst = getField(fields.firstMode, words, base) !== firstStageMode.bare;
  const hasDirectory = getField(fields.processDirectory, words, base) === 1;
  copyMask(presentMasks[Number(hasSecond) + 2 * Number(hasFirst) + 4 * Number(hasDirectory)] as Uint32Array, out);
}

/** The same of an extended context: of MSIs their MODE. */
export function usedExtendedDeviceContextBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  usedDeviceContextBits(words, base, out);
  if (getField(fields.valid, words, base) === 1) {
    out[9] = 0xf000_0000;
  }
}

/**
 * 0 for a good context, else 258 not valid or 259 misconfigured (RISC-V IOMMU, Device-context fields, "configuration
 * checks").
 */
export function checkDeviceContext(
  words: ArrayLike<number>,
  base: number,
  { format, capabilities }: { format: DeviceContextFormat; capabilities: RiscvCapabilities },
): number {
  if (getField(fields.valid, words, base) === 0) {
    return cause.ddtNotValid;
  }
  const entryLayout = format === 'base' ? deviceContext : extendedDeviceContext;
  const isClean = zeroUnderMask(words, base, reservedMask(entryLayout, capabilities));
  return isClean && isConfigured(words, base, capabilities) ? 0 : cause.ddtMisconfigured;
}

function isConfigured(words: ArrayLike<number>, base: number, capabilities: RiscvCapabilities): boolean {
  const at = (name: FieldName): number => getField(fields[name], words, base);
  const hasSecond = at('secondMode') !== secondStageMode.bare;
  if (at('enableAts') === 0 && (at('enablePri') === 1 || at('translateToGpa') === 1)) {
    return false;
  }
  if (at('enablePri') === 0 && at('pasidInPageResponse') === 1) {
    return false;
  }
  if (at('translateToGpa') === 1 && !hasSecond) {
    return false;
  }
  if (at('processDirectory') === 0 && at('defaultProcess') === 1) {
    return false;
  }
  // The root of a second stage is 16 KB.
  if (hasSecond && getAddress(fields.secondTable, words, base) % 0x4000 !== 0) {
    return false;
  }
  const firstOk =
    at('processDirectory') === 1
      ? hasProcessMode(at('firstMode'), capabilities)
      : hasFirstStageMode(at('firstMode'), capabilities);
  return firstOk && hasSecondStageMode(at('secondMode'), capabilities);
}

/** Whether a MODE of iosatp is one that the IOMMU has. */
export function hasFirstStageMode(mode: number, { Sv39, Sv48, Sv57 }: RiscvCapabilities): boolean {
  const { bare, sv39, sv48, sv57 } = firstStageMode;
  return (
    mode === bare || (mode === sv39 && Sv39 === 1) || (mode === sv48 && Sv48 === 1) || (mode === sv57 && Sv57 === 1)
  );
}

function hasSecondStageMode(mode: number, { Sv39x4, Sv48x4, Sv57x4 }: RiscvCapabilities): boolean {
  const { bare, sv39x4, sv48x4, sv57x4 } = secondStageMode;
  const [is39, is48, is57] = [mode === sv39x4, mode === sv48x4, mode === sv57x4];
  return mode === bare || (is39 && Sv39x4 === 1) || (is48 && Sv48x4 === 1) || (is57 && Sv57x4 === 1);
}

function hasProcessMode(mode: number, { PD8, PD17, PD20 }: RiscvCapabilities): boolean {
  const { bare, pd8, pd17, pd20 } = processDirectoryMode;
  return mode === bare || (mode === pd8 && PD8 === 1) || (mode === pd17 && PD17 === 1) || (mode === pd20 && PD20 === 1);
}
