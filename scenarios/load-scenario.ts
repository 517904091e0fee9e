import { createHash } from 'node:crypto';
import { byPosition, closest, type Diagnostic } from '../diagnostics/diagnostic.ts';
import { checkReferences, reachNames, ruleNames } from './format/check-references.ts';
import {
  type CaseToExpand,
  caseKeys,
  combinationCount,
  type ExpandedCase,
  expandCase,
  freeVariables,
  type SearchKind,
  variableNames,
} from './format/expand-cases.ts';
import { iommuModelOf, iommuModels } from './format/iommu-model.ts';
import { unknownName } from './format/problem.ts';
import { readYaml, type YamlDocument } from './format/read-yaml.ts';
import { ScenarioError } from './format/scenario-error.ts';
import { type Case, frameSchema, riscvWorldSchema, vtdWorldSchema, type World, worldKeys } from './format/schema.ts';
import { findVariables, substitute, substitutedSize, type Variables } from './format/substitute.ts';
import { entryOf, type Position, positionOf, toPlain, type YamlEntry, type YamlMap } from './format/yaml-node.ts';
import { parseDocument, zodDiagnostics } from './format/zod-diagnostics.ts';
import type { Knobs } from './report.ts';
import { readBytes, scenarioName } from './scenario-file.ts';

/** One case of a scenario, ready to run: matrix and variables are resolved. */
export interface ScenarioCase {
  /** Name of the scenario: its file below the scenarios folder, without the ending ('vtd/pasid-teardown'). */
  readonly scenario: string;
  /** 'clear-first' or, from a matrix, 'clear-first.first.ascending': the case's name, then its matrix values. */
  readonly name: string;
  /** The case's name in the file, without matrix values. */
  readonly base: string;
  /** Path as the user gave it. */
  readonly file: string;
  /** Where the case stands in the file, from 1. */
  readonly line: number;
  readonly title: string;
  /** Rules that must be broken, each of them and no other; empty: none. */
  readonly expect: readonly string[];
  readonly reach: readonly string[];
  /** Whether the file says that a search of every order comes to its end. */
  readonly search: SearchKind;
  /** Runs when the user asks for no number. */
  readonly defaultRuns: number;
  /** What a run is built from: the first of {@link worlds}. */
  readonly world: World;
  /** One for each combination of `free` values, of which each run draws one: the last variable changes fastest. */
  readonly worlds: readonly CaseWorld[];
}

export interface CaseWorld {
  /** The `free` values, as the file writes them. */
  readonly knobs: Knobs;
  readonly world: World;
}

export interface LoadedScenario {
  readonly name: string;
  readonly file: string;
  readonly title: string;
  readonly source: string;
  /** What the file holds, to the byte. */
  readonly text: string;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly sha256: string;
  readonly cases: readonly ScenarioCase[];
}

const defaultRuns = 1000;
const frameKeys = Object.keys(frameSchema.shape);
const maxCases = 10_000;
/** Each world that is drawn stays in memory, and is calibrated before its first run. */
const maxWorlds = 64;
/** Values in all cases together, with variables filled in: about a second's work. */
const maxValues = 250_000;

/** Reads and checks a scenario. Throws ScenarioError with every mistake of the file. */
export function loadScenarioFile(path: string): LoadedScenario {
  return loadScenario(path, readBytes(path));
}

/** The same for contents at hand; `file` is the path that messages and the scenario's name use. */
export function loadScenario(file: string, bytes: Uint8Array): LoadedScenario {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const document = readYaml(file, bytes);
  // Only what is UTF-8 comes so far, and a byte order mark stays one.
  return new Loader(document, { text: Buffer.from(bytes).toString('utf8'), sha256 }).load();
}

class Loader {
  readonly #document: YamlDocument;
  readonly #contents: Pick<LoadedScenario, 'text' | 'sha256'>;
  readonly #diagnostics: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  /** The part of the file that each case fills in, and the variables in it. */
  readonly #worldNode: YamlMap;
  readonly #used: ReadonlySet<string>;
  #caseCount = 0;
  #valueCount = 0;

  constructor(document: YamlDocument, contents: Pick<LoadedScenario, 'text' | 'sha256'>) {
    this.#document = document;
    this.#contents = contents;
    const { root } = document;
    this.#worldNode = { ...root, entries: root.entries.filter(({ key }) => worldKeys.includes(key)) };
    this.#used = new Set(findVariables(this.#worldNode).map(({ name }) => name));
  }

  load(): LoadedScenario {
    const { root, file } = this.#document;
    this.#checkTopLevelKeys();
    const frame = this.#parseFrame();
    const cases: ScenarioCase[] = [];
    for (const entry of mapEntries(root, 'cases')) {
      const definition = frame.cases[entry.key];
      if (definition !== undefined && entry.value.kind === 'map') {
        cases.push(
          ...this.#loadCase(entry, entry.value, {
            definition,
            title: frame.title,
            reach: frame.reach ?? [],
            runs: frame.runs ?? defaultRuns,
            search: frame.search,
          }),
        );
      }
    }
    this.#throwProblems();
    if (cases.length === 0) {
      this.#report(positionOf(root, ['cases'], 'key'), 'a scenario has at least one case');
      this.#throwProblems();
    }
    const { title, source } = frame;
    return { name: scenarioName(file), file, title, source, ...this.#contents, cases };
  }

  #checkTopLevelKeys(): void {
    const known = [...frameKeys, ...worldKeys];
    for (const { key, keyNode } of this.#document.root.entries) {
      if (!known.includes(key)) {
        const near = closest(key, known);
        const hint = near === undefined ? `known keys: ${known.join(', ')}` : `did you mean "${near}"?`;
        this.#report(keyNode, `unknown key "${key}"`, hint);
      }
    }
  }

  #parseFrame(): ReturnType<typeof frameSchema.parse> {
    try {
      return parseDocument(this.#document, frameSchema);
    } catch (error) {
      if (error instanceof ScenarioError) {
        this.#diagnostics.push(...error.diagnostics);
        this.#throwProblems();
      }
      throw error;
    }
  }

  #loadCase(
    entry: YamlEntry,
    node: YamlMap,
    frame: Pick<Case, 'search'> & {
      readonly definition: Case;
      readonly title: string;
      readonly reach: readonly string[];
      readonly runs: number;
    },
  ): readonly ScenarioCase[] {
    const { file, root } = this.#document;
    const { definition } = frame;
    this.#checkCaseKeys(node);
    const matrix = (entryOf(node, 'matrix') ?? entryOf(root, 'matrix'))?.value;
    const free = (entryOf(node, 'free') ?? entryOf(root, 'free'))?.value;
    const defaults = entryOf(root, 'variables')?.value;
    if (!this.#checkFree({ node, matrix, free }, entry)) {
      return [];
    }
    this.#caseCount += combinationCount({ node, matrix });
    if (this.#caseCount > maxCases) {
      this.#report(entry.keyNode, `the file comes to ${this.#caseCount} cases here; the limit is ${maxCases}`);
      return [];
    }
    const search = definition.search ?? frame.search;
    const known = variableNames({ node, matrix, defaults });
    const drawn = freeVariables({ node, free }).map(({ key }) => key);
    this.#checkConditions(node, { expect: definition.expect, search: definition.search }, { known, drawn });
    this.#checkConditions(root, { search: frame.search }, { known, drawn });
    const expanded = expandCase({ name: entry.key, definition, search, node, matrix, free, defaults });
    this.#checkCaseNames(expanded, entry);
    const reach = definition.reach ?? frame.reach;
    this.#checkNames('reach', reach, reachNames, entryOf(node, 'reach') ?? entryOf(root, 'reach') ?? entry);
    return expanded.flatMap((one) => {
      const worlds = one.worlds.flatMap(({ knobs, variables }) => {
        const world = this.#loadWorld(variables, entry);
        return world === undefined ? [] : [{ knobs, world }];
      });
      const [first] = worlds;
      if (first === undefined) {
        return [];
      }
      const expect = this.#checkExpectation(one, entryOf(node, 'expect') ?? entry);
      return [
        {
          scenario: scenarioName(file),
          name: one.name,
          base: entry.key,
          file,
          line: entry.keyNode.line,
          title: definition.title ?? frame.title,
          expect,
          reach,
          search: this.#checkSearch(one, entryOf(node, 'search') ?? entryOf(root, 'search') ?? entry),
          defaultRuns: definition.runs ?? frame.runs,
          world: first.world,
          worlds,
        },
      ];
    });
  }

  /** A replay names one case: of two with one name it could only run the first. */
  #checkCaseNames(expanded: readonly ExpandedCase[], { keyNode }: YamlEntry): void {
    const names = new Set<string>();
    for (const { name } of expanded) {
      if (names.has(name)) {
        this.#report(keyNode, `the matrix makes two cases "${name}"`, 'is a value listed twice?');
      }
      names.add(name);
    }
  }

  /** A condition on a variable that is not there would never hold. */
  #checkConditions(
    node: YamlMap,
    lists: Partial<Pick<Case, 'expect' | 'search'>>,
    { known, drawn }: { readonly known: readonly string[]; readonly drawn: readonly string[] },
  ): void {
    for (const [key, list] of Object.entries(lists)) {
      for (const [i, option] of (Array.isArray(list) ? list : []).entries()) {
        const when = typeof option === 'string' ? {} : (option.when ?? {});
        for (const name of Object.keys(when).filter((each) => !known.includes(each))) {
          const { message, hint } = drawn.includes(name)
            ? {
                message: `each run draws its own "${name}"`,
                hint: 'expect and reach are judged over all runs of a case',
              }
            : unknownName('variable', name, known);
          this.#report(positionOf(node, [key, i, 'when', name], 'key'), message, hint);
        }
      }
    }
  }

  /** A key of a case that is neither one of ours nor used as `$key` anywhere is a slip. */
  #checkCaseKeys(node: YamlMap): void {
    const used = this.#used;
    const { root } = this.#document;
    const matrices = [node, root]
      .flatMap((map) => [entryOf(map, 'matrix'), entryOf(map, 'free')])
      .concat(entryOf(root, 'variables'))
      .map((found) => found?.value);
    const known = [...caseKeys, ...used];
    for (const map of [node, ...matrices]) {
      for (const { key, keyNode } of map?.kind === 'map' ? map.entries : []) {
        if (!used.has(key) && !(map === node && caseKeys.includes(key))) {
          const near = closest(key, known);
          const hint = near === undefined ? `no "$${key}" is used in this file` : `did you mean "${near}"?`;
          this.#report(keyNode, `unknown key or variable "${key}"`, hint);
        }
      }
    }
  }

  /** Whether the combinations that a run draws from are few enough to go on. */
  #checkFree({ node, matrix, free }: Pick<CaseToExpand, 'node' | 'matrix' | 'free'>, { keyNode }: YamlEntry): boolean {
    const inMatrix = freeVariables({ node, free: matrix }).map(({ key }) => key);
    const drawn = freeVariables({ node, free });
    for (const each of drawn) {
      if (inMatrix.includes(each.key)) {
        this.#report(
          each.keyNode,
          `"${each.key}" is in the matrix and free`,
          'a matrix makes cases, a run draws: keep one',
        );
      }
    }
    const count = combinationCount({ node, matrix: free });
    if (count > maxWorlds) {
      this.#report(keyNode, `a run draws one of ${count} combinations; the limit is ${maxWorlds}`);
    }
    return count <= maxWorlds;
  }

  #loadWorld(variables: Variables, entry: YamlEntry): World | undefined {
    const before = this.#diagnostics.length;
    this.#valueCount += substitutedSize(this.#worldNode, variables);
    if (this.#valueCount > maxValues) {
      const message = `with variables filled in the cases come to more than ${maxValues} values`;
      this.#report(entry.keyNode, message, 'split the file, or make the values of its variables shorter');
      return undefined;
    }
    const node = substitute(this.#worldNode, variables);
    for (const use of findVariables(node)) {
      if (variables.has(use.name)) {
        this.#report(use.node, `"$${use.name}" stands in the value of a variable`, 'write its value there');
        continue;
      }
      const near = closest(use.name, variables.keys());
      const hint = near === undefined ? `give it a value in the case: "${use.name}: ..."` : `did you mean "$${near}"?`;
      this.#report(use.node, `"$${use.name}" has no value in the case "${entry.key}"`, hint);
    }
    if (this.#diagnostics.length > before) {
      return undefined;
    }
    const model = iommuModelOf(node);
    if (model !== undefined && !iommuModels.includes(String(model.value))) {
      const { message, hint } = unknownName('IOMMU', String(model.value), iommuModels);
      this.#report(model, message, hint);
      return undefined;
    }
    const schema = model?.value === 'riscv' ? riscvWorldSchema : vtdWorldSchema;
    const result = schema.safeParse(toPlain(node));
    const scope = { file: this.#document.file, root: node };
    if (!result.success) {
      for (const { message, hint, ...position } of zodDiagnostics(scope, schema, result.error.issues)) {
        this.#report(position.line === 0 ? entry.keyNode : position, message, hint);
      }
      return undefined;
    }
    for (const { path, part, message, hint } of checkReferences(result.data)) {
      this.#report(positionOf(node, path, part), `${message}`, hint);
    }
    return result.data;
  }

  #checkExpectation({ name, expect }: ExpandedCase, entry: YamlEntry): readonly string[] {
    if (expect === undefined) {
      this.#report(entry.keyNode, `nothing is expected of "${name}"`, 'add a last entry without "when"');
      return [];
    }
    if (expect.length > 1 && expect.includes('holds')) {
      this.#report(entry.value, 'a case holds, or it breaks rules: "holds" stands alone');
      return expect;
    }
    this.#checkNames('rule', expect, ruleNames, entry, 'holds');
    return expect;
  }

  #checkSearch({ name, search }: ExpandedCase, { value }: YamlEntry): SearchKind {
    if (search === undefined) {
      this.#report(value, `"search" does not say how "${name}" is searched`, 'add a last entry without "when"');
    }
    return search ?? 'explored';
  }

  #checkNames(what: string, names: readonly string[], known: readonly string[], entry: YamlEntry, also = ''): void {
    for (const name of names) {
      if (!known.includes(name)) {
        const { message, hint } = unknownName(what, name, also === '' ? known : [also, ...known]);
        this.#report(entry.value.kind === 'map' ? entry.keyNode : entry.value, message, hint);
      }
    }
  }

  /** Cases share most of their text: the same mistake at the same place is said once. */
  #report({ line, column, endColumn }: Position, message: string, hint?: string): void {
    const key = `${line}:${column}:${message}`;
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      const { file } = this.#document;
      const found = { file, line, column, endColumn, message };
      this.#diagnostics.push(hint === undefined ? found : { ...found, hint });
    }
  }

  #throwProblems(): void {
    if (this.#diagnostics.length > 0) {
      throw new ScenarioError(this.#diagnostics.sort(byPosition), this.#document.lines);
    }
  }
}

function mapEntries(root: YamlMap, key: string): readonly YamlEntry[] {
  const value = entryOf(root, key)?.value;
  return value?.kind === 'map' ? value.entries : [];
}
