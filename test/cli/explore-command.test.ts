import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { CliWorld, raceYaml } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

describe('tornread explore', () => {
  it('says what is proved and what is violated, within 80 columns', async () => {
    const { exitCode, stdout } = await world.run(['explore', world.race]);
    expect(exitCode).toBe(exitCodes.asExpected);
    expect(stdout).toMatch(/^ok clear-first +1 corrupted-entry violated +\d+$/m);
    expect(stdout).toMatch(/^ok clear-first-fixed +1 holds +proved +\d+$/m);
    expect(stdout).toMatch(/^2 cases, 2 explored to the end, \d+ states: 2 as expected$/m);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('shows the race of a case looked at alone, with the command that repeats it', async () => {
    const { stdout } = await world.run(['explore', world.race, '--case', 'clear-first']);
    expect(stdout).toMatch(/corrupted-entry in \d+ of \d+ executions: /);
    expect(stdout).toContain('< corrupted-entry');
    const command = /npx tornread (replay .*--choices \S+)/.exec(stdout)?.[1]?.split(' ') ?? [];
    expect((await world.run(command)).exitCode).toBe(exitCodes.asExpected);
  });

  it('prints one document with the figures of each search', async () => {
    const { stdout, stderr } = await world.run(['explore', world.race, '--json']);
    const { results, summary } = JSON.parse(stdout);
    expect(summary).toEqual({ cases: 2, asExpected: 2, unexpected: 0, inconclusive: 0 });
    for (const result of results) {
      expect(result).toMatchObject({ complete: true, strategy: 'exhaustive', states: result.exploration.states });
      expect(result.exploration).toMatchObject({ reduction: true, exact: false, preemptions: null, fraction: 1 });
    }
    expect(results[0].violations[0].first.seed).toBeNull();
    expect(stderr).toBe('');
  });

  it('proves up to a number of preemptions when told so', async () => {
    const { exitCode, stdout } = await world.run([
      'explore',
      world.race,
      '--case',
      'clear-first-fixed',
      '--max-preemptions',
      '1',
    ]);
    expect(exitCode).toBe(exitCodes.asExpected);
    expect(stdout).toMatch(/^ok clear-first-fixed +1 holds +held +\d+\n {3}proved up to 1 preemption$/m);
  });

  it('runs seeds where the file says that there are too many orders, unless told to search all', async () => {
    const sampled = world.write('sampled.yaml', raceYaml.replace('cases:', 'search: sampled\ncases:'));
    const [some, all] = [await world.run(['explore', sampled]), await world.run(['explore', sampled, '--all'])];
    expect(some.stdout).toMatch(/^ok clear-first-fixed +1 holds +held +1000 runs$/m);
    expect(some.stdout).toContain('0 explored to the end, 2 sampled');
    expect(all.stdout).toContain('2 explored to the end, ');
  });

  it('ends inconclusive at a bound, says how far it came, and keeps what it has', async () => {
    const { exitCode, stdout } = await world.run(['explore', world.race, '--max-executions', '50']);
    expect(exitCode).toBe(exitCodes.inconclusive);
    expect(stdout).toMatch(/^\?\? clear-first-fixed +1 holds +inconclusive/m);
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/--max-executions 50 reached after \d+ executions and \d+ states/);
    expect(stdout).toMatch(/^ok clear-first +1 corrupted-entry violated/m);
  });

  it('ends a search that takes too long, in time', async () => {
    const { exitCode, stdout } = await world.run(['explore', world.race, '--time-budget', '0.001', '--json']);
    expect(exitCode).toBe(exitCodes.inconclusive);
    const { results } = JSON.parse(stdout);
    expect(results[1].verdict).toBe('inconclusive');
    expect(results[1].reason).toMatch(/^time budget of 0.001 s used up /);
  });

  it('keeps the results so far when it is interrupted', async () => {
    const interruption = { signal: 'SIGINT' as const };
    const { exitCode, stdout } = await world.run(['explore', world.race], { interruption });
    expect(exitCode).toBe(exitCodes.SIGINT);
    expect(stdout).toContain('interrupted');
  });

  it('is what run does with --strategy exhaustive', async () => {
    const [explored, ran] = [
      await world.run(['explore', world.race, '--json']),
      await world.run(['run', world.race, '--strategy', 'exhaustive', '--json']),
    ];
    expect(ran).toEqual(explored);
  });

  it('finds with --dpor what it finds with states', async () => {
    // The traffic of one request: orders that come together too seldom are what DPOR is for.
    const small = world.write('small.yaml', raceYaml.replace('repeat: 2', 'repeat: 1'));
    const { exitCode, stdout } = await world.run(['explore', small, '--dpor', '--json']);
    expect(exitCode).toBe(exitCodes.asExpected);
    const { results } = JSON.parse(stdout);
    expect(results.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['violated', 'proved']);
    expect(results[1]).toMatchObject({ complete: true, states: null, exploration: { dpor: true } });
  });

  it.each([
    [['--dpor', '--exact'], "'--dpor' cannot be used with option '--exact'"],
    [['--dpor', '--max-preemptions', '2'], "'--dpor' cannot be used with option '--max-preemptions <k>'"],
    [['--dpor', '--no-reduction'], '--dpor is a reduction, and --no-reduction wants none'],
    [['-j', '0'], 'It must be a whole number from 1 to'],
  ])('refuses %j', async (options, message) => {
    const { exitCode, stderr } = await world.run(['explore', world.race, ...options]);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toContain(message);
  });

  it('as a strategy refuses what makes no sense with it', async () => {
    for (const option of ['--seeds', '--seed', '--depth']) {
      const { exitCode, stderr } = await world.run(['run', world.race, '--strategy', 'exhaustive', option, '3']);
      expect(exitCode).toBe(exitCodes.usage);
      expect(stderr).toContain('--strategy exhaustive has no use for');
    }
  });

  it.each([
    ['--max-preemptions', '0', 'It must be a whole number of at least 1.'],
    ['--max-preemptions', '-1', 'It must be a whole number of at least 1.'],
    ['--max-executions', '0', 'It must be a whole number of at least 1.'],
    ['--max-executions', 'many', 'It must be a whole number of at least 1.'],
    ['--max-executions', '1.5', 'It must be a whole number of at least 1.'],
    ['--time-budget', '0', 'It must be a number of seconds above 0'],
    ['--time-budget', '-2', 'It must be a number of seconds above 0'],
    ['--time-budget', '5min', 'It must be a number of seconds above 0'],
  ])('refuses %s %s', async (option, value, message) => {
    const { exitCode, stdout, stderr } = await world.run(['explore', world.race, `${option}=${value}`]);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
    expect(stderr).toContain(message);
  });
});

describe('the key search', () => {
  it.each([
    ['a word that is none', 'search: tried', /expected "explored", "sampled" or a list, got "tried"/],
    [
      'a condition on an unknown variable',
      'search: [{ when: { ordr: x }, is: sampled }, { is: explored }]',
      /variable "ordr"/,
    ],
    [
      'no last entry',
      'search: [{ when: { order: none }, is: sampled }]',
      /"search" does not say how "clear-first" is searched/,
    ],
  ])('is refused with %s', async (_, line, message) => {
    const file = world.write('wrong.yaml', raceYaml.replace('cases:', `${line}\ncases:`));
    const { exitCode, stderr } = await world.run(['check', file]);
    expect(exitCode).toBe(exitCodes.invalidInput);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/wrong\.yaml:14:\d+: error/);
  });
});
