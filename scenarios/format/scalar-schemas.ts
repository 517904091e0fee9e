import { z } from 'zod';

/** Schemas of single values that every part of the format uses. */

const anyName = () =>
  z.string().regex(/^[a-z][a-z0-9-]*$/, 'a name is lower-case letters, digits and dashes, and starts with a letter');

export const name = anyName();
/**
 * The same where no `$variable` may stand: a key, or a member of a union, which takes it as a whole. The JSON Schema meets
 * each instance once, so these places have one of their own.
 */
export const bareName = anyName();

export const ns = z.int().min(0).max(86_400_000_000_000);
export const pasid = z.int().min(0).max(0xf_ffff);
export const address = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const word64 = z.union([z.int().min(0), z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn)]);
export const word128 = z.union([
  z.int().min(0),
  z
    .bigint()
    .min(0n)
    .max((1n << 128n) - 1n),
]);
