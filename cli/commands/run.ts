import { assertDepthFits } from '../arguments.ts';
import { type CampaignSettings, type CaseResult, recordFirst, runCampaign, runCountOf } from '../campaign.ts';
import { type CaseResults, exitCodeOf, loadCases, printResults, type ResultOutput } from '../case-results.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { CliIo } from '../io.ts';
import type { Simulator } from '../library.ts';
import { toolInfo } from '../package-info.ts';
import { noProgress, startProgress } from '../progress.ts';
import type { SelectedCase } from '../select-cases.ts';
import { traceText } from '../trace-file.ts';
import { summarize, summaryText } from '../verdict-text.ts';
import type { WorkerSettings } from '../workers/pooled-campaign.ts';
import { assertWritable, writeWholeFile } from '../write-file.ts';

export interface RunCommandOptions extends CampaignSettings, WorkerSettings, ResultOutput {
  readonly paths: readonly string[];
  readonly caseNames: readonly string[];
  /** File for the traces of violating runs. */
  readonly trace: string | undefined;
}

/** `tornread run`: every case against what is expected of it. */
export async function runCommand(options: RunCommandOptions, io: CliIo, simulator: Simulator): Promise<ExitCode> {
  assertDepthFits(options.strategy, options.depth);
  if (options.trace !== undefined) {
    assertWritable(options.trace);
  }
  const { cases, problems } = loadCases(options, { io, simulator });
  const results = await runAll(cases, { options, io, simulator });
  const shown: CaseResults = { output: options, settings: options, io, simulator, results, problems };
  await printResults(shown, {
    table: async (isSeparate, style) => {
      const [{ verdictTable }, { verdictRows }] = await Promise.all([
        import('../table.ts'),
        import('../verdict-rows.ts'),
      ]);
      return verdictTable(verdictRows(results, { isSeparate, maxEvents: options.maxEvents }), style);
    },
    summary: summaryOf(shown),
  });
  if (options.trace !== undefined) {
    writeWholeFile(options.trace, traces(shown));
  }
  return exitCodeOf(shown);
}

async function runAll(
  cases: readonly SelectedCase[],
  { options, io, simulator }: { options: RunCommandOptions; io: CliIo; simulator: Simulator },
): Promise<readonly CaseResult[]> {
  const isSilent = options.quiet || cases.length === 0;
  const progress = isSilent ? noProgress : await startProgress(io, runCountOf(cases, options));
  try {
    return await runCampaign(cases, options, { simulator, interruption: io.interruption, progress });
  } finally {
    progress.stop();
  }
}

function summaryOf({ io, results, problems }: CaseResults): string {
  const reports = results.map(({ report }) => report);
  return summaryText(summarize(reports), {
    runs: reports.reduce((sum, report) => sum + report.runs, 0),
    lost: reports.reduce((sum, report) => sum + report.lost.length, 0),
    problems: problems.length,
    isInterrupted: io.interruption.signal !== undefined,
  });
}

/** The traces of the first violating run of each case, one after the other. */
function traces({ settings, simulator, results }: CaseResults): string {
  const tool = toolInfo();
  return results
    .map((result) => {
      const [first] = result.report.violations.toSorted((a, b) => a.first.run - b.first.run);
      if (first === undefined) {
        return '';
      }
      const record = recordFirst(result, first, { simulator, settings });
      return traceText({ record, sha256: result.scenario.sha256 }, tool);
    })
    .join('');
}
