import type { z } from 'zod';
import { byPosition, closest, type Diagnostic, quote } from '../../diagnostics/diagnostic.ts';
import type { YamlDocument } from './read-yaml.ts';
import { ScenarioError } from './scenario-error.ts';
import { knownKeys, knownValues, schemasAt, unionOptions } from './schema-walk.ts';
import { furthestBranch } from './union-branch.ts';
import { entryOf, nodeAt, positionOf, toPlain, type YamlNode } from './yaml-node.ts';
import { describe, joinOr, keyProblem, listValues, nameOf, notOneOf, shorten, valueProblem } from './zod-messages.ts';

/** A mistake at a path of the tree. */
interface Finding {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly hint?: string | undefined;
  /** The missing or misspelt key, so that one misspelling is not reported as two mistakes. */
  readonly missing?: PropertyKey;
  readonly meant?: string | undefined;
}

/** One issue, seen from the place that its path is relative to. */
interface Scope {
  readonly root: YamlNode;
  readonly base: readonly PropertyKey[];
  readonly schemas: readonly z.core.$ZodType[];
}

/** The file's content as the schema makes it, or a ScenarioError with every mistake in it. */
export function parseDocument<T extends z.ZodType>(document: YamlDocument, schema: T): z.output<T> {
  const result = schema.safeParse(toPlain(document.root));
  if (!result.success) {
    throw new ScenarioError(zodDiagnostics(document, schema, result.error.issues), document.lines);
  }
  return result.data;
}

/** Explains what a schema found wrong with a document: sorted by position, one entry for each mistake. */
export function zodDiagnostics(
  document: Pick<YamlDocument, 'file' | 'root'>,
  schema: z.core.$ZodType,
  issues: readonly z.core.$ZodIssue[],
): Diagnostic[] {
  const { file, root } = document;
  const findings = issues.flatMap((issue) => explain({ root, base: [], schemas: [schema] }, issue));
  const meant = new Set(
    findings.flatMap(({ path, meant }) => (meant === undefined ? [] : [pathText([...path.slice(0, -1), meant])])),
  );
  return findings
    .filter(({ path, missing }) => missing === undefined || !meant.has(pathText([...path, missing])))
    .map(({ path, part, message, hint }) => ({
      file,
      ...positionOf(root, path, part),
      message,
      ...(hint === undefined ? {} : { hint }),
    }))
    .sort(byPosition);
}

function explain(scope: Scope, issue: z.core.$ZodIssue): readonly Finding[] {
  const path = [...scope.base, ...issue.path];
  const node = nodeAt(scope.root, path);
  const last = path.at(-1);
  if (issue.code === 'custom') {
    const hint: unknown = issue.params?.hint;
    return [{ path, part: 'value', message: issue.message, hint: typeof hint === 'string' ? hint : undefined }];
  }
  if (node === undefined && last !== undefined && nodeAt(scope.root, path.slice(0, -1))?.kind === 'map') {
    return [missingKey(path, last, schemasBelow(scope, issue.path))];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownKeys(scope, path, issue);
    case 'invalid_union':
      return explainUnion(scope, path, issue);
    case 'invalid_key':
      return [{ path, part: 'key', ...keyProblem(String(last), issue) }];
    default: {
      const found = { name: nameOf(path), node, schemas: schemasBelow(scope, issue.path) };
      return [{ path, part: 'value', ...valueProblem(issue, found) }];
    }
  }
}

/** The key that names the mapping is what the author has to look below; the top mapping has none. */
function missingKey(path: readonly PropertyKey[], last: PropertyKey, schemas: readonly z.core.$ZodType[]): Finding {
  const values = knownValues(schemas);
  const hint = values.length > 0 ? `it can be ${listValues(values)}` : undefined;
  return { path: path.slice(0, -1), part: 'key', message: `missing key ${quote(String(last))}`, hint, missing: last };
}

function unknownKeys(
  scope: Scope,
  path: readonly PropertyKey[],
  issue: Pick<z.core.$ZodIssueUnrecognizedKeys, 'path' | 'keys'>,
): readonly Finding[] {
  const node = nodeAt(scope.root, path);
  const all = knownKeys(schemasBelow(scope, issue.path), node);
  const free = all.filter((key) => entryOf(node, key) === undefined);
  return issue.keys.map((key) => {
    const meant = closest(key, free);
    const list = all.length > 0 ? `known keys: ${shorten(all)}` : undefined;
    const hint = meant === undefined ? list : `did you mean ${quote(meant)}?`;
    return { path: [...path, key], part: 'key', message: `unknown key ${quote(key)}`, hint, meant };
  });
}

function explainUnion(
  scope: Scope,
  path: readonly PropertyKey[],
  issue: z.core.$ZodIssueInvalidUnion,
): readonly Finding[] {
  const node = nodeAt(scope.root, path);
  const schemas = schemasBelow(scope, issue.path);
  if (issue.errors.length === 0) {
    // A discriminator with a value that no branch has, or (exclusive unions) several branches that fit.
    const values = 'options' in issue ? (issue.options ?? []) : [];
    const found = { name: nameOf(path), node, schemas };
    const problem = values.length > 0 ? notOneOf(values, found) : { message: `${found.name} fits more than one form` };
    return [{ path, part: 'value', ...problem }];
  }
  const options = unionOptions(schemas, issue.errors.length);
  const branch = furthestBranch(node, issue.errors, options);
  switch (branch.kind) {
    case 'nothing fits':
      return [{ path, part: 'value', message: `expected ${joinOr(branch.expected)}, got ${describe(node)}` }];
    case 'no such value': {
      const valuePath = [...path, ...branch.path];
      const found = { name: nameOf(valuePath), node: nodeAt(scope.root, valuePath), schemas: [] };
      return [{ path: valuePath, part: 'value', ...notOneOf(branch.values, found) }];
    }
    case 'no known key':
      return branch.keys.length > 0
        ? unknownKeys({ ...scope, base: path, schemas }, path, { path: [], keys: branch.keys })
        : [
            {
              path,
              part: 'value',
              message: `expected one of the keys ${shorten(knownKeys(schemas, node))}; got an empty mapping`,
            },
          ];
    case 'branch': {
      const option = options?.[branch.index];
      const inBranch = { root: scope.root, base: path, schemas: option === undefined ? [] : [option] };
      return branch.issues.flatMap((each) => explain(inBranch, each));
    }
  }
}

function schemasBelow({ root, base, schemas }: Scope, path: readonly PropertyKey[]): readonly z.core.$ZodType[] {
  return schemasAt(schemas, path, nodeAt(root, base));
}

/** A path as something that a set can hold. */
function pathText(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}
