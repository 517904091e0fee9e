import { z } from 'zod';
import { barrierNames } from '../../models/memory/barriers.ts';
import { placePattern } from './place.ts';
import { address, name, pasid, word64, word128 } from './scalar-schemas.ts';

const place = z
  .string()
  .regex(
    placePattern,
    'a place is device.root, device.context, device.directory[pasid], device.pasid[pasid] or a page, then .q0 to .q7',
  );

const did = z.int().min(0).max(0xffff);

/** What makes an IOTLB invalidation page-selective. CAP.MAMV is 18: a range is 1 GB at most. */
const pageRange = {
  address: address.optional().describe('Page-selective: the first address, aligned to the range.'),
  addressMask: z.int().min(0).max(18).optional().describe('AM: the range is 2 to this power pages; 0 if left out.'),
  hint: z.boolean().optional().describe('IH: only leaf entries changed, so intermediate ones may stay cached.'),
};

/** Which pages of a device TLB. */
const deviceTlbRange = {
  address: address.optional().describe('The first address, aligned to the range; left out: every page.'),
  addressMask: z.int().min(0).max(51).optional().describe('The range is 2 to this power pages; 0 if left out.'),
};

const invalidation = z.union([
  z.strictObject({ 'pasid-cache': z.strictObject({ did, pasid }) }),
  z.strictObject({ piotlb: z.strictObject({ did, pasid, ...pageRange }) }),
  z.strictObject({ iotlb: z.strictObject({ did, ...pageRange }) }),
  z.strictObject({ context: z.strictObject({ device: name }) }),
  z.strictObject({ 'device-tlb': z.strictObject({ device: name, ...deviceTlbRange }) }),
  z.strictObject({
    'pasid-device-tlb': z.strictObject({
      device: name,
      pasid: pasid.optional().describe('Left out: every PASID (GI).'),
      ...deviceTlbRange,
    }),
  }),
  z.strictObject({
    wait: z.strictObject({ fence: z.boolean().default(false).describe('FN: later descriptors wait for this one.') }),
  }),
  z.strictObject({ raw: z.array(word64).min(4).max(4).describe('Four quadwords, as they are: also malformed ones.') }),
]);

const target = z.union([z.literal('not-present'), z.strictObject({ domain: name })]);

/** A driver flow and its parameters. */
export const flowArguments = z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])).default({});

const barrierName = z.enum(barrierNames);

const simpleSteps = [
  z.strictObject({
    store: z.strictObject({
      to: place,
      value: word128,
      bits: z.union([z.literal(32), z.literal(64), z.literal(128)]).default(64),
    }),
  }),
  z.strictObject({ load: z.strictObject({ from: place, as: name }) }),
  z.strictObject({ fence: barrierName }),
  z.strictObject({ flush: place }),
  z.strictObject({
    submit: z.array(invalidation).min(1).max(16),
    as: name.optional().describe('Name for what qi_submit_sync returns, 0 or an error; left out: nobody looks.'),
  }),
  z.strictObject({ wait: z.strictObject({ for: place, value: z.int().min(0).max(0xffff_ffff) }) }),
  z.strictObject({ lock: place }),
  z.strictObject({ unlock: place }),
  z.strictObject({
    begin: z.strictObject({
      entry: place,
      targets: z.array(target).min(1).max(4),
      hitless: z.boolean().default(false),
    }),
  }),
  z.strictObject({ end: z.strictObject({ entry: place, target }) }),
  z.strictObject({ flow: z.string(), with: flowArguments }),
] as const;

const condition = z.strictObject({ value: name, equals: word64 });

/** Steps inside `if` and `repeat` go two levels deep: enough for a sequence from a mail, and a finite schema. */
const innerStep = z.union(simpleSteps);
const middleStep = z.union([
  ...simpleSteps,
  z.strictObject({ if: condition, do: z.array(innerStep), else: z.array(innerStep).default([]) }),
  z.strictObject({
    repeat: z.union([z.int().min(1).max(1000), z.strictObject({ until: condition })]),
    steps: z.array(innerStep).min(1),
  }),
]);
export const step = z.union([
  ...simpleSteps,
  z.strictObject({ if: condition, do: z.array(middleStep), else: z.array(middleStep).default([]) }),
  z.strictObject({
    repeat: z.union([z.int().min(1).max(1000), z.strictObject({ until: condition })]),
    steps: z.array(middleStep).min(1),
  }),
]);

export type InlineStep = z.output<typeof step>;
export type InlineInvalidation = z.output<typeof invalidation>;
export type InlineTarget = z.output<typeof target>;
