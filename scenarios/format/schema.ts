import { z } from 'zod';
import { placePattern } from './place.ts';

/*
 * The scenario format after variables are resolved. Every default of the simulator is here or in models' data, once;
 * .describe() texts become the editor's help through the JSON Schema.
 */

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'a name is lower-case letters, digits and dashes, and starts with a letter');

const ns = z.int().min(0).max(86_400_000_000_000);
const pasid = z.int().min(0).max(0xf_ffff);
const address = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const word64 = z.union([z.int().min(0), z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn)]);
const word128 = z.union([
  z.int().min(0),
  z
    .bigint()
    .min(0n)
    .max((1n << 128n) - 1n),
]);

const window = z
  .strictObject({ minNs: ns, maxNs: ns })
  .refine((w) => w.minNs <= w.maxNs, { message: 'minNs must not be greater than maxNs' });

const timing = z.strictObject({
  lookup: window.default({ minNs: 1, maxNs: 20 }).describe('One cache look-up.'),
  tableRead: window.default({ minNs: 20, maxNs: 1000 }).describe('One read of a table or page-table entry.'),
  quantumGap: window.default({ minNs: 0, maxNs: 1000 }).describe('From one quantum of an entry to the next.'),
  request: window.default({ minNs: 1, maxNs: 1_000_000_000 }).describe('From one DMA of a device to its next request.'),
  access: window.default({ minNs: 1, maxNs: 2000 }).describe('From the translation to the access of memory.'),
  descriptorFetch: window.default({ minNs: 20, maxNs: 1000 }).describe('Fetch of one invalidation descriptor.'),
  invalidation: window.default({ minNs: 10, maxNs: 5000 }).describe('Execution of one invalidation or wait.'),
});

const capabilities = z.strictObject({
  CM: z.int().min(0).max(0).optional().describe('Caching mode; 1 is not modelled yet.'),
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
  invalidationWaitsForFetch: z
    .boolean()
    .default(true)
    .describe('An invalidation waits for the fetches and walks in flight (VT-d 6.5.4; for fetches UNVERIFIED).'),
  iotlbTagFrom: z
    .enum(['walk', 'pasid-cache'])
    .default('walk')
    .describe('Where a new IOTLB entry takes its DID from (VT-d 6.2.3.1).'),
  iotlbLookupComparesDid: z
    .boolean()
    .default(false)
    .describe('VT-d Table 17 does not list the DID; needs iotlbFirst: false.'),
  capabilities: capabilities.prefault({}),
  timing: timing.prefault({}),
});

const platform = z.strictObject({
  memory: z.enum(['sc', 'x86-tso']).default('x86-tso').describe('Memory model of the CPUs.'),
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
  devices: z.record(
    name,
    z.strictObject({
      requesterId: z
        .string()
        .regex(/^[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$/, 'a requester ID is bus:device.function, as in "00:02.0"')
        .describe('bus:device.function.'),
    }),
  ),
});

const domain = z.strictObject({
  stage: z.enum(['first', 'second', 'nested', 'pass-through']),
  did: z.int().min(0).max(0xffff).describe('Domain ID.'),
  map: z
    .record(
      z.string().regex(/^(0x[0-9a-fA-F]+|[0-9]+)$/, 'an IOVA is a number'),
      z.union([name, z.strictObject({ page: name, writable: z.boolean().default(true) })]),
    )
    .default({})
    .describe('IOVA of a 4 KB page: name of a page of memory, made when first named.'),
});

const attachment = z.strictObject({ device: name, pasid: pasid.default(0), domain: name });

const start = z.strictObject({
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

const place = z
  .string()
  .regex(
    placePattern,
    'a place is device.root, device.context, device.directory[pasid], device.pasid[pasid] or a page, then .q0 to .q7',
  );

const invalidation = z.union([
  z.strictObject({ 'pasid-cache': z.strictObject({ did: z.int().min(0).max(0xffff), pasid }) }),
  z.strictObject({ piotlb: z.strictObject({ did: z.int().min(0).max(0xffff), pasid }) }),
  z.strictObject({ iotlb: z.strictObject({ did: z.int().min(0).max(0xffff) }) }),
  z.strictObject({ context: z.strictObject({ device: name }) }),
  z.strictObject({ raw: z.array(word64).min(4).max(4).describe('Four quadwords, as they are: also malformed ones.') }),
]);

const target = z.union([z.literal('not-present'), z.strictObject({ domain: name })]);

const barrierName = z.enum(['smp_wmb', 'smp_rmb', 'smp_mb', 'dma_wmb', 'dma_rmb', 'wmb', 'rmb', 'mb']);

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
  z.strictObject({ submit: z.array(invalidation).min(1).max(16) }),
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
const step = z.union([
  ...simpleSteps,
  z.strictObject({ if: condition, do: z.array(middleStep), else: z.array(middleStep).default([]) }),
  z.strictObject({
    repeat: z.union([z.int().min(1).max(1000), z.strictObject({ until: condition })]),
    steps: z.array(middleStep).min(1),
  }),
]);

const cpu = z.int().min(0).max(15).describe('The CPU the task runs on.');
const idleSteps = z
  .int()
  .min(0)
  .max(1000)
  .default(0)
  .describe('The task begins after 0 to this many steps of other work, so that sampled runs begin it at any moment.');

const task = z.union([
  z.strictObject({
    cpu,
    idleSteps,
    flow: z.string().describe('A driver flow; `tornread list --flows` has them all.'),
    with: z.record(z.string(), z.union([z.string(), z.int(), z.boolean()])).default({}),
  }),
  z.strictObject({ cpu, idleSteps, steps: z.array(step).min(1) }),
  z.strictObject({
    device: name,
    dma: z.strictObject({
      pasid: pasid.optional().describe('Left out: a request without PASID.'),
      iova: address,
      write: z.boolean().default(false),
      repeat: z.int().min(1).max(1000).default(1),
    }),
  }),
]);

const limits = z.strictObject({
  maxEvents: z.int().min(1).max(100_000_000).default(20_000),
  maxTimeNs: z.int().min(1).max(Number.MAX_SAFE_INTEGER).default(600_000_000_000),
  maxRetries: z.int().min(1).max(1_000_000).default(1000),
});

/** An entry has at most 15 configurations in a run: one for each domain, and not present. */
const maxDomains = 14;
const maxTasks = 64;

/** Everything of a scenario that a run is built from, for one case, with its variables filled in. */
export const worldSchema = z.strictObject({
  platform,
  domains: z
    .record(name, domain)
    .refine((domains) => Object.keys(domains).length <= maxDomains, { message: `there can be ${maxDomains} domains` })
    .default({}),
  start: start.prefault({}),
  tasks: z
    .record(name, task)
    .refine((tasks) => Object.keys(tasks).length > 0, { message: 'a scenario has at least one task' })
    .refine((tasks) => Object.keys(tasks).length <= maxTasks, { message: `there can be ${maxTasks} tasks` }),
  limits: limits.prefault({}),
});

export type World = z.output<typeof worldSchema>;
export type WorldTask = World['tasks'][string];
export type InlineStep = z.output<typeof step>;
export type InlineInvalidation = z.output<typeof invalidation>;
export type InlineTarget = z.output<typeof target>;

const variable = z.union([z.string(), z.int(), z.bigint(), z.boolean()]);
const expectation = z.union([z.string(), z.array(z.string()).min(1)]);

const searchKind = z.enum(['explored', 'sampled']);
const search = z
  .union([
    searchKind,
    z
      .array(
        z.strictObject({
          when: z.record(z.string(), z.union([variable, z.array(variable)])).optional(),
          is: searchKind,
        }),
      )
      .min(1),
  ])
  .describe('explored: `tornread explore` searches every order; sampled: too large for that, so it runs seeds.');

/** A case: what is expected of it, and values for the scenario's `$variables`. */
const caseSchema = z
  .strictObject({
    title: z.string().optional(),
    expect: z
      .union([
        expectation,
        z
          .array(
            z.strictObject({
              when: z.record(z.string(), z.union([variable, z.array(variable)])).optional(),
              is: expectation,
            }),
          )
          .min(1),
      ])
      .describe('holds, a rule, a list of rules, or a list of {when, is}: the first that fits the matrix values.'),
    reach: z.array(z.string()).optional().describe('States that some schedule has to reach.'),
    search: search.optional(),
    matrix: z
      .record(z.string(), z.array(variable).min(1))
      .optional()
      .describe('One case for each combination of values of these variables.'),
    free: z
      .record(z.string(), z.array(variable).min(1))
      .optional()
      .describe('Values of these variables that each run draws one combination of, by its seed.'),
    runs: z.int().min(1).max(10_000_000).optional().describe('Schedules to try when the user names no number.'),
  })
  .catchall(z.unknown());

/** The file's frame; the rest of it is checked by {@link worldSchema} for each case. */
export const frameSchema = z.looseObject({
  title: z.string(),
  source: z.string().describe('Mail, commit or section of a specification.'),
  description: z.string().optional(),
  variables: z.record(z.string(), z.unknown()).optional().describe('Values of `$variables` that cases do not give.'),
  matrix: z
    .record(z.string(), z.array(variable).min(1))
    .optional()
    .describe('A matrix for every case without its own.'),
  free: z
    .record(z.string(), z.array(variable).min(1))
    .optional()
    .describe('Values that each run draws from, for every case without a `free` of its own.'),
  reach: z.array(z.string()).optional(),
  search: search.optional(),
  cases: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a case name is lower-case letters, digits and dashes'),
    caseSchema,
  ),
});

export type Case = z.output<typeof caseSchema>;

/** The whole file, for the JSON Schema that editors use. */
export const scenarioSchema = z.strictObject({
  ...frameSchema.shape,
  ...worldSchema.shape,
});
