import { z } from 'zod';
import { interruptRequest, interrupts } from './interrupt-schema.ts';
import { riscvPlatform } from './riscv-platform-schema.ts';
import { riscvDomain, riscvStart } from './riscv-world-schema.ts';
import { address, bareName, name, pasid, word64 } from './scalar-schemas.ts';
import { flowArguments, riscvStep, vtdStep } from './steps-schema.ts';
import { vtdPlatform } from './vtd-platform-schema.ts';
import { vtdDomain, vtdStart } from './vtd-world-schema.ts';

/*
 * The scenario format after variables are resolved. Every default of the simulator is here or in models' data, once;
 * .describe() texts become the editor's help through the JSON Schema.
 */

const cpu = z.int().min(0).max(15).describe('The CPU the task runs on.');
const idleSteps = z
  .int()
  .min(0)
  .max(1000)
  .default(0)
  .describe('The task begins after 0 to this many steps of other work, so that sampled runs begin it at any moment.');

const flowTask = z.strictObject({
  cpu,
  idleSteps,
  flow: z.string().describe('A driver flow; `tornread list --flows` has them all.'),
  with: flowArguments,
});

const dmaTask = z.strictObject({
  device: name,
  dma: z.strictObject({
    pasid: pasid.optional().describe('Left out: a request without PASID.'),
    iova: address,
    write: z.boolean().default(false),
    repeat: z.int().min(1).max(1000).default(1),
    after: name
      .optional()
      .describe('A page: the first request waits until its first 32-bit word is not 0, a doorbell.'),
    ats: z.boolean().optional().describe('Ask for translations first; left out: if the device has ATS.'),
  }),
});

const vtdTask = z.union([
  flowTask,
  z.strictObject({ cpu, idleSteps, steps: z.array(vtdStep).min(1) }),
  dmaTask,
  z.strictObject({ device: name, interrupt: interruptRequest }),
]);

const riscvTask = z.union([flowTask, z.strictObject({ cpu, idleSteps, steps: z.array(riscvStep).min(1) }), dmaTask]);

/** Values that loads of tasks have given, as `task.name: value`; of one outcome all together. */
const forbidden = z
  .array(
    z
      .record(z.string().regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/, 'a value is task.name'), word64)
      .refine((outcome) => Object.keys(outcome).length > 0, { message: 'an outcome has at least one value' }),
  )
  .max(16)
  .default([])
  .describe(
    'Outcomes that break the rule forbidden-outcome: what loads of tasks gave, by task.name, all of it together.',
  );

const limits = z.strictObject({
  maxEvents: z.int().min(1).max(100_000_000).default(20_000),
  maxTimeNs: z.int().min(1).max(Number.MAX_SAFE_INTEGER).default(600_000_000_000),
  maxRetries: z.int().min(1).max(1_000_000).default(1000),
});

/** An entry has at most 15 configurations in a run: one for each domain, and not present. */
const maxDomains = 14;
const maxTasks = 64;

const domainsOf = <T extends z.ZodType>(domain: T) =>
  z
    .record(bareName, domain)
    .refine((domains) => Object.keys(domains).length <= maxDomains, { message: `there can be ${maxDomains} domains` })
    .default({});

const tasksOf = <T extends z.ZodType>(task: T) =>
  z
    .record(bareName, task)
    .refine((tasks) => Object.keys(tasks).length > 0, { message: 'a scenario has at least one task' })
    .refine((tasks) => Object.keys(tasks).length <= maxTasks, { message: `there can be ${maxTasks} tasks` });

/** Everything of a scenario that a run is built from, for one case, with its variables filled in: beside VT-d. */
export const vtdWorldSchema = z.strictObject({
  platform: vtdPlatform,
  domains: domainsOf(vtdDomain),
  start: vtdStart.prefault({}),
  interrupts: interrupts.prefault({}),
  tasks: tasksOf(vtdTask),
  forbidden,
  limits: limits.prefault({}),
});

/** The same beside a RISC-V IOMMU. */
export const riscvWorldSchema = z.strictObject({
  platform: riscvPlatform,
  domains: domainsOf(riscvDomain),
  start: riscvStart.prefault({}),
  tasks: tasksOf(riscvTask),
  forbidden,
  limits: limits.prefault({}),
});

export type VtdWorld = z.output<typeof vtdWorldSchema>;
export type RiscvWorld = z.output<typeof riscvWorldSchema>;
export type World = VtdWorld | RiscvWorld;
export type WorldTask = World['tasks'][string];

export function isRiscv(world: World): world is RiscvWorld {
  return world.platform.iommu.model === 'riscv';
}

/** Top-level keys that cases fill in. */
export const worldKeys: readonly string[] = Object.keys(vtdWorldSchema.shape);

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

const runs = z.int().min(1).max(10_000_000).describe('Schedules to try when the user names no number.');

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
    runs: runs.optional(),
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
  runs: runs.optional(),
  search: search.optional(),
  cases: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a case name is lower-case letters, digits and dashes'),
    caseSchema,
  ),
});

export type Case = z.output<typeof caseSchema>;

/** The whole file, for the JSON Schema that editors use: every key may be as either IOMMU has it. */
export const scenarioSchema = z.strictObject({
  ...frameSchema.shape,
  platform: z.union([vtdPlatform, riscvPlatform]),
  domains: domainsOf(z.union([vtdDomain, riscvDomain])),
  start: z.union([vtdStart, riscvStart]).prefault({}),
  interrupts: vtdWorldSchema.shape.interrupts,
  tasks: tasksOf(z.union([...vtdTask.options, z.strictObject({ cpu, idleSteps, steps: z.array(riscvStep).min(1) })])),
  forbidden: vtdWorldSchema.shape.forbidden,
  limits: vtdWorldSchema.shape.limits,
});
