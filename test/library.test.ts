import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A project of somebody else's, with the package installed. */
const project = mkdtempSync(join(tmpdir(), 'tornread-consumer-'));
const installed = join(project, 'node_modules/tornread');
const compiler = join(root, 'node_modules/typescript/bin/tsc');

const script = `import { loadScenarioFile, replayCase, runCase, ScenarioError } from 'tornread';
import type { CaseReport, RunRecord, ScenarioCase } from 'tornread';

const scenario = loadScenarioFile('node_modules/tornread/scenarios/vtd/sequence-from-a-mail.yaml');
const torn: ScenarioCase | undefined = scenario.cases.find(({ name }) => name === 'mangle-before-flush');
if (torn === undefined) throw new Error('the case is there');
const report: CaseReport = runCase(torn, { strategy: 'random', runs: 300, firstSeed: 0n, maxEvents: undefined });
const first = report.violations[0]?.first;
if (first === undefined) throw new Error('the case is torn');
const record: RunRecord = replayCase(torn, { choices: first.choices });
let refused: unknown;
try {
  loadScenarioFile('no-such-file.yaml');
} catch (error) {
  refused = error instanceof ScenarioError ? error.diagnostics[0]?.message : error;
}
console.log(JSON.stringify({ title: scenario.title, report, digest: record.digest, events: record.events, refused }));
`;

const settings = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023', 'DOM'],
    types: [],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    // A package whose own declarations do not compile is a broken package.
    skipLibCheck: false,
  },
  files: ['consumer.ts'],
};

beforeAll(() => {
  mkdirSync(installed, { recursive: true });
  execFileSync(process.execPath, [compiler, '-p', root, '--outDir', join(installed, 'dist'), '--noCheck']);
  for (const part of ['package.json', 'scenarios'])
    cpSync(join(root, part), join(installed, part), { recursive: true });
  // What the package depends on, and nothing it only develops with.
  for (const name of ['yaml', 'zod', 'seedrandom']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "type": "module", "private": true }\n');
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(settings));
  writeFileSync(join(project, 'consumer.ts'), script);
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(...argv: readonly string[]): string {
  try {
    return execFileSync(process.execPath, argv, { cwd: project, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(String(error instanceof Error && 'stdout' in error ? `${error.message}${error.stdout}` : error));
  }
}

describe('the package in a project of its own', () => {
  it('has types that compile, and gives the report as data', () => {
    expect(run(compiler, '-p', '.')).toBe('');
    const { title, report, digest, events, refused } = JSON.parse(run('consumer.js'));
    expect(title).toBe("The four steps of Jason Gunthorpe's diagram, as inline steps");
    expect(report).toMatchObject({
      scenario: 'vtd/sequence-from-a-mail',
      case: 'mangle-before-flush',
      expect: ['corrupted-entry'],
      verdict: 'violated',
      asExpected: true,
      runs: 300,
    });
    const [violation] = report.violations;
    expect(violation).toMatchObject({ rule: 'corrupted-entry', first: { digest, events } });
    expect(refused).toBe('no such file');
  }, 60_000);

  it('shows a wrong use as a type error', () => {
    writeFileSync(join(project, 'wrong.ts'), "import { loadScenarioFile } from 'tornread';\nloadScenarioFile(7);\n");
    const strict = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'NodeNext', '--types', '', 'wrong.ts'];
    expect(() => run(compiler, ...strict)).toThrow(/wrong\.ts\(2,18\): error TS2345/);
  }, 60_000);

  it('shows nothing but its front door', () => {
    writeFileSync(join(project, 'deep.js'), "import 'tornread/dist/sim/kernel.js';\n");
    expect(() => run('deep.js')).toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
});
