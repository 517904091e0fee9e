import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { findImportCycles } from './import-cycles.ts';
import { findBans } from './source-bans.ts';
import { findImports, type Import } from './source-imports.ts';
import { tokenize } from './source-tokens.ts';

/** Source text by path, from the root of the repository, with forward slashes. */
export type SourceFiles = ReadonlyMap<string, string>;

export interface ArchitectureReport {
  readonly fileCount: number;
  readonly importCount: number;
  /** `path:line:column: message`, in the order of the paths and positions. */
  readonly violations: readonly string[];
}

interface Layer {
  readonly mayImport: readonly string[];
  readonly packages: readonly string[];
  /** Code of a run itself, where nothing but the scheduler may bring in time, chance or order. */
  readonly inRun: boolean;
}

const layers: ReadonlyMap<string, Layer> = new Map([
  ['diagnostics', { mayImport: ['diagnostics'], packages: [], inRun: false }],
  ['sim', { mayImport: ['sim'], packages: ['seedrandom'], inRun: true }],
  ['models', { mayImport: ['models', 'sim'], packages: [], inRun: true }],
  [
    'scenarios',
    {
      mayImport: ['scenarios', 'models', 'sim', 'diagnostics'],
      packages: ['yaml', 'zod', 'node:fs', 'node:path', 'node:crypto', 'node:url'],
      inRun: false,
    },
  ],
  ['litmus', { mayImport: ['litmus', 'models', 'sim', 'diagnostics'], packages: [], inRun: false }],
  [
    'cli',
    {
      mayImport: ['cli', 'scenarios', 'litmus', 'models', 'sim', 'diagnostics'],
      packages: ['commander', 'cli-progress', 'cli-table3', 'piscina', 'node:*'],
      inRun: false,
    },
  ],
]);

const lineLimit = 400;
const hardwareFolders = /^models\/(?:memory|iommu|vtd|pcie|smmuv3|riscv|amd)\//;
const checkerInputs =
  /^(?:sim\/|models\/checkers\/|models\/trace-events\.ts$|models\/entry-layout\.ts$|models\/(?:.*\/)?entries\/)/;

interface Finding {
  readonly path: string;
  readonly offset: number;
  readonly message: string;
}

interface ScannedFile {
  readonly path: string;
  readonly source: string;
  readonly imports: readonly Import[];
  readonly bans: readonly { readonly offset: number; readonly message: string }[];
}

export function readSourceTree(root: string): SourceFiles {
  const files = new Map<string, string>();
  for (const layer of layers.keys()) {
    for (const path of sourcePaths(root, layer)) files.set(path, readFileSync(join(root, path), 'utf8'));
  }
  return files;
}

/** A layer that is not there yet has no files; a tree with none at all is for the caller to refuse. */
function sourcePaths(root: string, folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => /\.[cm]?tsx?$/.test(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

export function checkArchitecture(files: SourceFiles): ArchitectureReport {
  const scanned = [...files].map(([path, source]) => scan(path, source)).sort((a, b) => (a.path < b.path ? -1 : 1));
  const findings = [
    ...scanned.flatMap((file) => [...sizeFindings(file), ...importFindings(file), ...banFindings(file)]),
    ...seedrandomFindings(scanned),
    ...cycleFindings(scanned),
  ];
  return {
    fileCount: scanned.length,
    importCount: scanned.reduce((count, file) => count + file.imports.length, 0),
    violations: findings.sort(inReadingOrder).map((finding) => format(finding, files)),
  };
}

function scan(path: string, source: string): ScannedFile {
  const tokens = tokenize(source);
  const inRun = layers.get(layerOf(path))?.inRun ?? false;
  return { path, source, imports: findImports(tokens.tokens), bans: findBans(tokens, { inRun }) };
}

function layerOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

function sizeFindings({ path, source }: ScannedFile): readonly Finding[] {
  const lines = source.split('\n');
  const lineCount = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  if (lineCount <= lineLimit) return [];
  const offset = lines.slice(0, lineLimit).join('\n').length + 1;
  return [{ path, offset, message: `${lineCount} lines, the limit is ${lineLimit}; split the file by subject` }];
}

function banFindings({ path, bans }: ScannedFile): readonly Finding[] {
  return bans.map((ban) => ({ path, ...ban }));
}

function importFindings(file: ScannedFile): readonly Finding[] {
  return file.imports.flatMap(({ specifier, offset }) => {
    const message = isRelative(specifier)
      ? refuseFile(file.path, specifier)
      : refusePackage(layerOf(file.path), specifier);
    return message === undefined ? [] : [{ path: file.path, offset, message }];
  });
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.') || specifier.startsWith('/');
}

function resolve(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

function refuseFile(from: string, specifier: string): string | undefined {
  const layer = layerOf(from);
  const target = resolve(from, specifier);
  if (!(layers.get(layer)?.mayImport ?? []).some((allowed) => target.startsWith(`${allowed}/`))) {
    const slash = target.indexOf('/');
    return `${layer}/ may not import ${slash < 0 ? target : target.slice(0, slash + 1)}`;
  }
  // The other spellings that the compiler accepts would hide a file from the search for cycles.
  if (!target.endsWith('.ts')) return `${specifier} must name the .ts file`;
  if (hardwareFolders.test(from) && target.startsWith('models/linux/')) {
    return 'hardware may not import models/linux/';
  }
  if (from.startsWith('models/checkers/') && !checkerInputs.test(target)) {
    return `models/checkers/ may import trace events and entry layouts only, not ${target}`;
  }
  return undefined;
}

function refusePackage(layer: string, specifier: string): string | undefined {
  const name = packageName(specifier);
  const allowed = layers.get(layer)?.packages ?? [];
  if (allowed.includes(name) || (name.startsWith('node:') && allowed.includes('node:*'))) return undefined;
  return `${layer}/ may not import the package ${name}`;
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** One file wraps the generator, so that its name and version are stamped in one place. */
function seedrandomFindings(files: readonly ScannedFile[]): readonly Finding[] {
  const users = files.filter((file) => file.imports.some((found) => packageName(found.specifier) === 'seedrandom'));
  const [first, ...others] = users.filter((file) => layerOf(file.path) === 'sim');
  return others.flatMap((file) =>
    file.imports
      .filter((found) => packageName(found.specifier) === 'seedrandom')
      .map(({ offset }) => ({
        path: file.path,
        offset,
        message: `seedrandom may be imported by one file only, and ${first?.path} does`,
      })),
  );
}

function cycleFindings(files: readonly ScannedFile[]): readonly Finding[] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter((found) => isRelative(found.specifier)).map((found) => resolve(file.path, found.specifier)),
    ]),
  );
  return findImportCycles(graph).map((cycle) => {
    const file = files.find((candidate) => candidate.path === cycle[0]);
    const first = file?.imports.find((found) => resolve(file.path, found.specifier) === cycle[1]);
    return { path: cycle[0], offset: first?.offset ?? 0, message: `import cycle ${cycle.join(' -> ')}` };
  });
}

function inReadingOrder(a: Finding, b: Finding): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.offset - b.offset;
}

function format({ path, offset, message }: Finding, files: SourceFiles): string {
  const before = (files.get(path) ?? '').slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  return `${path}:${line}:${column}: ${message}`;
}
