import { Composer, LineCounter, type ParsedNode, type YAMLError } from 'yaml';
import { byPosition, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { ScenarioError } from './scenario-error.ts';
import { decodeScenario, tokenize } from './yaml-guards.ts';
import type { YamlMap, YamlNode } from './yaml-node.ts';
import { diagnosticAt, type TextPlaces } from './yaml-places.ts';
import { buildTree } from './yaml-tree.ts';

/** A file read as YAML, each part with its position. What the parts mean is not known here. */
export interface YamlDocument {
  readonly file: string;
  readonly lines: readonly string[];
  readonly root: YamlMap;
}

/**
 * Reads one mapping from the bytes of a file. Throws nothing but ScenarioError, in bounded time, whatever the bytes
 * are. Refused beyond what YAML itself forbids: tags, directives, merge keys, several documents, duplicate keys, keys
 * that are lists or mappings, keys named like a member of every object, numbers that readers disagree about.
 * Anchors and aliases are allowed, within the bound that yaml-tree.ts sets.
 */
export function readYaml(file: string, bytes: Uint8Array): YamlDocument {
  const text = decodeScenario(file, bytes);
  const lines = text.split(/\r?\n/);
  const lineCounter = new LineCounter();
  for (let start = 0; start >= 0; start = text.indexOf('\n', start) + 1 || -1) {
    lineCounter.addNewLine(start);
  }
  const places: TextPlaces = { file, lines, lineCounter };
  const problems: Diagnostic[] = [];
  const contents = compose(text, places, problems);
  // A tree of something that is not YAML would only give rise to more complaints about the same mistake.
  const root = problems.length === 0 && contents !== null ? buildTree(contents, places, problems) : undefined;
  if (problems.length > 0) {
    throw new ScenarioError(problems.sort(byPosition), lines);
  }
  if (root?.kind !== 'map') {
    const { line, column, endColumn } = root ?? { line: 1, column: 1, endColumn: 1 };
    const message = `a scenario is a mapping; this is ${nameOfRoot(root)}`;
    throw new ScenarioError([{ file, line, column, endColumn, message }], lines);
  }
  return { file, lines, root };
}

function nameOfRoot(root: YamlNode | undefined): string {
  return root?.kind === 'list' ? 'a list' : root?.kind === 'scalar' && root.value !== null ? 'a single value' : 'empty';
}

/** What the author of yaml could not know about our users. */
const syntaxHints: Readonly<Record<string, string>> = {
  BAD_SCALAR_START: 'quote the value',
  BLOCK_AS_IMPLICIT_KEY: 'put the inner mapping on a line of its own, or quote a value that contains ": "',
  MULTILINE_IMPLICIT_KEY: 'is the next line indented too far, or a ":" or a quote missing?',
  TAB_AS_INDENT: 'indent with spaces',
};

/**
 * yaml's nodes, of which every scalar is text (failsafe): yaml's own numbers lose bits, see yaml-scalar.ts. Its check
 * for duplicate keys is quadratic (60 000 keys take a minute), so yaml-tree.ts has its own.
 */
function compose(text: string, places: TextPlaces, problems: Diagnostic[]): ParsedNode | null {
  const options = { schema: 'failsafe', uniqueKeys: false, resolveKnownTags: false, prettyErrors: false } as const;
  const tokens = tokenize(text, places, problems);
  const [document] = new Composer(options).compose(tokens, true, text.length);
  if (document === undefined) {
    return null;
  }
  // A warning is about something that another reader may understand in another way: to us an error.
  const firsts = new Map<number, YAMLError>();
  for (const problem of [...document.errors, ...document.warnings]) {
    // Of several complaints about one place the first says most, but for this one, which has every cause.
    const code = firsts.get(problem.pos[0])?.code ?? 'BLOCK_AS_IMPLICIT_KEY';
    // Tags have had their own message already.
    if (code === 'BLOCK_AS_IMPLICIT_KEY' && problem.code !== 'TAG_RESOLVE_FAILED') {
      firsts.set(problem.pos[0], problem);
    }
  }
  for (const { code, pos, message } of firsts.values()) {
    problems.push(diagnosticAt(places, pos[0], pos[1], `not valid YAML: ${message}`, syntaxHints[code]));
  }
  return document.contents;
}
