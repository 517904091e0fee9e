import assert from 'node:assert/strict';
import { Dpor } from '../../sim/exploration/dpor.ts';
import type { Explorer } from '../../sim/exploration/explorer.ts';
import { Search } from '../../sim/exploration/search.ts';
import type { Kernel } from '../../sim/kernel.ts';
import { type TornEntryOptions, tornEntryWorld } from '../support/torn-entry-world.ts';
import { tornStoreWorld } from '../support/torn-store-world.ts';
import { type SpinResult, spin } from './spin.ts';

/** One world gone through by one explorer. */
export interface ExplorationRow {
  readonly world: string;
  readonly explorer: string;
  /** False: given up after {@link mostTransitions}, so the counts are lower bounds. */
  readonly isWhole: boolean;
  readonly executions: number;
  /** 0 where no states are kept. */
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly statesPerSecond: number;
  readonly bytesPerState: number;
  /** Growth of the process while it ran, from before the world was built. */
  readonly grownBytes: number;
}

interface SpinComparison extends SpinResult {
  readonly passes: number;
  /** States per second of the search over those of SPIN, one right after the other. */
  readonly ratio: number;
}

export interface Exploration {
  readonly rows: readonly ExplorationRow[];
  /** Empty where SPIN is not installed. */
  readonly spin: readonly SpinComparison[];
}

/** Races without states can take for ever on worlds whose orders come together. */
const mostTransitions = 2_000_000;
const listener = { onViolation: () => {} };
const whole = { keepsWindows: false, isExact: false, maxPreemptions: undefined, ...listener };

const explorers: readonly { readonly name: string; readonly of: (kernel: Kernel) => Explorer }[] = [
  { name: 'search', of: (kernel) => new Search(kernel, { ...whole, reduces: false }) },
  { name: 'search, reduced', of: (kernel) => new Search(kernel, { ...whole, reduces: true }) },
  { name: 'DPOR', of: (kernel) => new Dpor(kernel, listener) },
];

/** What others have counted: SPIN and three prototypes. */
const storeCounts: readonly (readonly [number, number, number])[] = [
  [1, 955_563, 1_207_766],
  [2, 2_285_915, 3_893_418],
];

const entryWorlds: readonly TornEntryOptions[] = [
  { chunks: 4, writers: 1, fetchers: 1, rounds: 1, hasHandshake: false },
  { chunks: 8, writers: 1, fetchers: 1, rounds: 1, hasHandshake: false },
  { chunks: 4, writers: 1, fetchers: 3, rounds: 1, hasHandshake: true },
  { chunks: 4, writers: 2, fetchers: 2, rounds: 1, hasHandshake: true },
  { chunks: 4, writers: 1, fetchers: 2, rounds: 3, hasHandshake: true },
  { chunks: 4, writers: 1, fetchers: 3, rounds: 2, hasHandshake: true },
  { chunks: 6, writers: 1, fetchers: 3, rounds: 1, hasHandshake: false },
];

export function exploration(): Exploration {
  const stores = storeCounts.flatMap(([passes]) =>
    explorers.map((explorer) => rowOf(`torn stores, ${passes} pass`, tornStoreWorld(passes).kernel, explorer)),
  );
  const entries = entryWorlds.flatMap((options) =>
    explorers.map((explorer) => rowOf(nameOf(options), tornEntryWorld(options).kernel, explorer)),
  );
  for (const [i, [, states, transitions]] of storeCounts.entries()) {
    const { states: found, transitions: taken } = stores[i * explorers.length] as ExplorationRow;
    assert.deepEqual([found, taken], [states, transitions], 'the search counts what SPIN counts');
  }
  return { rows: [...stores, ...entries], spin: storeCounts.flatMap(([passes]) => comparison(passes)) };
}

/** A search of more than 10 million states, and the most memory the process ever had. */
export function largeSearch(): { readonly row: ExplorationRow; readonly residentBytes: number } {
  const row = rowOf('torn stores, 8 passes', tornStoreWorld(8).kernel, explorers[0] as (typeof explorers)[number]);
  assert(row.states > 10_000_000, 'the world is large enough');
  return { row, residentBytes: process.resourceUsage().maxRSS * 1024 };
}

function comparison(passes: number): readonly SpinComparison[] {
  const result = spin('test/bench/torn-store.pml', passes);
  if (result === undefined) {
    return [];
  }
  const [, states, transitions] = storeCounts[passes - 1] as readonly [number, number, number];
  // Its init process makes one state more, and takes two steps.
  assert.deepEqual([result.states, result.transitions], [states + 1, transitions + 2], 'SPIN counts the same');
  const name = `torn stores, ${passes} pass`;
  const row = rowOf(name, tornStoreWorld(passes).kernel, explorers[0] as (typeof explorers)[number]);
  return [{ ...result, passes, ratio: row.statesPerSecond / (result.states / result.seconds) }];
}

function rowOf(world: string, kernel: Kernel, { name, of }: (typeof explorers)[number]): ExplorationRow {
  const before = process.memoryUsage().rss;
  const start = process.hrtime.bigint();
  const explorer = of(kernel);
  let goesOn = true;
  while (goesOn && (name !== 'DPOR' || explorer.progress.transitions < mostTransitions)) {
    goesOn = explorer.advance(100_000);
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { executions, transitions } = explorer.progress;
  const { states, tableBytes } = explorer instanceof Search ? explorer.progress : { states: 0, tableBytes: 0 };
  return {
    world,
    explorer: name,
    isWhole: !goesOn,
    executions,
    states,
    transitions,
    seconds,
    statesPerSecond: states / seconds,
    bytesPerState: states === 0 ? 0 : tableBytes / states,
    grownBytes: process.memoryUsage().rss - before,
  };
}

function nameOf({ chunks, writers, fetchers, rounds, hasHandshake }: TornEntryOptions): string {
  const handshake = hasHandshake ? ', handshake' : '';
  return `torn entry, ${chunks} chunks, ${writers} to ${fetchers} x ${rounds}${handshake}`;
}

export function printExploration({ rows, spin: comparisons }: Exploration): void {
  const columns = ['executions', 'states', 'transitions', 's', 'k states/s', 'B/state', 'grown MB'];
  console.log(
    `${'exploration'.padEnd(46)}${'explorer'.padEnd(16)}${columns.map((each) => each.padStart(12)).join('')}`,
  );
  for (const row of rows) printRow(row);
  for (const { passes, states, seconds, ratio } of comparisons) {
    const rate = (states / seconds / 1e3).toFixed(0);
    console.log(
      `SPIN, exact, torn stores, ${passes} pass: ${rate} k states/s; the search is at ${ratio.toFixed(2)} of it`,
    );
  }
  console.log(comparisons.length === 0 ? 'SPIN is not installed: not compared\n' : '');
}

export function printRow(row: ExplorationRow): void {
  const cells = [
    `${row.isWhole ? '' : '> '}${row.executions}`,
    row.states === 0 ? '-' : `${row.states}`,
    `${row.isWhole ? '' : '> '}${row.transitions}`,
    row.seconds.toFixed(2),
    row.states === 0 ? '-' : (row.statesPerSecond / 1e3).toFixed(0),
    row.states === 0 ? '-' : row.bytesPerState.toFixed(1),
    (row.grownBytes / 2 ** 20).toFixed(0),
  ];
  console.log(`${row.world.padEnd(46)}${row.explorer.padEnd(16)}${cells.map((each) => each.padStart(12)).join('')}`);
}
