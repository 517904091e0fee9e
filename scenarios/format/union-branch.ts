import type { z } from 'zod';
import { closest } from '../../diagnostics/diagnostic.ts';
import { knownKeys } from './schema-walk.ts';
import { entryOf, nodeAt, type YamlNode } from './yaml-node.ts';
import { listValues, typeName } from './zod-messages.ts';

type Issues = readonly z.core.$ZodIssue[];

/** What to tell about a value that fits no branch of a union. */
type UnionFailure =
  /** The value is of a kind that no branch has. */
  | { readonly kind: 'nothing fits'; readonly expected: readonly string[] }
  /** The branches are told apart by a value, and none has this one. */
  | {
      readonly kind: 'no such value';
      readonly path: readonly PropertyKey[];
      readonly values: readonly z.core.util.Primitive[];
    }
  /** A mapping none of whose keys is known to any branch. */
  | { readonly kind: 'no known key'; readonly keys: string[] }
  /** The branch that the author most likely had in mind. */
  | { readonly kind: 'branch'; readonly index: number; readonly issues: Issues };

interface Branch {
  readonly index: number;
  readonly issues: Issues;
  /** A literal that tells branches apart and is another one here. */
  readonly otherLiteral: z.core.$ZodIssueInvalidValue | undefined;
  readonly depth: number;
  readonly familiarKeys: number;
}

/**
 * Chooses what to explain: the branch that got furthest, which is the one whose telling literal fits, whose mistakes
 * lie deepest, that knows most of the keys, that has the fewest mistakes, in this order.
 */
export function furthestBranch(
  node: YamlNode | undefined,
  errors: readonly Issues[],
  options: readonly z.core.$ZodType[] | undefined,
): UnionFailure {
  const rejections = errors.map((issues, index) => rejection(issues, optionAt(options, index)));
  const branches = errors
    .map((issues, index) => toBranch(node, issues, index, optionAt(options, index)))
    .filter(({ index }) => rejections[index] === undefined);
  if (branches.length === 0) {
    return nothingFits(errors, rejections);
  }
  const literal = sharedLiteral(branches);
  if (literal !== undefined) {
    return literal;
  }
  const [best] = branches.sort(byMerit);
  const keys = node?.kind === 'map' ? node.entries.map((entry) => entry.key) : [];
  if (
    best === undefined ||
    (node?.kind === 'map' && branches.length > 1 && best.depth === 0 && best.familiarKeys === 0)
  ) {
    return { kind: 'no known key', keys };
  }
  return { kind: 'branch', index: best.index, issues: best.issues };
}

function byMerit(a: Branch, b: Branch): number {
  const literal = Number(a.otherLiteral !== undefined) - Number(b.otherLiteral !== undefined);
  return (
    literal ||
    b.depth - a.depth ||
    b.familiarKeys - a.familiarKeys ||
    a.issues.length - b.issues.length ||
    a.index - b.index
  );
}

function toBranch(
  node: YamlNode | undefined,
  issues: Issues,
  index: number,
  option: readonly z.core.$ZodType[],
): Branch {
  const otherLiteral = issues.find(
    (issue) =>
      issue.code === 'invalid_value' &&
      issue.values.length === 1 &&
      node !== undefined &&
      nodeAt(node, issue.path) !== undefined,
  );
  const known = knownKeys(option, node);
  // A sample is enough to recognise a branch, and comparing tens of thousands of keys takes seconds.
  const entries = node?.kind === 'map' ? node.entries.slice(0, 100) : [];
  const familiar = entries.filter(({ key }) => known.includes(key) || closest(key, known) !== undefined);
  return {
    index,
    issues,
    otherLiteral: otherLiteral?.code === 'invalid_value' ? otherLiteral : undefined,
    depth: Math.min(...issues.map((issue) => depthOf(node, issue))),
    familiarKeys: familiar.length,
  };
}

/** A missing key is a mistake of the mapping that lacks it. */
function depthOf(node: YamlNode | undefined, issue: z.core.$ZodIssue): number {
  const parent = node === undefined ? undefined : nodeAt(node, issue.path.slice(0, -1));
  const last = issue.path.at(-1);
  const isMissing = last !== undefined && parent?.kind === 'map' && entryOf(parent, last) === undefined;
  return issue.path.length - (isMissing ? 1 : 0);
}

/** What a branch wanted instead of the whole value; undefined if the value's kind was right. */
function rejection(issues: Issues, option: readonly z.core.$ZodType[]): readonly string[] | undefined {
  const [first] = issues;
  if (first === undefined || first.path.length > 0) {
    return undefined;
  }
  switch (first.code) {
    case 'invalid_type':
      return [typeName(first.expected, option)];
    case 'invalid_value':
      return [listValues(first.values)];
    case 'invalid_union': {
      const nested = first.errors.map((each) => rejection(each, []));
      return nested.length > 0 && nested.every((each) => each !== undefined) ? nested.flat() : undefined;
    }
    default:
      return undefined;
  }
}

function nothingFits(errors: readonly Issues[], rejections: readonly (readonly string[] | undefined)[]): UnionFailure {
  const firsts = errors.flatMap((issues) => issues.slice(0, 1));
  if (firsts.every((issue) => issue.code === 'invalid_value')) {
    return { kind: 'no such value', path: [], values: firsts.flatMap((issue) => issue.values) };
  }
  return { kind: 'nothing fits', expected: [...new Set(rejections.flatMap((each) => each ?? []))] };
}

/** Every branch failed at the literal of one and the same key. */
function sharedLiteral(branches: readonly Branch[]): UnionFailure | undefined {
  const literals = branches.flatMap(({ otherLiteral }) => otherLiteral ?? []);
  const path = literals[0]?.path ?? [];
  const isShared =
    literals.length === branches.length && literals.every((each) => each.path.join('\0') === path.join('\0'));
  return isShared
    ? { kind: 'no such value', path, values: [...new Set(literals.flatMap((each) => each.values))] }
    : undefined;
}

function optionAt(options: readonly z.core.$ZodType[] | undefined, index: number): readonly z.core.$ZodType[] {
  const option = options?.[index];
  return option === undefined ? [] : [option];
}
