import type { Case } from './schema.ts';
import type { Variables } from './substitute.ts';
import type { YamlEntry, YamlMap, YamlNode } from './yaml-node.ts';

/** One case with one combination of matrix values. */
export interface ExpandedCase {
  /** The name, then the matrix values, joined by dots. */
  readonly name: string;
  /** One for each combination of `free` values: each run of the case draws one. */
  readonly worlds: readonly ExpandedWorld[];
  /** Rules that must be broken; empty: none. Undefined: no `when` fits. */
  readonly expect: readonly string[] | undefined;
  /** Undefined: no `when` fits. */
  readonly search: SearchKind | undefined;
}

interface ExpandedWorld {
  /** The `free` values, as written. */
  readonly knobs: Readonly<Record<string, string>>;
  readonly variables: Variables;
}

/** Whether a search of every order is expected to come to its end. */
export type SearchKind = 'explored' | 'sampled';

/** Keys of a case that are not variables. */
export const caseKeys: readonly string[] = ['title', 'expect', 'reach', 'search', 'matrix', 'free', 'runs'];

export interface CaseToExpand {
  readonly name: string;
  readonly definition: Case;
  /** `search` of the case, or of the file. */
  readonly search: Case['search'];
  /** The case's own mapping in the file. */
  readonly node: YamlMap;
  /** The matrix that holds for it: its own, or the file's. */
  readonly matrix: YamlNode | undefined;
  /** The values that each run draws from: its own, or the file's. */
  readonly free: YamlNode | undefined;
  /** Values of the file for variables that neither case nor matrix gives. */
  readonly defaults: YamlNode | undefined;
}

/** How many cases {@link expandCase} makes: to be asked first, as a short matrix can stand for more than memory holds. */
export function combinationCount({ node, matrix }: Pick<CaseToExpand, 'node' | 'matrix'>): number {
  return dimensionsOf(node, matrix)
    .map(({ value }) => itemsOf(value).length)
    .reduce((product, count) => product * count, 1);
}

/** Variables that the case itself, its matrix or the file gives a value. */
export function variableNames({
  node,
  matrix,
  defaults,
}: Pick<CaseToExpand, 'node' | 'matrix' | 'defaults'>): readonly string[] {
  return [...ownVariables(node), ...dimensionsOf(node, matrix), ...entriesOf(defaults)].map(({ key }) => key);
}

/** Variables that a run of the case draws. */
export function freeVariables({ node, free }: Pick<CaseToExpand, 'node' | 'free'>): readonly YamlEntry[] {
  return dimensionsOf(node, free);
}

/** One case for every combination of its matrix, the last variable changing fastest; in each the free ones likewise. */
export function expandCase({
  name,
  definition,
  search,
  node,
  matrix,
  free,
  defaults,
}: CaseToExpand): readonly ExpandedCase[] {
  const fixed = [...entriesOf(defaults), ...ownVariables(node)].map(({ key, value }) => [key, value] as const);
  const draws = combinationsOf(dimensionsOf(node, free));
  return combinationsOf(dimensionsOf(node, matrix)).map((values) => {
    const variables = new Map([...fixed, ...values]);
    const worlds = draws.map((drawn) => ({
      knobs: Object.fromEntries(drawn.map(([key, value]) => [key, textOf(value)])),
      variables: new Map([...variables, ...drawn]),
    }));
    const texts = values.map(([, value]) => textOf(value));
    return {
      name: [name, ...texts].join('.'),
      worlds,
      expect: expectationFor(definition.expect, variables),
      search:
        typeof search === 'object' ? search.find(({ when }) => fits(when, variables))?.is : (search ?? 'explored'),
    };
  });
}

function combinationsOf(
  dimensions: readonly YamlEntry[],
): readonly (readonly (readonly [name: string, value: YamlNode])[])[] {
  return dimensions.reduce<readonly (readonly (readonly [string, YamlNode])[])[]>(
    (rows, { key, value }) => rows.flatMap((row) => itemsOf(value).map((item) => [...row, [key, item] as const])),
    [[]],
  );
}

function itemsOf(value: YamlNode): readonly YamlNode[] {
  return value.kind === 'list' ? value.items : [];
}

function textOf(value: YamlNode): string {
  return value.kind === 'scalar' ? value.source : value.kind;
}

function ownVariables(node: YamlMap): readonly YamlEntry[] {
  return node.entries.filter(({ key }) => !caseKeys.includes(key));
}

/** What a case fixes itself is no dimension of its matrix, and not free. */
function dimensionsOf(node: YamlMap, lists: YamlNode | undefined): readonly YamlEntry[] {
  const own = new Set(ownVariables(node).map(({ key }) => key));
  return entriesOf(lists).filter(({ key }) => !own.has(key));
}

function entriesOf(node: YamlNode | undefined): readonly YamlEntry[] {
  return node?.kind === 'map' ? node.entries : [];
}

function expectationFor(expect: Case['expect'], variables: Variables): readonly string[] | undefined {
  if (typeof expect === 'string') {
    return rulesOf(expect);
  }
  for (const option of expect) {
    if (typeof option === 'string') {
      return rulesOf(expect as readonly string[]);
    }
    if (fits(option.when, variables)) {
      return rulesOf(option.is);
    }
  }
  return undefined;
}

/** Whether the values of a case are those that a condition names. */
function fits(when: Readonly<Record<string, unknown>> | undefined, variables: Variables): boolean {
  return Object.entries(when ?? {}).every(([name, wanted]) => {
    const node = variables.get(name);
    const value = node?.kind === 'scalar' ? node.value : undefined;
    return Array.isArray(wanted) ? wanted.some((item) => item === value) : wanted === value;
  });
}

function rulesOf(expect: string | readonly string[]): readonly string[] {
  const rules = typeof expect === 'string' ? [expect] : expect;
  return rules.length === 1 && rules[0] === 'holds' ? [] : rules;
}
