import { copyMask, encode, fieldMask, getField, layout, reservedMask, zeroUnderMask } from '../../entry-layout.ts';
import type { Capabilities } from '../capabilities.ts';
import { entryFault, type FaultReason } from '../fault-reasons.ts';

/**
 * Half of a scalable-mode root entry: 64 bits. The lower half leads to devices 0 to 15 of the bus, the upper half, 64
 * bits further, to the others; they are alike, and each has a present bit that makes the rest of its half ignored.
 * Hardware reads both at once. That addresses beyond HAW are reserved is QEMU's reading (VTD_ROOT_ENTRY_RSVD).
 */
export const scalableRootHalf = layout({
  name: 'scalable-mode root entry half',
  widthBits: 64,
  section: 'VT-d 9.2',
  validBit: 0,
  fields: {
    present: { high: 0, low: 0, spec: 'LP, UP' },
    contextTablePointer: { high: 63, low: 12, spec: 'LCTP, UCTP', addressWidth: 'HAW', unitBytes: 4096 },
  },
});

const { fields } = scalableRootHalf;
const absentMask = fieldMask(scalableRootHalf, ['present']);
const presentMask = fieldMask(scalableRootHalf, ['present', 'contextTablePointer']);

/** A new half from named field values; pointers are byte addresses. */
export function encodeScalableRootHalf(values: Readonly<Partial<Record<keyof typeof fields, number>>>): Uint32Array {
  return encode(scalableRootHalf, values);
}

/** The bits hardware looks at, given what the half itself says (VT-d 9.2), into 2 words of `out`. */
export function usedScalableRootHalfBits(words: ArrayLike<number>, base: number, out: Uint32Array): void {
  copyMask(getField(fields.present, words, base) === 1 ? presentMask : absentMask, out);
}

/** 0 for a good half, else 39h not present or 3Ah reserved bits (VT-d 7.1.3 Table 30). */
export function checkScalableRootHalf(
  words: ArrayLike<number>,
  base: number,
  capabilities: Capabilities,
): FaultReason | 0 {
  if (getField(fields.present, words, base) === 0) {
    return entryFault.scalableRootNotPresent;
  }
  const isClean = zeroUnderMask(words, base, reservedMask(scalableRootHalf, capabilities));
  return isClean ? 0 : entryFault.scalableRootReserved;
}
