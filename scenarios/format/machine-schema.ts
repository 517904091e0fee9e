import { z } from 'zod';
import { memoryModelNames } from '../../models/memory/memory-model.ts';
import { maxQueueDepth } from '../../models/pcie/ats-config.ts';
import { bareName, ns } from './scalar-schemas.ts';

/** What every machine has, whatever its IOMMU is. */

const window = z
  .strictObject({ minNs: ns, maxNs: ns })
  .refine((w) => w.minNs <= w.maxNs, { message: 'minNs must not be greater than maxNs' });

/** Times of an IOMMU and its devices. */
export const timing = z.strictObject({
  lookup: window.default({ minNs: 1, maxNs: 20 }).describe('One cache look-up.'),
  tableRead: window.default({ minNs: 20, maxNs: 1000 }).describe('One read of a table or page-table entry.'),
  request: window.default({ minNs: 1, maxNs: 1_000_000_000 }).describe('From one DMA of a device to its next request.'),
  quantumGap: window
    .default({ minNs: 0, maxNs: 1000 })
    .describe('From one quantum of an entry, or one doubleword of a context, to the next.'),
  access: window.default({ minNs: 1, maxNs: 2000 }).describe('From the translation to the access of memory.'),
  link: window
    .default({ minNs: 1, maxNs: 2000 })
    .describe('One ATS message between a device and the IOMMU, or one write of a CPU to a device.'),
  descriptorFetch: window.default({ minNs: 20, maxNs: 1000 }).describe('Fetch of one descriptor or command.'),
  invalidation: window.default({ minNs: 10, maxNs: 5000 }).describe('Execution of one invalidation, wait or command.'),
  deviceTlbTimeout: window
    .default({ minNs: 60_000_000_000, maxNs: 90_000_000_000 })
    .describe('Completion timer of an ITag; runs for requests that may stay without an answer only.'),
});

const atsConfig = z.strictObject({
  entries: z.int().min(0).max(16).default(2).describe('Rows of the device TLB.'),
  answers: z
    .union([z.enum(['always', 'never']), z.int().min(1).max(1000)])
    .default('always')
    .describe('Which invalidation requests the function answers; a number: the first ones only, then none.'),
  queueDepth: z
    .int()
    .min(1)
    .max(maxQueueDepth)
    .default(maxQueueDepth)
    .describe(
      'Invalidate Queue Depth: requests it has at once; others wait on the link, and so do writes behind them.',
    ),
  answersAfterDoorbell: z
    .boolean()
    .default(false)
    .describe('It serves invalidation requests only once software has written to it (step mmio).'),
  marksInFlight: z
    .boolean()
    .default(true)
    .describe('An invalidation makes translations stale that are still on their way (PCIe 10.3.1).'),
  waitsForDma: z
    .boolean()
    .default(true)
    .describe('An invalidation is answered only after DMA by the old translation is done (PCIe 10.3.1).'),
  present: z.boolean().default(true).describe('False: the function is gone from the bus.'),
});

/** ATS of a device for which the scenario says only that it is on. */
export const defaultAts = atsConfig.parse({});

/** Of a device, for every IOMMU. */
export const commonDevice = {
  requesterId: z
    .string()
    .regex(/^[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$/, 'a requester ID is bus:device.function, as in "00:02.0"')
    .describe('bus:device.function.'),
  ats: z
    .union([z.boolean(), atsConfig])
    .default(false)
    .describe('Address Translation Services enabled: the function has a device TLB.'),
};

/** CPUs and memory. */
export const commonPlatform = {
  memory: z.enum(memoryModelNames).default('x86-tso').describe('Memory model of the CPUs; docs/memory-models.md.'),
  memoryPages: z.int().min(32).max(4096).default(64).describe('RAM in 4 KB pages, from address 0.'),
  cpuStepNs: ns.default(1).describe('Least time of a CPU step.'),
  preemptMaxNs: z
    .union([ns, z.literal('unbounded')])
    .default(1_000_000_000)
    .describe('Longest a CPU may be held up before a step.'),
  storeBufferEntries: z.int().min(1).max(64).default(8),
  storeBufferMaxNs: ns.default(1_000_000_000).describe('Longest stay of the oldest entry in a store buffer.'),
  evictionLimit: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('Dirty lines that caches may write back by themselves in a run.'),
};

/** Devices by their names. */
export const devicesOf = <S extends z.core.$ZodLooseShape>(shape: S) => z.record(bareName, z.strictObject(shape));
