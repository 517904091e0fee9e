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
