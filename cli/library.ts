import type { exploreLitmusInSlices } from '../litmus/explore-litmus.ts';
import type { parseLitmus } from '../litmus/parse-litmus.ts';
import type { ExploreOptions } from '../scenarios/explore-case.ts';
import type { flipCase } from '../scenarios/flip-case.ts';
import type { LoadedScenario, ScenarioCase } from '../scenarios/load-scenario.ts';
import type { CaseReport, RunRecord } from '../scenarios/report.ts';
import type { CampaignOutcome, ReplayOptions, RunOptions, ScheduleOptions } from '../scenarios/run-case.ts';
import type { shrinkCase } from '../scenarios/shrink-case.ts';

/** What commands need of the simulator; tests plant their own. */
export interface Simulator {
  readonly loadScenarioFile: (path: string) => LoadedScenario;
  readonly loadScenario: (file: string, bytes: Uint8Array) => LoadedScenario;
  readonly runCaseInSlices: (scenarioCase: ScenarioCase, options: RunOptions) => Promise<CaseReport>;
  readonly exploreCaseInSlices: (scenarioCase: ScenarioCase, options: ExploreOptions) => Promise<CaseReport>;
  readonly reportCase: (scenarioCase: ScenarioCase, options: ScheduleOptions, outcome: CampaignOutcome) => CaseReport;
  readonly replayCase: (scenarioCase: ScenarioCase, options: ReplayOptions) => RunRecord;
  readonly shrinkCase: typeof shrinkCase;
  readonly flipCase: typeof flipCase;
}

/** The tables `list` prints. */
export interface Catalog {
  readonly rules: readonly { readonly rule: string; readonly brokenWhen: string; readonly stopsRun: boolean }[];
  readonly flows: readonly {
    readonly name: string;
    readonly summary: string;
    readonly source: string;
    readonly parameters: Readonly<Record<string, FlowParameter>>;
  }[];
  readonly reachMarks: readonly { readonly name: string; readonly reachedWhen: string }[];
  readonly kernelPrimitives: () => readonly {
    readonly name: string;
    readonly meanings: readonly { readonly model: string; readonly instruction: string; readonly orders: string }[];
  }[];
}

export interface FlowParameter {
  readonly type: string;
  readonly summary: string;
  readonly values?: readonly unknown[];
  readonly default?: unknown;
}

/** What `litmus` needs of the parsers and the machine. */
export interface LitmusLibrary {
  readonly parseLitmus: typeof parseLitmus;
  readonly exploreLitmusInSlices: typeof exploreLitmusInSlices;
}

/** Loads a part when a command needs it: yaml and zod alone take longer than `--help` may. */
export interface Library {
  readonly simulator: () => Promise<Simulator>;
  readonly catalog: () => Promise<Catalog>;
  readonly jsonSchema: () => Promise<object>;
  readonly litmus: () => Promise<LitmusLibrary>;
}

export const library: Library = {
  simulator: async () => {
    const [{ loadScenario, loadScenarioFile }, { runCaseInSlices, reportCase, replayCase }] = await Promise.all([
      import('../scenarios/load-scenario.ts'),
      import('../scenarios/run-case.ts'),
    ]);
    const [{ exploreCaseInSlices }, { shrinkCase }, { flipCase }] = await Promise.all([
      import('../scenarios/explore-case.ts'),
      import('../scenarios/shrink-case.ts'),
      import('../scenarios/flip-case.ts'),
    ]);
    const loading = { loadScenario, loadScenarioFile };
    return { ...loading, runCaseInSlices, reportCase, replayCase, exploreCaseInSlices, shrinkCase, flipCase };
  },
  catalog: async () => import('../scenarios/catalog.ts'),
  jsonSchema: async () => (await import('../scenarios/format/json-schema.ts')).scenarioJsonSchema(),
  litmus: async () => {
    const [{ parseLitmus }, { exploreLitmusInSlices }] = await Promise.all([
      import('../litmus/parse-litmus.ts'),
      import('../litmus/explore-litmus.ts'),
    ]);
    return { parseLitmus, exploreLitmusInSlices };
  },
};
