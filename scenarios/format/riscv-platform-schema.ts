import { z } from 'zod';
import { errorHandlings } from '../../models/linux/riscv/command-queue.ts';
import { commonDevice, commonPlatform, devicesOf, timing } from './machine-schema.ts';
import { name } from './scalar-schemas.ts';

const capabilities = z.strictObject({
  NL: z.int().min(0).max(1).optional().describe('IOTINVAL can name non-leaf entries.'),
  S: z.int().min(0).max(1).optional().describe('IOTINVAL can name ranges.'),
});

const iommu = z.strictObject({
  model: z.literal('riscv').describe('The IOMMU; RISC-V.'),
  levels: z
    .union([z.literal(1), z.literal(2), z.literal(3)])
    .default(1)
    .describe('Levels of the device directory: ddtp.iommu_mode 1LVL, 2LVL or 3LVL.'),
  deviceContext: z
    .enum(['base', 'extended'])
    .default('base')
    .describe('Format of the device context: of 32 or 64 bytes (capabilities.MSI_FLAT).'),
  dcReadOrder: z
    .enum(['tc-first', 'tc-last', 'any'])
    .default('any')
    .describe('Order in which the words of a device or process context are read; the specification leaves it open.'),
  squashesInFlight: z
    .boolean()
    .default(true)
    .describe('An invalidation keeps walks under way from filling what it drops; false is a hardware bug.'),
  ddtCacheEntries: z.int().min(0).max(16).default(2).describe('Device contexts that are cached.'),
  pdtCacheEntries: z.int().min(0).max(16).default(2).describe('Process contexts that are cached.'),
  iotlbEntries: z.int().min(0).max(64).default(4).describe('Rows of the address translation cache (IOATC).'),
  firstStagePagingEntries: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe('Non-leaf page-table entries of the first stage that are cached.'),
  secondStagePagingEntries: z.int().min(0).max(64).default(0).describe('Those of the second stage.'),
  commandOrder: z
    .enum(['any', 'in-order'])
    .default('any')
    .describe('Commands between two IOFENCE.C are executed in any order, as the specification lets them be.'),
  cqSlots: z
    .union([4, 8, 16, 32, 64, 128].map((count) => z.literal(count)))
    .default(128)
    .describe('Commands in the ring of the command queue.'),
  itags: z.int().min(1).max(32).default(32).describe('ITags: invalidation requests on their way to endpoints at once.'),
  cmdToRetry: z
    .enum(['succeeds', 'reraises'])
    .default('succeeds')
    .describe('What the IOFENCE.C that reported a time-out does once cmd_to is cleared; models differ (UNVERIFIED).'),
  completionNeedsEnAts: z
    .boolean()
    .default(false)
    .describe(
      'With EN_ATS = 0 answers to ATS.INVAL are refused, as the specification has it to the letter (UNVERIFIED).',
    ),
  capabilities: capabilities.prefault({}),
  timing: timing.prefault({}),
});

const linux = z.strictObject({
  queueErrors: z
    .enum(errorHandlings)
    .default('ignores')
    .describe('What riscv_iommu_queue_wait does about an error of the queue.'),
  doorbellBarrier: z
    .boolean()
    .default(true)
    .describe('riscv_iommu_queue_send has dma_wmb between a command and the doorbell.'),
  afterDoorbell: z
    .enum(['mmiowb', 'mb'])
    .default('mmiowb')
    .describe('Barrier between the doorbell and the turn of the next CPU; Armv8 has no mmiowb.'),
  fencePr: z.boolean().default(true).describe('riscv_iommu_cmd_sync sends IOFENCE.C with PR.'),
  fencePw: z.boolean().default(true).describe('riscv_iommu_cmd_sync sends IOFENCE.C with PW.'),
});

/** A machine with a RISC-V IOMMU, or two. */
export const riscvPlatform = z.strictObject({
  ...commonPlatform,
  hugePages: z.array(name).max(2).default([]).describe('Names of pages of memory that have 2 MB.'),
  iommu,
  linux: linux.prefault({}),
  devices: devicesOf({
    ...commonDevice,
    iommu: z.int().min(0).max(1).default(0).describe('Number of the IOMMU that it is behind.'),
    processDirectory: z
      .enum(['none', 'pd8', 'pd17', 'pd20'])
      .default('none')
      .describe('Its device context leads to process contexts (PDTV = 1), by a directory of 1, 2 or 3 levels.'),
  }),
});
