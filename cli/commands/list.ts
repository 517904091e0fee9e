import type { LoadedScenario } from '../../scenarios/load-scenario.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { InputProblem } from '../find-files.ts';
import type { CliIo } from '../io.ts';
import { documentHead, documentText, errorsJson } from '../json-document.ts';
import type { Catalog, FlowParameter, Library } from '../library.ts';
import { loadScenarios } from '../load-scenarios.ts';
import { toolInfo } from '../package-info.ts';
import { expectedText } from '../verdict-text.ts';
import { printableText, wrapText } from '../wrap-text.ts';

/** What can be listed instead of scenarios. */
export type CatalogTable = 'rules' | 'flows' | 'reach' | 'barriers';

export interface ListCommandOptions {
  readonly paths: readonly string[];
  readonly tables: readonly CatalogTable[];
  readonly json: boolean;
}

const textWidth = 80;

/** `tornread list`: the scenarios with their cases, or the names that scenarios are written with. */
export async function listCommand(options: ListCommandOptions, io: CliIo, library: Library): Promise<ExitCode> {
  if (options.tables.length > 0) {
    listTables(options, io, await library.catalog());
    return exitCodes.asExpected;
  }
  const { scenarios, problems } = loadScenarios(options.paths, await library.simulator(), io);
  if (options.json) {
    io.stdout.write(documentText(scenariosJson(scenarios, problems)));
  } else if (scenarios.length > 0) {
    io.stdout.write(`${scenarios.map(scenarioText).join('\n\n')}\n`);
  }
  if (problems.length > 0) {
    return exitCodes.invalidInput;
  }
  if (scenarios.length === 0) {
    io.stderr.write('tornread: error: no scenario file was found\n');
    return exitCodes.nothingRan;
  }
  return exitCodes.asExpected;
}

function listTables({ tables, json }: ListCommandOptions, io: CliIo, catalog: Catalog): void {
  if (json) {
    const parts = tables.map((table) => [jsonNames[table], catalogJson(catalog, table)]);
    io.stdout.write(documentText({ ...documentHead(toolInfo()), ...Object.fromEntries(parts) }));
    return;
  }
  io.stdout.write(`${tables.map((table) => catalogText(catalog, table)).join('\n\n')}\n`);
}

const jsonNames: Readonly<Record<CatalogTable, string>> = {
  rules: 'rules',
  flows: 'flows',
  reach: 'reachMarks',
  barriers: 'barriers',
};

function scenariosJson(scenarios: readonly LoadedScenario[], problems: readonly InputProblem[]): object {
  return {
    ...documentHead(toolInfo()),
    scenarios: scenarios.map(({ name, file, title, source, sha256, cases }) => ({
      scenario: name,
      file,
      title,
      source,
      sha256,
      cases: cases.map((each) => ({
        case: each.name,
        line: each.line,
        expect: [...each.expect],
        reach: [...each.reach],
        runs: each.defaultRuns,
      })),
    })),
    ...errorsJson(problems),
  };
}

function scenarioText({ name, title, cases }: LoadedScenario): string {
  const width = cases.reduce((widest, each) => Math.max(widest, each.name.length), 0);
  const rows = cases.map((each) => `  ${each.name.padEnd(width)}  ${expectedText(each)}`);
  return [`${name}: ${title}`, ...rows].map(printableText).join('\n');
}

function catalogText({ rules, flows, reachMarks, kernelPrimitives }: Catalog, table: CatalogTable): string {
  switch (table) {
    case 'rules':
      return definitions(rules.map(({ rule, brokenWhen }) => ({ name: rule, texts: [brokenWhen] })));
    case 'reach':
      return definitions(reachMarks.map(({ name, reachedWhen }) => ({ name, texts: [reachedWhen] })));
    case 'barriers':
      return kernelPrimitives().map(primitiveText).join('\n\n');
    case 'flows':
      return definitions(
        flows.map(({ name, summary, source, parameters }) => ({
          name,
          texts: [
            summary,
            `source: ${source}`,
            ...Object.entries(parameters).map(([key, parameter]) => `${key}: ${parameterText(parameter)}`),
          ],
        })),
      );
  }
}

function primitiveText({ name, meanings }: ReturnType<Catalog['kernelPrimitives']>[number]): string {
  const width = meanings.reduce((widest, { instruction }) => Math.max(widest, instruction.length), 0);
  const rows = meanings.map(
    ({ model, instruction, orders }) => `  ${model.padEnd(8)}  ${instruction.padEnd(width)}  ${orders}`,
  );
  return [name, ...rows].map(printableText).join('\n');
}

function parameterText({ type, summary, values, default: fallback }: FlowParameter): string {
  const allowed = values === undefined ? type : values.map(String).join(' | ');
  return `${allowed}${fallback === undefined ? '' : ` (default ${String(fallback)})`}. ${summary}`;
}

function definitions(entries: readonly { readonly name: string; readonly texts: readonly string[] }[]): string {
  return entries
    .map(({ name, texts }) => [name, ...texts.flatMap(indented)].map(printableText).join('\n'))
    .join('\n\n');
}

function indented(text: string): readonly string[] {
  return wrapText(text, textWidth - 2).map((line) => `  ${line}`);
}

function catalogJson({ rules, flows, reachMarks, kernelPrimitives }: Catalog, table: CatalogTable): readonly object[] {
  switch (table) {
    case 'rules':
      return rules.map(({ rule, brokenWhen, stopsRun }) => ({ rule, brokenWhen, stopsRun }));
    case 'reach':
      return reachMarks.map(({ name, reachedWhen }) => ({ name, reachedWhen }));
    case 'barriers':
      return kernelPrimitives();
    case 'flows':
      return flows.map(({ name, summary, source, parameters }) => ({
        name,
        summary,
        source,
        parameters: Object.entries(parameters).map(([key, { type, summary: text, values, default: fallback }]) => ({
          name: key,
          type,
          summary: text,
          ...(values === undefined ? {} : { values }),
          ...(fallback === undefined ? {} : { default: fallback }),
        })),
      }));
  }
}
