/** Where something stands in a file; lines and columns count from 1, `endColumn` is on the same line. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

/** A mapping. The entries stand in source order, which a JavaScript object would not keep (keys such as `16`). */
export interface YamlMap extends Position {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
}

export interface YamlEntry {
  /** The key as written, without quotes: `0x1000` stays `0x1000`. */
  readonly key: string;
  /** Position of the key, and its value: the number 4096 for `0x1000`. */
  readonly keyNode: YamlScalar;
  readonly value: YamlNode;
}

interface YamlList extends Position {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
}

export interface YamlScalar extends Position {
  readonly kind: 'scalar';
  /** A whole number is a `number` when that is exact and a `bigint` otherwise. */
  readonly value: string | number | bigint | boolean | null;
  /** The text as written, without quotes, so that `0x10` can be shown as `0x10` again. */
  readonly source: string;
}

/** A part of a file. Two aliases of one anchor are the same node, standing where the anchor stands. */
export type YamlNode = YamlMap | YamlList | YamlScalar;

/** Plain data for a schema. */
export type PlainValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/**
 * The same tree as plain data. Objects have no prototype, so every key of the file is an own key and none can reach
 * `Object.prototype`. They do not keep the order of number-like keys: take the order from {@link YamlMap.entries}.
 */
export function toPlain(node: YamlNode): PlainValue {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const plain: Record<string, PlainValue> = Object.create(null);
      for (const { key, value } of node.entries) {
        plain[key] = toPlain(value);
      }
      return plain;
    }
  }
}

/** The entry of a mapping with this key as written. */
export function entryOf(node: YamlNode | undefined, key: PropertyKey): YamlEntry | undefined {
  return node?.kind === 'map' ? entriesByKey(node).get(String(key)) : undefined;
}

/** The node at a path, or undefined if the file has nothing there. */
export function nodeAt(node: YamlNode, path: readonly PropertyKey[]): YamlNode | undefined {
  let here: YamlNode | undefined = node;
  for (const step of path) {
    here = here?.kind === 'list' ? here.items[Number(step)] : entryOf(here, step)?.value;
  }
  return here;
}

/**
 * The position of what a path leads to: its value, or the key that names it (an item of a list and the whole tree
 * have no key, so they stand for themselves). If the path leaves the file, the last thing on it that exists.
 */
export function positionOf(node: YamlNode, path: readonly PropertyKey[], part: 'key' | 'value'): Position {
  let here = node;
  let key: YamlScalar | undefined;
  for (const step of path) {
    const entry = entryOf(here, step);
    const next = here.kind === 'list' ? here.items[Number(step)] : entry?.value;
    if (next === undefined) {
      break;
    }
    here = next;
    key = entry?.keyNode;
  }
  const { line, column, endColumn } = part === 'key' ? (key ?? here) : here;
  return { line, column, endColumn };
}

/** Filled on first use: looking each of many unknown keys up in turn would be quadratic. */
const keyIndexes = new WeakMap<YamlMap, ReadonlyMap<string, YamlEntry>>();

function entriesByKey(map: YamlMap): ReadonlyMap<string, YamlEntry> {
  let index = keyIndexes.get(map);
  if (index === undefined) {
    index = new Map(map.entries.map((entry) => [entry.key, entry]));
    keyIndexes.set(map, index);
  }
  return index;
}
