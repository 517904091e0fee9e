import { readFileSync, rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { CliWorld, findTornSeed, type Outcome } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const tornSeed = await findTornSeed();
const byTornSeed = ['--case', 'clear-first', '--seed', tornSeed];

async function shrunk(...argv: readonly string[]): Promise<Outcome> {
  return world.run(['shrink', world.race, ...argv]);
}

describe('shrink', () => {
  it('says what was cut, shows the picture, and ends with the command that repeats it', async () => {
    const { exitCode, stdout, stderr } = await shrunk(...byTornSeed);
    const [head, picture, end] = stdout.split('\n\n');
    expect(head).toMatch(
      /^vtd\/race clear-first: corrupted-entry, shrunk from \d+ context switches and \d+\n {2}events to 2 and \d+\ncorrupted-entry: nic\.pasid\[1\] was used/,
    );
    expect(picture).toContain('< corrupted-entry:');
    const [before, after, digest, command] = end?.split('\n') ?? [];
    const figures = /^(before|after) +(\d+) context switches, (\d+) of them not forced, (\d+) events, (\d+) choices$/;
    const [, , ...more] = figures.exec(before ?? '') ?? [];
    const [, , ...less] = figures.exec(after ?? '') ?? [];
    for (const [i, each] of less.entries()) expect(Number(each)).toBeLessThanOrEqual(Number(more[i]));
    expect(digest).toMatch(/^\d+ candidates run; digest [0-9a-f]{16}$/);
    expect([exitCode, stderr]).toEqual([exitCodes.asExpected, '']);
    const replayed = await world.run(command?.split(' ').slice(2) ?? []);
    expect(replayed.stdout).toContain(`\n\n${picture}\n\n`);
    expect(replayed.exitCode).toBe(exitCodes.asExpected);
  });

  it('writes the shortest run as a recording, which stands alone', async () => {
    const [file, path] = [world.write('alone.yaml', readFileSync(world.race, 'utf8')), world.path('short.json')];
    const { stdout } = await world.run(['shrink', file, ...byTornSeed, '--save', path]);
    expect(stdout.endsWith(`\nnpx tornread replay ${path}\n`)).toBe(true);
    rmSync(file);
    const { exitCode, stdout: replayed } = await world.run(['replay', path]);
    const digest = /digest ([0-9a-f]{16})/.exec(stdout)?.[1];
    expect(replayed).toContain(`\ndigest ${digest}, `);
    expect(exitCode).toBe(exitCodes.asExpected);
    // What is shortest is its own shortest.
    const again = await world.run(['shrink', path]);
    expect(again.stdout).toContain(`digest ${digest}\nnpx tornread shrink ${path}\n`);
  });

  it('prints one document, the same every time', async () => {
    const { exitCode, stdout } = await shrunk(...byTornSeed, '--json');
    expect((await shrunk(...byTornSeed, '--json')).stdout).toBe(stdout);
    const figures = { switches: 2, preemptions: expect.any(Number), events: 15, choices: expect.any(Number) };
    expect(Object.entries(JSON.parse(stdout).shrink)).toEqual([
      ['scenario', 'vtd/race'],
      ['case', 'clear-first'],
      ['file', world.race],
      ['line', expect.any(Number)],
      ['rule', 'corrupted-entry'],
      ['message', expect.stringContaining('nic.pasid[1] was used')],
      ['source', expect.stringContaining('VT-d')],
      ['before', { ...figures, switches: expect.any(Number), events: expect.any(Number) }],
      ['after', figures],
      ['runs', expect.any(Number)],
      ['end', 'minimal'],
      ['seed', tornSeed],
      ['choices', expect.stringMatching(/^w:/)],
      ['digest', expect.stringMatching(/^[0-9a-f]{16}$/)],
    ]);
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('keeps the rule it is told to', async () => {
    expect((await shrunk(...byTornSeed, '--rule', 'corrupted-entry')).exitCode).toBe(exitCodes.asExpected);
    const { exitCode, stderr } = await shrunk(...byTornSeed, '--rule', 'stuck');
    expect(stderr).toBe(
      'tornread: error: there is nothing to shrink: this run does not break "stuck", it breaks corrupted-entry\n',
    );
    expect(exitCode).toBe(exitCodes.usage);
  });

  it.each([
    [['--case', 'clear-first-fixed', '--seed', '1'], 'there is nothing to shrink: this run breaks no rule'],
    [['--case', 'clear-first'], 'say which run to shrink: either --seed or --choices'],
    [[...byTornSeed, '--recorded'], '--recorded is for recordings; '],
    [[...byTornSeed, '--shrink-time', '0'], 'It must be a number of seconds above 0'],
    [[...byTornSeed, '--shrink-time', '-3'], 'It must be a number of seconds above 0'],
    [[...byTornSeed, '--shrink-time', 'long'], 'It must be a number of seconds above 0'],
    [[...byTornSeed, '--save', '/no/such/folder/x.json'], 'its folder is not there'],
  ])('%j is wrong usage', async (argv, message) => {
    const { exitCode, stdout, stderr } = await shrunk(...argv);
    expect(stderr).toContain(message);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });

  it('says when the time was up', async () => {
    const { stdout } = await shrunk(...byTornSeed, '--shrink-time', '0.001');
    expect(stdout).toMatch(
      /events to \d+ and \d+(?:, not\s+to\s+the\s+end:\s+the\s+time\s+of\s+--shrink-time\s+was\s+up)?\n/,
    );
  });
});

describe('replay --flip', () => {
  const root = new URL('../../scenarios/vtd/pasid-teardown.yaml', import.meta.url).pathname;

  it.each(['sc', 'x86-tso'])('names the order the mail names (%s)', async (memory) => {
    const name = `clear-first.first.any.${memory}`;
    const found = await world.run(['run', root, '--case', name, '--json']);
    const { choices } = JSON.parse(found.stdout).results[0].violations[0].first.shrunk;
    const argv = ['replay', root, '--case', name, '--choices', choices, '--flip'];
    const { exitCode, stdout } = await world.run(argv);
    expect(stdout).toContain(
      [
        'flip (1): had "read nic.pasid[1] q2-3" come before "store nic.pasid[1]',
        '  q2 = 0", the run would have held',
        'flip (2): had "store nic.pasid[1] q0 = 0" come before "read nic.pasid[1]',
        '  q0-1", the run would have held',
      ].join('\n'),
    );
    expect(stdout).toMatch(/^store nic\.pasid\[1\] q0 = 0 \(2\)$/m);
    expect(stdout).toMatch(/^store nic\.pasid\[1\] q2 = 0 \(1\)$/m);
    expect(stdout).toMatch(/^ +read nic\.pasid\[1\] q2-3: FSPTPTR=0 \(1\)$/m);
    expect(
      stdout
        .split('\n\n')
        .slice(1, 3)
        .every((part) => part.split('\n').every((line) => line.length <= 72)),
    ).toBe(true);
    expect(exitCode).toBe(exitCodes.asExpected);
    const { flips } = JSON.parse((await world.run([...argv, '--json'])).stdout).replay;
    expect(flips[0]).toEqual({
      before: {
        process: memory === 'sc' ? 'teardown' : 'CPU 0 store buffer',
        step: expect.any(Number),
        text: 'store nic.pasid[1] q2 = 0',
      },
      after: { process: 'traffic', step: expect.any(Number), text: 'read nic.pasid[1] q2-3' },
      makesItHold: true,
      choices: expect.stringMatching(/^w:/),
    });
    for (const flip of flips) {
      const held = await world.run(['replay', root, '--case', name, '--choices', flip.choices]);
      expect(held.stdout).toContain(`${name}: held, not as expected`);
    }
  });

  it('changes nothing where it is not asked for', async () => {
    const argv = ['replay', world.race, ...byTornSeed];
    const { stdout } = await world.run(argv);
    expect(stdout).not.toContain('flip');
    expect(Object.keys(JSON.parse((await world.run([...argv, '--json'])).stdout).replay)).not.toContain('flips');
  });

  it('says when no single pair decides', async () => {
    const file = new URL('../../scenarios/vtd/pasid-replace-second-stage.yaml', import.meta.url).pathname;
    const name = 'qwords.ascending.sc';
    const found = await world.run(['run', file, '--case', name, '--json']);
    const { violations } = JSON.parse(found.stdout).results[0];
    const { first } = violations.find(({ rule }: { rule: string }) => rule === 'spec-violation');
    const { stdout } = await world.run(['replay', file, '--case', name, '--choices', first.shrunk.choices, '--flip']);
    expect(stdout).toContain('\nflip: no single pair of steps, turned round, makes it hold (0 pairs\n  tried)\n');
  });
});
