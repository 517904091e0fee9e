import {
  type Alias,
  isAlias,
  isMap,
  isPair,
  isScalar,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type Diagnostic, quote } from '../../diagnostics/diagnostic.ts';
import { maxDepth } from './yaml-guards.ts';
import type { YamlEntry, YamlNode, YamlScalar } from './yaml-node.ts';
import { diagnosticAt, positionAt, type TextPlaces } from './yaml-places.ts';
import { readPlainScalar } from './yaml-scalar.ts';

/** How many parts all aliases of a file together may stand for: what keeps a few lines from meaning a billion. */
const maxAliasedParts = 10_000;

/** Names that every JavaScript object has: as keys they would be found where nobody wrote them. */
const objectMembers: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(Object.prototype), 'prototype']);

/** A subtree, with what an alias to it costs. */
interface Part {
  readonly node: YamlNode;
  readonly partCount: number;
  readonly height: number;
}

interface Build {
  readonly places: TextPlaces;
  readonly problems: Diagnostic[];
  /** undefined: the anchor is on a part that we are still inside of. */
  readonly anchors: Map<string, Part | undefined>;
  aliasedParts: number;
}

/** Our tree from yaml's. Mistakes are added to `problems`; the tree is to be used only if there are none. */
export function buildTree(contents: ParsedNode, places: TextPlaces, problems: Diagnostic[]): YamlNode {
  return part({ places, problems, anchors: new Map(), aliasedParts: 0 }, contents, 1).node;
}

// The recursion is bounded: the file itself is at most maxDepth deep, and an alias is not walked a second time.
function part(build: Build, node: ParsedNode, depth: number): Part {
  if (isAlias(node)) {
    return aliased(build, node, depth);
  }
  const anchor = node.anchor;
  if (anchor !== undefined) {
    build.anchors.set(anchor, undefined);
  }
  const result = isScalar(node)
    ? leaf(scalar(build, node))
    : isMap(node)
      ? map(build, node, depth)
      : list(build, node, depth);
  if (anchor !== undefined) {
    build.anchors.set(anchor, result);
  }
  return result;
}

function leaf(node: YamlNode): Part {
  return { node, partCount: 1, height: 0 };
}

function aliased(build: Build, node: Alias.Parsed, depth: number): Part {
  const target = build.anchors.get(node.source);
  const refuse = (message: string): Part => {
    complain(build, node, message);
    return leaf({ kind: 'scalar', value: null, source: '', ...place(build, node) });
  };
  if (target === undefined) {
    const inside = build.anchors.has(node.source);
    return refuse(
      inside ? `the alias *${node.source} stands inside its own anchor` : `no anchor &${node.source} before this alias`,
    );
  }
  if (depth - 1 + target.height > maxDepth) {
    return refuse(`nested more than ${maxDepth} levels deep`);
  }
  const before = build.aliasedParts;
  build.aliasedParts += target.partCount;
  if (build.aliasedParts > maxAliasedParts) {
    // Told once: every later alias would be one too many as well.
    return before > maxAliasedParts
      ? leaf(target.node)
      : refuse(`the aliases of this file stand for more than ${maxAliasedParts} parts`);
  }
  return target;
}

function list(build: Build, node: YAMLSeq.Parsed, depth: number): Part {
  const parts = node.items.map((item) => (isPair(item) ? leaf(nothingAt(build, node)) : part(build, item, depth + 1)));
  return collection({ kind: 'list', items: parts.map((each) => each.node), ...place(build, node) }, parts);
}

function map(build: Build, node: YAMLMap.Parsed, depth: number): Part {
  const entries: YamlEntry[] = [];
  const parts: Part[] = [];
  const firstLines = new Map<string | number | bigint, number>();
  for (const pair of node.items) {
    const keyNode = key(build, pair.key);
    const value = pair.value === null ? leaf(afterKey(keyNode)) : part(build, pair.value, depth + 1);
    parts.push(value);
    checkDuplicate(build, keyNode, firstLines);
    entries.push({ key: keyNode.source, keyNode, value: value.node });
  }
  return collection({ kind: 'map', entries, ...place(build, node) }, parts);
}

function collection(node: YamlNode, parts: readonly Part[]): Part {
  const partCount = parts.reduce((sum, each) => sum + each.partCount, 1);
  const height = parts.reduce((highest, each) => Math.max(highest, each.height), 0) + 1;
  return { node, partCount, height };
}

function key(build: Build, node: ParsedNode): YamlScalar {
  if (!isScalar(node)) {
    complain(
      build,
      node,
      `a key must be a single value, not ${isAlias(node) ? 'an alias' : isMap(node) ? 'a mapping' : 'a list'}`,
    );
    return nothingAt(build, node);
  }
  const read = scalar(build, node);
  if (node.anchor !== undefined) {
    complain(build, node, 'a key cannot have an anchor');
  } else if (read.source === '' && node.type === 'PLAIN') {
    complain(build, node, 'a key is missing before ":"');
  } else if (read.source === '<<' && node.type === 'PLAIN') {
    complain(build, node, 'merge keys are not supported', 'write the keys out');
  } else if (objectMembers.has(read.source)) {
    complain(
      build,
      node,
      `unknown key ${quote(read.source)}`,
      'every JavaScript object has a member of this name; choose another name',
    );
  }
  return read;
}

/** 16 and 0x10 are the same key. So are 16 and "16", since a key is known by its text. */
function checkDuplicate(
  build: Build,
  { source, value, ...at }: YamlScalar,
  firstLines: Map<string | number | bigint, number>,
): void {
  const names = typeof value === 'number' || typeof value === 'bigint' ? [source, value] : [source];
  for (const name of names) {
    const firstLine = firstLines.get(name);
    if (firstLine !== undefined) {
      const { line, column, endColumn } = at;
      const message = `duplicate key ${quote(source)}; first defined at line ${firstLine}`;
      build.problems.push({ file: build.places.file, line, column, endColumn, message });
      return;
    }
  }
  for (const name of names) {
    firstLines.set(name, at.line);
  }
}

function scalar(build: Build, node: Scalar.Parsed): YamlScalar {
  const text = String(node.value);
  const at = place(build, node);
  if (node.type !== 'PLAIN') {
    return { kind: 'scalar', value: text, source: text, ...at };
  }
  const read = readPlainScalar(text);
  if ('problem' in read) {
    complain(build, node, read.problem, read.hint);
    return { kind: 'scalar', value: null, source: text, ...at };
  }
  return { kind: 'scalar', value: read.value, source: text, ...at };
}

/** The value of `key` in `{ key, … }`, which is null and has no text of its own. */
function afterKey({ line, endColumn }: YamlScalar): YamlScalar {
  return { kind: 'scalar', value: null, source: '', line, column: endColumn, endColumn };
}

function nothingAt(build: Build, node: ParsedNode): YamlScalar {
  return { kind: 'scalar', value: null, source: '', ...place(build, node) };
}

function place(build: Build, node: ParsedNode): ReturnType<typeof positionAt> {
  return positionAt(build.places, node.range[0], node.range[1]);
}

function complain(build: Build, node: ParsedNode, message: string, hint?: string): void {
  build.problems.push(diagnosticAt(build.places, node.range[0], node.range[1], message, hint));
}
