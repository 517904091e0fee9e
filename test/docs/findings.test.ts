import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { remade } from './findings-blocks.ts';

const folder = fileURLToPath(new URL('../../docs/findings', import.meta.url));
const pages = readdirSync(folder).filter((name) => name.endsWith('.md'));

/** Every picture and verdict a page shows is what the program gives today; `vitest -u` writes those that are not. */
describe.each(pages)('docs/findings/%s', (name) => {
  it('shows what the program shows', { timeout: 600_000 }, async () => {
    const path = join(folder, name);
    await expect(await remade(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
  });
});

it('makes a block anew that is not what the program shows', async () => {
  const page = (picture: string): string =>
    `<!-- picture scenarios/vtd/pasid-teardown.yaml clear-first.first.any.x86-tso corrupted-entry -->\n${picture}rest\n`;
  const made = await remade(page('```text\nold\n```\n'));
  expect(made).toMatch(/^<!-- .* -->\n```text\n\$ npx tornread shrink .*--seed 0x\w+ --rule corrupted-entry\n\nCPU 0/);
  expect(made.endsWith('entry >\n```\nrest\n')).toBe(true);
  expect(await remade(page(''))).toBe(made);
  expect(await remade(made)).toBe(made);
});
