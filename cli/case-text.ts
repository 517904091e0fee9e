import type { CaseReport, RunRecord, ViolationReport } from '../scenarios/report.ts';
import type { CampaignSettings, CaseResult } from './campaign.ts';
import { campaignCommand, replayCommand } from './command-text.ts';
import { drawPicture } from './picture.ts';
import type { ShrunkViolations } from './shrink-results.ts';
import { shrunkEnd } from './shrink-text.ts';
import { counted, expectedText } from './verdict-text.ts';
import { knobsText, violationText } from './violation-text.ts';
import { printableText, wrapText } from './wrap-text.ts';

const textWidth = 80;

export interface CaseTextPorts {
  readonly settings: CampaignSettings;
  readonly record: (violation: ViolationReport) => RunRecord;
  readonly shrunk: ShrunkViolations;
}

/** A case in full: each broken rule with its picture, and as the last line the command that repeats it. */
export function caseText({ report }: CaseResult, ports: CaseTextPorts): string {
  const { settings } = ports;
  const title = `${report.scenario} ${report.case}: ${report.asExpected ? 'as expected' : 'not as expected'}`;
  const reason = report.reason === '' ? [] : [reasonText(report)];
  const head = [title, ...reason].flatMap((line) => wrapText(printableText(line), textWidth));
  const groups = byRun(toldViolations(report), ports.shrunk);
  if (groups.length === 0) {
    return [...head, '', repeatCommand(report, settings)].join('\n');
  }
  const blocks = groups.map((violations) => violationBlock({ report, ...ports }, violations));
  return `${head.join('\n')}\n${blocks.join('\n\n')}`;
}

/** One line a case, and the command: for those who have many. */
export function caseLine({ report }: CaseResult, settings: CampaignSettings): string {
  const text = `${report.scenario} ${report.case}: ${report.verdict}; ${reasonText(report)}`;
  return `${printableText(text)}\n${repeatCommand(report, settings)}`;
}

/** A run whose worker died, and the command that shows whether it is the run's doing; undefined: none is lost. */
export function lostText({ report }: CaseResult, settings: CampaignSettings): string | undefined {
  const blocks = report.lost.flatMap(({ run, seed, reason }) => [
    ...wrapText(
      printableText(`lost: ${report.scenario} ${report.case}, run ${run}, seed ${seed}: ${reason}`),
      textWidth,
    ),
    replayCommand({ ...settingsOf(report, settings), seed }),
  ]);
  return blocks.length === 0 ? undefined : blocks.join('\n');
}

function reasonText(report: CaseReport): string {
  return `${report.reason} (the case expects: ${expectedText(report)})`;
}

/** The unexpected rules of a case that has some: the others are not the news. */
export function toldViolations({ violations, expect, asExpected }: CaseReport): readonly ViolationReport[] {
  const unexpected = violations.filter(({ rule }) => !expect.includes(rule));
  return asExpected || unexpected.length === 0 ? violations : unexpected;
}

function violationBlock(
  { report, settings, record, shrunk }: CaseTextPorts & { readonly report: CaseReport },
  violations: readonly ViolationReport[],
): string {
  const [first] = violations;
  if (first === undefined) {
    return '';
  }
  const sentences = violations.flatMap((each) => violationText(each, shareText(each, report)));
  const shorter = shrunk.get(first);
  const run = shorter?.record ?? record(first);
  const address = runAddress(report, first, settings);
  const end = shorter === undefined ? [replayCommand(address)] : shrunkEnd(shorter, { ...address, rule: first.rule });
  return [...sentences, ...knobsText(run), '', drawPicture(run), '', ...end].join('\n');
}

/** How many runs or executions broke a rule; a search may have been ended before it counted any. */
function shareText({ count }: ViolationReport, { runs, exploration }: CaseReport): string {
  return runs === 0 ? '' : ` in ${count} of ${counted(runs, exploration === null ? 'run' : 'execution')}`;
}

/** Two rules that one run broke first make one picture; a shorter run may break one of them alone. */
function byRun(
  violations: readonly ViolationReport[],
  shrunk: ShrunkViolations,
): readonly (readonly ViolationReport[])[] {
  const groups = new Map<string, ViolationReport[]>();
  for (const violation of violations) {
    const run = shrunk.get(violation)?.record.choices ?? violation.first.seed;
    groups.set(run, [...(groups.get(run) ?? []), violation]);
  }
  return [...groups.values()];
}

function repeatCommand(report: CaseReport, settings: CampaignSettings): string {
  const unexpected = report.violations.find(({ rule }) => !report.expect.includes(rule));
  const isMissing = report.expect.some((rule) => !report.violations.some((violation) => violation.rule === rule));
  const told = unexpected ?? (isMissing || report.expect.length === 0 ? undefined : report.violations[0]);
  if (told !== undefined) {
    return replayCommand(runAddress(report, told, settings));
  }
  const seed = `0x${settings.firstSeed.toString(16)}`;
  // An interrupted campaign may have lost a run beyond the last one that is known to have ended.
  const runs = Math.max(report.runs + report.lost.length, ...report.lost.map(({ run }) => run + 1));
  return campaignCommand({ ...settingsOf(report, settings), seed, runs });
}

function runAddress(report: CaseReport, { first }: ViolationReport, settings: CampaignSettings) {
  return { ...settingsOf(report, settings), seed: first.seed, choices: first.choices };
}

function settingsOf({ file, case: name, strategy, guarantee }: CaseReport, { maxEvents }: CampaignSettings) {
  return { file, case: name, strategy, depth: guarantee?.depth ?? null, maxEvents };
}
