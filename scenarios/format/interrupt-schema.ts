import { z } from 'zod';
import { bareName, name } from './scalar-schemas.ts';

/** IRTA.S = 7: what the interrupt remapping table of a scenario has room for. */
const interruptCount = 256;
const interruptIndex = z
  .int()
  .min(0)
  .max(interruptCount - 1);

const vector = z.int().min(16).max(255);
const destination = z.int().min(0).max(0xffff_ffff).describe('APIC ID of a CPU.');

/** Posted-interrupt descriptors are in memory of their own, so that an address can have bits above bit 31. */
const descriptor = z.strictObject({
  address: z
    .int()
    .min(0)
    .max(2 ** 46 - 64)
    .describe('Physical address, a multiple of 64.'),
  notify: z.strictObject({ vector, destination }).describe('NV and NDST.'),
  suppressed: z.boolean().default(false).describe('SN: only urgent interrupts notify.'),
});

const device = name.describe('Whose interrupts: SID of the entry, all 16 bits of it verified.');

const target = z.union([
  z.strictObject({ format: z.literal('remapped'), device, vector, destination }),
  z.strictObject({
    format: z.literal('posted'),
    device,
    vector: vector.describe('Vector in the guest: a bit of PIR.'),
    descriptor: name.describe('One of the descriptors.'),
    urgent: z.boolean().default(false).describe('URG.'),
  }),
]);

/** An entry has at most 15 configurations in a run: one for each target, and not present. */
const maxTargets = 14;

/** Interrupt remapping (VT-d 5): what entries may say, and what they say when a run begins. */
export const interrupts = z.strictObject({
  descriptors: z.record(bareName, descriptor).default({}),
  targets: z
    .record(bareName, target)
    .refine((targets) => Object.keys(targets).length <= maxTargets, { message: `there can be ${maxTargets} targets` })
    .default({})
    .describe('What an entry of the interrupt remapping table may say.'),
  entries: z
    .array(z.strictObject({ index: interruptIndex, target: name.describe('One of the targets.') }))
    .default([])
    .describe('Entries that are set up, and not cached, when the run begins.'),
});

/** An interrupt request in remappable format; an index beyond the table is for hardware to find (21h). */
export const interruptRequest = z.strictObject({
  index: z.int().min(0).max(0xffff),
  repeat: z.int().min(1).max(1000).default(1),
});
