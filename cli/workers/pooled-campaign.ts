import { fileURLToPath } from 'node:url';
import type { ScenarioCase } from '../../scenarios/load-scenario.ts';
import { mergeRanges, noRuns } from '../../scenarios/range-result.ts';
import type { LostRun } from '../../scenarios/report.ts';
import {
  type CampaignOutcome,
  hexSeed,
  type RunRange,
  type ScheduleOptions,
  seedOfRun,
} from '../../scenarios/run-case.ts';
import type { Interruption } from '../io.ts';
import type { CampaignTasks, RangeDone } from './campaign-tasks.ts';
import type { TaskEnd, ThrownError } from './protocol.ts';
import { errorOf, WorkerPool } from './worker-pool.ts';

/** Who runs a campaign: nothing of it is part of the result. */
export interface WorkerSettings {
  /** Worker processes; 1: this process runs all. */
  readonly jobs: number;
  /** Wall clock after which a worker's run that has not ended is given up. */
  readonly runTimeoutMs: number;
}

/** One case of a campaign. */
export interface CaseOrder {
  readonly scenarioCase: ScenarioCase;
  readonly options: ScheduleOptions;
  readonly runs: number;
}

interface PooledPorts {
  readonly interruption: Interruption;
  /** Runs done in all cases together, and the case whose runs came last. */
  readonly onProgress: (runsDone: number, scenarioCase: ScenarioCase) => void;
  /** Module that the worker processes run; tests plant one that fails. */
  readonly workerFile?: string;
  readonly memoryMb?: number;
}

/** A run needs a few megabytes; one that needs more than this grows without end. */
const workerMemoryMb = 1024;
/** What a range should take: a message costs well below a hundredth of it, and the last one is not waited for long. */
const rangeMs = 100;
/** Runs of a case's first range, before it is known how long they take. */
const firstRangeRuns = 1_000;
/** Tasks waiting or running for each worker, so that none is ever without. */
const tasksPerWorker = 2;
/** A case whose runs kill worker after worker is not worth the time of all others. */
const maxLostRuns = 8;
/** Workers that end before they begin a run: it is not the runs then. */
const maxIdleDeaths = 3;
/** After a signal, ranges under way may end within this time. */
const graceMs = 1_000;
const lookEveryMs = 50;

/** Runs the cases in worker processes; the outcomes do not depend on their number, nor on who ran what when. */
export async function runPooled(
  orders: readonly CaseOrder[],
  { jobs, runTimeoutMs }: WorkerSettings,
  ports: PooledPorts,
): Promise<readonly CampaignOutcome[]> {
  const runs = orders.reduce((sum, order) => sum + order.runs, 0);
  // More workers than first ranges would have nothing to do.
  const workers = Math.min(jobs, Math.ceil(runs / firstRangeRuns));
  const pool = new WorkerPool<CampaignTasks>(workers, {
    workerFile: ports.workerFile ?? fileURLToPath(new URL('./campaign-worker.js', import.meta.url)),
    memoryMb: ports.memoryMb ?? workerMemoryMb,
    stepTimeoutMs: runTimeoutMs,
  });
  try {
    return await new PooledCampaign(orders, pool, ports).run(workers * tasksPerWorker);
  } finally {
    await pool.close();
  }
}

/** A range of runs of a case, by the case's number. */
interface Work extends RunRange {
  readonly key: number;
}

interface CaseState extends CaseOrder {
  sum: typeof noRuns;
  readonly lost: LostRun[];
  msPerRun: number | undefined;
}

class PooledCampaign {
  readonly #cases: readonly CaseState[];
  readonly #pool: WorkerPool<CampaignTasks>;
  readonly #ports: PooledPorts;
  /** Ranges that have to be done again, or further. */
  readonly #again: Work[] = [];
  readonly #failures: { readonly work: Work; readonly error: ThrownError }[] = [];
  #next = { key: 0, run: 0 };
  #runsDone = 0;
  #idleDeaths = 0;
  #isStopping = false;

  constructor(orders: readonly CaseOrder[], pool: WorkerPool<CampaignTasks>, ports: PooledPorts) {
    this.#cases = orders.map((order) => ({ ...order, sum: noRuns, lost: [], msPerRun: undefined }));
    this.#pool = pool;
    this.#ports = ports;
  }

  async run(tasks: number): Promise<readonly CampaignOutcome[]> {
    const underWay = new Set<Promise<void>>();
    const watch = this.#watchInterruption();
    try {
      for (;;) {
        while (underWay.size < tasks) {
          const work = this.#takeWork();
          if (work === undefined) break;
          const done = this.#do(work).finally(() => underWay.delete(done));
          underWay.add(done);
        }
        if (underWay.size === 0) break;
        await Promise.race(underWay);
      }
    } finally {
      clearInterval(watch);
    }
    this.#throwFirstFailure();
    return this.#cases.map(({ sum, lost, runs }) => {
      return { sum, lost: lost.sort((a, b) => a.run - b.run), wanted: runs };
    });
  }

  /** What to do next: the order of cases and runs, for no result depends on it. */
  #takeWork(): Work | undefined {
    if (this.#isStopping || this.#failures.length > 0 || this.#ports.interruption.signal !== undefined) {
      return undefined;
    }
    for (let again = this.#again.pop(); again !== undefined; again = this.#again.pop()) {
      if (!this.#isGivenUp(again.key)) return again;
    }
    for (;;) {
      const { key, run } = this.#next;
      const state = this.#cases[key];
      if (state === undefined) return undefined;
      if (run < state.runs && !this.#isGivenUp(key)) {
        const guess = state.msPerRun === undefined ? firstRangeRuns : Math.ceil(rangeMs / state.msPerRun);
        const left = state.runs - run;
        // Not a rest that is less than half a range.
        const count = left <= 1.5 * guess ? left : guess;
        this.#next = { key, run: run + count };
        return { key, firstRun: run, count };
      }
      this.#next = { key: key + 1, run: 0 };
    }
  }

  #isGivenUp(key: number): boolean {
    return this.#stateOf(key).lost.length >= maxLostRuns;
  }

  async #do(work: Work): Promise<void> {
    const { key, firstRun, count } = work;
    const { scenarioCase, options } = this.#stateOf(key);
    const data = { key, scenarioCase, options, range: { firstRun, count }, maxMs: 2 * rangeMs };
    const end = await this.#pool.run('run-range', data);
    switch (end.end) {
      case 'done':
        this.#add(work, end.result);
        break;
      case 'failed':
        this.#failures.push({ work, error: end.error });
        break;
      case 'died':
        this.#lose(work, end);
        break;
    }
  }

  #add(work: Work, { result, elapsedMs }: RangeDone): void {
    const state = this.#stateOf(work.key);
    state.sum = mergeRanges(state.sum, result);
    // Never 0: it divides.
    state.msPerRun = Math.max(elapsedMs / result.runs, 1e-3);
    this.#idleDeaths = 0;
    this.#doAgain(work, work.firstRun + result.runs, work.firstRun + work.count);
    this.#count(result.runs, state);
  }

  /** The run that was under way is lost; the results of those before it went with the process, so they are done again. */
  #lose(work: Work, { step, reason }: Extract<TaskEnd<RangeDone>, { end: 'died' }>): void {
    if (this.#isStopping) return;
    const end = work.firstRun + work.count;
    if (step === undefined) {
      this.#idleDeaths += 1;
      if (this.#idleDeaths >= maxIdleDeaths) {
        const message = `${this.#idleDeaths} workers ended before they began a run: ${reason}`;
        this.#failures.push({ work, error: { name: 'Error', message, stack: '', isInternal: false } });
      }
      this.#doAgain(work, work.firstRun, end);
      return;
    }
    const state = this.#stateOf(work.key);
    state.lost.push({ run: step, seed: hexSeed(seedOfRun(state.options.firstSeed, step)), reason });
    this.#doAgain(work, step + 1, end);
    this.#doAgain(work, work.firstRun, step);
    this.#count(1, state);
  }

  #doAgain({ key }: Work, firstRun: number, end: number): void {
    if (firstRun < end) {
      this.#again.push({ key, firstRun, count: end - firstRun });
    }
  }

  #count(runs: number, { scenarioCase }: CaseState): void {
    this.#runsDone += runs;
    this.#ports.onProgress(this.#runsDone, scenarioCase);
  }

  #stateOf(key: number): CaseState {
    return this.#cases[key] as CaseState;
  }

  /** A run that goes on and on does not keep a user waiting who has asked for the end. */
  #watchInterruption(): NodeJS.Timeout {
    let sinceMs: number | undefined;
    return setInterval(() => {
      if (this.#ports.interruption.signal === undefined) return;
      sinceMs ??= performance.now();
      if (performance.now() - sinceMs >= graceMs) {
        this.#isStopping = true;
        this.#pool.stop();
      }
    }, lookEveryMs);
  }

  /** Of the exceptions that came back the one of the first range: runs before it had none, so it is the first of all. */
  #throwFirstFailure(): void {
    const [first] = this.#failures.sort((a, b) => a.work.key - b.work.key || a.work.firstRun - b.work.firstRun);
    if (first !== undefined) {
      throw errorOf(first.error);
    }
  }
}
