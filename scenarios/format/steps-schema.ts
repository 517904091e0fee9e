import { z } from 'zod';
import { barrierNames } from '../../models/memory/barriers.ts';
import { placePattern } from './place.ts';
import { riscvPlacePattern } from './riscv-place.ts';
import { address, name, pasid, word64, word128 } from './scalar-schemas.ts';

/** A driver flow and its parameters. */
export const flowArguments = z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])).default({});

const barrierName = z.enum(barrierNames);
const storeOrder = z
  .enum(['relaxed', 'release'])
  .default('relaxed')
  .describe('release: smp_store_release; relaxed: WRITE_ONCE.');
const loadOrder = z
  .enum(['relaxed', 'acquire', 'dependent'])
  .default('relaxed')
  .describe('acquire: smp_load_acquire; dependent: at an address that the load before gave; relaxed: READ_ONCE.');

/** Steps for one IOMMU: `place` and `target` are how entries and what they become are written, `own` its own steps. */
function simpleSteps<P extends z.ZodType, T extends z.ZodType, const O extends readonly z.ZodType[]>(
  place: P,
  target: T,
  own: O,
) {
  return [
    z.strictObject({
      store: z.strictObject({
        to: place,
        value: word128,
        bits: z.union([z.literal(32), z.literal(64), z.literal(128)]).default(64),
        order: storeOrder,
      }),
    }),
    z.strictObject({ load: z.strictObject({ from: place, as: name, order: loadOrder }) }),
    z.strictObject({ fence: barrierName }),
    ...own,
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
    z.strictObject({ mmio: name.describe('Device with ats: one posted write to it (writel).') }),
    z.strictObject({ flow: z.string(), with: flowArguments }),
  ] as const;
}

const condition = z.strictObject({ value: name, equals: word64 });

/** Steps inside `if` and `repeat` go two levels deep: enough for a sequence from a mail, and a finite schema. */
function nested<const S extends readonly z.ZodType[]>(simple: S) {
  const innerStep = z.union(simple);
  const middleStep = z.union([
    ...simple,
    z.strictObject({ if: condition, do: z.array(innerStep), else: z.array(innerStep).default([]) }),
    z.strictObject({
      repeat: z.union([z.int().min(1).max(1000), z.strictObject({ until: condition })]),
      steps: z.array(innerStep).min(1),
    }),
  ]);
  return z.union([
    ...simple,
    z.strictObject({ if: condition, do: z.array(middleStep), else: z.array(middleStep).default([]) }),
    z.strictObject({
      repeat: z.union([z.int().min(1).max(1000), z.strictObject({ until: condition })]),
      steps: z.array(middleStep).min(1),
    }),
  ]);
}

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

/** An inline step of a task beside VT-d. */
export const vtdStep = nested(
  simpleSteps(place, target, [
    z.strictObject({ flush: place }),
    z.strictObject({
      submit: z.array(invalidation).min(1).max(16),
      as: name.optional().describe('Name for what qi_submit_sync returns, 0 or an error; left out: nobody looks.'),
    }),
  ]),
);

const riscvPlace = z
  .string()
  .regex(
    riscvPlacePattern,
    'a place is device.dc.w0 to .w7, device.pc[process].w0 or .w1, device.ddt, device.pdt[process], domain.pte[iova], domain.table[iova], or a page, then .q0 to .q7',
  );

const pscid = z.int().min(0).max(0xf_ffff);
const gscid = z.int().min(0).max(0xffff);

/** Operands of IOTINVAL that say which pages. */
const iotinvalRange = {
  gscid: gscid.optional().describe('GSCID, with GV = 1; left out: GV = 0.'),
  address: address.optional().describe('ADDR, with AV = 1: leaf entries of the page; left out: AV = 0.'),
  nonLeaf: z.boolean().optional().describe('NL: non-leaf entries of the address too; needs capabilities.NL.'),
};

const command = z.union([
  z.strictObject({
    'iotinval-vma': z.strictObject({
      pscid: pscid.optional().describe('PSCID, with PSCV = 1; left out: PSCV = 0.'),
      ...iotinvalRange,
    }),
  }),
  z.strictObject({ 'iotinval-gvma': z.strictObject(iotinvalRange) }),
  z.strictObject({
    iofence: z.strictObject({
      pr: z.boolean().default(true).describe('PR: reads that were processed are done.'),
      pw: z.boolean().default(true).describe('PW: writes that were processed are in memory.'),
    }),
  }),
  z.strictObject({
    'iodir-inval-ddt': z.strictObject({ device: name.optional().describe('DID, with DV = 1; left out: DV = 0.') }),
  }),
  z.strictObject({ 'iodir-inval-pdt': z.strictObject({ device: name, pasid }) }),
  z.strictObject({
    'ats-inval': z.strictObject({
      device: name,
      pasid: pasid.optional().describe('PID, with PV = 1; left out: requests without a process.'),
      address: address.optional().describe('The page; left out: every page.'),
    }),
  }),
  z.strictObject({ raw: z.array(word64).min(2).max(2).describe('Two doublewords, as they are: also malformed ones.') }),
]);

const riscvTarget = z.union([
  z.enum(['not-present', 'table']),
  z.strictObject({ domain: name }),
  z.strictObject({ page: name, writable: z.boolean().default(true) }),
]);

/** An inline step of a task beside a RISC-V IOMMU. */
export const riscvStep = nested(
  simpleSteps(riscvPlace, riscvTarget, [
    z.strictObject({
      submit: z.array(command).min(1).max(16),
      iommu: z.int().min(0).max(1).default(0).describe('Number of the IOMMU whose queue takes the commands.'),
    }),
    z.strictObject({
      set: z.strictObject({ entry: riscvPlace, to: riscvTarget }).describe('One 64-bit store of what the target says.'),
    }),
    z.strictObject({
      passed: z.int().min(0).max(1).describe('Waits until cqh of this IOMMU is past all that the task submitted.'),
      as: name
        .optional()
        .describe('Name for how that ended: 0, or 1 with an error in cqcsr; left out: nobody looks at errors.'),
    }),
    z.strictObject({
      write: z.enum(['cqt', 'cqcsr', 'ipsr']).describe('Register of the command queue that is written (writel).'),
      value: word64,
      iommu: z.int().min(0).max(1).default(0).describe('Number of the IOMMU.'),
    }),
    z.strictObject({
      free: riscvPlace.describe(
        'Gives a page of memory back, or with domain.table[iova] the page-table page it leads to.',
      ),
    }),
  ]),
);

type VtdStep = z.output<typeof vtdStep>;
type RiscvStep = z.output<typeof riscvStep>;
export type InlineStep = VtdStep | RiscvStep;
export type InlineInvalidation = z.output<typeof invalidation>;
export type InlineTarget = z.output<typeof target>;
export type InlineCommand = z.output<typeof command>;
export type RiscvTarget = z.output<typeof riscvTarget>;
