import type { ScenarioCase } from './load-scenario.ts';
import type { RangeResult } from './range-result.ts';
import type { CaseReport, LostRun, Verdict } from './report.ts';

/** How a campaign of a case ended, besides what its runs came to. */
export interface CampaignEnd {
  /** Runs that were asked for. */
  readonly wanted: number;
  /** By run. */
  readonly lost: readonly LostRun[];
}

type Judgement = Pick<CaseReport, 'verdict' | 'asExpected' | 'reason' | 'notReached'>;

/** Compares the rules that were broken with those the case expects. */
export function judgeCase(
  { expect, reach }: ScenarioCase,
  { found, runs, reached, inconclusive }: RangeResult,
  { wanted, lost }: CampaignEnd,
): Judgement {
  const rules = found.map(({ violation }) => violation.rule);
  const unexpected = rules.filter((rule) => !expect.includes(rule));
  const missing = expect.filter((rule) => !rules.includes(rule));
  const notReached = reach.filter((mark) => !reached.includes(mark));
  const isStopped = runs + lost.length < wanted;
  // A lost run might have broken a rule; where all that is expected was found, it could add nothing we wait for.
  const isMissed = lost.length > 0 && (missing.length > 0 || expect.length === 0);
  let verdict: Verdict = rules.length > 0 ? 'violated' : 'held';
  let reason = '';
  if (unexpected.length > 0) {
    reason = `broken, and not expected: ${unexpected.join(', ')}`;
  } else if (inconclusive !== undefined || isMissed) {
    verdict = rules.length > 0 ? 'violated' : 'inconclusive';
    reason = inconclusive?.reason ?? lostReason(lost);
  } else if (missing.length > 0) {
    reason = `expected, and not found in ${runs} runs: ${missing.join(', ')}`;
    verdict = rules.length === 0 && isStopped ? 'inconclusive' : verdict;
  } else if (notReached.length > 0) {
    verdict = rules.length > 0 ? 'violated' : 'inconclusive';
    reason = `never reached in ${runs} runs: ${notReached.join(', ')}`;
  }
  return { verdict, asExpected: reason === '', reason, notReached };
}

function lostReason(lost: readonly LostRun[]): string {
  const [first] = lost;
  const others = lost.length > 1 ? `, and ${lost.length - 1} more` : '';
  return `lost: run ${first?.run} (seed ${first?.seed})${others}: ${first?.reason}`;
}
