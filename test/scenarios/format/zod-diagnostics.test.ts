import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readYaml } from '../../../scenarios/format/read-yaml.ts';
import { ScenarioError } from '../../../scenarios/format/scenario-error.ts';
import { parseDocument, zodDiagnostics } from '../../../scenarios/format/zod-diagnostics.ts';

const whole = z.number().int().min(0);
const step = z.union([
  z.strictObject({ store: z.strictObject({ address: whole, value: z.union([whole, z.bigint()]) }) }),
  z.strictObject({ load: z.strictObject({ address: whole }) }),
  z.strictObject({ fence: z.enum(['full', 'store', 'load']) }),
]);
const schema = z.strictObject({
  title: z.string().min(1),
  iommu: z
    .discriminatedUnion('model', [
      z.strictObject({ model: z.literal('vtd'), fetchOrder: z.enum(['any', 'in-order']).default('any') }),
      z.strictObject({ model: z.literal('smmu'), stages: whole.max(2).optional() }),
    ])
    .optional(),
  domains: z.record(z.string().regex(/^[a-z]+$/), z.strictObject({ did: whole.max(0xffff) })).optional(),
  repeat: z.union([whole, z.literal('forever')]).optional(),
  owner: z
    .union([
      z.strictObject({ kind: z.literal('cpu'), cpu: whole }),
      z.strictObject({ kind: z.literal('device'), id: whole }),
    ])
    .optional(),
  steps: z.array(step).min(1),
  until: z
    .string()
    .refine((text) => text.endsWith('ns'), { message: 'a time ends with its unit', params: { hint: 'write 5ns' } })
    .optional(),
});

/** Each mistake as `line:column-endColumn message`, with the hint in brackets. */
function complaints(text: string, against: z.ZodType = schema): readonly string[] {
  try {
    parseDocument(readYaml('x.yaml', new TextEncoder().encode(text)), against);
  } catch (error) {
    if (error instanceof ScenarioError) {
      return error.diagnostics.map(
        ({ line, column, endColumn, message, hint }) =>
          `${line}:${column}-${endColumn} ${message}${hint === undefined ? '' : ` [${hint}]`}`,
      );
    }
    throw error;
  }
  return [];
}

const rest = 'title: t\nsteps: [{ fence: full }]\n';

it('gives what the schema makes of a good file', () => {
  const document = readYaml('x.yaml', new TextEncoder().encode(`${rest}iommu: { model: vtd }\n`));
  expect(parseDocument(document, schema)).toEqual({
    title: 't',
    steps: [{ fence: 'full' }],
    iommu: { model: 'vtd', fetchOrder: 'any' },
  });
});

it('explains issues that were found elsewhere', () => {
  const { root } = readYaml('x.yaml', new TextEncoder().encode('a: 1\n'));
  const issues = z.strictObject({ a: z.string() }).safeParse({ a: 1 }).error?.issues ?? [];
  expect(zodDiagnostics({ file: 'y.yaml', root }, z.unknown(), issues)).toEqual([
    { file: 'y.yaml', line: 1, column: 4, endColumn: 5, message: 'expected text, got 1', hint: 'quote it: "1"' },
  ]);
});

describe('keys', () => {
  it.each([
    ['titel: t\nsteps: [{ fence: full }]\n', '1:1-6 unknown key "titel" [did you mean "title"?]'],
    ['title: t\n', '1:1-9 missing key "steps"'],
    [`${rest}zzz: 1\n`, '3:1-4 unknown key "zzz" [known keys: title, iommu, domains, repeat, owner, steps, until]'],
    [`${rest}iommu: { model: vtd, fetchOder: any }\n`, '3:22-31 unknown key "fetchOder" [did you mean "fetchOrder"?]'],
    [`${rest}iommu: { model: vtd, stages: 1 }\n`, '3:22-28 unknown key "stages" [known keys: model, fetchOrder]'],
    [`${rest}iommu: {}\n`, '3:1-6 missing key "model" [it can be "vtd", "smmu"]'],
    [`${rest}domains:\n  a: {}\n`, '4:3-4 missing key "did"'],
    [`${rest}domains: { A1: { did: 1 } }\n`, '3:12-14 "A1" cannot be a key here [a key is text like /^[a-z]+$/]'],
  ])('%j', (text, expected) => {
    expect(complaints(text)).toEqual([expected]);
  });

  it('takes them from behind lazy, optional and preprocessing wrappers', () => {
    type Tree = { child?: Tree | undefined };
    const tree: z.ZodType<Tree> = z.lazy(() => z.strictObject({ child: tree.optional() }));
    expect(
      complaints(
        'child: { child: { chidl: {} } }\n',
        z.preprocess((value) => value, tree),
      ),
    ).toEqual(['1:19-24 unknown key "chidl" [did you mean "child"?]']);
  });
});

describe('values', () => {
  it.each([
    ['title: [a]\nsteps: [{ fence: full }]\n', '1:8-11 expected text, got a list'],
    ['title: 5\nsteps: [{ fence: full }]\n', '1:8-9 expected text, got 5 [quote it: "5"]'],
    ['title: ""\nsteps: [{ fence: full }]\n', '1:8-10 "title" must have at least 1 character, got ""'],
    ['title:\nsteps: [{ fence: full }]\n', '1:7-7 "title" has no value; expected text'],
    ['title: t\nsteps: []\n', '2:8-10 "steps" must have at least 1 item, got 0'],
    ['title: t\nsteps: { a: 1 }\n', '2:8-16 expected a list, got a mapping'],
    [`${rest}domains: { a: { did: [1] } }\n`, '3:22-25 expected a whole number, got a list'],
    [`${rest}domains: { a: { did: 1.5 } }\n`, '3:22-25 expected a whole number, got 1.5'],
    [`${rest}domains: { a: { did: -8 } }\n`, '3:22-24 "did" must be at least 0, got -8'],
    [`${rest}domains: { a: { did: 65536 } }\n`, '3:22-27 "did" must be at most 65535, got 65536'],
    [`${rest}domains: { a: { did: 0x10000 } }\n`, '3:22-29 "did" must be at most 65535 (0xffff), got 0x10000'],
    [`${rest}domains: { a: { did: "5" } }\n`, '3:22-25 expected a whole number, got the text "5" [remove the quotes]'],
    [
      `${rest}domains: { a: { did: 0xffffffffffffffff } }\n`,
      '3:22-40 expected a whole number of at most 53 bits, got 0xffffffffffffffff',
    ],
    [`${rest}until: 5\n`, '3:8-9 expected text, got 5 [quote it: "5"]'],
    [`${rest}until: soon\n`, '3:8-12 a time ends with its unit [write 5ns]'],
    [
      `${rest}iommu: { model: vtd, fetchOrder: inorder }\n`,
      '3:34-41 "inorder" is not a value of "fetchOrder"; expected one of "any", "in-order" [did you mean "in-order"?]',
    ],
    [`${rest}iommu: { model: vtd, fetchOrder: [] }\n`, '3:34-36 expected one of "any", "in-order", got a list'],
    [
      `${rest}iommu: { model: vdt }\n`,
      '3:17-20 "vdt" is not a value of "model"; expected one of "vtd", "smmu" [did you mean "vtd"?]',
    ],
  ])('%j', (text, expected) => {
    expect(complaints(text)).toEqual([expected]);
  });

  it('keep all 64 bits where the schema takes a bigint', () => {
    expect(complaints('title: t\nsteps: [{ store: { address: 1, value: 0xffffffffffffffff } }]\n')).toEqual([]);
  });
});

describe('unions explain the branch that got furthest', () => {
  const withStep = (text: string) => `title: t\nsteps:\n  - ${text}\n`;
  it.each([
    [withStep('{ load: { address: -1 } }'), '3:24-26 "address" must be at least 0, got -1'],
    [withStep('{ load: { adress: 1 } }'), '3:15-21 unknown key "adress" [did you mean "address"?]'],
    [withStep('{ laod: { address: 1 } }'), '3:7-11 unknown key "laod" [did you mean "load"?]'],
    [withStep('{ zap: 1 }'), '3:7-10 unknown key "zap" [known keys: store, load, fence]'],
    [withStep('{}'), '3:5-7 expected one of the keys store, load, fence; got an empty mapping'],
    [withStep('{ load: { address: 1 }, xyz: 1 }'), '3:29-32 unknown key "xyz" [known keys: load]'],
    [withStep('fence'), '3:5-10 expected a mapping, got "fence"'],
    [
      withStep('{ fence: ful }'),
      '3:14-17 "ful" is not a value of "fence"; expected one of "full", "store", "load" [did you mean "full"?]',
    ],
    [withStep('{ store: { address: 1, value: [] } }'), '3:35-37 expected a whole number, got a list'],
    [`${rest}repeat: []\n`, '3:9-11 expected a whole number or "forever", got a list'],
    [`${rest}repeat: forevr\n`, '3:9-15 expected a whole number or "forever", got "forevr"'],
    [`${rest}repeat: -1\n`, '3:9-11 "repeat" must be at least 0, got -1'],
    [
      `${rest}owner: { kind: cpuu, cpu: 1 }\n`,
      '3:16-20 "cpuu" is not a value of "kind"; expected one of "cpu", "device" [did you mean "cpu"?]',
    ],
    [`${rest}owner: { kind: device, cpu: 1, id: 2 }\n`, '3:24-27 unknown key "cpu" [known keys: kind, id]'],
    [`${rest}owner: { kind: cpu, cpu: x }\n`, '3:26-27 expected a whole number, got "x"'],
  ])('%j', (text, expected) => {
    expect(complaints(text)).toEqual([expected]);
  });
});

describe('many mistakes', () => {
  it('are told at once, from top to bottom', () => {
    const text = 'domains:\n  a: { did: x }\nsteps: [{ fence: 1 }, { load: 1 }]\ntitel: t\nzzz: 1\n';
    expect(complaints(text).map((each) => each.split(' ')[0])).toEqual([
      '2:13-14',
      '3:18-19',
      '3:31-32',
      '4:1-6',
      '5:1-4',
    ]);
  });

  it('of 20 000 are told in time', () => {
    const start = performance.now();
    const keys = Array.from({ length: 20_000 }, (_, index) => `tilte${index}: 1\n`).join('');
    expect(complaints(rest + keys)).toHaveLength(20_000);
    expect(complaints(`title: t\nsteps:\n${'- { laod: 1 }\n'.repeat(10_000)}`)).toHaveLength(10_000);
    expect(performance.now() - start).toBeLessThan(8000);
  });
});

it('2 000 random documents throw nothing but ScenarioError, at places inside the file', () => {
  const word = fc.constantFrom(
    'title',
    'steps',
    'iommu',
    'model',
    'vtd',
    'owner',
    'kind',
    'cpu',
    'store',
    'load',
    'fence',
    'x',
    'did',
  );
  const leaf = fc.oneof(word, fc.integer(), fc.bigInt(), fc.boolean(), fc.constant(null), fc.double({ noNaN: true }));
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(word, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  const toJson = (value: unknown) =>
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
  const property = fc.property(fc.dictionary(word, tree, { minKeys: 1, maxKeys: 6 }), (value) => {
    for (const complaint of complaints(toJson(value))) {
      expect(complaint).toMatch(/^1:[1-9][0-9]*-[1-9][0-9]* \S/);
      expect(complaint).not.toContain('undefined');
    }
  });
  fc.assert(property, { numRuns: 2000, seed: 4 });
});
