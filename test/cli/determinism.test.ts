import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { checkArchitecture } from '../support/architecture.ts';
import { BuiltProgram } from './built-program.ts';

let program: BuiltProgram;

beforeAll(() => {
  program = new BuiltProgram();
}, 120_000);

afterAll(() => program.remove());

/** Every third scenario. Not shrunk: a few seeds find runs of every case, and to shrink them all would take minutes. */
const files = readdirSync(fileURLToPath(new URL('../../scenarios/vtd', import.meta.url)))
  .filter((name) => name.endsWith('.yaml'))
  .sort()
  .filter((_, i) => i % 3 === 0)
  .map((name) => `scenarios/vtd/${name}`);
const campaign = ['run', ...files, '--seeds', '8', '--json', '--no-shrink'];
const shrinking = [
  'run',
  'scenarios/vtd/pasid-teardown.yaml',
  '--case',
  'clear-first.first',
  '--seeds',
  '500',
  '--json',
];

/** The first line in which two texts differ: half a megabyte of both would help nobody. */
function difference(text: string, expected: string): string {
  const lines = text.split('\n');
  const line = expected.split('\n').findIndex((each, i) => each !== lines[i]);
  return text === expected ? '' : `line ${line + 1}: ${lines[line]}`;
}

describe('the same campaign gives the same bytes', () => {
  let usual = '';

  beforeAll(async () => {
    const { code, stdout, stderr } = await program.run(campaign, { env: { LANG: 'C', LC_ALL: 'C', TZ: 'UTC' } });
    usual = stdout;
    // With so few runs some rules are not found; what counts is that the campaign was a whole one.
    expect([0, 1, 4], stderr).toContain(code);
    expect(JSON.parse(usual).summary.cases).toBeGreaterThan(200);
  }, 60_000);

  it.each([
    ['a second time', {}],
    ['in Turkish, in Kathmandu', { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' }],
    ['in German, on a date line', { LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', TZ: 'Pacific/Kiritimati' }],
    ['with colours asked for', { NO_COLOR: '', FORCE_COLOR: '1' }],
    ['with a small heap', { NODE_OPTIONS: '--max-old-space-size=100 --max-semi-space-size=1' }],
  ])(
    '%s',
    async (_, env) => {
      expect(difference((await program.run(campaign, { env })).stdout, usual)).toBe('');
    },
    60_000,
  );

  it('with runs that are shrunk', async () => {
    const here = await program.run(shrinking, { env: { LANG: 'C', LC_ALL: 'C', TZ: 'UTC' } });
    const there = await program.run(shrinking, { env: { LANG: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' } });
    expect(difference(there.stdout, here.stdout)).toBe('');
    expect(here.stdout.match(/"complete": true/g)?.length).toBeGreaterThan(2);
  }, 60_000);

  it('with --trace', async () => {
    const trace = program.path('out.jsonl');
    expect(difference((await program.run([...campaign, '--trace', trace])).stdout, usual)).toBe('');
    expect(readFileSync(trace, 'utf8').split('\n').length).toBeGreaterThan(1000);
  }, 60_000);

  it('from another folder in which the path is the same', async () => {
    const cwd = program.path('elsewhere');
    mkdirSync(cwd);
    cpSync(program.path('scenarios'), `${cwd}/scenarios`, { recursive: true });
    expect(difference((await program.run(campaign, { cwd })).stdout, usual)).toBe('');
  }, 60_000);

  it('with every run made twice', async () => {
    const { code, stdout } = await program.run([...campaign, '--strategy', 'recheck']);
    expect(code).not.toBe(exitCodes.internal);
    expect(difference(stdout.replaceAll('"strategy": "recheck"', '"strategy": "portfolio"'), usual)).toBe('');
  }, 60_000);
});

describe('a model that looks at the clock', () => {
  const model = 'models/iommu/request-end';
  const line = 'const address = this.output;';
  /** Two runs of one seed are less than a millisecond apart, so the clock alone would differ now and then only. */
  const planted = 'const address = this.output + ((Date.now() + counter++) % 64) * 4096;';

  it('makes a recheck end with 70 and say which case', async () => {
    const file = program.path(`dist/${model}.js`);
    const good = readFileSync(file, 'utf8');
    expect(good).toContain(line);
    writeFileSync(file, `let counter = 0;\n${good.replace(line, planted)}`);
    const argv = ['run', 'scenarios/vtd/pasid-teardown.yaml', '--case', 'present-bit-first-cached', '--seeds', '200'];
    const { code, stderr } = await program.run([...argv, '--strategy', 'recheck']);
    writeFileSync(file, good);
    expect(stderr).toContain('NondeterminismError');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(exitCodes.internal);
    expect((await program.run([...argv, '--strategy', 'recheck'])).code).toBe(exitCodes.asExpected);
  }, 60_000);

  it('is named by the architecture test', () => {
    const path = fileURLToPath(new URL(`../../${model}.ts`, import.meta.url));
    const source = readFileSync(path, 'utf8').replace(line, 'const address = this.output + Date.now();');
    const { violations } = checkArchitecture(new Map([[`${model}.ts`, source]]));
    expect(violations.join('\n')).toMatch(
      /^models\/iommu\/request-end\.ts:\d+:\d+: Date\.now is banned, use the kernel clock$/m,
    );
  });
});
