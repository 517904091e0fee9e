import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { CliWorld, findTornSeed, type Outcome, raceYaml } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const tornSeed = await findTornSeed();
const byTornSeed = ['--case', 'clear-first', '--seed', tornSeed];

async function replayed(...argv: readonly string[]): Promise<Outcome> {
  return world.run(['replay', world.race, ...argv]);
}

interface ReplayDocument {
  readonly replay: { readonly choices: string; readonly digest: string };
}

async function document(...argv: readonly string[]): Promise<ReplayDocument> {
  return JSON.parse((await replayed(...argv, '--json')).stdout);
}

describe('replay', () => {
  it('shows the race, its digest, and the command', async () => {
    const { exitCode, stdout, stderr } = await replayed(...byTornSeed);
    const [verdict, picture, end] = stdout.split('\n\n');
    expect(verdict).toMatch(/^vtd\/race clear-first: violated, as expected\ncorrupted-entry: /);
    expect(picture).toContain('< corrupted-entry:');
    expect(end).toMatch(/^digest [0-9a-f]{16}, seed 0x[0-9a-f]+, \d+ events, \d+ ns\n/);
    expect(stdout.endsWith(`npx tornread replay ${world.race} --case clear-first --seed ${tornSeed}\n`)).toBe(true);
    expect([exitCode, stderr]).toEqual([exitCodes.asExpected, '']);
  });

  it('takes seeds in decimal, too', async () => {
    const decimal = await replayed('--case', 'clear-first', '--seed', String(BigInt(tornSeed)));
    expect(decimal.stdout).toBe((await replayed(...byTornSeed)).stdout);
  });

  it('ends with 1 when the run does not show what the case expects', async () => {
    const unexpected = world.write('unexpected.yaml', raceYaml.replace('expect: corrupted-entry', 'expect: holds'));
    const { exitCode, stdout } = await world.run(['replay', unexpected, ...byTornSeed]);
    expect(stdout).toContain('violated, not as expected (expected: holds)\n');
    expect(exitCode).toBe(exitCodes.notAsExpected);
  });

  it('ends with 1 when a case that has to fail holds', async () => {
    const never = world.write('never.yaml', raceYaml.replace('expect: holds', 'expect: corrupted-entry'));
    const { exitCode, stdout } = await world.run(['replay', never, '--case', 'clear-first-fixed', '--seed', '1']);
    expect(stdout).toContain('never clear-first-fixed: held, not as expected (expected: corrupted-entry)\n');
    expect(exitCode).toBe(exitCodes.notAsExpected);
  });

  it('ends with 4 when the run reaches a limit', async () => {
    const { exitCode, stdout } = await replayed('--case', 'clear-first', '--seed', '1', '--max-events', '3');
    expect(stdout).toMatch(/^vtd\/race clear-first: limit: .*, inconclusive/);
    expect(exitCode).toBe(exitCodes.inconclusive);
  });

  it('by choices is the run by the seed', async () => {
    const { choices, digest } = (await document(...byTornSeed)).replay;
    const { exitCode, stdout } = await replayed('--case', 'clear-first', '--choices', choices);
    expect(stdout).toContain(`digest ${digest}, `);
    expect(stdout).toContain(` --case clear-first --choices ${choices}\n`);
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it.each([
    ['cut short', (choices: string) => choices.replace(/\.\w+$/, '')],
    ['added to', (choices: string) => `${choices}.0`],
    ['out of range', (choices: string) => choices.replace(/\w+$/, 'zz')],
    ['of the other kind', (choices: string) => choices.replace('w:', 't:')],
  ])('refuses choices that were %s', async (_, edit) => {
    const { choices } = (await document(...byTornSeed)).replay;
    const { exitCode, stdout, stderr } = await replayed('--case', 'clear-first', '--choices', edit(choices));
    expect(stderr).toContain('replay diverged: ');
    expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
  });

  it('needs no case name where there is one case', async () => {
    const single = world.write('single.yaml', raceYaml.replace(/ {2}clear-first-fixed.*\n/, ''));
    expect((await world.run(['replay', single, '--seed', tornSeed])).exitCode).toBe(exitCodes.asExpected);
  });

  it('asks for a name where there are more', async () => {
    const { exitCode, stderr } = await replayed('--seed', '1');
    expect(stderr).toContain("--case has to name one of vtd/race's cases: clear-first, clear-first-fixed\n");
    expect(exitCode).toBe(exitCodes.usage);
  });

  it('says what was near a name that fits none', async () => {
    const { exitCode, stderr } = await replayed('--seed', '1', '--case', 'clear-first-fixt');
    expect(stderr).toContain('did you mean "clear-first-fixed"?');
    expect(exitCode).toBe(exitCodes.nothingRan);
  });

  it('fails loudly when the digest is another', async () => {
    const { digest } = (await document(...byTornSeed)).replay;
    expect((await replayed(...byTornSeed, '--digest', digest)).exitCode).toBe(exitCodes.asExpected);
    const { exitCode, stdout, stderr } = await replayed(...byTornSeed, '--digest', '0123456789abcdef');
    expect(stderr).toContain(`the digest of the run is ${digest}, not 0123456789abcdef`);
    expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
  });

  it('full prints every event', async () => {
    const { stdout } = await replayed(...byTornSeed, '--full');
    expect(stdout).toMatch(/^ +\d+ +\d+ ns {2}traffic +request of 00:02\.0 PASID 1: read of 0x1000$/m);
    expect(stdout).not.toContain('CPU 0 (teardown)');
  });

  it('json is one document', async () => {
    expect(await document(...byTornSeed)).toEqual({
      schema: 1,
      tool: { name: 'tornread', version: expect.any(String) },
      replay: expect.objectContaining({
        scenario: 'vtd/race',
        case: 'clear-first',
        file: world.race,
        seed: tornSeed,
        strategy: 'portfolio',
        depth: null,
        knobs: {},
        end: 'violated',
        digest: expect.stringMatching(/^[0-9a-f]{16}$/),
        violations: [expect.objectContaining({ rule: 'corrupted-entry' })],
      }),
    });
  });

  it.each([
    [['--case', 'clear-first'], 'either --seed or --choices'],
    [['--seed', '1', '--choices', 'w:'], 'either --seed or --choices'],
    [['--choices', 'w:', '--strategy', 'timed'], '--choices leave no choice'],
    [['--seed', '1', '--max-events', '9', '--save', 'x.json'], 'does not say --max-events'],
    [['--seed', '1', '--strategy', 'recheck'], 'Allowed choices are portfolio, random, pos, pct, timed'],
    [['--seed', '1', '--depth', '3'], '--depth is for --strategy pct'],
    [['--seed', '1', '--strategy', 'pct', '--depth', '17'], 'A depth is a whole number from 1 to 16'],
    [['--seed', '1', '--save', '/no/such/folder/x.json'], 'its folder is not there'],
    [['--seed', '1', '--trace', '.'], 'is a folder'],
    [['--seed', '1', '--recorded'], '--recorded is for recordings; '],
    [['--seed', tornSeed, '--case', 'clear-first', '--flip', '--full'], '--full prints none: give one of them'],
    [['--seed', '1', '--case', 'clear-first-fixed', '--flip'], 'this run breaks no rule'],
  ])('%j is wrong usage', async (argv, message) => {
    const { exitCode, stderr } = await replayed(...argv);
    expect(stderr).toContain(message);
    expect(exitCode).toBe(exitCodes.usage);
  });

  it.each([
    ['none.yaml', 'no such file or folder'],
    ['scenarios', 'is a folder'],
  ])('of %s is refused', async (name, message) => {
    const { exitCode, stderr } = await world.run(['replay', world.path(name), '--seed', '1']);
    expect(stderr).toBe(
      `tornread: error: ${world.path(name)}: ${message}${name === 'scenarios' ? '; name one scenario file' : ''}\n`,
    );
    expect(exitCode).toBe(exitCodes.invalidInput);
  });

  it('of a broken scenario shows the mistake', async () => {
    const broken = world.write('broken.yaml', raceYaml.replace('memory: sc', 'memory: cs'));
    const { exitCode, stderr } = await world.run(['replay', broken, '--seed', '1']);
    expect(stderr).toContain(`${broken}:4:11: error: `);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });
});

describe('a recording', () => {
  const path = world.path('race.json');
  let saved = '';

  beforeAll(async () => {
    await replayed(...byTornSeed, '--save', path);
    saved = readFileSync(path, 'utf8');
  });

  it('has what it takes to repeat the run, in this order', () => {
    expect(Object.entries(JSON.parse(saved))).toEqual([
      ['format', 2],
      ['tool', { name: 'tornread', version: expect.any(String) }],
      [
        'scenario',
        { name: 'vtd/race', file: world.race, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), text: raceYaml },
      ],
      ['case', 'clear-first'],
      ['strategy', 'portfolio'],
      ['depth', null],
      ['seed', tornSeed],
      ['choices', expect.stringMatching(/^w:/)],
      ['digest', expect.stringMatching(/^[0-9a-f]{16}$/)],
    ]);
  });

  it('replays, and is named in the command', async () => {
    const { exitCode, stdout } = await world.run(['replay', path]);
    expect(stdout).toContain('< corrupted-entry:');
    expect(stdout.endsWith(`\nnpx tornread replay ${path}\n`)).toBe(true);
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('of a run by choices has no seed and replays', async () => {
    const choices = JSON.parse(saved).choices;
    const other = world.path('by-choices.json');
    await replayed('--case', 'clear-first', '--choices', choices, '--save', other);
    expect(JSON.parse(readFileSync(other, 'utf8')).seed).toBeNull();
    expect((await world.run(['replay', other])).exitCode).toBe(exitCodes.asExpected);
  });

  it('leaves no temporary file behind', () => {
    expect(readdirSync(world.folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  const edits: readonly (readonly [string, (text: string) => string, string])[] = [
    ['cut', (text) => text.slice(0, text.length / 2), 'not a whole JSON document; was the file cut'],
    ['empty', () => '', 'not a whole JSON document'],
    ['a list', () => '[]', 'is not a recording'],
    [
      'another format',
      (text) => text.replace('"format": 2', '"format": 3'),
      'recording format 3, and this version reads format 2\n',
    ],
    [
      'of the format before',
      (text) => text.replace('"format": 2', '"format": 1'),
      'recording format 1, and this version reads format 2; hint: record the run again by its seed, with replay --save\n',
    ],
    ['without a format', (text) => text.replace('"format": 2,', ''), 'recording format missing'],
    [
      'of another version',
      (text) => text.replace(/"version": "[^"]*"/, '"version": "9.9.9"'),
      'recorded by "tornread" "9.9.9", this is tornread',
    ],
    ['of another scenario', (text) => text.replace(/"sha256": "./, '"sha256": "g'), '"scenario.sha256" is "g'],
    [
      'with another hash',
      (text) => text.replace(/"sha256": "\w{8}/, '"sha256": "00000000'),
      '"scenario.sha256" is 00000000',
    ],
    [
      'with another scenario text',
      (text) => text.replace('repeat: 2', 'repeat: 3'),
      'the sha256 of "scenario.text" is ',
    ],
    ['without a scenario text', (text) => text.replace(/"text": ".*"/, '"text": ""'), '"scenario.text" is ""'],
    [
      'with another scenario name',
      (text) => text.replace('"name": "vtd/race"', '"name": "vtd/rice"'),
      '"scenario.name" is "vtd/rice", that of "scenario.file" is "vtd/race"',
    ],
    [
      'with another scenario file',
      (text) => text.replace('vtd/race.yaml"', 'vtd/rice.yaml"'),
      '"scenario.name" is "vtd/race", that of "scenario.file" is "vtd/rice"',
    ],
    [
      'of a case that is not there',
      (text) => text.replace('"clear-first"', '"clear-last"'),
      'has no case "clear-last"',
    ],
    ['of another case', (text) => text.replace('"clear-first"', '"clear-first-fixed"'), ''],
    ['with other choices', (text) => text.replace(/("choices": ".*)\.\w+"/, '$1"'), 'replay diverged'],
    [
      'with no choices',
      (text) => text.replace(/"choices": ".*"/, '"choices": "w:!"'),
      '"choices" are not those of one run',
    ],
    ['with another strategy', (text) => text.replace('"portfolio"', '"timed"'), '"choices" are not those of one run'],
    ['with a strategy that is none', (text) => text.replace('"portfolio"', '"recheck"'), '"strategy" is "recheck"'],
    ['with a depth', (text) => text.replace('"depth": null', '"depth": 2'), '"depth" is 2'],
    ['of PCT without a depth', (text) => text.replace('"portfolio"', '"pct"'), '"depth" is null'],
    ['with another seed', (text) => text.replace(/"seed": "\w+"/, '"seed": "0x0"'), 'seed 0x0 gives digest'],
    ['with a seed that is none', (text) => text.replace(/"seed": "\w+"/, '"seed": 7'), '"seed" is 7'],
    ['with another digest', (text) => text.replace(/"digest": "\w{4}/, '"digest": "ffff'), 'the digest of the run is '],
  ];

  it.each(edits)('that is %s is refused, with the difference', async (_, edit, message) => {
    const edited = world.write('edited.json', edit(saved));
    expect(readFileSync(edited, 'utf8')).not.toBe(saved);
    const { exitCode, stdout, stderr } = await world.run(['replay', edited]);
    expect(stderr).toMatch(/^tornread: error: /);
    expect(stderr).toContain(message);
    expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
  });

  it.each([
    ['none.json', 'no such file or folder'],
    ['folder.json', 'is not a file'],
  ])('at %s is refused', async (name, message) => {
    world.write('folder.json/x', '');
    const { exitCode, stderr } = await world.run(['replay', world.path(name)]);
    expect(stderr).toBe(`tornread: error: ${world.path(name)}: ${message}\n`);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });

  it('that is too large is refused unread', async () => {
    const huge = world.write('huge.json', saved.padEnd((16 << 20) + 1));
    const { exitCode, stdout, stderr } = await world.run(['replay', huge]);
    expect(stderr).toBe(`tornread: error: ${huge}: has 16777217 bytes, and no recording has more than 16777216\n`);
    expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
  });

  it('needs no scenario file', async () => {
    const { file, recording } = await recordElsewhere('gone');
    rmSync(file);
    const { exitCode, stdout, stderr } = await world.run(['replay', recording]);
    expect(stdout).toContain('< corrupted-entry:');
    expect(stdout.endsWith(`\nnpx tornread replay ${recording}\n`)).toBe(true);
    expect([exitCode, stderr]).toEqual([exitCodes.asExpected, '']);
  });

  it('is refused where the scenario file has changed since, unless the recorded one is asked for', async () => {
    const { file, recording } = await recordElsewhere('changed');
    writeFileSync(file, `${raceYaml}# changed\n`);
    const { exitCode, stdout, stderr } = await world.run(['replay', recording]);
    const [now, then] = [`${raceYaml}# changed\n`, raceYaml].map((text) =>
      createHash('sha256').update(text).digest('hex'),
    );
    expect(stderr).toBe(
      `tornread: error: ${recording}: the scenario file ${file} has changed since: its sha256 is ${now}, the recording's ${then}; hint: --recorded runs the scenario as it was recorded\n`,
    );
    expect([exitCode, stdout]).toEqual([exitCodes.invalidInput, '']);
    const recorded = await world.run(['replay', recording, '--recorded']);
    expect(recorded.stdout).toContain('< corrupted-entry:');
    expect(recorded.stdout.endsWith(`\nnpx tornread replay ${recording} --recorded\n`)).toBe(true);
    expect(recorded.exitCode).toBe(exitCodes.asExpected);
  });

  it('keeps a byte order mark', async () => {
    const file = world.write('mark.yaml', `\uFEFF${raceYaml}`);
    const recording = world.path('mark.json');
    await world.run(['replay', file, ...byTornSeed, '--save', recording]);
    expect((await world.run(['replay', recording])).exitCode).toBe(exitCodes.asExpected);
  });

  it('takes no other say in what to run', async () => {
    expect((await world.run(['replay', path, '--seed', '1'])).exitCode).toBe(exitCodes.usage);
  });

  it('can be saved over an older one', async () => {
    const target = world.write('old.json', 'old');
    await replayed(...byTornSeed, '--save', target);
    expect(readFileSync(target, 'utf8')).toBe(saved);
    expect(existsSync(`${target}.tmp-${process.pid}`)).toBe(false);
  });
});

async function recordElsewhere(name: string): Promise<{ readonly file: string; readonly recording: string }> {
  const [file, recording] = [world.write(`${name}.yaml`, raceYaml), world.path(`${name}.json`)];
  await world.run(['replay', file, ...byTornSeed, '--save', recording]);
  return { file, recording };
}

describe('replay --trace', () => {
  it('writes a head, a line for each event with its fields in declared order, and a tail', async () => {
    const path = world.path('out.jsonl');
    const { stdout } = await replayed(...byTornSeed, '--trace', path);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    const request = lines.findIndex((line) => line.includes('"kind":"request"'));
    const [head, first, tail] = [lines[0], lines[request], lines.at(-1)].map((line) => JSON.parse(line ?? ''));
    expect(Object.keys(head)).toEqual([
      'k',
      'format',
      'tool',
      'scenario',
      'case',
      'seed',
      'strategy',
      'depth',
      'knobs',
      'prng',
    ]);
    expect(head.scenario.sha256).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(Object.keys(first)).toEqual(['k', 'i', 'step', 't', 'agent', 'kind', 'sid', 'pasid', 'iova', 'write']);
    expect(first).toMatchObject({
      k: 'ev',
      i: request - 1,
      t: expect.stringMatching(/^\d+$/),
      agent: 'traffic',
      kind: 'request',
    });
    expect(tail).toMatchObject({ k: 'tail', count: lines.length - 2, end: 'violated' });
    expect(stdout).toContain(`digest ${tail.digest}, `);
  });
});
