import { readFileSync, statSync } from 'node:fs';
import { ScenarioError } from './format/scenario-error.ts';

const maxFileBytes = 1 << 20;

/** The bytes of a scenario file; throws ScenarioError where it cannot be read. */
export function readBytes(path: string): Uint8Array {
  const refuse = (message: string): never => {
    throw new ScenarioError([{ file: path, line: 0, column: 0, endColumn: 0, message }]);
  };
  try {
    const { size } = statSync(path);
    // A larger file is refused by its size alone; read no more of it than shows that.
    return size > maxFileBytes && !statSync(path).isDirectory() ? new Uint8Array(maxFileBytes + 1) : readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    switch (code) {
      case 'ENOENT':
        return refuse('no such file');
      case 'EISDIR':
        return refuse('this is a folder, not a scenario file');
      case 'EACCES':
        return refuse('the file cannot be read: permission denied');
      default:
        return refuse(`the file cannot be read: ${code}`);
    }
  }
}

/** 'scenarios/vtd/pasid-teardown.yaml' is 'vtd/pasid-teardown'; elsewhere the file's own name. */
export function scenarioName(file: string): string {
  const parts = file
    .replaceAll('\\', '/')
    .replace(/\.ya?ml$/, '')
    .split('/');
  const root = parts.lastIndexOf('scenarios');
  return root === -1 ? (parts.at(-1) ?? file) : parts.slice(root + 1).join('/');
}
