// The main file of a worker process.
import { CaseRunner } from '../../scenarios/run-case.ts';
import type { CampaignTasks } from './campaign-tasks.ts';
import { serveTasks } from './serve-tasks.ts';

let last: { readonly key: number; readonly runner: CaseRunner } | undefined;

serveTasks<CampaignTasks>({
  'run-range': ({ key, scenarioCase, options, range, maxMs }, noteStep) => {
    if (last?.key !== key) {
      last = { key, runner: new CaseRunner(scenarioCase, options) };
    }
    const startMs = performance.now();
    const result = last.runner.run(range, (run) => {
      noteStep(run);
      return run === range.firstRun || performance.now() - startMs < maxMs;
    });
    return { result, elapsedMs: performance.now() - startMs };
  },
});
