import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Exploration, exploration, largeSearch, printExploration, printRow } from './exploration.ts';
import { type IdleMemory, idleMemory } from './idle-memory.ts';
import { type LitmusBench, litmusBench, printLitmus } from './litmus.ts';
import { type Rate, race } from './measure.ts';
import { kernelPing, type Ping, plainHeapPing, typedHeapPing } from './ping.ts';
import { scenarioCase, scenarioRuns } from './scenario-runs.ts';
import { type CampaignRate, campaignRuns, workerRuns } from './worker-runs.ts';

/*
 * npm run bench -- [--json] [--rounds 7] [--exploration] [--litmus] [--large]
 * --exploration, --litmus: that section alone. --large: a search of 10 million states, alone.
 * Rates are medians over rounds in which the compared things take turns. Trust the ratios, not the figures.
 */

interface PingResult {
  readonly processCount: number;
  readonly eventsPerRound: number;
  readonly rates: readonly Rate[];
  /** The kernel's rate over that of the other one. */
  readonly ratioToTypedHeap: number;
  readonly ratioToPlainHeap: number;
}

interface ScenarioResult {
  readonly case: string;
  readonly runsPerRound: number;
  readonly eventsPerRun: number;
  readonly rates: readonly Rate[];
  /** Time of a recorded run over the time of one with the trace off. */
  readonly recordedTimeRatio: number;
}

interface Measured {
  readonly ping: readonly PingResult[];
  readonly scenario: ScenarioResult;
  readonly memory: IdleMemory;
  readonly campaigns: readonly CampaignRate[];
  readonly exploration: Exploration;
  readonly litmus: LitmusBench;
}

interface Target {
  readonly what: string;
  readonly target: string;
  readonly reached: string;
  readonly ok: boolean;
}

interface Results extends Measured {
  readonly machine: { readonly node: string; readonly cpu: string; readonly cpuCount: number };
  readonly rounds: number;
  readonly targets: readonly Target[];
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    exploration: { type: 'boolean', default: false },
    litmus: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  throw new Error(`--rounds takes a whole number of at least 1, got ${values.rounds}`);
}

if (values.large) {
  const { row, residentBytes } = largeSearch();
  printRow(row);
  console.log(`most memory of the process: ${(residentBytes / 2 ** 20).toFixed(0)} MB, of 2048 MB allowed`);
  process.exitCode = residentBytes < 2 ** 31 ? 0 : 1;
} else if (values.exploration) {
  printExploration(exploration());
} else if (values.litmus) {
  printLitmus(litmusBench());
} else {
  await all();
}

async function all(): Promise<void> {
  // Memory first: later the heap has what the other parts left behind.
  const memory = idleMemory(100_000);
  const measured: Measured = {
    ping: [ping(10, 1_000_000), ping(1_000, 1_000_000), ping(100_000, 1_000_000)],
    scenario: scenarioResult(3_000),
    memory,
    // Few rounds: each is many seconds, and the best one counts.
    campaigns: await workerRuns(Math.min(rounds, 3)),
    exploration: exploration(),
    litmus: litmusBench(),
  };
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpuCount: cpus().length };
  const results: Results = { machine, rounds, ...measured, targets: targetsOf(measured) };
  if (values.json) {
    console.log(JSON.stringify({ schema: 1, ...results }, undefined, 2));
  } else {
    print(results);
  }
}

function ping(processCount: number, events: number): PingResult {
  const forms: readonly Ping[] = [
    kernelPing(processCount, events),
    typedHeapPing(processCount),
    plainHeapPing(processCount),
  ];
  const rates = race(
    forms.map(({ name, run }) => ({
      name,
      work: () => {
        run(events);
        return events;
      },
    })),
    rounds,
  );
  const [kernel, typed, plain] = rates.map(({ perSecond }) => perSecond) as [number, number, number];
  return {
    processCount,
    eventsPerRound: events,
    rates,
    ratioToTypedHeap: kernel / typed,
    ratioToPlainHeap: kernel / plain,
  };
}

function scenarioResult(runs: number): ScenarioResult {
  const forms = scenarioRuns();
  const rates = race(
    forms.map((form) => ({
      name: form.name,
      work: () => {
        form.run(runs);
        return runs;
      },
    })),
    rounds,
  );
  const [off, recorded] = rates.map(({ perSecond }) => perSecond) as [number, number];
  const eventsPerRun = (forms[0]?.events ?? 0) / (runs * (rounds + 1));
  return { case: scenarioCase, runsPerRound: runs, eventsPerRun, rates, recordedTimeRatio: off / recorded };
}

/** Targets that can be measured here. SystemC and SimPy are not run: theirs are figures of a machine of this kind. */
function targetsOf(measured: Measured): readonly Target[] {
  const { scenario: runs, memory: idle, exploration: explored } = measured;
  const thousand = measured.ping.find(({ processCount }) => processCount === 1_000) as PingResult;
  const perSecond = thousand.rates[0]?.perSecond ?? 0;
  const offPerSecond = runs.rates[0]?.perSecond ?? 0;
  return [
    atLeast('kernel ping, N = 1000, of 5.2 M/s (SystemC SC_THREAD, measured apart)', perSecond / 5.2e6, 2),
    atLeast('kernel ping, N = 1000, of 0.91 M/s (SimPy, measured apart)', perSecond / 0.91e6, 10),
    atLeast('kernel ping, N = 1000, of a bare heap in typed arrays', thousand.ratioToTypedHeap, 0.6),
    atLeast('kernel ping, N = 1000, of a bare heap of objects', thousand.ratioToPlainHeap, 0.6),
    atLeast('PASID teardown with all checkers, trace off, of 30 k runs/s', offPerSecond / 30_000, 1),
    atMost('time of a recorded run of one with the trace off', runs.recordedTimeRatio, 1.5, 'x'),
    atLeast('two workers, of one thread, over a long campaign', rateIn(measured.campaigns, 'two workers'), 1.8),
    atMost('memory of an idle process', idle.bytesPerProcess, 300, ' B'),
    ...explored.spin.map(({ passes, ratio }) =>
      atLeast(`search of torn stores, ${passes} pass, of SPIN exact`, ratio, 0.4),
    ),
  ];
}

/** Of the rate in this thread. */
function rateIn(rates: readonly CampaignRate[], name: string): number {
  const best = (of: string): number => rates.find((rate) => rate.name === of)?.best ?? 0;
  return best(name) / best('this thread');
}

function atLeast(what: string, value: number, target: number): Target {
  return { what, target: `>= ${target} x`, reached: `${value.toFixed(2)} x`, ok: value >= target };
}

function atMost(what: string, value: number, target: number, unit: string): Target {
  const digits = unit === 'x' ? 2 : 0;
  return { what, target: `<= ${target}${unit}`, reached: `${value.toFixed(digits)}${unit}`, ok: value <= target };
}

function print({
  machine,
  ping: pings,
  scenario,
  memory,
  campaigns,
  exploration: explored,
  litmus,
  targets,
}: Results): void {
  console.log(`node ${machine.node}, ${machine.cpuCount} x ${machine.cpu}, medians of ${rounds} rounds\n`);
  for (const { processCount, rates, ratioToTypedHeap, ratioToPlainHeap } of pings) {
    console.log(`ping, N = ${processCount}: waits of 1 to 100 ticks`);
    for (const rate of rates) printRate(rate, 1e6, 'M events/s');
    console.log(
      `  kernel / typed heap ${ratioToTypedHeap.toFixed(2)}, kernel / objects ${ratioToPlainHeap.toFixed(2)}\n`,
    );
  }
  console.log(`${scenario.case}: complete runs with all checkers, ${scenario.eventsPerRun.toFixed(1)} events each`);
  for (const rate of scenario.rates) printRate(rate, 1e3, 'k runs/s');
  console.log(`  time of a recorded run / trace off ${scenario.recordedTimeRatio.toFixed(2)}\n`);
  console.log(`a campaign of ${campaignRuns} runs, workers started and ended in it; best of its rounds`);
  for (const { name, best } of campaigns) {
    const ratio = rateIn(campaigns, name).toFixed(2);
    console.log(`  ${name.padEnd(32)} ${(best / 1e3).toFixed(2).padStart(8)} k runs/s  (${ratio} x)`);
  }
  console.log();
  console.log(`idle process, N = ${memory.processCount}: ${memory.bytesPerProcess.toFixed(0)} bytes`);
  console.log(`  heap ${memory.heapBytes.toFixed(0)}, typed arrays ${memory.arrayBytes.toFixed(0)} (${memory.method})`);
  console.log(
    `  with a random stream for each process, as the scheduler timed has: ${memory.streamBytes.toFixed(0)} more\n`,
  );
  printExploration(explored);
  printLitmus(litmus);
  console.log('targets');
  for (const { what, target, reached, ok } of targets) {
    console.log(`  ${ok ? 'reached' : 'MISSED '}  ${reached.padStart(8)}  ${target.padEnd(9)} ${what}`);
  }
}

function printRate({ name, perSecond, least, most }: Rate, unit: number, text: string): void {
  const [middle, low, high] = [perSecond, least, most].map((value) => (value / unit).toFixed(2)) as [
    string,
    string,
    string,
  ];
  console.log(`  ${name.padEnd(32)} ${middle.padStart(8)} ${text}  (${low} to ${high})`);
}
