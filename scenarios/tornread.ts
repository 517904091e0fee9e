// The library face of the package: load a scenario, run it, get the report as data.

export { type ExploreOptions, exploreCase } from './explore-case.ts';
export { type FlipReport, type FlipStep, type FlipsReport, flipCase } from './flip-case.ts';
export { ScenarioError } from './format/scenario-error.ts';
export { type LoadedScenario, loadScenario, loadScenarioFile, type ScenarioCase } from './load-scenario.ts';
export type {
  CaseReport,
  ExplorationReport,
  FirstViolation,
  Guarantee,
  Knobs,
  RunRecord,
  Verdict,
  ViolationReport,
} from './report.ts';
export { type ReplayOptions, type RunOptions, replayCase, runCase } from './run-case.ts';
export { type ScheduleFigures, type ShrinkReport, type ShrinkSettings, shrinkCase } from './shrink-case.ts';
export type { SeededStrategy, Strategy } from './strategy-names.ts';
