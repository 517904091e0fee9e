import { closest } from '../diagnostics/diagnostic.ts';
import type { LoadedScenario, ScenarioCase } from '../scenarios/load-scenario.ts';

export interface SelectedCase {
  readonly scenario: LoadedScenario;
  readonly scenarioCase: ScenarioCase;
}

export interface Selection {
  readonly cases: readonly SelectedCase[];
  /** Names that fit no case. */
  readonly unmatched: readonly string[];
}

/** The cases whose name is one of `names`, or begins with all its dot-separated parts; all cases without `names`. */
export function selectCases(scenarios: readonly LoadedScenario[], names: readonly string[]): Selection {
  const all = scenarios.flatMap((scenario) => scenario.cases.map((scenarioCase) => ({ scenario, scenarioCase })));
  if (names.length === 0) {
    return { cases: all, unmatched: [] };
  }
  return {
    cases: all.filter(({ scenarioCase }) => names.some((name) => isSelectedBy(scenarioCase.name, name))),
    unmatched: names.filter((name) => !all.some(({ scenarioCase }) => isSelectedBy(scenarioCase.name, name))),
  };
}

function isSelectedBy(caseName: string, name: string): boolean {
  return caseName === name || caseName.startsWith(`${name}.`);
}

/** Names that `name` may have been meant to be: the nearest, or a few of those there are. */
export function nearNames(name: string, scenarios: readonly LoadedScenario[]): string {
  const names = [...new Set(scenarios.flatMap(({ cases }) => cases.flatMap((each) => prefixes(each.name))))];
  const near = closest(name, names);
  if (near !== undefined) {
    return `did you mean "${near}"?`;
  }
  const whole = [...new Set(scenarios.flatMap(({ cases }) => cases.map((each) => each.name)))];
  const more = whole.length > maxNames ? `, and ${whole.length - maxNames} more` : '';
  return whole.length === 0 ? 'there are no cases' : `cases are: ${whole.slice(0, maxNames).join(', ')}${more}`;
}

const maxNames = 8;

function prefixes(name: string): readonly string[] {
  const parts = name.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}
