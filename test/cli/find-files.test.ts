import { symlinkSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findScenarioFiles } from '../../cli/find-files.ts';
import { CliWorld } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const root = world.path('tree');
for (const name of [
  'b.yaml',
  'B.yaml',
  'a/z.yaml',
  'a/ä.yaml',
  'a.yaml',
  'a/x.yml',
  'node_modules/p.yaml',
  '.git/q.yaml',
]) {
  world.write(`tree/${name}`, '');
}
symlinkSync('b.yaml', world.path('tree/link.yaml'));
symlinkSync('..', world.path('tree/a/up'));
symlinkSync('nowhere', world.path('tree/dangling.yaml'));

const below = (paths: readonly string[]): readonly string[] => paths.map((path) => path.slice(root.length + 1));

describe('findScenarioFiles', () => {
  it('searches folders in the order of code units and follows no link to a folder', () => {
    const { files, problems } = findScenarioFiles([root]);
    expect(below(files)).toEqual(['B.yaml', 'a/z.yaml', 'a/ä.yaml', 'a.yaml', 'b.yaml']);
    expect(problems).toEqual([]);
  });

  it('gives each file once, however often it is named', () => {
    expect(below(findScenarioFiles([`${root}/b.yaml`, root, `${root}/link.yaml`]).files)[0]).toBe('b.yaml');
    expect(findScenarioFiles([`${root}/b.yaml`, `${root}/link.yaml`, `${root}/./b.yaml`]).files).toHaveLength(1);
  });

  it('takes a file of any name when it is named', () => {
    expect(below(findScenarioFiles([`${root}/a/x.yml`]).files)).toEqual(['a/x.yml']);
  });

  it('writes paths as the user does', () => {
    const path = relative('.', root);
    expect(findScenarioFiles([`${path}/`]).files[0]).toBe(`${path}/B.yaml`);
  });

  it.each([
    ['none', 'no such file or folder'],
    ['b.yaml/x', 'a part of the path is not a folder'],
    ['', 'no such file or folder'],
  ])('says what is wrong with %j', (name, message) => {
    const path = name === '' ? '' : `${root}/${name}`;
    expect(findScenarioFiles([path])).toEqual({
      files: [],
      problems: [{ file: path, line: 0, column: 0, message, hint: null }],
    });
  });

  it('opens no device', () => {
    expect(findScenarioFiles(['/dev/null']).problems[0]?.message).toBe('is neither a file nor a folder');
  });
});
