import { z } from 'zod';
import { bareName, name, pasid } from './scalar-schemas.ts';

/** Page tables, and entries that lead to them, as VT-d has them. */

export const vtdDomain = z.strictObject({
  stage: z.enum(['first', 'second', 'nested', 'pass-through']),
  did: z
    .int()
    .min(0)
    .max(0xffff)
    .optional()
    .describe('Domain ID; left out: the lowest free one from 2 on, from the first attachment to the last.'),
  map: z
    .record(
      z.string().regex(/^(0x[0-9a-fA-F]+|[0-9]+)$/, 'an IOVA is a number'),
      z.union([bareName, z.strictObject({ page: name, writable: z.boolean().default(true) })]),
    )
    .default({})
    .describe('IOVA of a 4 KB page: name of a page of memory, made when first named.'),
  sameTables: z
    .union([bareName, z.strictObject({ first: name.optional(), second: name.optional() })])
    .optional()
    .describe('A domain whose tables this one has too: all that both can have, or by stage.'),
  entry: z
    .record(z.string(), z.int().min(0))
    .default({})
    .describe('Fields of the PASID entry by their mnemonic (VT-d 9.6) that are other than what the driver sets.'),
});

const attachment = z.strictObject({ device: name, pasid: pasid.default(0), domain: name });

export const vtdStart = z.strictObject({
  attach: z.array(attachment).default([]).describe('Entries that are set up and not cached when the run begins.'),
  notPresent: z
    .array(
      z.strictObject({ device: name, entry: z.enum(['root', 'context', 'pasid-directory']), pasid: pasid.default(0) }),
    )
    .default([])
    .describe('Entries on the way that are not present yet.'),
  leftover: z
    .array(attachment)
    .default([])
    .describe('PASID entries that the page of a new table still holds from earlier use.'),
});
