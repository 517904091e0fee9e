import { setImmediate } from 'node:timers/promises';
import type { ViolationReport } from '../scenarios/report.ts';
import type { ShrinkReport } from '../scenarios/shrink-case.ts';
import { type CampaignSettings, type CaseResult, recordFirst } from './campaign.ts';
import type { Interruption } from './io.ts';
import type { Simulator } from './library.ts';
import { shrinkBudget } from './shrink-budget.ts';

/** What became of the first run of each violation that was shrunk. */
export type ShrunkViolations = ReadonlyMap<ViolationReport, ShrinkReport>;

interface ShrinkPorts {
  readonly simulator: Simulator;
  readonly interruption: Interruption;
  readonly settings: CampaignSettings;
  /** Seconds for each; undefined: nothing is shrunk. */
  readonly shrinkTimeS: number | undefined;
}

/** Shrinks the first runs of the violations chosen, in their order; a signal leaves the rest as they are. */
export async function shrinkViolations(
  results: readonly CaseResult[],
  choose: (result: CaseResult) => readonly ViolationReport[],
  { simulator, interruption, settings, shrinkTimeS }: ShrinkPorts,
): Promise<ShrunkViolations> {
  const shrunk = new Map<ViolationReport, ShrinkReport>();
  const chosen = results.flatMap((result) => choose(result).map((violation) => ({ result, violation })));
  for (const { result, violation } of shrinkTimeS === undefined ? [] : chosen) {
    // Signals are seen only between two of them.
    await setImmediate();
    if (interruption.signal !== undefined) {
      break;
    }
    const { rule } = violation;
    // What is shrunk has to be the run that was found.
    const { choices } = recordFirst(result, violation, { simulator, settings });
    const { maxEvents } = settings;
    const how = { choices, ...(maxEvents === undefined ? {} : { maxEvents }) };
    const report = simulator.shrinkCase(result.scenarioCase, how, {
      rule,
      shouldStop: shrinkBudget(shrinkTimeS ?? 0),
    });
    if (report !== undefined) shrunk.set(violation, report);
  }
  return shrunk;
}
