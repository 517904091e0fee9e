import type { Case } from './schema.ts';
import type { Variables } from './substitute.ts';
import type { YamlMap, YamlNode } from './yaml-node.ts';

/** One case with one combination of matrix values. */
export interface ExpandedCase {
  /** The name, then the matrix values, joined by dots. */
  readonly name: string;
  readonly variables: Variables;
  /** Rules that must be broken; empty: none. Undefined: no `when` fits. */
  readonly expect: readonly string[] | undefined;
}

/** Keys of a case that are not variables. */
export const caseKeys: readonly string[] = ['title', 'expect', 'reach', 'matrix', 'runs'];

export interface CaseToExpand {
  readonly name: string;
  readonly definition: Case;
  /** The case's own mapping in the file. */
  readonly node: YamlMap;
  /** The matrix that holds for it: its own, or the file's. */
  readonly matrix: YamlNode | undefined;
  /** Values of the file for variables that neither case nor matrix gives. */
  readonly defaults: YamlNode | undefined;
}

/** One case for every combination of its matrix, the last variable changing fastest. */
export function expandCase({ name, definition, node, matrix, defaults }: CaseToExpand): readonly ExpandedCase[] {
  const own = new Map<string, YamlNode>();
  for (const { key, value } of node.entries) {
    if (!caseKeys.includes(key)) {
      own.set(key, value);
    }
  }
  // What a case fixes itself is no dimension of its matrix.
  const dimensions = matrix?.kind === 'map' ? matrix.entries.filter(({ key }) => !own.has(key)) : [];
  const combinations = dimensions.reduce<readonly (readonly YamlNode[])[]>(
    (rows, { value }) =>
      rows.flatMap((row) => (value.kind === 'list' ? value.items.map((item) => [...row, item]) : [])),
    [[]],
  );
  return combinations.map((values) => {
    const variables = new Map([...entriesOf(defaults), ...own]);
    for (const [i, { key }] of dimensions.entries()) {
      variables.set(key, values[i] as YamlNode);
    }
    const texts = values.map((value) => (value.kind === 'scalar' ? value.source : value.kind));
    return { name: [name, ...texts].join('.'), variables, expect: expectationFor(definition.expect, variables) };
  });
}

function entriesOf(node: YamlNode | undefined): readonly (readonly [string, YamlNode])[] {
  return node?.kind === 'map' ? node.entries.map(({ key, value }) => [key, value] as const) : [];
}

function expectationFor(expect: Case['expect'], variables: Variables): readonly string[] | undefined {
  if (typeof expect === 'string') {
    return rulesOf(expect);
  }
  for (const option of expect) {
    if (typeof option === 'string') {
      return rulesOf(expect as readonly string[]);
    }
    const fits = Object.entries(option.when ?? {}).every(([name, wanted]) => {
      const node = variables.get(name);
      const value = node?.kind === 'scalar' ? node.value : undefined;
      return Array.isArray(wanted) ? wanted.some((item) => item === value) : wanted === value;
    });
    if (fits) {
      return rulesOf(option.is);
    }
  }
  return undefined;
}

function rulesOf(expect: string | readonly string[]): readonly string[] {
  const rules = typeof expect === 'string' ? [expect] : expect;
  return rules.length === 1 && rules[0] === 'holds' ? [] : rules;
}
