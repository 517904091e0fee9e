import { isRiscv } from './format/schema.ts';
import type { CaseWorld, ScenarioCase } from './load-scenario.ts';
import type { CaseReport } from './report.ts';

/**
 * The same case on a machine whose stores reach other CPUs one by one, where it makes a difference to kernel code: of a
 * case that is `portable` in all its worlds.
 */
function withoutMultiCopyAtomicity(scenarioCase: ScenarioCase): ScenarioCase | undefined {
  const { worlds } = scenarioCase;
  if (!worlds.every(({ world }) => world.platform.memory === 'portable')) {
    return undefined;
  }
  const weaker = worlds.map(onNonMca);
  return { ...scenarioCase, world: (weaker[0] as CaseWorld).world, worlds: weaker };
}

function onNonMca(each: CaseWorld): CaseWorld {
  const { world } = each;
  return isRiscv(world)
    ? { ...each, world: { ...world, platform: { ...world.platform, memory: 'non-mca' } } }
    : { ...each, world: { ...world, platform: { ...world.platform, memory: 'non-mca' } } };
}

/** What a search of that says about a case that is proved otherwise; '' if it is proved there too. */
function multiCopyWarning({ violations, complete, verdict }: CaseReport): string {
  if (verdict === 'violated') {
    const rules = violations.map(({ rule }) => rule).join(', ');
    return (
      'warning: safe on x86, Armv8 and RISC-V, whose stores reach all other CPUs at once; ' +
      `the kernel's own model does not promise that, and without it ${rules} is broken (memory: non-mca)`
    );
  }
  return complete
    ? ''
    : 'warning: whether it holds where stores reach other CPUs one by one (memory: non-mca) was not searched to its end';
}

/** What is proved for three architectures may still need more than the kernel's own model promises. */
export function weakerCase(report: CaseReport, scenarioCase: ScenarioCase): ScenarioCase | undefined {
  return report.verdict === 'proved' ? withoutMultiCopyAtomicity(scenarioCase) : undefined;
}

/** The report of a proof, with what a search of the weaker case says of it. */
export function withWarning(report: CaseReport, weaker: CaseReport): CaseReport {
  const { exploration } = report;
  return exploration === null
    ? report
    : { ...report, exploration: { ...exploration, warning: multiCopyWarning(weaker) } };
}
