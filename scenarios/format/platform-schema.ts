import { z } from 'zod';
import { queueGenerations } from '../../models/linux/vtd/queue-fault-check.ts';
import { memoryModelNames } from '../../models/memory/memory-model.ts';
import { bareName, ns } from './scalar-schemas.ts';

const window = z
  .strictObject({ minNs: ns, maxNs: ns })
  .refine((w) => w.minNs <= w.maxNs, { message: 'minNs must not be greater than maxNs' });

const timing = z.strictObject({
  lookup: window.default({ minNs: 1, maxNs: 20 }).describe('One cache look-up.'),
  tableRead: window.default({ minNs: 20, maxNs: 1000 }).describe('One read of a table or page-table entry.'),
  quantumGap: window.default({ minNs: 0, maxNs: 1000 }).describe('From one quantum of an entry to the next.'),
  request: window.default({ minNs: 1, maxNs: 1_000_000_000 }).describe('From one DMA of a device to its next request.'),
  access: window.default({ minNs: 1, maxNs: 2000 }).describe('From the translation to the access of memory.'),
  link: window.default({ minNs: 1, maxNs: 2000 }).describe('One ATS message between a device and the IOMMU.'),
  descriptorFetch: window.default({ minNs: 20, maxNs: 1000 }).describe('Fetch of one invalidation descriptor.'),
  invalidation: window.default({ minNs: 10, maxNs: 5000 }).describe('Execution of one invalidation or wait.'),
  deviceTlbTimeout: window
    .default({ minNs: 60_000_000_000, maxNs: 90_000_000_000 })
    .describe('Completion timer of an ITag; runs for requests that may stay without an answer only.'),
});

const capabilities = z.strictObject({
  CM: z.int().min(0).max(1).optional().describe('Caching mode: entries that fault are cached too.'),
  RWBF: z.int().min(0).max(1).optional().describe('Stores stay in a write buffer of the chipset until it is flushed.'),
  SRS: z.int().min(0).max(1).optional().describe('Supervisor requests supported.'),
  firstStageModeAlwaysUsed: z.int().min(0).max(1).optional().describe('FSPM is checked in every entry (UNVERIFIED).'),
});

const iommu = z.strictObject({
  model: z.literal('vtd').describe('The IOMMU; Intel VT-d.'),
  mode: z.enum(['scalable', 'legacy']).default('scalable').describe('RTADDR.TTM (VT-d 3.4).'),
  fetchOrder: z
    .enum(['ascending', 'descending', 'any'])
    .default('any')
    .describe('Order in which the 128-bit quanta of an entry are read; the specification leaves it open.'),
  fetchedQuanta: z
    .union([z.literal(2), z.literal(4)])
    .default(4)
    .describe('Quanta of a PASID entry that are read.'),
  coherentWalks: z.boolean().default(true).describe('ECAP.C: table walks see CPU caches.'),
  iotlbFirst: z.boolean().default(true).describe('The IOTLB is looked up before the context and PASID caches.'),
  contextCacheEntries: z.int().min(0).max(16).default(2),
  pasidCacheEntries: z.int().min(0).max(16).default(2),
  iotlbEntries: z.int().min(0).max(64).default(4),
  interruptCacheEntries: z.int().min(0).max(16).default(2),
  firstStagePagingEntries: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe('Rows of the first-stage paging-structure cache.'),
  secondStagePagingEntries: z.int().min(0).max(64).default(0).describe('Rows of the second-stage one.'),
  invalidationWaitsForFetch: z
    .boolean()
    .default(true)
    .describe('An invalidation waits for the fetches and walks in flight (VT-d 6.5.4; for fetches UNVERIFIED).'),
  pageInvalidationDrains: z
    .enum(['range', 'all'])
    .default('range')
    .describe('Requests that a page-selective IOTLB invalidation drains: of its range (VT-d 6.5.4), or of its tags.'),
  prefetchLimit: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('Walks that hardware may make in a run, for pages of the sources of DMA, without a request.'),
  invalidationScope: z
    .enum(['exact', 'coarser'])
    .default('exact')
    .describe('coarser: an invalidation drops what it asks for or everything in its caches (VT-d 6.5.2).'),
  iotlbTagFrom: z
    .enum(['walk', 'pasid-cache'])
    .default('walk')
    .describe('Where a new IOTLB entry takes its DID from (VT-d 6.2.3.1).'),
  iotlbLookupComparesDid: z
    .boolean()
    .default(false)
    .describe('VT-d Table 17 does not list the DID; needs iotlbFirst: false.'),
  faultRecords: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Fault recording registers (CAP.NFR + 1), which nobody clears; 0: as many as there are faults.'),
  queueSlots: z
    .union([4, 8, 16, 32, 64, 128].map((count) => z.literal(count)))
    .default(128)
    .describe('Descriptors in the ring of the invalidation queue.'),
  itags: z
    .int()
    .min(1)
    .max(32)
    .default(32)
    .describe('ITags: invalidation requests on their way to endpoints at once (VT-d 4.3).'),
  deviceTlbWaitsForPiotlb: z
    .boolean()
    .default(true)
    .describe('A type 3 descriptor waits for earlier type 6 ones; VT-d 6.5.2.12 does not list it (UNVERIFIED).'),
  recordsErrorSource: z
    .boolean()
    .default(true)
    .describe('IQERCD has the requester ID of a time-out; older hardware has 0 there.'),
  capabilities: capabilities.prefault({}),
  timing: timing.prefault({}),
});

const atsConfig = z.strictObject({
  entries: z.int().min(0).max(16).default(2).describe('Rows of the device TLB.'),
  answers: z
    .union([z.enum(['always', 'never']), z.int().min(1).max(1000)])
    .default('always')
    .describe('Which invalidation requests the function answers; a number: the first ones only, then none.'),
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

const linux = z.strictObject({
  queuedInvalidation: z
    .enum(queueGenerations)
    .default('good-path')
    .describe('What qi_submit_sync does when the queue reports an error; good-path never looks.'),
});

export const platform = z.strictObject({
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
  iommu,
  linux: linux.prefault({}),
  devices: z.record(
    bareName,
    z.strictObject({
      requesterId: z
        .string()
        .regex(/^[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$/, 'a requester ID is bus:device.function, as in "00:02.0"')
        .describe('bus:device.function.'),
      ridPasid: z
        .int()
        .min(0)
        .max(8191)
        .default(0)
        .describe('RID_PASID of its context entry: the PASID of requests without one; Linux has 0.'),
      ats: z
        .union([z.boolean(), atsConfig])
        .default(false)
        .describe('Address Translation Services enabled: the function has a device TLB.'),
    }),
  ),
});
