import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { toolInfo } from '../../cli/package-info.ts';
import { CliWorld, raceYaml } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const broken = world.write('broken.yaml', raceYaml.replace('title:', 'titel:'));

describe('a wrong command line', () => {
  it.each([
    [['rnu'], "unknown command 'rnu'\n(Did you mean run?)"],
    [['run', '--seedz', '1'], "unknown option '--seedz'\n(Did you mean one of --seed, --seeds?)"],
    [['run', '--seeds', '0'], 'whole number of at least 1'],
    [['run', '--seeds', '-1'], 'whole number of at least 1'],
    [['run', '--seeds', 'x'], 'whole number of at least 1'],
    [['run', '--seeds', '1.5'], 'whole number of at least 1'],
    [['run', '--seeds', '1e3'], 'whole number of at least 1'],
    [['run', '--seeds', ''], 'whole number of at least 1'],
    [['run', '--seeds'], 'argument missing'],
    [['run', '--seed', '-1'], 'from 0 to 2^64-1'],
    [['run', '--seed', '18446744073709551616'], 'from 0 to 2^64-1'],
    [['run', '--seed', '0x10000000000000000'], 'from 0 to 2^64-1'],
    [['run', '--seed', '0x'], 'from 0 to 2^64-1'],
    [['run', '--seed', '1n'], 'from 0 to 2^64-1'],
    [['run', '--max-events', '0'], 'whole number of at least 1'],
    [['run', '-j', '0'], 'whole number from 1 to 1024'],
    [['run', '-j', '-1'], 'whole number from 1 to 1024'],
    [['run', '--jobs', 'all'], 'whole number from 1 to 1024'],
    [['run', '--jobs', '1.5'], 'whole number from 1 to 1024'],
    [['run', '-j', '1025'], 'whole number from 1 to 1024'],
    [['run', '--run-timeout', '0'], 'number of seconds above 0'],
    [['run', '--run-timeout', '1m'], 'number of seconds above 0'],
    [['run', '--strategy', 'pcp'], 'Allowed choices are portfolio, random, pos, pct, timed, recheck'],
    [['run', '--strategy', 'pct', '--depth', '0'], 'A depth is a whole number from 1 to 16'],
    [['run', '--strategy', 'pct', '--depth', '17'], 'A depth is a whole number from 1 to 16'],
    [['run', '--depth', '2'], '--depth is for --strategy pct'],
    [['run', '--quiet', '--verbose'], "option '--quiet' cannot be used with option '--verbose'"],
    [['replay'], "missing required argument 'file'"],
    [['replay', 'a', 'b'], 'too many arguments'],
    [['replay', 'a', '--choices', 'x:0'], 'Choices are'],
    [['replay', 'a', '--digest', '12'], '16 hexadecimal digits'],
    [['check', '--json'], "unknown option '--json'"],
    [['schema', 'x'], 'too many arguments'],
  ])('%j ends with 2 and a message', async (argv, message) => {
    const { exitCode, stdout, stderr } = await world.run(argv);
    expect(stderr).toMatch(/^tornread: error: /);
    expect(stderr).toContain(message);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });

  it('without a command is answered with help on stderr', async () => {
    const { exitCode, stdout, stderr } = await world.run([]);
    expect(stderr).toMatch(/^Usage: tornread /);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });
});

describe('a seed', () => {
  it.each([
    ['0', '0x0'],
    ['0x11', '0x11'],
    ['0XfF', '0xff'],
    ['18446744073709551615', '0xffffffffffffffff'],
  ])('of %s is %s, without losing bits', async (text, seed) => {
    const argv = ['replay', world.race, '--case', 'clear-first', '--seed', text, '--json'];
    expect(JSON.parse((await world.run(argv)).stdout).replay.seed).toBe(seed);
  });

  it('of a campaign goes on from 0 after the last', async () => {
    const argv = ['run', world.race, '--seed', '0xffffffffffffffff', '--seeds', '3', '--json'];
    const { stdout } = await world.run(argv);
    expect(JSON.parse(stdout).results[0].runs).toBe(3);
  });
});

describe('help', () => {
  it.each([['run'], ['replay'], ['list'], ['check'], ['schema']])(
    'of %s has examples and the exit codes',
    async (name) => {
      const { exitCode, stdout, stderr } = await world.run([name, '--help']);
      expect(stdout).toMatch(new RegExp(`^Usage: tornread ${name}`));
      expect(stdout).toContain(`Examples:\n  tornread ${name}`);
      for (const code of Object.values(exitCodes)) expect(stdout).toContain(String(code));
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
      expect([exitCode, stderr]).toEqual([exitCodes.asExpected, '']);
    },
  );

  it('of the whole names every command', async () => {
    const { exitCode, stdout } = await world.run(['--help']);
    for (const name of ['run', 'replay', 'list', 'check', 'schema']) expect(stdout).toContain(`\n  ${name} `);
    expect(exitCode).toBe(exitCodes.asExpected);
  });
});

it('--version prints the version', async () => {
  const { exitCode, stdout } = await world.run(['--version']);
  expect([exitCode, stdout]).toEqual([exitCodes.asExpected, `${toolInfo().version}\n`]);
});

describe('check', () => {
  it('counts what it has read', async () => {
    const { exitCode, stdout, stderr } = await world.run(['check', world.path('scenarios')]);
    expect([exitCode, stdout, stderr]).toEqual([exitCodes.asExpected, '1 file, 2 cases: ok\n', '']);
  });

  it('ends with 3 and the mistakes of all files', async () => {
    const { exitCode, stdout, stderr } = await world.run(['check', broken, world.race, world.path('none')]);
    expect(stderr).toContain(`${broken}:1:1: error: `);
    expect(stderr).toContain(`tornread: error: ${world.path('none')}: no such file or folder\n`);
    expect(stdout).toMatch(/^1 file, 2 cases ok, \d+ errors\n$/);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });

  it('of nothing is no success', async () => {
    world.write('empty/x.txt', '');
    const { exitCode, stderr } = await world.run(['check', world.path('empty')]);
    expect(stderr).toBe('tornread: error: no scenario file was found\n');
    expect(exitCode).toBe(exitCodes.nothingRan);
  });
});

describe('list', () => {
  it('shows scenarios with their cases', async () => {
    const { exitCode, stdout } = await world.run(['list', world.race]);
    expect(stdout).toBe(
      [
        'vtd/race: PASID entry torn down while the fetcher is reading it',
        '  clear-first        corrupted-entry',
        '  clear-first-fixed  holds',
        '',
      ].join('\n'),
    );
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('is also a document', async () => {
    const { stdout } = await world.run(['list', world.race, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 1,
      scenarios: [
        { scenario: 'vtd/race', file: world.race, cases: [{ case: 'clear-first' }, { case: 'clear-first-fixed' }] },
      ],
    });
  });

  it('goes on after a mistake, and ends with 3', async () => {
    const { exitCode, stdout } = await world.run(['list', broken, world.race, '--json']);
    const document = JSON.parse(stdout);
    expect([document.scenarios.length, document.errors[0].file]).toEqual([1, broken]);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });

  it('of nothing is no success', async () => {
    world.write('empty/x.txt', '');
    expect((await world.run(['list', world.path('empty')])).exitCode).toBe(exitCodes.nothingRan);
  });

  it.each([
    ['--rules', /^corrupted-entry\n {2}hardware used an entry/m, 'rules'],
    ['--flows', /^vtd\/pasid-teardown\n {2}Tear down .*\n {2}source: (?:.|\n)*\n {2}order: clear-first \| /m, 'flows'],
    ['--reach', /^fetch-overlaps-update\n {2}a store changes/m, 'reachMarks'],
  ])('%s prints the table, as text and as a document', async (option, text, key) => {
    const printed = await world.run(['list', option]);
    expect(printed.stdout).toMatch(text);
    expect(Math.max(...printed.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const document = JSON.parse((await world.run(['list', option, '--json'])).stdout);
    expect(Object.keys(document)).toEqual(['schema', 'tool', key]);
    expect(document[key].length).toBeGreaterThan(0);
    expect(printed.exitCode).toBe(exitCodes.asExpected);
  });
});

it('schema prints a JSON Schema', async () => {
  const { exitCode, stdout } = await world.run(['schema']);
  expect(JSON.parse(stdout)).toMatchObject({ $schema: expect.stringContaining('json-schema.org'), type: 'object' });
  expect(exitCode).toBe(exitCodes.asExpected);
});

describe('any command line', () => {
  const words = fc.constantFrom(
    ...['--case', 'clear-first', '--seed', '0x1', '--seeds', '1', '--strategy', 'timed', '--max-events', '9', '--json'],
    ...['--quiet', '--verbose', '--full', '--choices', 'w:0.1', 't:', '--digest', '0123456789abcdef', '--rules', '--'],
    ...['', '-', '-x', '--seeds=-1', '--help', '--no-json', '__proto__', '\u0000', '../..', broken, world.path('none')],
  );
  const commands = fc.constantFrom('run', 'replay', 'list', 'check', 'schema', 'help');
  const codes: readonly number[] = [0, 1, 2, 3, 4, 5];

  it('ends with a documented code, never with an internal error', async () => {
    const property = fc.asyncProperty(commands, fc.array(words, { maxLength: 6 }), async (command, rest) => {
      const last = command === 'run' ? ['--seeds', '1'] : [];
      const { exitCode, stderr } = await world.run([command, ...rest, ...last, world.race]);
      expect(codes, `${JSON.stringify([command, ...rest])}: ${stderr}`).toContain(exitCode);
    });
    await fc.assert(property, { seed: 1, numRuns: 300 });
  });
});
