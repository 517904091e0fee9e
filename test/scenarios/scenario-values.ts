import fc from 'fast-check';
import type { Tree } from './scenario-tree.ts';

export type Mode = 'scalable' | 'legacy';

/* Wrong values are rare, as a file has dozens of places and should still load more often than not. */
export const device = weighted([
  [100, 'nic'],
  [3, 'gpu'],
  [1, 'usb'],
]);
export const domain = weighted([
  [12, 'a'],
  [6, 'b'],
  [3, 'c'],
]);
export const pasid = weighted([
  [60, 1],
  [12, 0],
  [8, 63],
  [8, 64],
  [4, 8191],
  [1, 8192],
  [1, 0xf_ffff],
]);
export const page = weighted([
  [60, 'page1'],
  [40, 'page2'],
  [20, 'p'],
  [1, 'nic'],
]);
const mappedIova = weighted([
  [100, 0x1000],
  [50, 0x2000],
  [20, 0],
  [20, 0xfee0_0000],
  [20, 2 ** 47 - 4096],
  [1, 0x1004],
  [1, 2 ** 47],
  [1, 2 ** 48],
  [1, Number.MAX_SAFE_INTEGER - 4095],
]);
export const iova = weighted([
  [20, 0x1000],
  [10, 0x2fff],
  [2, 0],
  [1, 0x1004],
  [1, 2 ** 47],
  [1, 2 ** 52],
  [1, 0xfee0_0000],
  [1, Number.MAX_SAFE_INTEGER],
]);
export const stage = weighted([
  [5, 'first'],
  [4, 'second'],
  [3, 'nested'],
  [2, 'pass-through'],
]);

export function weighted<T extends Tree>(options: readonly (readonly [weight: number, value: T])[]): fc.Arbitrary<T> {
  return fc.oneof(...options.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

/** Mostly nothing, sometimes the value. */
export function rarely<T>(arbitrary: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 20, arbitrary: fc.constant(undefined) }, { weight, arbitrary });
}

/** An object without the keys that have no value. */
export function mapping(parts: Readonly<Record<string, fc.Arbitrary<Tree | undefined>>>): fc.Arbitrary<Tree> {
  return fc
    .record(parts)
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Tree);
}

export function dictionary(
  keys: fc.Arbitrary<string>,
  values: fc.Arbitrary<Tree>,
  maxKeys: number,
): fc.Arbitrary<Tree> {
  return fc.dictionary(keys, values, { minKeys: 1, maxKeys, noNullPrototype: true }) as fc.Arbitrary<Tree>;
}

export const small = fc.integer({ min: 0, max: 6 });
const ns = weighted([
  [6, 0],
  [6, 10],
  [4, 1000],
  [1, 1_000_000_000],
  [1, 86_400_000_000_000],
]);
const window = fc.tuple(ns, ns).map(([a, b]): Tree => ({ minNs: Math.min(a, b), maxNs: Math.max(a, b) }));
const bit = fc.constantFrom(0, 1);

const timing = mapping({
  lookup: rarely(window),
  tableRead: rarely(window),
  quantumGap: rarely(window),
  request: rarely(window),
  access: rarely(window),
  descriptorFetch: rarely(window),
  invalidation: rarely(window),
});

const iommu = (mode: Mode): fc.Arbitrary<Tree> =>
  mapping({
    model: fc.constant('vtd'),
    mode: mode === 'legacy' ? fc.constant(mode) : rarely(fc.constant(mode)),
    fetchOrder: rarely(fc.constantFrom('ascending', 'descending', 'any')),
    fetchedQuanta: rarely(fc.constantFrom(2, 4)),
    coherentWalks: rarely(fc.boolean()),
    iotlbFirst: rarely(fc.boolean()),
    contextCacheEntries: rarely(small),
    pasidCacheEntries: rarely(small),
    iotlbEntries: rarely(small),
    invalidationWaitsForFetch: rarely(fc.boolean()),
    iotlbTagFrom: rarely(fc.constantFrom('walk', 'pasid-cache')),
    capabilities: rarely(mapping({ SRS: rarely(bit), SMPWC: rarely(bit), firstStageModeAlwaysUsed: rarely(bit) })),
    timing: rarely(timing),
  });

const requesterId = (usual: string): fc.Arbitrary<Tree> =>
  mapping({
    requesterId: weighted([
      [50, usual],
      [1, '00:02.0'],
      [1, 'ff:1f.7'],
    ]),
  });
const devices = fc
  .tuple(requesterId('00:02.0'), requesterId('00:1f.1'), requesterId('01:00.0'), fc.integer({ min: 1, max: 3 }))
  .map(([nic, gpu, usb, number]): Tree => Object.fromEntries(Object.entries({ nic, gpu, usb }).slice(0, number)));

export const platform = (mode: Mode): fc.Arbitrary<Tree> =>
  mapping({
    memory: rarely(fc.constantFrom('sc', 'x86-tso')),
    memoryPages: rarely(
      weighted([
        [10, 64],
        [5, 128],
        [1, 32],
        [2, 4096],
      ]),
    ),
    cpuStepNs: rarely(fc.constantFrom(0, 1, 10)),
    preemptMaxNs: rarely(fc.oneof(ns, fc.constant('unbounded'))),
    storeBufferEntries: rarely(fc.integer({ min: 1, max: 4 })),
    storeBufferMaxNs: rarely(ns),
    evictionLimit: rarely(small),
    iommu: iommu(mode),
    devices,
  });

export const iovaText = mappedIova.map((value) => (value % 3 === 0 ? String(value) : `0x${value.toString(16)}`));
export const mapTarget = fc.oneof(
  { weight: 4, arbitrary: page },
  { weight: 1, arbitrary: mapping({ page, writable: rarely(fc.boolean()) }) },
);
export const manyPages = fc
  .integer({ min: 1, max: 200 })
  .map(
    (count): Tree =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`0x${(i * 4096).toString(16)}`, `page${i}`])),
  );
