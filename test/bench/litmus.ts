import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { exploreLitmus, type LitmusOutcome } from '../../litmus/explore-litmus.ts';
import { parseLitmus } from '../../litmus/parse-litmus.ts';
import type { Architecture, LitmusTest } from '../../litmus/program.ts';
import type { MemoryModelName } from '../../models/memory/memory-model.ts';
import { load, program, store, x, y } from '../support/litmus/programs.ts';

/** Tests explored completely under one model, one after the other. */
interface LitmusRow {
  readonly what: string;
  readonly model: MemoryModelName;
  readonly tests: number;
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly testsPerSecond: number;
  /** The largest table of states among them. */
  readonly tableBytes: number;
}

export interface LitmusBench {
  /** The shipped tests of each architecture under its own model; reading and parsing them is not counted. */
  readonly corpus: readonly LitmusRow[];
  /** Two shapes under several models. */
  readonly shapes: readonly LitmusRow[];
}

const corpora: readonly (readonly [Architecture, MemoryModelName])[] = [
  ['x86', 'x86-tso'],
  ['riscv', 'rvwmo'],
  ['aarch64', 'armv8'],
  ['c', 'portable'],
];
const models: readonly MemoryModelName[] = ['sc', 'x86-tso', 'rvwmo', 'armv8', 'portable', 'non-mca'];

/** Independent reads of independent writes; all 16 combinations of what is read, or 15 where loads keep their order. */
const iriw = program('IRIW', 'c', [[store(x, 1)], [store(y, 1)], [load(0, x), load(1, y)], [load(0, y), load(1, x)]]);

/** Four threads, each writing three locations in turn: nothing is read, so all there is are the orders of 12 stores. */
const writes = program(
  '4 threads, 3 writes each',
  'c',
  [0, 1, 2, 3].map((thread) => [0, 1, 2].map((location) => store(location, 3 * thread + location + 1))),
);

export function litmusBench(): LitmusBench {
  const corpus = corpora.map(([architecture, model]) => row(`corpus ${architecture}`, model, shipped(architecture)));
  const shapes = [
    ...models.map((model) => row(iriw.name, model, [iriw])),
    // The weak models differ in nothing that these stores do.
    ...(['sc', 'x86-tso', 'rvwmo'] as const).map((model) => row(writes.name, model, [writes])),
  ];
  const [sc, tso, ...weak] = models.map((model) => exploreLitmus(iriw, model).states.length);
  assert.deepEqual([sc, tso, ...new Set(weak)], [15, 15, 16], 'IRIW has the states that it is known for');
  return { corpus, shapes };
}

function shipped(architecture: Architecture): readonly LitmusTest[] {
  const directory = `litmus/corpus/${architecture}`;
  const files = readdirSync(directory).filter((file) => file.endsWith('.litmus'));
  return files.sort().map((file) => {
    const parsed = parseLitmus(readFileSync(`${directory}/${file}`, 'utf8'), file);
    assert('test' in parsed, `${file} is read`);
    return parsed.test;
  });
}

function row(what: string, model: MemoryModelName, tests: readonly LitmusTest[]): LitmusRow {
  const start = process.hrtime.bigint();
  const outcomes = tests.map((test) => exploreLitmus(test, model));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  assert(
    outcomes.every(({ complete }) => complete),
    'every search is complete',
  );
  const sum = (of: (outcome: LitmusOutcome) => number): number => outcomes.reduce((total, each) => total + of(each), 0);
  return {
    what,
    model,
    tests: tests.length,
    states: sum(({ stateCount }) => stateCount),
    transitions: sum(({ transitions }) => transitions),
    seconds,
    testsPerSecond: tests.length / seconds,
    tableBytes: Math.max(...outcomes.map(({ tableBytes }) => tableBytes)),
  };
}

export function printLitmus({ corpus, shapes }: LitmusBench): void {
  const columns = ['tests', 'states', 'transitions', 's', 'tests/s', 'table KB'];
  console.log(`${'litmus tests'.padEnd(28)}${'model'.padEnd(10)}${columns.map((each) => each.padStart(12)).join('')}`);
  for (const each of [...corpus, ...shapes]) {
    const cells = [
      `${each.tests}`,
      `${each.states}`,
      `${each.transitions}`,
      each.seconds.toFixed(3),
      each.testsPerSecond.toFixed(1),
      (each.tableBytes / 1024).toFixed(0),
    ];
    console.log(`${each.what.padEnd(28)}${each.model.padEnd(10)}${cells.map((cell) => cell.padStart(12)).join('')}`);
  }
  console.log();
}
