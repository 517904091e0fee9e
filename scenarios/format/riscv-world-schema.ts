import { z } from 'zod';
import { bareName, name, pasid } from './scalar-schemas.ts';

/** Page tables, and contexts that lead to them, as RISC-V has them. */

export const riscvDomain = z.strictObject({
  stage: z.enum(['first', 'second', 'nested', 'identity', 'blocking']),
  pscid: z
    .union([z.int().min(1).max(0xf_ffff), z.literal('none')])
    .optional()
    .describe('PSCID; left out: the lowest free one from 1 on; none: a flow makes the domain, and gives it one.'),
  gscid: z.int().min(0).max(0xffff).default(0).describe('GSCID of a domain with a second stage.'),
  mode: z.enum(['sv39', 'sv48', 'sv57']).default('sv39').describe('Width of its tables, of both stages.'),
  map: z
    .record(
      z.string().regex(/^(0x[0-9a-fA-F]+|[0-9]+)$/, 'an IOVA is a number'),
      z.union([
        bareName,
        z.strictObject({
          page: name,
          writable: z.boolean().default(true),
          offset: z
            .int()
            .min(0)
            .max(0x1f_f000)
            .multipleOf(4096)
            .default(0)
            .describe('Which part of a huge page, in bytes from its beginning.'),
        }),
      ]),
    )
    .default({})
    .describe('IOVA of a 4 KB page: name of a page of memory, made when first named.'),
});

export const riscvStart = z.strictObject({
  attach: z
    .array(
      z.strictObject({
        device: name,
        pasid: pasid.optional().describe('The process whose context it is; left out: the device context itself.'),
        domain: name,
      }),
    )
    .default([])
    .describe('Contexts that are set up and not cached when the run begins.'),
  leftover: z
    .array(z.strictObject({ device: name, domain: name }))
    .default([])
    .describe('Device contexts that are not valid and still have the fields of a domain.'),
});
