import type { YamlMap, YamlNode } from './yaml-node.ts';

/** Values of a case's variables, by name without the dollar sign; each stands where the case or matrix gives it. */
export type Variables = ReadonlyMap<string, YamlNode>;

/** A `$name` in the file. */
export interface VariableUse {
  readonly name: string;
  readonly node: YamlNode;
}

/**
 * The same tree with every `$name` replaced by the value of the variable. The value keeps its own position, so that a
 * mistake in it is reported in the case that made it. Unknown names stay; {@link findVariables} tells of them.
 */
export function substitute(map: YamlMap, variables: Variables): YamlMap {
  return { ...map, entries: map.entries.map((entry) => ({ ...entry, value: substituteNode(entry.value, variables) })) };
}

function substituteNode(node: YamlNode, variables: Variables): YamlNode {
  switch (node.kind) {
    case 'scalar':
      return variables.get(variableName(node) ?? '') ?? node;
    case 'list':
      return { ...node, items: node.items.map((item) => substituteNode(item, variables)) };
    case 'map':
      return substitute(node, variables);
  }
}

/** Values of the tree that {@link substitute} would give: to be asked first, as a variable can be long and used often. */
export function substitutedSize(map: YamlMap, variables: Variables): number {
  const sizes = new Map([...variables].map(([name, node]) => [name, sizeOf(node, () => undefined)]));
  return sizeOf(map, (name) => sizes.get(name));
}

function sizeOf(node: YamlNode, sizeOfVariable: (name: string) => number | undefined): number {
  switch (node.kind) {
    case 'scalar':
      return sizeOfVariable(variableName(node) ?? '') ?? 1;
    case 'list':
      return node.items.reduce((sum, item) => sum + sizeOf(item, sizeOfVariable), 1);
    case 'map':
      return node.entries.reduce((sum, { value }) => sum + sizeOf(value, sizeOfVariable), 1);
  }
}

export function findVariables(node: YamlNode): readonly VariableUse[] {
  switch (node.kind) {
    case 'scalar': {
      const name = variableName(node);
      return name === undefined ? [] : [{ name, node }];
    }
    case 'list':
      return node.items.flatMap(findVariables);
    case 'map':
      return node.entries.flatMap(({ value }) => findVariables(value));
  }
}

function variableName(node: YamlNode): string | undefined {
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.startsWith('$')
    ? node.value.slice(1)
    : undefined;
}
