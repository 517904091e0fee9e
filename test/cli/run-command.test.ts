import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import type { Simulator } from '../../cli/library.ts';
import type { CaseReport } from '../../scenarios/report.ts';
import { shrinkCase } from '../../scenarios/shrink-case.ts';
import { NondeterminismError } from '../../sim/schedulers/recheck.ts';
import { CliWorld, caseLine, findTornSeed, raceYaml } from './cli-world.ts';

const world = new CliWorld();
afterAll(() => world.remove());

const tornSeed = await findTornSeed();
const fromTorn = ['--seed', tornSeed, '--seeds', '1'];
const never = world.write('never/x.yaml', raceYaml.replace('expect: holds', 'expect: corrupted-entry'));
const broken = world.write('broken/x.yaml', raceYaml.replace('fetchOrder', 'fetchOder'));
const unexpected = world.write('unexpected/x.yaml', raceYaml.replace('expect: corrupted-entry', 'expect: holds'));
const matrixYaml = raceYaml
  .replace('memory: sc', 'memory: $memory')
  .replace('cases:', 'matrix: { memory: [sc, x86-tso] }\ncases:');

describe('run', () => {
  it('shows a row for each case, grouped by scenario, and ends with 0 when all is as expected', async () => {
    const { exitCode, stdout, stderr } = await world.run(['run', world.race, ...fromTorn]);
    expect(stdout).toBe(
      [
        '   case              cases expected        verdict  hits/runs',
        'vtd/race: PASID entry torn down while the fetcher is reading it',
        'ok clear-first           1 corrupted-entry violated       1/1',
        `   first: --case clear-first --seed ${tornSeed}`,
        'ok clear-first-fixed     1 holds           held           0/1',
        '',
        '2 cases, 2 runs: 2 as expected',
        '',
      ].join('\n'),
    );
    expect(stderr).toBe('');
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('shows the picture of a single case, and as its last line the command that repeats it', async () => {
    const { stdout } = await world.run(['run', world.race, '--case', 'clear-first', ...fromTorn]);
    const [table, text, picture, command, summary] = stdout.split('\n\n');
    expect(table).toContain('clear-first ');
    expect(text).toMatch(
      /^vtd\/race clear-first: as expected\ncorrupted-entry in 1 of 1 run: nic\.pasid\[1\] was used/,
    );
    expect(text).toContain('(VT-d');
    expect(picture).toMatch(/^CPU 0 \(teardown\) +IOMMU\n/);
    expect(command?.split('\n')).toEqual([
      expect.stringMatching(/^shrunk from \d+ context switches and \d+ events to 2 and \d+$/),
      `found with --seed ${tornSeed}`,
      expect.stringMatching(/^npx tornread replay .*race\.yaml --case clear-first --choices w:[0-9.]+$/),
    ]);
    expect(summary).toBe('1 case, 1 run: 1 as expected\n');
    const replayed = await world.run(command?.split('\n')[2]?.split(' ').slice(2) ?? []);
    expect(replayed.stdout).toContain(`\n\n${picture}\n\n`);
  });

  it('shows the run as it was found when asked to', async () => {
    const { stdout } = await world.run(['run', world.race, '--case', 'clear-first', '--no-shrink', ...fromTorn]);
    const [, , , command] = stdout.split('\n\n');
    expect(command).toBe(`npx tornread replay ${world.race} --case clear-first --seed ${tornSeed}`);
  });

  it('shows a run with drawn times as it was found where windows alone do not make it fail', async () => {
    const unshrinkable = { shrinkCase: cannotShrink };
    const argv = ['run', world.race, '--case', 'clear-first', ...fromTorn];
    const { stdout } = await world.run(argv, { simulator: unshrinkable });
    expect(stdout).toContain(
      `not shrunk: the order of this run with drawn times does not fail where only\n  windows decide\nnpx tornread replay ${world.race} --case clear-first --seed ${tornSeed}\n`,
    );
    const { stdout: json } = await world.run([...argv, '--json'], { simulator: unshrinkable });
    expect(JSON.parse(json).results[0].violations[0].first.shrunk).toBeNull();
  });

  it.each(['0', '-1', 'soon', '1e9', ''])('takes no --shrink-time of "%s"', async (seconds) => {
    const { exitCode, stdout, stderr } = await world.run(['run', world.race, `--shrink-time=${seconds}`]);
    expect(stderr).toBe(
      `tornread: error: option '--shrink-time <s>' argument '${seconds}' is invalid. It must be a number of seconds above 0, such as 10 or 0.5.\n`,
    );
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });

  it('shows all pictures, and every case on its own, when asked to', async () => {
    const matrix = world.write('verbose/x.yaml', matrixYaml);
    const shown = await world.run(['run', matrix, '--seeds', '1', '--case', 'clear-first-fixed']);
    expect(shown.stdout).toMatch(/^ok clear-first-fixed +2 holds/m);
    const { stdout } = await world.run(['run', matrix, '--verbose', ...fromTorn]);
    expect(stdout).toMatch(/^ok +clear-first-fixed\.sc +1 holds .*\nok +clear-first-fixed\.x86-tso +1 holds/m);
    expect(stdout).toContain('< corrupted-entry:');
  });

  it('ends with 1 when a case that has to fail holds, with the command that repeats the campaign', async () => {
    const { exitCode, stdout } = await world.run(['run', never, '--seeds', '2']);
    expect(exitCode).toBe(exitCodes.notAsExpected);
    expect(stdout).toContain('FAIL clear-first-fixed ');
    expect(stdout).toContain(
      '\nexpected, and not found in 2 runs: corrupted-entry (the case expects:\n  corrupted-entry)\n\n',
    );
    expect(stdout).toContain(`\nnpx tornread run ${never} --case clear-first-fixed --seed 0x0 --seeds 2\n`);
  });

  it('ends with 1 and a picture when a case that has to hold fails', async () => {
    const { exitCode, stdout } = await world.run(['run', unexpected, ...fromTorn]);
    expect(exitCode).toBe(exitCodes.notAsExpected);
    expect(stdout).toContain('< corrupted-entry:');
    expect(stdout).toContain(`\nfound with --seed ${tornSeed}\n`);
    expect(stdout).toContain(`\nnpx tornread replay ${unexpected} --case clear-first --choices w:`);
  });

  it('ends with 4 when a limit is reached, and says where', async () => {
    const { exitCode, stdout } = await world.run(['run', world.race, '--seeds', '2', '--max-events', '3']);
    expect(exitCode).toBe(exitCodes.inconclusive);
    expect(stdout).toContain('?? ');
    expect(stdout).toMatch(/limit reached: .*\(seed 0x0\)/);
    expect(stdout).toContain(' --max-events 3\n');
  });

  it('finds the run that a command printed', async () => {
    const { stdout } = await world.run(['run', unexpected, ...fromTorn]);
    const command = /^npx tornread (replay .*)$/m.exec(stdout)?.[1] ?? '';
    const replayed = await world.run(command.split(' '));
    expect(replayed.exitCode).toBe(exitCodes.notAsExpected);
    expect(replayed.stdout).toContain('< corrupted-entry:');
  });

  it('quiet prints what is not as expected and nothing else', async () => {
    const good = await world.run(['run', world.race, '--quiet', ...fromTorn]);
    expect(good.stdout).toBe('2 cases, 2 runs: 2 as expected\n');
    const bad = await world.run(['run', unexpected, '--quiet', ...fromTorn]);
    expect(bad.stdout).toBe(
      [
        'x clear-first: violated; broken, and not expected: corrupted-entry (the case expects: holds)',
        `npx tornread replay ${unexpected} --case clear-first --seed ${tornSeed}`,
        '2 cases, 2 runs: 1 as expected, 1 not as expected',
        '',
      ].join('\n'),
    );
  });

  it.each([['portfolio'], ['random'], ['pos'], ['pct'], ['timed'], ['recheck']])(
    'knows the strategy %s',
    async (strategy) => {
      const { exitCode, stdout } = await world.run(['run', never, '--strategy', strategy, '--seeds', '2', '--json']);
      expect(exitCode).toBe(exitCodes.notAsExpected);
      expect(JSON.parse(stdout).results[0].strategy).toBe(strategy);
    },
  );
});

describe('run --json', () => {
  it('prints the document of the design, fields in its order, and nothing else', async () => {
    const { exitCode, stdout } = await world.run(['run', world.race, '--json', ...fromTorn]);
    const document = JSON.parse(stdout);
    expect(Object.keys(document)).toEqual(['schema', 'tool', 'results', 'summary']);
    expect(document.schema).toBe(1);
    expect(document.tool).toEqual({ name: 'tornread', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(document.summary).toEqual({ cases: 2, asExpected: 2, unexpected: 0, inconclusive: 0 });
    expect(Object.entries(document.results[0])).toEqual([
      ['scenario', 'vtd/race'],
      ['case', 'clear-first'],
      ['file', world.race],
      ['line', caseLine],
      ['expect', ['corrupted-entry']],
      ['verdict', 'violated'],
      ['asExpected', true],
      ['complete', false],
      ['strategy', 'portfolio'],
      ['runs', 1],
      ['events', expect.any(Number)],
      ['states', null],
      ['violations', [expect.objectContaining({ rule: 'corrupted-entry', count: 1 })]],
      ['notReached', []],
      ['reason', ''],
      ['guarantee', null],
    ]);
    expect(Object.keys(document.results[0].violations[0].first)).toEqual([
      'seed',
      'run',
      'choices',
      'events',
      'digest',
      'knobs',
      'shrunk',
    ]);
    expect(Object.entries(document.results[0].violations[0].first.shrunk)).toEqual([
      ['choices', expect.stringMatching(/^w:/)],
      ['switches', 2],
      ['preemptions', expect.any(Number)],
      ['events', expect.any(Number)],
      ['digest', expect.stringMatching(/^[0-9a-f]{16}$/)],
      ['complete', true],
    ]);
    expect(exitCode).toBe(exitCodes.asExpected);
  });

  it('does not shrink when asked not to', async () => {
    const { stdout } = await world.run(['run', world.race, '--json', '--no-shrink', ...fromTorn]);
    expect(JSON.parse(stdout).results[0].violations[0].first.shrunk).toBeNull();
  });

  it('is the same bytes every time', async () => {
    const argv = ['run', world.race, '--json', ...fromTorn];
    expect((await world.run(argv)).stdout).toBe((await world.run(argv)).stdout);
  });

  it('lists the mistakes of files that cannot be run, and runs the others', async () => {
    const { exitCode, stdout, stderr } = await world.run([
      'run',
      broken,
      world.race,
      world.path('none.yaml'),
      '--json',
    ]);
    const document = JSON.parse(stdout);
    expect(document.results).toHaveLength(2);
    expect(document.errors).toEqual([
      { file: world.path('none.yaml'), line: 0, column: 0, message: 'no such file or folder', hint: null },
      { file: broken, line: 5, column: 24, message: expect.stringContaining('fetchOder'), hint: expect.any(String) },
    ]);
    expect(stderr).toContain(`${broken}:5:24: error: `);
    expect(stderr).toContain(`tornread: error: ${world.path('none.yaml')}: no such file or folder\n`);
    expect(exitCode).toBe(exitCodes.invalidInput);
  });

  it('is a whole document when nothing runs', async () => {
    const { exitCode, stdout } = await world.run(['run', world.race, '--case', 'nope', '--json']);
    expect(JSON.parse(stdout).results).toEqual([]);
    expect(exitCode).toBe(exitCodes.nothingRan);
  });
});

describe('run of chosen cases', () => {
  it('takes whole parts of a name, never a part of a part', async () => {
    const matrix = world.write('matrix/x.yaml', matrixYaml);
    const ran = async (...names: readonly string[]): Promise<readonly string[]> => {
      const argv = ['run', matrix, '--json', '--seeds', '1', ...names.flatMap((name) => ['--case', name])];
      return JSON.parse((await world.run(argv)).stdout).results.map((result: CaseReport) => result.case);
    };
    expect(await ran('clear-first')).toEqual(['clear-first.sc', 'clear-first.x86-tso']);
    expect(await ran('clear-first-fixed.sc', 'clear-first.sc')).toEqual(['clear-first.sc', 'clear-first-fixed.sc']);
    expect(await ran('clear-first.s')).toEqual([]);
  });

  it('runs nothing when a name fits no case, and says what was near', async () => {
    const { exitCode, stdout, stderr } = await world.run([
      'run',
      world.race,
      '--case',
      'clear-frist',
      '--case',
      'clear-first',
    ]);
    expect(stderr).toContain('no case matches "clear-frist"; did you mean "clear-first"?');
    expect(stdout).toBe('');
    expect(exitCode).toBe(exitCodes.nothingRan);
  });

  it('runs nothing in a folder without scenarios', async () => {
    world.write('empty/readme.txt', '');
    const { exitCode, stderr } = await world.run(['run', world.path('empty')]);
    expect(stderr).toBe('tornread: error: nothing ran, as no case was found\n');
    expect(exitCode).toBe(exitCodes.nothingRan);
  });
});

describe('run --trace', () => {
  it('writes the first violating run of each case', async () => {
    const trace = world.path('out.jsonl');
    await world.run(['run', world.race, '--trace', trace, ...fromTorn]);
    const lines = readFileSync(trace, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({
      k: 'head',
      format: 1,
      case: 'clear-first',
      seed: tornSeed,
      strategy: 'portfolio',
    });
    expect(lines.at(-1)).toMatchObject({ k: 'tail', count: lines.length - 2, end: 'violated' });
    expect(lines.filter(({ k }) => k === 'head')).toHaveLength(1);
  });

  it('refuses a place that is not there before anything runs', async () => {
    const { exitCode, stdout, stderr } = await world.run(['run', world.race, '--trace', world.path('no/out.jsonl')]);
    expect(stderr).toContain('its folder is not there');
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });
});

describe('an interrupted run', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s prints what it has and ends with %i', async (signal, code) => {
    const interruption: { signal: 'SIGINT' | 'SIGTERM' | undefined } = { signal: undefined };
    const report = await firstReport();
    const simulator = {
      runCaseInSlices: async () => {
        interruption.signal = signal;
        return report;
      },
    };
    const { exitCode, stdout } = await world.run(['run', world.race, '--json'], { interruption, simulator });
    expect(JSON.parse(stdout)).toMatchObject({
      results: [{ case: 'clear-first' }],
      summary: { cases: 1 },
      interrupted: true,
    });
    expect(exitCode).toBe(code);
  });

  it('says so in the summary', async () => {
    const { stdout } = await world.run(['run', world.race], { interruption: { signal: 'SIGINT' } });
    expect(stdout).toBe('0 cases, 0 runs: 0 as expected, interrupted\n');
  });
});

describe('a run whose worker died', () => {
  const lost = [{ run: 17, seed: '0x11', reason: 'its worker process was killed (SIGKILL)' }];
  const reason = 'lost: run 17 (seed 0x11): its worker process was killed (SIGKILL)';
  const replay = `npx tornread replay ${world.race} --case clear-first --seed 0x11`;

  async function told(report: Partial<CaseReport>, ...options: readonly string[]) {
    const whole = { ...(await firstReport()), ...report, runs: 99, lost };
    const simulator = { runCaseInSlices: async () => whole };
    return world.run(['run', world.race, '--case', 'clear-first', ...options], { simulator });
  }

  it('is named with its seed and the command that repeats it, in each form of the result', async () => {
    const { exitCode, stdout } = await told({});
    expect(stdout).toContain(
      `\n\nlost: vtd/race clear-first, run 17, seed 0x11: its worker process was killed\n  (SIGKILL)\n${replay}\n\n`,
    );
    expect(stdout).toMatch(/\n1 case, 99 runs: 1 as expected, 1 run lost\n$/);
    expect(exitCode).toBe(exitCodes.asExpected);
    expect((await told({}, '--quiet')).stdout).toContain(`\n${replay}\n`);
    const document = JSON.parse((await told({}, '--json')).stdout);
    expect(document.lost).toEqual([{ scenario: 'vtd/race', case: 'clear-first', ...lost[0] }]);
  });

  it('ends with 4 where it leaves the case inconclusive, and the campaign to repeat has it', async () => {
    const open: Partial<CaseReport> = { verdict: 'inconclusive', asExpected: false, violations: [], reason };
    const { exitCode, stdout } = await told(open);
    expect(stdout).toContain(' --case clear-first --seed 0x0 --seeds 100\n');
    expect(exitCode).toBe(exitCodes.inconclusive);
  });
});

describe('an internal error', () => {
  const simulator = {
    runCaseInSlices: async () => {
      throw new NondeterminismError('two equal runs differ');
    },
  };

  it('ends with 70 and says what to report, without a stack', async () => {
    const { exitCode, stderr } = await world.run(['run', world.race], { simulator });
    expect(exitCode).toBe(exitCodes.internal);
    expect(stderr).toMatch(/internal error: NondeterminismError: two equal runs differ/);
    expect(stderr.replaceAll('\n', ' ')).toContain(`arguments: run ${world.race}`);
    expect(stderr).not.toContain('    at ');
  });

  it('shows the stack to those who ask', async () => {
    const { stderr } = await world.run(['run', world.race, '--debug'], { simulator });
    expect(stderr).toContain('    at ');
  });

  it('is also a first failure that does not come again', async () => {
    const report = await firstReport();
    const [violation] = report.violations;
    const first = { ...violation?.first, digest: '0'.repeat(16) };
    const forged = { ...report, violations: [{ ...violation, first }] } as CaseReport;
    const planted = { runCaseInSlices: async () => forged };
    const { exitCode, stderr } = await world.run(['run', world.race, '--case', 'clear-first'], { simulator: planted });
    expect(stderr).toContain('NondeterminismError');
    expect(exitCode).toBe(exitCodes.internal);
  });
});

const cannotShrink: Simulator['shrinkCase'] = (scenarioCase, how, settings) => {
  const report = shrinkCase(scenarioCase, how, settings);
  return report === undefined ? undefined : { ...report, end: 'unshrinkable' };
};

async function firstReport(): Promise<CaseReport> {
  const { stdout } = await world.run(['run', world.race, '--case', 'clear-first', '--json', ...fromTorn]);
  return { ...JSON.parse(stdout).results[0], lost: [] };
}
