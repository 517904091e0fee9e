import type { FlipsReport } from '../scenarios/flip-case.ts';
import type { LoadedScenario, ScenarioCase } from '../scenarios/load-scenario.ts';
import type { RunRecord } from '../scenarios/report.ts';
import { commandText, replayCommand } from './command-text.ts';
import { flipMarks, flipsJson, flipText } from './flip-text.ts';
import { fullTraceText } from './full-trace.ts';
import { documentHead } from './json-document.ts';
import type { ToolInfo } from './package-info.ts';
import { drawPicture } from './picture.ts';
import { counted, expectedText, type Outcome } from './verdict-text.ts';
import { knobsText, violationText } from './violation-text.ts';
import { printableText } from './wrap-text.ts';

/** One run, and how the user came to it. */
export interface ReplayedRun {
  readonly scenario: LoadedScenario;
  readonly scenarioCase: ScenarioCase;
  readonly record: RunRecord;
  readonly maxEvents: number | undefined;
  readonly recordingFile: string | undefined;
  /** The recording's own scenario was asked for. */
  readonly recorded: boolean;
}

export interface ReplayTextOptions {
  readonly isFull: boolean;
  readonly flips: FlipsReport | undefined;
}

/** Whether one run shows what its case expects; a rule of several that are expected is enough. */
export function replayOutcome({ scenarioCase: { expect }, record }: ReplayedRun): Outcome {
  const rules = record.violations.map(({ rule }) => rule);
  if (rules.length > 0) {
    return rules.every((rule) => expect.includes(rule)) ? 'asExpected' : 'unexpected';
  }
  if (record.end !== 'finished') {
    return 'inconclusive';
  }
  return expect.length === 0 ? 'asExpected' : 'unexpected';
}

export function replayText(run: ReplayedRun, { isFull, flips }: ReplayTextOptions): string {
  const { record } = run;
  const from = [
    record.seed === null ? [] : `seed ${record.seed}`,
    counted(record.events, 'event'),
    `${record.nowNs} ns`,
  ];
  const picture = isFull
    ? fullTraceText(record)
    : drawPicture(record, flips === undefined ? undefined : flipMarks(flips));
  return [
    verdictLine(run),
    ...record.violations.flatMap((violation) => violationText(violation)),
    ...knobsText(record),
    '',
    ...(picture === '' ? [] : [picture, '']),
    ...(flips === undefined ? [] : [...flipText(flips, record), '']),
    `digest ${record.digest}, ${from.flat().join(', ')}`,
    repeatCommand(run),
    '',
  ].join('\n');
}

/** The document of `replay --json`. */
export function replayJson(run: ReplayedRun, tool: ToolInfo, flips: FlipsReport | undefined): object {
  const { record, scenarioCase } = run;
  return {
    ...documentHead(tool),
    replay: {
      scenario: record.scenario,
      case: record.case,
      file: record.file,
      line: scenarioCase.line,
      expect: [...scenarioCase.expect],
      asExpected: replayOutcome(run) === 'asExpected',
      seed: record.seed,
      choices: record.choices,
      strategy: record.strategy,
      depth: record.depth,
      knobs: { ...record.knobs },
      end: record.end,
      detail: record.detail,
      events: record.events,
      digest: record.digest,
      violations: record.violations.map(({ rule, message, source }) => ({ rule, message, source })),
      ...(flips === undefined ? {} : { flips: flipsJson(flips, record) }),
    },
  };
}

const outcomeTexts: Readonly<Record<Outcome, string>> = {
  asExpected: 'as expected',
  unexpected: 'not as expected',
  inconclusive: 'inconclusive',
};

function verdictLine(run: ReplayedRun): string {
  const { record, scenarioCase } = run;
  const outcome = replayOutcome(run);
  const isHeld = record.violations.length === 0 && record.end === 'finished';
  const end = record.violations.length > 0 ? 'violated' : `${record.end}: ${record.detail}`;
  const verdict = isHeld ? 'held' : end;
  const expected = outcome === 'asExpected' ? '' : ` (expected: ${expectedText(scenarioCase)})`;
  return printableText(`${record.scenario} ${record.case}: ${verdict}, ${outcomeTexts[outcome]}${expected}`);
}

function repeatCommand({ record, maxEvents, recordingFile, recorded }: ReplayedRun): string {
  const { file, case: name, seed, strategy, depth, choices } = record;
  if (recordingFile !== undefined) {
    return commandText(['replay', recordingFile, ...(recorded ? ['--recorded'] : [])]);
  }
  if (seed === null) {
    return commandText(['replay', file, '--case', name, '--choices', choices]);
  }
  return replayCommand({ file, case: name, seed, strategy, depth, maxEvents });
}
