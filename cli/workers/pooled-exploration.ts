import { fileURLToPath } from 'node:url';
import { unexploredReport } from '../../scenarios/explore-case.ts';
import type { ScenarioCase } from '../../scenarios/load-scenario.ts';
import type { CaseReport } from '../../scenarios/report.ts';
import type { Interruption } from '../io.ts';
import type { ExplorationSettings, ExplorationTasks } from './exploration-tasks.ts';
import { errorOf, WorkerPool } from './worker-pool.ts';

interface PooledPorts {
  readonly interruption: Interruption;
  /** Told of each case that is through, and how many are. */
  readonly onDone: (done: number, scenarioCase: ScenarioCase) => void;
  /** Module that the worker processes run; tests plant one that fails. */
  readonly workerFile?: string;
}

/** Heap of a worker; the states of a search are not on it, unless they are kept whole. */
const workerMemoryMb = 2048;
/** A search looks up every few milliseconds; one that does not for so long hangs. */
const stepTimeoutMs = 60_000;
const lookEveryMs = 50;

/**
 * Searches each case in a worker process, as many at a time as there are jobs. A report is undefined where a signal came
 * first; one whose worker died is inconclusive, and says of what.
 */
export async function explorePooled(
  cases: readonly ScenarioCase[],
  { jobs, settings }: { readonly jobs: number; readonly settings: ExplorationSettings },
  ports: PooledPorts,
): Promise<readonly (CaseReport | undefined)[]> {
  const pool = new WorkerPool<ExplorationTasks>(Math.min(jobs, cases.length), {
    workerFile: ports.workerFile ?? fileURLToPath(new URL('./exploration-worker.js', import.meta.url)),
    memoryMb: workerMemoryMb,
    stepTimeoutMs,
  });
  const isInterrupted = (): boolean => ports.interruption.signal !== undefined;
  const watch = setInterval(() => {
    if (isInterrupted()) pool.stop();
  }, lookEveryMs);
  let done = 0;
  const explore = async (scenarioCase: ScenarioCase): Promise<CaseReport | undefined> => {
    if (isInterrupted()) return undefined;
    const end = await pool.run('explore-case', { scenarioCase, settings });
    switch (end.end) {
      case 'done':
        done += 1;
        ports.onDone(done, scenarioCase);
        return end.result;
      case 'failed':
        throw errorOf(end.error);
      case 'died':
        return isInterrupted()
          ? undefined
          : unexploredReport(scenarioCase, `the worker of this case ended: ${end.reason}`);
    }
  };
  try {
    return await Promise.all(cases.map(explore));
  } finally {
    clearInterval(watch);
    await pool.close();
  }
}
