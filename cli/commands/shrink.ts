import { CommandError } from '../command-error.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import { documentText } from '../json-document.ts';
import type { Simulator } from '../library.ts';
import { checkRunChoice, openRun, type RunChoice, usageError } from '../open-run.ts';
import { toolInfo } from '../package-info.ts';
import { recordingText } from '../recording-file.ts';
import type { ReplayedRun } from '../replay-text.ts';
import { shrinkBudget } from '../shrink-budget.ts';
import { shrinkJson, shrinkResultText } from '../shrink-text.ts';
import { printableText } from '../wrap-text.ts';
import { assertWritable, writeWholeFile } from '../write-file.ts';

export interface ShrinkCommandOptions extends RunChoice {
  /** Which of the rules the run breaks; undefined: the one that ended it. */
  readonly rule: string | undefined;
  readonly shrinkTimeS: number;
  readonly json: boolean;
  readonly save: string | undefined;
}

/** `tornread shrink`: the shortest schedule that fails as this one does. */
export async function shrinkCommand(options: ShrinkCommandOptions, io: CliIo, simulator: Simulator): Promise<ExitCode> {
  const { rule, save } = options;
  checkRunChoice(options, 'shrink');
  if (save !== undefined) assertWritable(save);
  const run = openRun(options, simulator);
  const report = simulator.shrinkCase(
    run.scenarioCase,
    { choices: run.record.choices, ...(run.maxEvents === undefined ? {} : { maxEvents: run.maxEvents }) },
    { ...(rule === undefined ? {} : { rule }), shouldStop: shrinkBudget(options.shrinkTimeS) },
  );
  if (report === undefined) {
    throw usageError(`there is nothing to shrink: ${nothingToShrink(run, rule)}`);
  }
  if (report.end === 'unshrinkable') {
    throw new CommandError(
      exitCodes.inconclusive,
      'the order of this run with drawn times does not fail where only windows decide, so it cannot be shrunk; ' +
        'hint: look for one with --strategy random',
    );
  }
  const tool = toolInfo();
  io.stdout.write(options.json ? documentText(shrinkJson(run, report, tool)) : shrinkResultText(run, report, save));
  if (save !== undefined) {
    writeWholeFile(save, recordingText(report.record, run.scenario, tool));
  }
  return exitCodes.asExpected;
}

function nothingToShrink({ record }: ReplayedRun, rule: string | undefined): string {
  const rules = record.violations.map((violation) => violation.rule);
  return rules.length === 0 || rule === undefined
    ? 'this run breaks no rule'
    : `this run does not break "${printableText(rule)}", it breaks ${rules.join(' and ')}`;
}
