import fc from 'fast-check';
import type { ParameterSpec } from '../../models/linux/flow-definition.ts';
import { flows } from '../../scenarios/catalog.ts';
import { reachNames } from '../../scenarios/format/check-references.ts';
import { interruptIndex, interrupts, interruptTarget } from './interrupt-values.ts';
import type { Tree } from './scenario-tree.ts';
import {
  device,
  dictionary,
  domain,
  iova,
  iovaText,
  type Mode,
  manyPages,
  mapping,
  mapTarget,
  page,
  pasid,
  platform,
  rarely,
  small,
  stage,
  weighted,
} from './scenario-values.ts';

const domainTree = (mode: Mode): fc.Arbitrary<Tree> =>
  mapping({
    stage:
      mode === 'legacy'
        ? weighted([
            [9, 'second'],
            [9, 'pass-through'],
            [1, 'first'],
          ])
        : stage,
    did: weighted([
      [8, 5],
      [4, 8],
      [1, 0],
      [1, 65_535],
    ]),
    map: rarely(
      fc.oneof({ weight: 16, arbitrary: dictionary(iovaText, mapTarget, 3) }, { weight: 1, arbitrary: manyPages }),
    ),
  });

const start = (mode: Mode): fc.Arbitrary<Tree> => {
  const usual =
    mode === 'legacy'
      ? weighted([
          [30, 0],
          [1, 1],
        ])
      : pasid;
  const attachment = mapping({ device, pasid: rarely(usual), domain });
  const entry =
    mode === 'legacy' ? fc.constantFrom('root', 'context') : fc.constantFrom('root', 'context', 'pasid-directory');
  return mapping({
    attach: rarely(fc.array(attachment, { maxLength: 2 }), 60),
    notPresent: rarely(fc.array(mapping({ device, entry, pasid: rarely(usual) }), { maxLength: 2 })),
    leftover: rarely(fc.array(attachment, { minLength: 1, maxLength: 1 }), 1),
  });
};

const register = weighted([
  [60, 'x'],
  [1, 'y'],
]);
const word = weighted<Tree>([
  [12, 0],
  [6, 1],
  [6, 0xdead_000],
  [6, 0xffff_ffff],
  [1, 2n ** 64n - 1n],
  [1, 2n ** 64n],
]);
const wideWord = weighted<Tree>([
  [10, 0],
  [10, 2n ** 64n],
  [10, 2n ** 128n - 1n],
  [1, 2n ** 128n],
]);
const did = weighted([
  [6, 5],
  [3, 8],
  [1, 65_535],
]);
const range = {
  address: rarely(fc.constantFrom<Tree>(0, 0x1000, 0x2000)),
  addressMask: rarely(
    weighted([
      [4, 0],
      [1, 1],
      [1, 19],
    ]),
  ),
  hint: rarely(fc.boolean()),
};
const invalidation = fc.oneof(
  mapping({ 'pasid-cache': mapping({ did, pasid }) }),
  mapping({ piotlb: mapping({ did, pasid, ...range }) }),
  mapping({ iotlb: mapping({ did, ...range }) }),
  mapping({ context: mapping({ device }) }),
  mapping({
    raw: fc.array(fc.oneof(fc.constant(0), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), {
      minLength: 4,
      maxLength: 4,
    }),
  }),
);
const barrier = fc.constantFrom('smp_wmb', 'smp_rmb', 'smp_mb', 'dma_wmb', 'dma_rmb', 'wmb', 'rmb', 'mb');
const pagePlace = page.map((name) => `${name}.q1`);

/** An entry with what an update of it can lead to. */
const updatable = (mode: Mode): fc.Arbitrary<{ entry: string; targets: fc.Arbitrary<Tree> }> => {
  const toDomain = fc.oneof<fc.Arbitrary<Tree>[]>(fc.constant('not-present'), mapping({ domain }));
  const away = fc.constant<Tree>('not-present');
  const root = device.map((name) => ({ entry: `${name}.root`, targets: away }));
  if (mode === 'legacy') {
    return fc.oneof(
      root,
      device.map((name) => ({ entry: `${name}.context`, targets: toDomain })),
    );
  }
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .tuple(device, pasid)
        .map(([name, index]) => ({ entry: `${name}.pasid[${index}]`, targets: toDomain })),
    },
    { weight: 3, arbitrary: device.map((name) => ({ entry: `${name}.pasid`, targets: toDomain })) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(device, pasid)
        .map(([name, index]) => ({ entry: `${name}.directory[${index}]`, targets: away })),
    },
    { weight: 3, arbitrary: device.map((name) => ({ entry: `${name}.context`, targets: away })) },
    { weight: 3, arbitrary: root },
    { weight: 1, arbitrary: device.map((name) => ({ entry: `${name}.root[3]`, targets: toDomain })) },
  );
};

const simpleStep = (mode: Mode): fc.Arbitrary<Tree> => {
  const entry = updatable(mode).map((each) => each.entry);
  const qword = weighted([
    [20, '.q0'],
    [1, '.q1'],
    [1, '.q7'],
    [10, ''],
  ]);
  const place = fc.oneof(
    fc.tuple(entry, qword).map((parts) => parts.join('')),
    fc
      .tuple(
        page,
        weighted([
          [1, '.q0'],
          [1, '.q1'],
          [1, '.q7'],
        ]),
      )
      .map((parts) => parts.join('')),
  );
  const wide = fc
    .tuple(
      page,
      weighted([
        [10, '.q0'],
        [10, '.q6'],
        [1, '.q7'],
      ]),
    )
    .map((parts) => parts.join(''));
  const declared = updatable(mode).chain(({ entry: name, targets }) =>
    fc.oneof(
      mapping({
        begin: mapping({
          entry: fc.constant(name),
          targets: fc.array(targets, { minLength: 1, maxLength: 2 }),
          hitless: rarely(fc.boolean()),
        }),
      }),
      mapping({ end: mapping({ entry: fc.constant(name), target: targets }) }),
    ),
  );
  return fc.oneof(
    mapping({ store: mapping({ to: place, value: word, bits: rarely(fc.constant(64)) }) }),
    mapping({ store: mapping({ to: place, value: fc.constantFrom(0, 1), bits: fc.constant(32) }) }),
    mapping({ store: mapping({ to: wide, value: wideWord, bits: fc.constant(128) }) }),
    mapping({ load: mapping({ from: place, as: register }) }),
    mapping({ fence: barrier }),
    mapping({ flush: place }),
    mapping({ submit: fc.array(invalidation, { minLength: 1, maxLength: 3 }) }),
    mapping({ wait: mapping({ for: pagePlace, value: fc.constantFrom(0, 1) }) }),
    mapping({ lock: pagePlace }),
    mapping({ unlock: pagePlace }),
    declared,
  );
};

const condition = mapping({ value: register, equals: word });
const nested = (inner: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> => {
  const load = mapping({ load: mapping({ from: pagePlace, as: register }) });
  const loadFirst = fc.tuple(load, fc.array(inner, { maxLength: 2 })).map(([first, rest]): Tree => [first, ...rest]);
  return fc.oneof(
    { weight: 12, arbitrary: inner },
    {
      weight: 1,
      arbitrary: mapping({
        if: condition,
        do: fc.array(inner, { maxLength: 2 }),
        else: rarely(fc.array(inner, { maxLength: 2 })),
      }),
    },
    {
      weight: 1,
      arbitrary: mapping({
        repeat: weighted([
          [6, 2],
          [1, 1000],
        ]),
        steps: fc.array(inner, { minLength: 1, maxLength: 2 }),
      }),
    },
    { weight: 1, arbitrary: mapping({ repeat: mapping({ until: condition }), steps: loadFirst }) },
  );
};

/** Arguments by the flow's own table, so that most fit. */
const flowTask = (mode: Mode): fc.Arbitrary<Tree> => {
  const isPasid = ({ parameters }: (typeof flows)[number]) =>
    Object.values(parameters).some(({ type }) => type === 'pasid');
  const fitting = flows.filter((flow) =>
    flow.mode === undefined
      ? /root|irte/.test(flow.name) || isPasid(flow) === (mode === 'scalable')
      : flow.mode === mode,
  );
  const usual = fc.constantFrom(...fitting);
  return fc
    .oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...flows) })
    .chain(({ name, parameters }) => {
      const values = Object.entries(parameters).map(([key, spec]) => [
        key,
        'default' in spec ? rarely(argument(spec)) : argument(spec),
      ]);
      const task = { cpu: fc.constantFrom(0, 1), idleSteps: rarely(small), flow: fc.constant(name) };
      return mapping({ ...task, with: mapping(Object.fromEntries(values)) });
    });
};

function argument(spec: ParameterSpec): fc.Arbitrary<Tree> {
  switch (spec.type) {
    case 'device':
      return device;
    case 'domain':
      return domain;
    case 'pasid':
      return pasid;
    case 'interrupt':
      return interruptIndex;
    case 'interrupt-target':
      return interruptTarget;
    case 'iova':
      return fc.constantFrom(0x1000, 0x2000);
    case 'page':
      return fc.constantFrom('page1', 'page2');
    case 'boolean':
      return fc.boolean();
    case 'choice':
      return fc.constantFrom(...spec.values);
  }
}

const cpuTask = (mode: Mode): fc.Arbitrary<Tree> => {
  const step = nested(nested(simpleStep(mode)));
  const steps = fc
    .array(step, { maxLength: 5 })
    .map((rest): Tree => [{ load: { from: 'page2.q1', as: 'x' } }, ...rest]);
  return fc.oneof(
    { weight: 3, arbitrary: flowTask(mode) },
    { weight: 4, arbitrary: mapping({ cpu: fc.constantFrom(0, 1, 15), steps }) },
  );
};

const interruptTask = mapping({
  device,
  interrupt: mapping({ index: interruptIndex, repeat: rarely(fc.constantFrom(1, 2, 1000)) }),
});

const dmaTask = mapping({
  device,
  dma: mapping({
    pasid: rarely(pasid),
    iova,
    write: rarely(fc.boolean()),
    repeat: rarely(fc.constantFrom(1, 2, 5, 1000)),
  }),
});

function fileOf(mode: Mode): fc.Arbitrary<Tree> {
  const domains = fc.record({ a: domainTree(mode), b: domainTree(mode), c: domainTree(mode) });
  return mapping({
    title: fc.constant('fuzzed'),
    source: fc.constant('a grammar'),
    platform: platform(mode),
    domains: domains.map((each): Tree => ({ ...each })),
    start: start(mode),
    interrupts: rarely(interrupts, 30),
    tasks: fc
      .tuple(
        fc.array(cpuTask(mode), { minLength: 1, maxLength: 2 }),
        fc.array(dmaTask, { maxLength: 2 }),
        rarely(interruptTask),
      )
      .map(([cpu, dma, interrupt]): Tree => {
        const tasks = [...cpu, ...dma, ...(interrupt === undefined ? [] : [interrupt])];
        return Object.fromEntries(tasks.map((task, i) => [`task-${i}`, task]));
      }),
    limits: rarely(
      mapping({
        maxRetries: rarely(fc.constantFrom(1, 1000)),
        maxTimeNs: rarely(fc.constantFrom(1, Number.MAX_SAFE_INTEGER)),
      }),
    ),
    reach: rarely(fc.array(fc.constantFrom(...reachNames), { maxLength: 2 })),
    cases: weighted<Tree>([
      [4, { one: { expect: 'holds' } }],
      [2, { one: { expect: 'corrupted-entry' }, two: { expect: ['stale-translation', 'wrong-tag'], runs: 3 } }],
    ]),
  });
}

/** A whole file, in a form that mostly loads. */
export const scenarioTree: fc.Arbitrary<Tree> = fc.oneof(
  { weight: 3, arbitrary: fileOf('scalable') },
  { weight: 1, arbitrary: fileOf('legacy') },
);
