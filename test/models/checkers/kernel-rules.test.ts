import { describe, expect, it } from 'vitest';
import { kernelRules } from '../../../models/checkers/checkers.ts';
import { type CaseReport, loadScenario, runCase } from '../../../scenarios/tornread.ts';

/** The one case of a scenario whose tasks are these, run often enough that every order occurs. */
function run(tasks: string): CaseReport {
  const text = `title: rules of the kernel
source: test
platform: { memory: sc, iommu: { model: vtd }, devices: { nic: { requesterId: "00:02.0" } } }
tasks:
${tasks}
limits: { maxRetries: 20 }
cases: { only: { expect: holds } }
`;
  const [only] = loadScenario('kernel-rules.yaml', new TextEncoder().encode(text)).cases;
  return runCase(only as NonNullable<typeof only>, {
    strategy: 'random',
    runs: 60,
    firstSeed: 1n,
    maxEvents: undefined,
  });
}

describe('stuck', () => {
  const waiter = '  waiter: { cpu: 0, steps: [{ wait: { for: flag, value: 1 } }] }';

  it('is broken by a wait for what nobody does', () => {
    const { verdict, violations } = run(waiter);
    expect(verdict).toBe('violated');
    expect(violations).toMatchObject([
      { rule: 'stuck', count: 60, message: expect.stringContaining('waiter waits for flag to become 1') },
    ]);
  });

  it('is not broken where somebody does it, in any order', () => {
    expect(run(`${waiter}\n  other: { cpu: 1, steps: [{ store: { to: flag, value: 1 } }] }`).verdict).toBe('held');
  });

  const locks = (first: string, second: string): string => `  ${first}-${second}:
    cpu: ${first === 'left' ? 0 : 1}
    steps: [{ lock: ${first} }, { lock: ${second} }, { unlock: ${second} }, { unlock: ${first} }]`;

  it('is broken by two locks taken in two orders, in the schedules where they cross', () => {
    const { violations } = run(`${locks('left', 'right')}\n${locks('right', 'left')}`);
    expect(violations).toMatchObject([{ rule: 'stuck', message: expect.stringMatching(/lock right.*lock left/) }]);
    expect(violations[0]?.count).toBeLessThan(60);
  });

  it('is not broken by two locks taken in one order', () => {
    const other = locks('left', 'right').replace('left-right', 'again').replace('cpu: 0', 'cpu: 1');
    expect(run(`${locks('left', 'right')}\n${other}`).verdict).toBe('held');
  });
});

describe('livelock', () => {
  const poller = (value: number): string => `  poller:
    cpu: 0
    steps: [{ repeat: { until: { value: seen, equals: ${value} } }, steps: [{ load: { from: flag, as: seen } }] }]
  other: { cpu: 1, steps: [{ store: { to: flag, value: 1 } }] }`;

  it('is broken by a loop that waits for a value nobody stores', () => {
    expect(run(poller(2)).violations).toMatchObject([
      {
        rule: 'livelock',
        count: 60,
        message: expect.stringContaining('repeat until seen is 2'),
        source: 'limit maxRetries',
      },
    ]);
  });

  it('is not broken by a loop whose value comes', () => {
    expect(run(poller(1)).verdict).toBe('held');
  });
});

it('the rules of the kernel are listed with the others', () => {
  expect(kernelRules.map(({ rule }) => rule)).toEqual(['stuck', 'livelock']);
});
