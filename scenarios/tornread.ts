// The library face of the package: load a scenario, run it, get the report as data.
export { ScenarioError } from './format/diagnostic.ts';
export { type LoadedScenario, loadScenario, loadScenarioFile, type ScenarioCase } from './load-scenario.ts';
export type { CaseReport, FirstViolation, Guarantee, Knobs, RunRecord, Verdict, ViolationReport } from './report.ts';
export { type ReplayOptions, type RunOptions, replayCase, runCase } from './run-case.ts';
export type { SeededStrategy, Strategy } from './strategy-names.ts';
