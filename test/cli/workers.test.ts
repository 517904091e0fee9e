import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Interruption } from '../../cli/io.ts';
import { stepFile } from '../../cli/workers/protocol.ts';
import { loadScenario, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { mergeRanges, type RangeResult } from '../../scenarios/range-result.ts';
import { CaseRunner } from '../../scenarios/run-case.ts';
import { BuiltProgram } from './built-program.ts';
import { raceYaml } from './cli-world.ts';

/** Many processes on a machine that may have other work. */
vi.setConfig({ testTimeout: 120_000 });

type Pooled = typeof import('../../cli/workers/pooled-campaign.ts');

let program: BuiltProgram;
/** Of the built program: worker processes run no TypeScript. */
let runPooled: Pooled['runPooled'];

beforeAll(async () => {
  program = new BuiltProgram();
  writeFileSync(program.path('race.yaml'), raceYaml);
  const built = pathToFileURL(program.path('dist/cli/workers/pooled-campaign.js')).href;
  ({ runPooled } = (await import(/* @vite-ignore */ built)) as Pooled);
}, 120_000);

afterAll(() => program.remove());

describe('a campaign in worker processes', () => {
  it.each([
    ['--json', ['--strategy', 'pct', '--depth', '3']],
    ['as text', []],
    ['--json', ['--strategy', 'timed', '--max-events', '25']],
  ] as const)('prints the same bytes with any number of workers, %s %j', async (form, more) => {
    const argv = ['run', 'race.yaml', '--seeds', '6500', '--seed', '5', ...(form === '--json' ? [form] : []), ...more];
    const [one, ...others] = await Promise.all(['1', '2', '3'].map((jobs) => program.run([...argv, '-j', jobs])));
    expect(one?.stdout).toContain('clear-first');
    for (const other of others) expect([other?.code, other?.stdout]).toEqual([one?.code, one?.stdout]);
  });

  it('loses one run to SIGKILL, names it, and runs all others', async () => {
    const argv = ['run', 'race.yaml', '--case', 'clear-first-fixed', '--json'];
    const run = async (...more: readonly string[]) => JSON.parse((await program.run([...argv, ...more])).stdout);
    const alone = await run('--seeds', '50000', '-j', '1');
    const child = program.start([...argv, '--seeds', '50000', '-j', '2']);
    const [pid = 0] = await workersOf(child.pid);
    await until(() => hasBegunRuns(pid));
    process.kill(pid, 'SIGKILL');
    const ended = await child.ended;
    const document = JSON.parse(ended.stdout);
    expect(document.lost).toEqual([
      {
        scenario: 'race',
        case: 'clear-first-fixed',
        run: expect.any(Number),
        seed: expect.stringMatching(/^0x/),
        reason: 'its worker process was killed (SIGKILL)',
      },
    ]);
    const [result] = document.results;
    expect(result).toMatchObject({ runs: 49_999, verdict: 'inconclusive', asExpected: false });
    const lost = await run('--seeds', '1', '--seed', document.lost[0].seed);
    expect(result.events + lost.results[0].events).toBe(alone.results[0].events);
    expect(ended.code).toBe(4);
  });

  it('leaves no worker behind when it is killed itself', async () => {
    const child = program.start(['run', 'race.yaml', '--seeds', '1000000', '-j', '2']);
    const workers = await workersOf(child.pid);
    process.kill(child.pid, 'SIGKILL');
    await child.ended;
    await until(() => workers.every((pid) => !processes().some((each) => each.pid === pid)));
  });
});

describe('an exploration in worker processes', () => {
  // Enough cases that workers are worth while: the race and its fix under each order of the fetch, twice.
  const many = raceYaml
    .replace('fetchOrder: any', 'fetchOrder: $fetchOrder, pasidCacheEntries: $cache')
    .replace('cases:', 'matrix: { fetchOrder: [ascending, descending], cache: [0, 1] }\ncases:')
    .replace(
      'expect: corrupted-entry',
      'expect: [{ when: { fetchOrder: descending }, is: holds }, { is: corrupted-entry }]',
    );

  it('prints the same bytes with any number of workers', async () => {
    writeFileSync(program.path('many.yaml'), many);
    const [one, ...others] = await Promise.all(
      ['1', '2', '3'].map((jobs) => program.run(['explore', 'many.yaml', '--json', '-j', jobs])),
    );
    expect(JSON.parse(one?.stdout ?? '').summary).toEqual({ cases: 8, asExpected: 8, unexpected: 0, inconclusive: 0 });
    for (const other of others) expect([other?.code, other?.stdout]).toEqual([one?.code, one?.stdout]);
  });

  it('loses the case whose worker ends, and no other', async () => {
    const built = pathToFileURL(program.path('dist/cli/workers/pooled-exploration.js')).href;
    const { explorePooled } = (await import(
      /* @vite-ignore */ built
    )) as typeof import('../../cli/workers/pooled-exploration.ts');
    const workerFile = program.path('dist/cli/workers/dying-worker.js');
    writeFileSync(
      workerFile,
      `import { exploreCase } from '../../scenarios/explore-case.js';
import { serveTasks } from './serve-tasks.js';
serveTasks({
  'explore-case': ({ scenarioCase }) => {
    if (scenarioCase.name === 'clear-first-fixed') process.kill(process.pid, 'SIGKILL');
    return exploreCase(scenarioCase);
  },
});
`,
    );
    const { cases } = loadScenario('race.yaml', new TextEncoder().encode(raceYaml));
    const settings = { timeBudgetSeconds: undefined, all: false };
    const interruption: Interruption = { signal: undefined };
    const ports = { interruption, onDone: () => {}, workerFile };
    const [first, second] = await explorePooled(cases, { jobs: 2, settings }, ports);
    expect(first).toMatchObject({ case: 'clear-first', verdict: 'violated', complete: true });
    expect(second).toMatchObject({ case: 'clear-first-fixed', verdict: 'inconclusive', asExpected: false });
    expect(second?.reason).toBe('the worker of this case ended: its worker process was killed (SIGKILL)');
  });
});

describe('a run that ends its worker', () => {
  const bad = 1_234;
  const runs = 3_000;

  it.each([
    ['by ending the process', 'process.exit(3)', 'its worker process ended with exit code 3'],
    [
      'by running out of memory',
      'const all = []; for (;;) all.push(new Array(1e5).fill({}))',
      'its worker process ran out of memory (64 MB)',
    ],
    ['by never ending', 'for (;;);', 'it did not end within 2 s, so its worker process was ended'],
  ])('%s costs itself and no other', async (_, fault, reason) => {
    const runTimeoutMs = fault === 'for (;;);' ? 2_000 : 60_000;
    const [outcome] = await campaign({ fault, at: [bad], runTimeoutMs });
    expect(outcome?.lost).toEqual([{ run: bad, seed: `0x${bad.toString(16)}`, reason }]);
    expect(sorted(outcome?.sum as RangeResult)).toEqual(sorted(without(bad)));
  });

  it('costs no more than a few workers where all runs do so', async () => {
    const [outcome] = await campaign({ fault: 'process.exit(3)', at: 'all' });
    expect(outcome?.sum.runs).toBe(0);
    expect(outcome?.lost.length).toBeGreaterThanOrEqual(8);
    expect(outcome?.lost.length).toBeLessThan(16);
  });

  it('does not keep the user waiting who asks for the end', async () => {
    const interruption: { signal: Interruption['signal'] } = { signal: undefined };
    const ended = campaign({ fault: 'for (;;);', at: [bad], interruption });
    await sleep(1_000);
    interruption.signal = 'SIGINT';
    const [outcome] = await ended;
    expect(outcome?.lost).toEqual([]);
    expect(outcome?.sum.runs).toBeLessThan(runs);
    await until(() => !processes().some(({ args }) => args.includes('planted-')));
  });

  it('by an exception of ours ends the campaign, as in one thread', async () => {
    await expect(campaign({ fault: 'throw new RangeError("planted")', at: [bad] })).rejects.toThrow('planted');
  });

  it('is not looked for where workers end before they begin', async () => {
    const workerFile = program.path('planted-broken.mjs');
    writeFileSync(workerFile, 'throw new Error("no such thing");');
    await expect(campaign({ workerFile })).rejects.toThrow(
      /\d workers ended before they began a run: its worker process ended with exit code 1: Error: no such thing/,
    );
  });

  const scenarioCase = loadScenario('race.yaml', Buffer.from(raceYaml)).cases[0] as ScenarioCase;
  const options = { strategy: 'random', firstSeed: 0n, maxEvents: undefined } as const;

  interface Planted {
    /** Statements done before the runs `at`. */
    readonly fault?: string;
    readonly at?: readonly number[] | 'all';
    readonly workerFile?: string;
    readonly runTimeoutMs?: number;
    readonly interruption?: Interruption;
  }

  function campaign({ fault = '', at = [], runTimeoutMs = 60_000, ...rest }: Planted) {
    const { workerFile = plant(fault, at), interruption = { signal: undefined } } = rest;
    const ports = { interruption, onProgress: () => {}, workerFile, memoryMb: 64 };
    return runPooled([{ scenarioCase, options, runs }], { jobs: 2, runTimeoutMs }, ports);
  }

  function without(run: number): RangeResult {
    const runner = new CaseRunner(scenarioCase, options);
    const before = runner.run({ firstRun: 0, count: run });
    return mergeRanges(before, runner.run({ firstRun: run + 1, count: runs - run - 1 }));
  }
});

let plantedCount = 0;

/** The real worker with a fault before some runs. */
function plant(fault: string, at: readonly number[] | 'all'): string {
  plantedCount += 1;
  const file = program.path(`planted-${plantedCount}.mjs`);
  const isBad = at === 'all' ? 'true' : `${JSON.stringify(at)}.includes(run)`;
  writeFileSync(
    file,
    `import { CaseRunner } from './dist/scenarios/run-case.js';
    const { run: really } = CaseRunner.prototype;
    CaseRunner.prototype.run = function (range, mayRun) {
      return really.call(this, range, (run) => {
        const may = mayRun(run);
        if (${isBad}) { ${fault} }
        return may;
      });
    };
    await import('./dist/cli/workers/campaign-worker.js');`,
  );
  return file;
}

function sorted(result: RangeResult): RangeResult {
  return { ...result, reached: [...result.reached].sort() };
}

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
}

function processes(): readonly Listed[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return [...list.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)].map(([, pid, parent, args]) => {
    return { pid: Number(pid), parent: Number(parent), args: args ?? '' };
  });
}

async function workersOf(pid: number): Promise<readonly number[]> {
  let found: readonly number[] = [];
  await until(() => {
    found = processes()
      .filter(({ parent, args }) => parent === pid && args.includes('campaign-worker'))
      .map((each) => each.pid);
    return found.length === 2;
  });
  return found;
}

/** Looks at the file in which a worker notes its run; a process that has not begun one has none to lose. */
function hasBegunRuns(pid: number): boolean {
  const bytes = readFileSync(`/proc/${pid}/fd/${stepFile}`);
  return bytes.length === 8 && bytes.readDoubleLE() > 0;
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!condition()) {
    expect(performance.now()).toBeLessThan(endMs);
    await sleep(20);
  }
}
