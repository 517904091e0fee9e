import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toolInfo } from '../../cli/package-info.ts';
import { CliWorld } from './cli-world.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const world = new CliWorld();
/** The package as installed, and a copy that has no dependencies. */
const installed = mkdtempSync(join(tmpdir(), 'tornread-main-'));
const bare = join(installed, 'bare');

beforeAll(() => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  // Type errors are another gate's; what is emitted is what counts here.
  execFileSync(process.execPath, [compiler, '-p', root, '--outDir', join(installed, 'dist'), '--noCheck']);
  mkdirSync(bare);
  for (const folder of [installed, bare]) cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  cpSync(join(installed, 'dist'), join(bare, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
  cpSync(join(world.folder, 'scenarios'), join(installed, 'scenarios'), { recursive: true });
}, 120_000);

afterAll(() => {
  world.remove();
  rmSync(installed, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Settings {
  readonly cwd?: string;
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly whileRunning?: (child: ChildProcess) => void;
}

function tornread(
  argv: readonly string[],
  { cwd = world.folder, nodeOptions = [], env = {}, whileRunning }: Settings = {},
) {
  const main = join(cwd === bare ? bare : installed, 'dist/cli/main.js');
  const child = spawn(process.execPath, [...nodeOptions, main, ...argv], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  whileRunning?.(child);
  return new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Says so on stderr as soon as the program listens to signals. */
const sayReady = `process.on('newListener', (name) => { if (name === 'SIGTERM') setImmediate(() => console.error('ready')); });`;
const untilReady = (then: (child: ChildProcess) => void) => (child: ChildProcess) => {
  child.stderr?.on('data', (text: string) => {
    if (text.includes('ready')) then(child);
  });
};

describe('the program', () => {
  it('prints its version without loading a single dependency', async () => {
    const { code, stdout, stderr } = await tornread(['--version'], { cwd: bare });
    expect([code, stdout, stderr]).toEqual([0, `${toolInfo().version}\n`, '']);
  });

  it('runs scenarios/ of the folder it is in', async () => {
    const { code, stdout } = await tornread(['run', '--seeds', '1', '--json', '--case', 'clear-first-fixed']);
    expect(JSON.parse(stdout).results[0].file).toBe('scenarios/vtd/race.yaml');
    expect(code).toBe(0);
  });

  it('runs the scenarios that came with it elsewhere', async () => {
    const { code, stdout } = await tornread(['check'], { cwd: join(world.folder, 'scenarios') });
    expect([code, stdout]).toEqual([0, '1 file, 2 cases: ok\n']);
  });

  it('has no progress and no colour where nobody looks', async () => {
    const { stdout, stderr } = await tornread(['run', '--seeds', '1', '--case', 'clear-first-fixed']);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('\x1b');
  });

  it('has colour where it is asked for', async () => {
    const argv = ['run', '--seeds', '1', '--case', 'clear-first-fixed'];
    const { stdout } = await tornread(argv, { env: { NO_COLOR: '', FORCE_COLOR: '1' } });
    expect(stdout).toContain('\x1b[32mok\x1b[39m');
  });

  it('ends quietly when its reader has seen enough', async () => {
    const { code, stderr } = await tornread(['list', '--flows'], { whileRunning: (child) => child.stdout?.destroy() });
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('prints what it has on %s', async (signal, code) => {
    const preload = `data:text/javascript,${encodeURIComponent(sayReady)}`;
    const ended = await tornread(['run', '--seeds', '100000000', '--json'], {
      nodeOptions: ['--import', preload],
      whileRunning: untilReady((child) => child.kill(signal)),
    });
    expect(JSON.parse(ended.stdout)).toMatchObject({ schema: 1, interrupted: true });
    expect([ended.code, ended.signal]).toEqual([code, null]);
  });

  it('is killed by a second signal, however busy it is', async () => {
    // Hangs as soon as the first signal has been seen.
    const hang = `process.on('removeListener', (name) => {
      if (name === 'SIGINT') { console.error('hanging'); for (;;) {} }
    });`;
    const { code, signal } = await tornread(['run', '--seeds', '100000000', '--json'], {
      nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(sayReady + hang)}`],
      whileRunning: (child) => {
        untilReady(() => child.kill('SIGINT'))(child);
        child.stderr?.on('data', (text: string) => {
          if (text.includes('hanging')) child.kill('SIGINT');
        });
      },
    });
    expect([code, signal]).toEqual([null, 'SIGINT']);
  });
});
