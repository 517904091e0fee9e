import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ToolInfo {
  readonly name: string;
  readonly version: string;
}

/** Folder of the package: one up from the sources, two up from what is built of them. */
export function packageRoot(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), here.endsWith('.ts') ? '..' : '../..');
}

/** Name and version for every output: a result without them cannot be repeated. */
export function toolInfo(): ToolInfo {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return { name: 'tornread', version: String(manifest.version) };
  }
  throw new Error('package.json has no version');
}
