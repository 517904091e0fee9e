import type { Case } from './schema.ts';
import type { Variables } from './substitute.ts';
import type { YamlEntry, YamlMap, YamlNode } from './yaml-node.ts';

/** One case with one combination of matrix values. */
export interface ExpandedCase {
  /** The name, then the matrix values, joined by dots. */
  readonly name: string;
  readonly variables: Variables;
  /** Rules that must be broken; empty: none. Undefined: no `when` fits. */
  readonly expect: readonly string[] | undefined;
  /** Undefined: no `when` fits. */
  readonly search: SearchKind | undefined;
}

/** Whether a search of every order is expected to come to its end. */
export type SearchKind = 'explored' | 'sampled';

/** Keys of a case that are not variables. */
export const caseKeys: readonly string[] = ['title', 'expect', 'reach', 'search', 'matrix', 'runs'];

export interface CaseToExpand {
  readonly name: string;
  readonly definition: Case;
  /** `search` of the case, or of the file. */
  readonly search: Case['search'];
  /** The case's own mapping in the file. */
  readonly node: YamlMap;
  /** The matrix that holds for it: its own, or the file's. */
  readonly matrix: YamlNode | undefined;
  /** Values of the file for variables that neither case nor matrix gives. */
  readonly defaults: YamlNode | undefined;
}

/** How many cases {@link expandCase} makes: to be asked first, as a short matrix can stand for more than memory holds. */
export function combinationCount({ node, matrix }: Pick<CaseToExpand, 'node' | 'matrix'>): number {
  const counts = dimensionsOf(node, matrix).map(({ value }) => (value.kind === 'list' ? value.items.length : 0));
  return counts.reduce((product, count) => product * count, 1);
}

/** Variables that the case itself, its matrix or the file gives a value. */
export function variableNames({
  node,
  matrix,
  defaults,
}: Omit<CaseToExpand, 'name' | 'definition' | 'search'>): readonly string[] {
  return [...ownVariables(node), ...dimensionsOf(node, matrix), ...entriesOf(defaults)].map(({ key }) => key);
}

/** One case for every combination of its matrix, the last variable changing fastest. */
export function expandCase({
  name,
  definition,
  search,
  node,
  matrix,
  defaults,
}: CaseToExpand): readonly ExpandedCase[] {
  const dimensions = dimensionsOf(node, matrix);
  const fixed = [...entriesOf(defaults), ...ownVariables(node)].map(({ key, value }) => [key, value] as const);
  const combinations = dimensions.reduce<readonly (readonly YamlNode[])[]>(
    (rows, { value }) =>
      rows.flatMap((row) => (value.kind === 'list' ? value.items.map((item) => [...row, item]) : [])),
    [[]],
  );
  return combinations.map((values) => {
    const variables = new Map(fixed);
    for (const [i, { key }] of dimensions.entries()) {
      variables.set(key, values[i] as YamlNode);
    }
    const texts = values.map((value) => (value.kind === 'scalar' ? value.source : value.kind));
    return {
      name: [name, ...texts].join('.'),
      variables,
      expect: expectationFor(definition.expect, variables),
      search:
        typeof search === 'object' ? search.find(({ when }) => fits(when, variables))?.is : (search ?? 'explored'),
    };
  });
}

function ownVariables(node: YamlMap): readonly YamlEntry[] {
  return node.entries.filter(({ key }) => !caseKeys.includes(key));
}

/** What a case fixes itself is no dimension of its matrix. */
function dimensionsOf(node: YamlMap, matrix: YamlNode | undefined): readonly YamlEntry[] {
  const own = new Set(ownVariables(node).map(({ key }) => key));
  return entriesOf(matrix).filter(({ key }) => !own.has(key));
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
