import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkArchitecture, readSourceTree } from './support/architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function violationsIn(files: Readonly<Record<string, string>>): readonly string[] {
  return checkArchitecture(new Map(Object.entries(files))).violations;
}

describe('the source tree', () => {
  const report = checkArchitecture(readSourceTree(root));

  it('was really scanned', () => {
    // A scan that reads nothing is green as well.
    expect(report.fileCount).toBeGreaterThan(0);
    expect(report.importCount).toBeGreaterThan(0);
  });

  it('keeps the layers, the packages and the bans', () => {
    expect(report.violations.join('\n')).toBe('');
  });
});

describe('a planted import', () => {
  it.each([
    ['sim/bad.ts', '../models/a.ts', 'sim/ may not import models/'],
    ['sim/bad.ts', '../cli/a.ts', 'sim/ may not import cli/'],
    ['models/vtd/bad.ts', '../../scenarios/a.ts', 'models/ may not import scenarios/'],
    ['scenarios/bad.ts', '../cli/a.ts', 'scenarios/ may not import cli/'],
    ['models/bad.ts', '../litmus/a.ts', 'models/ may not import litmus/'],
    ['scenarios/bad.ts', '../litmus/a.ts', 'scenarios/ may not import litmus/'],
    ['litmus/bad.ts', '../scenarios/a.ts', 'litmus/ may not import scenarios/'],
    ['litmus/bad.ts', 'node:fs', 'litmus/ may not import the package node:fs'],
    ['cli/bad.ts', '../test/support/a.ts', 'cli/ may not import test/'],
    ['cli/bad.ts', '../package.json', 'cli/ may not import package.json'],
    ['sim/bad.ts', './a.js', './a.js must name the .ts file'],
    ['sim/bad.ts', 'node:fs', 'sim/ may not import the package node:fs'],
    ['sim/bad.ts', 'yaml', 'sim/ may not import the package yaml'],
    ['models/bad.ts', 'seedrandom', 'models/ may not import the package seedrandom'],
    ['models/bad.ts', 'node:util', 'models/ may not import the package node:util'],
    ['scenarios/bad.ts', 'node:child_process', 'scenarios/ may not import the package node:child_process'],
    ['scenarios/bad.ts', 'commander', 'scenarios/ may not import the package commander'],
    ['cli/bad.ts', 'zod/v4', 'cli/ may not import the package zod'],
    ['cli/bad.ts', '@scope/name/sub', 'cli/ may not import the package @scope/name'],
    ['cli/bad.ts', 'tornread', 'cli/ may not import the package tornread'],
    ['models/vtd/bad.ts', '../linux/a.ts', 'hardware may not import models/linux/'],
    ['models/pcie/bad.ts', '../linux/a.ts', 'hardware may not import models/linux/'],
    [
      'models/checkers/bad.ts',
      '../vtd/walker.ts',
      'models/checkers/ may import trace events and entry layouts only, not models/vtd/walker.ts',
    ],
  ])('%s importing %s is refused', (path, specifier, message) => {
    expect(violationsIn({ [path]: `// first line\nimport { a } from '${specifier}';\n` })).toEqual([
      `${path}:2:1: ${message}`,
    ]);
  });

  it.each([
    ["import type { A } from '../models/a.ts';", 1],
    ["export { a } from '../models/a.ts';", 1],
    ["export type { A } from '../models/a.ts';", 1],
    ["import '../models/a.ts';", 1],
    ["let a: import('../models/a.ts').A;", 8],
    ["const a = import('../models/a.ts');", 11],
    ['const a = import(`../models/a.ts`);', 11],
    ["import { \n  a, \n  type B, \n } from '../models/a.ts';", 1],
  ])('is seen when it is written %j', (statement, column) => {
    expect(violationsIn({ 'sim/bad.ts': statement })).toEqual([`sim/bad.ts:1:${column}: sim/ may not import models/`]);
  });

  it('of seedrandom is refused in a second file', () => {
    const source = "import seedrandom from 'seedrandom';\n";
    expect(violationsIn({ 'sim/a.ts': source, 'sim/b.ts': `\n${source}` })).toEqual([
      'sim/b.ts:2:1: seedrandom may be imported by one file only, and sim/a.ts does',
    ]);
  });

  it('is allowed when it points down', () => {
    const files = {
      'sim/a.ts': "import { b } from './nested/b.ts';\nimport seedrandom from 'seedrandom';",
      'models/linux/a.ts': "import { a } from '../vtd/a.ts';\nimport { b } from '../../sim/a.ts';",
      'models/checkers/a.ts': [
        "import type { A } from '../trace-events.ts';",
        "import { b } from '../vtd/entries/pasid.ts';",
        "import { c } from '../entry-layout.ts';",
        "import { d } from './d.ts';",
        "import { e } from '../../sim/e.ts';",
      ].join('\n'),
      'scenarios/a.ts': "import { parse } from 'yaml';\nimport { a } from '../models/linux/a.ts';",
      'cli/a.ts': "import { stdout } from 'node:process';\nimport { a } from '../scenarios/a.ts';",
    };
    expect(violationsIn(files)).toEqual([]);
  });
});

describe('a planted import cycle', () => {
  it('is refused at the import that begins it', () => {
    const files = {
      'sim/a.ts': "import { x } from './x.ts';\nimport { b } from './b.ts';\n",
      'sim/b.ts': "import type { C } from './c.ts';\n",
      'sim/c.ts': "import { a } from './a.ts';\n",
      'sim/x.ts': '',
    };
    expect(violationsIn(files)).toEqual(['sim/a.ts:2:1: import cycle sim/a.ts -> sim/b.ts -> sim/c.ts -> sim/a.ts']);
  });

  it('is refused when a file imports itself', () => {
    expect(violationsIn({ 'sim/a.ts': "import { a } from './a.ts';" })).toEqual([
      'sim/a.ts:1:1: import cycle sim/a.ts -> sim/a.ts',
    ]);
  });

  it('is not seen where two files share a third', () => {
    const files = {
      'sim/a.ts': "import { b } from './b.ts';\nimport { c } from './c.ts';",
      'sim/b.ts': "import { c } from './c.ts';",
      'sim/c.ts': '',
    };
    expect(violationsIn(files)).toEqual([]);
  });
});

describe('a planted word', () => {
  it.each([
    ['const now = Date.now();', 13, 'Date.now is banned, use the kernel clock'],
    ['const now = new Date();', 17, 'Date is banned, use the kernel clock'],
    ['const now = performance.now();', 13, 'performance.now is banned, use the kernel clock'],
    ['setTimeout(wake, 1);', 1, 'setTimeout is banned, use the kernel clock'],
    ['setInterval(wake, 1);', 1, 'setInterval is banned, use the kernel clock'],
    ['setImmediate(wake);', 1, 'setImmediate is banned, use the kernel clock'],
    ['queueMicrotask(wake);', 1, 'queueMicrotask is banned, use a generator process'],
    ['const a = async () => 1;', 11, 'async is banned, use a generator process'],
    ['const a = await b;', 11, 'await is banned, use a generator process'],
    ['const a = Promise.resolve(1);', 11, 'Promise.resolve is banned, use a generator process'],
    ['const a = process.env;', 11, 'process.env is banned, the model must not see its environment'],
    ['const a = { now: globalThis.Date };', 18, 'globalThis.Date is banned, name the global itself'],
  ])('%s is refused in sim/ and models/ only', (source, column, message) => {
    expect(violationsIn({ 'sim/bad.ts': source })).toEqual([`sim/bad.ts:1:${column}: ${message}`]);
    expect(violationsIn({ 'models/bad.ts': source })).toEqual([`models/bad.ts:1:${column}: ${message}`]);
    expect(violationsIn({ 'cli/good.ts': source })).toEqual([]);
  });

  it.each([
    ['const a = Math.random();', 11, 'Math.random is banned, use a scheduler choice'],
    ['const { random } = Math;', 20, 'Math without a member is banned, it hides Math.random'],
    ['a.localeCompare(b);', 3, 'localeCompare is banned, its order and wording depend on the locale'],
    ['new Intl.Collator();', 5, 'Intl is banned, its order and wording depend on the locale'],
    ['a.toLocaleString();', 3, 'toLocaleString is banned, its order and wording depend on the locale'],
    ['let a: any;', 8, ': any is banned, use unknown and narrow it'],
    ['let a: Map<string, any>;', 20, ': any is banned, use unknown and narrow it'],
    ['const a = b as any;', 16, 'as any is banned, use unknown and narrow it'],
    ['const enum A { b }', 7, 'enum is banned, use a union of string literals'],
    ["export * from 'yaml';", 1, 'export * is banned, name what is exported'],
    ['// FIXME later', 4, 'FIXME is banned, finish it or write an issue'],
    ['/*\n TODO later */', 2, 'TODO is banned, finish it or write an issue'],
  ])('%s is refused in every layer', (source, column, message) => {
    const line = source.includes('\n') ? 2 : 1;
    // scenarios/ is the layer where yaml may be imported, so that only the ban is left to report.
    expect(violationsIn({ 'scenarios/bad.ts': source })).toEqual([`scenarios/bad.ts:${line}:${column}: ${message}`]);
    expect(violationsIn({ 'sim/bad.ts': source })).toContain(`sim/bad.ts:${line}:${column}: ${message}`);
  });

  it('is refused in the code of a template', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the string is source text
    expect(violationsIn({ 'sim/bad.ts': 'const a = `Date ${{ b: `${Date.now()}` }.b} Date`;' })).toEqual([
      'sim/bad.ts:1:27: Date.now is banned, use the kernel clock',
    ]);
  });

  it('is refused behind a regular expression that holds a quote', () => {
    expect(violationsIn({ 'sim/bad.ts': 'const a = /[\'"/`]/.test(b) ? c / d : e;\nDate.now();' })).toEqual([
      'sim/bad.ts:2:1: Date.now is banned, use the kernel clock',
    ]);
  });

  it.each([
    '// Date.now() and await are for the host',
    '/* Promise\n * setTimeout */',
    'const a = "Date.now()";',
    "const a = 'it\\'s await';",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the string is source text
    'const a = `Promise ${b} \\` async`;',
    'const a = /Date|await/g;',
    'const a = event.process.performance;',
    'const process = spawn(); process.resume();',
    'function resume(process: Process) { process.env; }',
    "const order = { fetchOrder: 'any', any: 1 };",
    'const a = z.enum([b]);',
    'export function* flow() { yield 1; }',
    'const a = Math.max(1, 2);',
  ])('in %j is no violation', (source) => {
    expect(violationsIn({ 'sim/good.ts': source })).toEqual([]);
  });
});

describe('the size of a file', () => {
  it('is limited to 400 lines', () => {
    expect(violationsIn({ 'sim/good.ts': 'a;\n'.repeat(400) })).toEqual([]);
    expect(violationsIn({ 'sim/bad.ts': 'a;\n'.repeat(401) })).toEqual([
      'sim/bad.ts:401:1: 401 lines, the limit is 400; split the file by subject',
    ]);
  });
});
