import { describe, expect, it } from 'vitest';
import { loadScenario, type ScenarioCase } from '../../../scenarios/load-scenario.ts';
import { runCase } from '../../../scenarios/run-case.ts';

const table = '"a.table[0x201000]"';
const set = (to: string, entry = table): string => `{ set: { entry: ${entry}, to: ${to} } }`;

/** Rules that steps break on a PTE which leads to a table with one 4 KB page of a huge page, mapped at its offset. */
function rulesOf(steps: readonly string[], { offset = '0x1000', stage = 'first' } = {}): readonly string[] {
  const yaml = `title: sizes
source: test
platform:
  memory: sc
  memoryPages: 2100
  hugePages: [block, other]
  iommu: { model: riscv }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: { stage: ${stage}, map: { 0x201000: { page: block, offset: ${offset} } } }
tasks:
  change: { cpu: 0, steps: [{ begin: { entry: ${table}, targets: [{ page: other }] } }, ${steps.join(', ')}] }
cases:
  only: { expect: holds }
`;
  const { cases } = loadScenario('sizes.yaml', new TextEncoder().encode(yaml));
  expect(cases.map(({ name }) => name)).toEqual(['only']);
  const report = runCase(cases[0] as ScenarioCase, {
    strategy: 'random',
    runs: 1,
    firstSeed: 1n,
    maxEvents: undefined,
  });
  return report.violations.map(({ rule }) => rule);
}

describe('break-before-make', () => {
  it.each<readonly [string, Parameters<typeof rulesOf>]>([
    ['less rights in a larger page', [[set('{ page: block, writable: false }')]]],
    ['another page', [[set('{ page: other }')]]],
    ['another page of a second stage', [[set('{ page: other }')], { stage: 'second' }]],
    ['another place in the same page', [[set('{ page: block }')], { offset: '0x2000' }]],
    [
      'a table of other rights in place of a large page',
      [[set('not-present'), set('{ page: block, writable: false }'), set('table')]],
    ],
  ])('fires for %s', (_, [steps, place]) => {
    expect(rulesOf(steps, place)).toEqual(['break-before-make']);
  });

  it.each<readonly [string, readonly string[]]>([
    ['the size alone', [set('{ page: block }')]],
    ['the size alone, and back', [set('{ page: block }'), set('table')]],
    ['V = 0 in between', [set('not-present'), set('{ page: other }')]],
    ['the same size', [set('table')]],
    ['a small page that is not valid', [set('not-present', '"a.pte[0x201000]"'), set('{ page: other }')]],
  ])('says nothing of %s', (_, steps) => {
    expect(rulesOf(steps)).toEqual([]);
  });
});
