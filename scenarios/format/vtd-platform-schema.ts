import { z } from 'zod';
import { queueGenerations } from '../../models/linux/vtd/queue-fault-check.ts';
import { commonDevice, commonPlatform, devicesOf, timing } from './machine-schema.ts';

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

const linux = z.strictObject({
  queuedInvalidation: z
    .enum(queueGenerations)
    .default('good-path')
    .describe('What qi_submit_sync does when the queue reports an error; good-path never looks.'),
});

/** A machine with a VT-d unit. */
export const vtdPlatform = z.strictObject({
  ...commonPlatform,
  iommu,
  linux: linux.prefault({}),
  devices: devicesOf({
    ...commonDevice,
    ridPasid: z
      .int()
      .min(0)
      .max(8191)
      .default(0)
      .describe('RID_PASID of its context entry: the PASID of requests without one; Linux has 0.'),
  }),
});
