import fc from 'fast-check';
import { type TraceEvent, traceEventFields } from '../../models/trace-events.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const words = fc.array(word, { minLength: 1, maxLength: 16 });
const id = fc.integer({ min: -1, max: 3 });
const address = fc.oneof(fc.integer({ min: 0x3000, max: 0x3100 }), fc.integer({ min: 0, max: 2 ** 40 }));
const text = fc.string({ unit: 'grapheme', maxLength: 120 });

const structure = fc.constantFrom(
  'root-entry',
  'scalable-root-entry',
  'context-entry',
  'scalable-context-entry',
  'pasid-directory-entry',
  'pasid-entry',
  'interrupt-remapping-entry',
  'first-stage-paging-entry',
  'second-stage-paging-entry',
  'riscv-ddt-entry',
  'riscv-device-context',
  'riscv-pdt-entry',
  'riscv-process-context',
  'riscv-first-stage-pte',
  'riscv-second-stage-pte',
);

/** Values for a field of an event; a field of two events has one meaning in both. */
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  address,
  iova: address,
  pointer: address,
  words,
  before: words,
  newest: words,
  cpu: fc.integer({ min: 0, max: 2 }),
  name: fc.constantFrom('dma_wmb', 'smp_mb'),
  register: fc.constant('IQT'),
  global: fc.boolean(),
  page: fc.integer({ min: 0, max: 2 ** 40 }),
  pages: fc.constantFrom(0, 1, 512),
  itag: fc.integer({ min: 0, max: 31 }),
  state: fc.constantFrom('waits', 'arrives'),
  blocked: fc.boolean(),
  result: fc.constantFrom('done', 'open', 'unknown'),
  index: fc.integer({ min: -1, max: 0xffff }),
  indexMask: fc.integer({ min: 0, max: 31 }),
  slots: fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 3 }),
  error: fc.constantFrom(-22, -110),
  group: fc.integer({ min: 0, max: 511 }),
  structure,
  entry: id,
  version: fc.integer({ min: 0, max: 15 }),
  versionBefore: fc.integer({ min: 0, max: 15 }),
  hitless: fc.boolean(),
  legal: word,
  quantum: fc.integer({ min: 0, max: 3 }),
  present: fc.boolean(),
  reason: fc.integer({ min: 0, max: 0xff }),
  cache: fc.constantFrom(
    'context-cache',
    'pasid-cache',
    'iotlb',
    'device-tlb',
    'first-stage-paging',
    'second-stage-paging',
    'interrupt-entry-cache',
    'ddt-cache',
    'pdt-cache',
    'ioatc',
  ),
  sid: fc.integer({ min: 0, max: 0xffff }),
  sidMask: fc.integer({ min: 0, max: 0xffff }),
  pasid: id,
  did: fc.integer({ min: 0, max: 7 }),
  provenance: fc.array(fc.integer({ min: 0, max: 1024 }), { maxLength: 4 }),
  lines: fc.integer({ min: 1, max: 16 }),
  vector: fc.integer({ min: 0, max: 255 }),
  destination: word,
  descriptor: address,
  notifies: fc.boolean(),
  evicted: fc.boolean(),
  stage: fc.constantFrom('first', 'second'),
  level: fc.integer({ min: 1, max: 5 }),
  write: fc.boolean(),
  recorded: fc.boolean(),
  reads: fc.boolean(),
  writes: fc.boolean(),
  status: fc.constantFrom('success', 'UR', 'CA'),
  readable: fc.boolean(),
  writable: fc.boolean(),
  slot: fc.integer({ min: 0, max: 127 }),
  invalidation: fc.constantFrom(
    'context',
    'pasid-cache',
    'iotlb',
    'piotlb',
    'device-tlb',
    'pasid-device-tlb',
    'ddt',
    'pdt',
    'vma',
    'gvma',
  ),
  granularity: fc.constantFrom('global', 'domain', 'device', 'pasid', 'page'),
  data: word,
  code: word,
  text,
  rule: text,
  message: text,
  source: text,
};

/** Any event, fields drawn by the declared table, so that a new event is drawn as soon as it is declared. */
export const anyTraceEvent: fc.Arbitrary<TraceEvent> = fc.oneof(
  ...Object.entries<readonly string[]>(traceEventFields).map(([kind, names]) =>
    fc.record({ kind: fc.constant(kind), ...Object.fromEntries(names.map((each) => [each, arbitraryOf(each)])) }),
  ),
) as fc.Arbitrary<TraceEvent>;

function arbitraryOf(field: string): fc.Arbitrary<unknown> {
  const arbitrary = fields[field];
  if (arbitrary === undefined) {
    throw new Error(`test/cli/any-trace-event.ts has no values for the field "${field}"`);
  }
  return arbitrary;
}
