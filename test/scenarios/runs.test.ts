import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../scenarios/load-scenario.ts';

const runsOf = (frame: string, ofCase: string): number | undefined => {
  const yaml = `title: runs
source: test
${frame}platform: { iommu: { model: vtd }, devices: {} }
tasks: { t: { cpu: 0, steps: [{ fence: mb }] } }
cases: { one: { expect: holds${ofCase} } }
`;
  return loadScenario('runs.yaml', new TextEncoder().encode(yaml)).cases[0]?.defaultRuns;
};

describe('runs', () => {
  it('are those of the case, else those of the file, else a thousand', () => {
    expect(runsOf('', '')).toBe(1000);
    expect(runsOf('runs: 3000\n', '')).toBe(3000);
    expect(runsOf('runs: 3000\n', ', runs: 20')).toBe(20);
    expect(() => runsOf('runs: 0\n', '')).toThrow('runs.yaml:3:7');
  });
});
