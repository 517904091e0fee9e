import { chmodSync, mkdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { CliWorld, raceYaml } from './cli-world.ts';
import { changed, messagesOf } from './messages-of.ts';

/* What is wrong with recordings, seeds and options is in replay-command.test.ts and command-line.test.ts. */
const world = new CliWorld();
afterAll(() => world.remove());

describe('a file that is no scenario', () => {
  const deep = `a: ${'['.repeat(100)}${']'.repeat(100)}\n`;
  const bomb = `a: &a [1,1,1,1,1,1,1,1,1]\n${Array.from('bcdefghij', (name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`).join('\n')}\n`;

  it.each<readonly [string, string | Uint8Array, readonly string[]]>([
    [
      'binary',
      new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]),
      ['FILE: error: not a text file: byte 4 is NUL', '  hint: a scenario is YAML, saved as UTF-8'],
    ],
    [
      'not UTF-8',
      new Uint8Array([0x74, 0xff, 0xfe]),
      ['FILE: error: not a text file: it is not valid UTF-8', '  hint: a scenario is YAML, saved as UTF-8'],
    ],
    ['empty', '', ['FILE: error: the file is empty: a scenario is a mapping']],
    ['only comments', '# nothing\n\n', ['FILE: error: the file is empty: a scenario is a mapping']],
    [
      'huge',
      `title: ${'x'.repeat(1 << 20)}\n`,
      ['FILE: error: the file has 1048577 bytes; a scenario may have 1048576'],
    ],
    ['deeply nested', deep, ['FILE:1:67: error: nested more than 64 levels deep']],
    ['an alias bomb', bomb, ['FILE:5:8: error: the aliases of this file stand for more than 10000 parts']],
    ['not YAML', 'title: "never closed\n', ['FILE:2:1: error: not valid YAML: Missing closing "quote']],
    ['a list', '- title: a\n', ['FILE:1:1: error: a scenario is a mapping; this is a list']],
    ['a word', 'scenario\n', ['FILE:1:1: error: a scenario is a mapping; this is a single value']],
    [
      'two documents',
      'title: a\n---\ntitle: b\n',
      ['FILE:2:1: error: a second YAML document', '  hint: put each scenario into a file of its own'],
    ],
    [
      'with a duplicate key',
      'title: a\ntitle: b\n',
      ['FILE:2:1: error: duplicate key "title"; first defined at line 1'],
    ],
    [
      'with a key of every object',
      '__proto__: { polluted: true }\nconstructor: 1\n',
      [
        'FILE:1:1: error: unknown key "__proto__"',
        '  hint: every JavaScript object has a member of this name; choose another name',
        'FILE:2:1: error: unknown key "constructor"',
        '  hint: every JavaScript object has a member of this name; choose another name',
      ],
    ],
    [
      'with a tag',
      'title: !!js/function a\n',
      ['FILE:1:8: error: the tag "!!js/function" is not supported', '  hint: quote the value if it has to be text'],
    ],
    [
      "another tool's",
      'version: 2\njobs: { build: {} }\n',
      [
        'FILE:1:1: error: missing key "cases"',
        'FILE:1:1: error: missing key "source"',
        'FILE:1:1: error: missing key "title"',
        'FILE:1:1: error: unknown key "version"',
        '  hint: known keys: title, source, description, variables, matrix, free, reach, runs, search, cases, platform, domains, start, interrupts, tasks, forbidden, limits',
        'FILE:2:1: error: unknown key "jobs"',
        '  hint: known keys: title, source, description, variables, matrix, free, reach, runs, search, cases, platform, domains, start, interrupts, tasks, forbidden, limits',
      ],
    ],
  ])('%s is refused', async (name, contents, messages) => {
    expect(await messagesOf(world, world.write(`files/${name.replaceAll(/\W+/g, '-')}.yaml`, contents))).toEqual(
      messages,
    );
  });
});

describe('a path', () => {
  it.each([
    ['that is not there', 'none.yaml', 'no such file or folder'],
    ['through a file', 'scenarios/vtd/race.yaml/x.yaml', 'a part of the path is not a folder'],
    ['with a name that is too long', `${'x'.repeat(300)}.yaml`, 'the name is too long'],
  ])('%s is refused', async (_, name, message) => {
    const { exitCode, stderr } = await world.run(['check', world.path(name)]);
    expect([exitCode, stderr]).toEqual([exitCodes.invalidInput, `tornread: error: ${world.path(name)}: ${message}\n`]);
  });

  it('that may not be read is refused', async () => {
    const file = world.write('secret.yaml', raceYaml);
    chmodSync(file, 0);
    const { exitCode, stdout, stderr } = await world.run(['check', file]);
    if (process.getuid?.() === 0) {
      // Root may read everything; the test above has another reason why a file cannot be opened.
      expect([exitCode, stdout]).toEqual([exitCodes.asExpected, '1 file, 2 cases: ok\n']);
    } else {
      expect([exitCode, stderr]).toEqual([
        exitCodes.invalidInput,
        `${file}: error: the file cannot be read: permission denied\n`,
      ]);
    }
  });

  it('to a folder named like a scenario is searched', async () => {
    mkdirSync(world.path('folder.yaml'));
    const { exitCode, stderr } = await world.run(['check', world.path('folder.yaml')]);
    expect([exitCode, stderr]).toEqual([exitCodes.nothingRan, 'tornread: error: no scenario file was found\n']);
  });
});

it('one bad file among good ones: the others run, and the exit code is 3', async () => {
  world.write('mixed/a.yaml', raceYaml);
  world.write('mixed/b.yaml', changed('did: 5', 'did: five'));
  world.write('mixed/c.yaml', raceYaml);
  const { exitCode, stdout, stderr } = await world.run(['run', world.path('mixed'), '--seeds', '1', '--json']);
  const document = JSON.parse(stdout);
  expect(document.results.map(({ scenario }: { scenario: string }) => scenario)).toEqual(['a', 'a', 'c', 'c']);
  expect(document.errors).toEqual([
    {
      file: world.path('mixed/b.yaml'),
      line: 8,
      column: 27,
      message: 'expected a whole number, got "five"',
      hint: null,
    },
  ]);
  expect(stderr).toContain('b.yaml:8:27: error: ');
  expect(exitCode).toBe(exitCodes.invalidInput);
});

it('a recording of one scenario does not replay another in its place', async () => {
  const recording = world.path('moved.json');
  const file = world.write('moved.yaml', raceYaml);
  await world.run(['replay', file, '--case', 'clear-first', '--seed', '1', '--save', recording]);
  world.write('moved.yaml', `${raceYaml}# edited\n`);
  const { exitCode, stdout, stderr } = await world.run(['replay', recording]);
  expect(stderr).toMatch(
    /moved\.json: the scenario file .*moved\.yaml has changed since: its sha256 is [0-9a-f]{64}, the recording's [0-9a-f]{64}; hint: --recorded runs the scenario as it was recorded\n$/,
  );
  expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
});
