// The main file of a worker process of `explore`.
import { exploreCase } from '../../scenarios/explore-case.ts';
import { runCase } from '../../scenarios/run-case.ts';
import { type ExplorationTasks, isSampled, sampling, timeBudget } from './exploration-tasks.ts';
import { serveTasks } from './serve-tasks.ts';

serveTasks<ExplorationTasks>({
  'explore-case': (task, noteStep) => {
    let step = 0;
    const onProgress = (): void => {
      step += 1;
      noteStep(step);
    };
    onProgress();
    return isSampled(task)
      ? runCase(task.scenarioCase, { ...sampling(task), onProgress })
      : exploreCase(task.scenarioCase, { ...task.settings, shouldStop: timeBudget(task.settings), onProgress });
  },
});
