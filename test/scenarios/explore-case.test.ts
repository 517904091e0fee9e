import { describe, expect, it } from 'vitest';
import { exploreCase } from '../../scenarios/explore-case.ts';
import { loadScenario, loadScenarioFile, type ScenarioCase } from '../../scenarios/load-scenario.ts';
import { replayCase, runCase } from '../../scenarios/run-case.ts';

/** A PASID entry torn down under one request: small enough for every kind of search. */
function teardown(parts: {
  order?: string;
  memory?: string;
  iommu?: string;
  cpu?: string;
  expect?: string;
  rest?: string;
}) {
  const { order = 'clear-first', memory = 'sc', iommu = '', cpu = '', expect: expected = 'holds', rest = '' } = parts;
  return caseOf(`title: teardown
source: made for the tests of exploration
platform:
  memory: ${memory}
  ${cpu}
  iommu: { model: vtd, fetchOrder: ascending, contextCacheEntries: 0, pasidCacheEntries: 0, iotlbEntries: 0${iommu} }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  a: { stage: first, did: 5, map: { 0x1000: page1 } }
start:
  attach: [{ device: nic, pasid: 1, domain: a }]
tasks:
  teardown: { cpu: 0, idleSteps: 3, flow: vtd/pasid-teardown, with: { device: nic, pasid: 1, domain: a, order: ${order} } }
  traffic: { device: nic, dma: { pasid: 1, iova: 0x1000 } }
${rest}
cases:
  only: { expect: ${expected} }
`);
}

function caseOf(text: string): ScenarioCase {
  return loadScenario('made.yaml', new TextEncoder().encode(text)).cases[0] as ScenarioCase;
}

describe('an explored case', () => {
  it('is proved where no order breaks a rule', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first' }));
    expect(report).toMatchObject({ verdict: 'proved', complete: true, asExpected: true, violations: [], reason: '' });
    expect(report.states).toBeGreaterThan(500);
  });

  it('is violated where one does, with a run that shows it', () => {
    const scenarioCase = teardown({ expect: 'corrupted-entry' });
    const report = exploreCase(scenarioCase);
    expect(report).toMatchObject({ verdict: 'violated', complete: true, asExpected: true });
    const [violation] = report.violations;
    const run = replayCase(scenarioCase, { choices: violation?.first.choices ?? '' });
    expect(run.violations.map(({ rule }) => rule)).toEqual(['corrupted-entry']);
    expect(run.digest).toBe(violation?.first.digest);
  });

  it('that is expected to fail and cannot is not as expected, though it is proved', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first', expect: 'corrupted-entry' }));
    expect(report).toMatchObject({ verdict: 'proved', asExpected: false });
    expect(report.reason).toBe('expected, and not possible: corrupted-entry');
  });

  it('that is expected to hold and fails names what is broken', () => {
    const report = exploreCase(teardown({}));
    expect(report).toMatchObject({ verdict: 'violated', asExpected: false });
    expect(report.reason).toBe('broken, and not expected: corrupted-entry');
  });

  it('is the same twice, whatever was explored before', () => {
    const scenarioCase = teardown({ memory: 'x86-tso', expect: 'corrupted-entry' });
    const first = exploreCase(scenarioCase);
    exploreCase(teardown({ order: 'present-bit-first' }));
    expect(exploreCase(scenarioCase)).toEqual(first);
  });

  it.each(['sc', 'x86-tso'])('has the same states and transitions when whole states are kept (%s)', (memory) => {
    const scenarioCase = teardown({ memory, expect: 'corrupted-entry' });
    const exact = exploreCase(scenarioCase, { isExact: true });
    const hashed = exploreCase(scenarioCase);
    expect([exact.states, exact.events, exact.runs]).toEqual([hashed.states, hashed.events, hashed.runs]);
    expect(exact.exploration).toMatchObject({ exact: true, collisionProbability: 0 });
    expect(hashed.exploration?.collisionProbability).toBeLessThan(1e-9);
  });

  it.each(['sc', 'x86-tso'])('breaks the same rules without reduction, with more transitions (%s)', (memory) => {
    for (const order of ['clear-first', 'present-bit-first']) {
      const scenarioCase = teardown({ memory, order });
      const reduced = exploreCase(scenarioCase);
      const whole = exploreCase(scenarioCase, { reduces: false });
      expect(whole.violations.map(({ rule }) => rule)).toEqual(reduced.violations.map(({ rule }) => rule));
      expect(whole.complete).toBe(true);
      expect(whole.states).toBe(reduced.states);
      expect(whole.events).toBeGreaterThan(reduced.events);
    }
  });
});

describe('bounds of a search', () => {
  it('on preemptions prove up to that number and no more', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first' }), { maxPreemptions: 1 });
    expect(report).toMatchObject({ verdict: 'held', complete: false, asExpected: true, reason: '' });
    expect(report.exploration?.preemptions).toBe(1);
  });

  it('that leave no order out are no bounds', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first' }), { maxPreemptions: 100 });
    expect(report).toMatchObject({ verdict: 'proved', complete: true });
    expect(report.exploration?.preemptions).toBeNull();
  });

  it('on executions end it inconclusive, and say how far it came', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first', memory: 'x86-tso' }), { maxExecutions: 100 });
    expect(report).toMatchObject({ verdict: 'inconclusive', complete: false, asExpected: false });
    expect(report.reason).toMatch(/^--max-executions 100 reached after \d+ executions and \d+ states, .* of the way$/);
  });

  it('on states bound the memory, and end it inconclusive', () => {
    // Some 15 000 states: it is looked at every 10 000 steps.
    const { cases } = loadScenarioFile('scenarios/vtd/pasid-teardown.yaml');
    const large = cases.find(({ name }) => name === 'present-bit-first.first.any.x86-tso') as ScenarioCase;
    const report = exploreCase(large, { maxStates: 1000 });
    expect(report).toMatchObject({ verdict: 'inconclusive', complete: false });
    expect(report.reason).toMatch(/^memory for 1000 states used up after \d+ executions and \d+ states/);
  });

  it('keep what was found before they were reached', () => {
    const report = exploreCase(teardown({ expect: 'corrupted-entry' }), { maxExecutions: 100 });
    expect(report).toMatchObject({ verdict: 'violated', complete: false, asExpected: true });
  });

  it('from outside end it, also before the search of all orders', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first' }), { shouldStop: () => 'time is up' });
    expect(report).toMatchObject({ verdict: 'inconclusive', states: 0 });
    expect(report.reason).toBe('time is up before the search of all orders began');
  });

  it('on steps make it inconclusive: what comes after them is not known', () => {
    const report = exploreCase(teardown({ order: 'present-bit-first' }), { maxEvents: 20 });
    expect(report).toMatchObject({ verdict: 'inconclusive', complete: false });
    expect(report.reason).toBe('limit reached: maxEvents: 20 events');
  });
});

describe('windows of time', () => {
  // The quanta are read at one instant, and a CPU takes 5 ns from store to store: nobody can be between them.
  const narrow = { iommu: ', timing: { quantumGap: { minNs: 0, maxNs: 0 } }', cpu: 'cpuStepNs: 5' };

  it('that forbid every order which breaks a rule make the case proved', () => {
    const scenarioCase = teardown(narrow);
    expect(runCase(scenarioCase, { strategy: 'random', runs: 300, firstSeed: 0n, maxEvents: undefined }).verdict).toBe(
      'held',
    );
    expect(exploreCase(scenarioCase)).toMatchObject({ verdict: 'proved', asExpected: true, complete: true });
  });

  it('that allow one of them do not', () => {
    const wide = { ...narrow, iommu: ', timing: { quantumGap: { minNs: 0, maxNs: 20 } }' };
    const report = exploreCase(teardown({ ...wide, expect: 'corrupted-entry' }));
    expect(report).toMatchObject({ verdict: 'violated', asExpected: true, complete: true });
  });
});

describe('what is not modelled', () => {
  it('makes the search inconclusive', () => {
    const scenarioCase = caseOf(`title: a wait for an interrupt
source: made for the tests of exploration
platform:
  memory: sc
  iommu: { model: vtd }
  devices: { nic: { requesterId: "00:02.0" } }
tasks:
  driver: { cpu: 0, steps: [{ submit: [{ raw: [0x3, 0, 0, 0] }] }] }
cases:
  only: { expect: holds }
`);
    expect(exploreCase(scenarioCase)).toMatchObject({ verdict: 'inconclusive', complete: false });
    expect(exploreCase(scenarioCase).reason).toMatch(/^unmodelled: /);
  });
});
