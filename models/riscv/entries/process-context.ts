import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { RiscvCapabilities } from '../capabilities.ts';
import { cause } from '../fault-causes.ts';
import { hasFirstStageMode } from './device-context.ts';
import { firstStageMode } from './translation-modes.ts';

/** Process context of 16 bytes: doublewords ta and fsc. */
export const processContext = layout({
  name: 'process context',
  widthBits: 128,
  section: 'RISC-V IOMMU, Leaf PDT entry',
  validBit: 0,
  fields: {
    valid: { high: 0, low: 0, spec: 'V' },
    enableSupervisor: { high: 1, low: 1, spec: 'ENS' },
    supervisorUserAccess: { high: 2, low: 2, spec: 'SUM' },
    pscid: { high: 31, low: 12, spec: 'ta.PSCID' },
    table: { high: 64 + 43, low: 64, spec: 'fsc.PPN', unitBytes: 4096 },
    mode: { high: 64 + 63, low: 64 + 60, spec: 'fsc.MODE' },
  },
});

const { fields } = processContext;

/** A new process context from named field values; the table is a byte address. */
export function encodeProcessContext(values: Readonly<Partial<Record<keyof typeof fields, number>>>): Uint32Array {
  return encode(processContext, values);
}

const absentMask = fieldMask(processContext, ['valid']);
const bareMask = fieldMask(processContext, ['valid', 'enableSupervisor', 'supervisorUserAccess', 'mode']);
const presentMask = fieldMask(processContext, Object.keys(fields) as (keyof typeof fields)[]);

/** The bits hardware looks at, given what the context itself says, into 4 words of `out`. */
export function usedProcessContextBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  const isBare = getField(fields.mode, words, base) === firstStageMode.bare;
  copyMask(getField(fields.valid, words, base) === 0 ? absentMask : isBare ? bareMask : presentMask, out);
}

/** 0 for a good context, else 266 not valid or 267 misconfigured (RISC-V IOMMU, Leaf PDT entry). */
export function checkProcessContext(words: ArrayLike<number>, base: number, capabilities: RiscvCapabilities): number {
  if (getField(fields.valid, words, base) === 0) {
    return cause.pdtNotValid;
  }
  const isClean = zeroUnderMask(words, base, reservedMask(processContext, capabilities));
  return isClean && hasFirstStageMode(getField(fields.mode, words, base), capabilities) ? 0 : cause.pdtMisconfigured;
}
