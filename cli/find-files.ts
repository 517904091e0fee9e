import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileErrorReason } from './command-error.ts';
import { packageRoot } from './package-info.ts';

/** A mistake in one of the user's files, as `--json` lists it; line 0: of the file as a whole. */
export interface InputProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint: string | null;
}

export interface FoundFiles {
  /** Paths as the user would write them, each file once. */
  readonly files: readonly string[];
  readonly problems: readonly InputProblem[];
}

/** The scenario files that the paths name; without a path the scenarios at hand. */
export function findScenarioFiles(paths: readonly string[]): FoundFiles {
  return findFiles(paths.length > 0 ? paths : [defaultPath()], '.yaml');
}

/**
 * The files that the paths name, folders searched through for those with the ending, in the order of the paths and,
 * within a folder, of the code units of the names: the same on every machine.
 */
export function findFiles(paths: readonly string[], ending: string): FoundFiles {
  const files = new Map<string, string>();
  const problems: InputProblem[] = [];
  for (const path of paths) {
    try {
      for (const file of filesOf(path, ending)) {
        const identity = realpathSync(file);
        if (!files.has(identity)) files.set(identity, file);
      }
    } catch (error) {
      problems.push(inputProblem(path, fileErrorReason(error) ?? (error instanceof Error ? error.message : '')));
    }
  }
  return { files: [...files.values()], problems };
}

export function inputProblem(file: string, message: string): InputProblem {
  return { file, line: 0, column: 0, message, hint: null };
}

/** `scenarios/` of the folder we are in, or else the files that come with the package. */
function defaultPath(): string {
  if (statSync('scenarios', { throwIfNoEntry: false })?.isDirectory() === true) {
    return 'scenarios';
  }
  const shipped = join(packageRoot(), 'scenarios');
  const fromHere = relative('.', shipped);
  return (fromHere.startsWith('..') || fromHere === '' ? shipped : fromHere).replaceAll(sep, '/');
}

function filesOf(path: string, ending: string): readonly string[] {
  const stat = statSync(path);
  if (stat.isDirectory()) {
    return filesBelow(path.length > 1 ? path.replace(/\/+$/, '') : path, ending);
  }
  if (!stat.isFile()) {
    throw new Error('is neither a file nor a folder');
  }
  return [path];
}

function filesBelow(folder: string, ending: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = folder === '/' ? `/${entry.name}` : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      return isSearched(entry) ? filesBelow(path, ending) : [];
    }
    return entry.name.endsWith(ending) && isFile(entry, path) ? [path] : [];
  });
}

function isSearched({ name }: Dirent): boolean {
  return name !== 'node_modules' && !name.startsWith('.');
}

/** A link to a file counts as one; a link to a folder may lead in a circle and is left alone. */
function isFile(entry: Dirent, path: string): boolean {
  return entry.isFile() || (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
