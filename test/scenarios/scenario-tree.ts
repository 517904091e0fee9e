import fc from 'fast-check';
import { flows, rules } from '../../scenarios/catalog.ts';
import { reachNames } from '../../scenarios/format/check-references.ts';

/** What a scenario file is made of: plain data, and bigints for numbers that need more than 53 bits. */
export type Tree = string | number | bigint | boolean | null | readonly Tree[] | { readonly [key: string]: Tree };

/** JSON is YAML; bigints are written as hexadecimal numbers. */
export function yamlOf(tree: Tree): string {
  if (typeof tree === 'bigint') {
    return tree < 0n ? String(tree) : `0x${tree.toString(16)}`;
  }
  if (typeof tree !== 'object' || tree === null) {
    return JSON.stringify(tree);
  }
  if (Array.isArray(tree)) {
    return `[${tree.map(yamlOf).join(', ')}]`;
  }
  const entries = Object.entries(tree).map(([key, value]) => `${JSON.stringify(key)}: ${yamlOf(value)}`);
  return `{ ${entries.join(', ')} }`;
}

/** Everything a mutation may put in some place. */
const vocabulary: readonly string[] = [
  'nic',
  'gpu',
  'a',
  'b',
  ...flows.map(({ name }) => name),
  ...reachNames,
  ...rules.map(({ rule }) => rule),
  'title',
  'platform',
  'iommu',
  'devices',
  'domains',
  'start',
  'attach',
  'tasks',
  'steps',
  'store',
  'cases',
  'expect',
  'matrix',
  'when',
  'is',
  'with',
  'flow',
  'nic.root.q5',
  'nic.pasid[1048575].q7',
  'page1.q7',
  'nic.pasid.q0',
  'nic.directory[99999999999999999999]',
  'nic',
  '$x',
  '$',
  '',
  ' ',
  'not-present',
  'unbounded',
];
const odd = fc.oneof(
  fc.constantFrom<Tree[]>(
    -1,
    0,
    1,
    2,
    0.5,
    255,
    65_535,
    65_536,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e300,
    null,
    true,
    false,
    [],
    {},
  ),
  fc.constantFrom<Tree[]>(2n ** 53n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 128n, -(2n ** 64n)),
  fc.constantFrom<Tree[]>(...vocabulary),
  fc.string({ maxLength: 8 }),
);

type Edit =
  | { readonly kind: 'replace'; readonly value: Tree }
  | { readonly kind: 'rename'; readonly key: string }
  | { readonly kind: 'remove' | 'repeat' | 'empty' };

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: odd.map((value): Edit => ({ kind: 'replace', value })) },
  { weight: 2, arbitrary: fc.constantFrom(...vocabulary).map((key): Edit => ({ kind: 'rename', key })) },
  { weight: 3, arbitrary: fc.constantFrom<Edit[]>({ kind: 'remove' }, { kind: 'repeat' }, { kind: 'empty' }) },
);

/** One change at a place that the number picks. */
const treeEdit = fc.tuple(fc.nat(), edit);

/** A tree with a few of its places spoilt. */
export function spoilt(tree: fc.Arbitrary<Tree>, maxEdits: number): fc.Arbitrary<Tree> {
  return fc
    .tuple(tree, fc.array(treeEdit, { maxLength: maxEdits }))
    .map(([whole, edits]) => edits.reduce((each, [where, how]) => edited(each, where, how), whole));
}

function edited(tree: Tree, where: number, how: Edit): Tree {
  const places = countPlaces(tree);
  return places === 0 ? tree : editAt(tree, { left: where % places }, how);
}

function countPlaces(tree: Tree): number {
  return typeof tree === 'object' && tree !== null
    ? Object.values(tree).reduce((sum: number, value: Tree) => sum + 1 + countPlaces(value), 0)
    : 0;
}

function editAt(tree: Tree, at: { left: number }, how: Edit): Tree {
  if (typeof tree !== 'object' || tree === null) {
    return tree;
  }
  const entries = Object.entries(tree).flatMap(([key, value]): readonly (readonly [string, Tree])[] => {
    at.left -= 1;
    return at.left === -1
      ? editedEntry(key, value as Tree, how)
      : [[key, at.left < -1 ? value : editAt(value as Tree, at, how)] as const];
  });
  return Array.isArray(tree) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}

function editedEntry(key: string, value: Tree, how: Edit): readonly (readonly [string, Tree])[] {
  switch (how.kind) {
    case 'replace':
      return [[key, how.value]];
    case 'rename':
      return [[how.key, value]];
    case 'remove':
      return [];
    case 'repeat':
      return [
        [key, value],
        [`${key}2`, value],
      ];
    case 'empty':
      return [[key, Array.isArray(value) ? [] : typeof value === 'string' ? '' : {}]];
  }
}
