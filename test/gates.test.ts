import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * A gate that checks nothing is green as well, so each one has to turn red on a planted fault, under the real
 * configuration and through the real command. The project around the fault is a tiny one: the state of the real tree must
 * not decide whether its gates are seen to work.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

const soundProject = {
  'sim/clock.ts': 'export function firstNs(): number {\n  return 0;\n}\n',
  'scenarios/tornread.ts': "export { firstNs } from '../sim/clock.ts';\n",
  'cli/main.ts': "import { firstNs } from '../scenarios/tornread.ts';\n\nprocess.exitCode = firstNs();\n",
  'test/bench/main.ts': "import { firstNs } from '../../sim/clock.ts';\n\nfirstNs();\n",
};

const biome = ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--colors=off', '.'];
const tsc = ['typescript/bin/tsc', '-p', 'test/tsconfig.json', '--pretty', 'false'];
// The tiny project needs few of the packages, and a list of the others would bury what is planted.
const knip = ['knip/bin/knip.js', '--include', 'files,exports,types', '--no-progress'];

let project = '';

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'tornread-gates-'));
  for (const path of ['package.json', 'tsconfig.json', 'test/tsconfig.json', 'test/vitest.config.ts']) copy(path);
  for (const path of ['.biome.json', '.gitignore']) copy(path);
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'), 'junction');
  for (const [path, source] of Object.entries(soundProject)) plant(path, source);
});

afterEach(() => {
  rmSync(project, { recursive: true, force: true });
});

function copy(path: string): void {
  cpSync(join(root, path), join(project, path));
}

function plant(path: string, source: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), source);
}

interface GateResult {
  readonly exitCode: number;
  readonly output: string;
}

function runGate([script = '', ...args]: readonly string[]): Promise<GateResult> {
  return new Promise((done) => {
    const command = [join(root, 'node_modules', script), ...args];
    execFile(process.execPath, command, { cwd: project, timeout: 25_000 }, (error, stdout, stderr) => {
      // A gate that could not be run at all, or was killed, has no exit code; it must not pass for a red one.
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ exitCode, output: stdout + stderr });
    });
  });
}

describe.each([
  { gate: 'biome', command: biome },
  { gate: 'tsc', command: tsc },
  { gate: 'knip', command: knip },
])('$gate', ({ command }) => {
  it('is green on a sound project', async () => {
    expect(await runGate(command)).toMatchObject({ exitCode: 0 });
  });
});

describe('biome', () => {
  it.each([
    ['a lint error', 'export const mask = (word: any) => word;\n', 'lint/suspicious/noExplicitAny'],
    ['a non-null assertion', 'export const first = (a: number[]) => a[0]!;\n', 'lint/style/noNonNullAssertion'],
    ['a lint warning', 'export function run(): void {\n  const unused = 1;\n}\n', 'lint/correctness/noUnusedVariables'],
    ['another format', 'export const word = "quoted"\n', 'format'],
  ])('is red on %s', async (_fault, source, rule) => {
    plant('sim/clock.ts', source);
    const { exitCode, output } = await runGate(biome);
    expect(output).toMatch(new RegExp(`clock\\.ts.* ${rule} `));
    expect(exitCode).toBe(1);
  });
});

describe('tsc', () => {
  it.each(['sim/clock.ts', 'test/support/world.ts'])('is red on a type error in %s', async (path) => {
    plant(path, "export const firstNs = (): number => 'zero';\n");
    const { exitCode, output } = await runGate(tsc);
    expect(output).toContain(`${path}(1,38): error TS2322`);
    expect(exitCode).toBe(1);
  });
});

describe('knip', () => {
  it('is red on an export that nothing uses', async () => {
    plant('sim/clock.ts', `${soundProject['sim/clock.ts']}\nexport const lastNs = 1;\n`);
    const { exitCode, output } = await runGate(knip);
    expect(output).toContain('lastNs');
    expect(exitCode).toBe(1);
  });

  it('is red on a file that nothing imports', async () => {
    plant('models/stray.ts', 'export {};\n');
    const { exitCode, output } = await runGate(knip);
    expect(output).toContain('models/stray.ts');
    expect(exitCode).toBe(1);
  });
});
