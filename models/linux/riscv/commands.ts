/** A command of the queue: two little-endian dwords, as 32-bit words with the lowest first. */
export type Command = readonly [number, number, number, number];

const opcode = { iotinval: 1, iofence: 2, iodir: 3 } as const;

/** Writes two dwords as words. */
function command(low: bigint, high = 0n): Command {
  const word = (dword: bigint, shift: bigint): number => Number((dword >> shift) & 0xffff_ffffn);
  return [word(low, 0n), word(low, 32n), word(high, 0n), word(high, 32n)];
}

/** IOTINVAL.VMA of a PSCID: all of it, or (AV = 1) the leaf entries of the page at an IOVA. */
export function invalidateVma({ pscid, iova }: { readonly pscid: number; readonly iova?: number }): Command {
  const tagged = BigInt(opcode.iotinval) | (BigInt(pscid) << 12n) | (1n << 32n);
  return iova === undefined ? command(tagged) : command(tagged | (1n << 10n), (BigInt(iova) >> 12n) << 10n);
}

/** IOFENCE.C without a store at its end (AV = 0); Linux has it order reads and writes (PR, PW). */
export function fence({ reads, writes } = { reads: true, writes: true }): Command {
  return command(BigInt(opcode.iofence) | (reads ? 1n << 12n : 0n) | (writes ? 1n << 13n : 0n));
}

/** IODIR.INVAL_DDT of one device. */
export function invalidateDdt(deviceId: number): Command {
  return command(BigInt(opcode.iodir) | (1n << 33n) | (BigInt(deviceId) << 40n));
}
