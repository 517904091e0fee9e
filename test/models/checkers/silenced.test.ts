import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { type CaseReport, loadScenario, runCase, type ScenarioCase } from '../../../scenarios/tornread.ts';

/** The rule whose checker looks away; scenarios/assemble.ts attaches the list as it is when a world is built. */
const silenced = vi.hoisted(() => ({ rule: '' }));

vi.mock(import('../../../models/checkers/checkers.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    get checkers() {
      return original.checkers.map((checker) =>
        checker.rule === silenced.rule ? { ...checker, attach: () => {} } : checker,
      );
    },
  };
});

/** Buggy worlds, one or more for each checker, and a correct one. */
const corpus = `title: buggy sequences, each with what it breaks
source: test
platform:
  memory: sc
  cpuStepNs: 10
  preemptMaxNs: 20
  iommu:
    model: vtd
    fetchOrder: ascending
    pasidCacheEntries: 1
    iotlbEntries: $iotlb
    iotlbTagFrom: $tagFrom
    timing:
      tableRead: { minNs: 100, maxNs: 2000 }
      quantumGap: { minNs: 100, maxNs: 2000 }
      request: { minNs: 1, maxNs: 2000 }
  linux: { queuedInvalidation: $kernel }
  devices:
    nic: { requesterId: "00:02.0" }
    gone: { requesterId: "00:03.0", ats: { present: false } }
domains:
  old: { stage: $stage, did: 5, map: { 0x1000: page1, 0x2000: page3 } }
  new: { stage: $stage, did: 8, map: { 0x1000: page2, 0x2000: page4 } }
start: { attach: [{ device: nic, pasid: 1, domain: old }, { device: gone, pasid: 1, domain: old }] }
tasks:
  driver: { cpu: 0, idleSteps: $idle, flow: $flow, with: $with }
  traffic: { device: nic, dma: { pasid: $pasid, iova: 0x1000, repeat: 4 } }
  more-traffic: { device: nic, dma: { pasid: $pasid, iova: 0x2000, repeat: 4 } }
variables: { kernel: good-path, stage: first, iotlb: 2, tagFrom: walk, pasid: 1, idle: 100, flow: vtd/pasid-teardown }
cases:
  cleared-first:
    with: { device: nic, pasid: 1, domain: old, order: clear-first }
    expect: corrupted-entry
  iotlb-not-invalidated:
    with: { device: nic, pasid: 1, domain: old, order: present-bit-first, flush: pasid-cache-only }
    expect: [invalidation-order, stale-translation]
  tagged-from-the-pasid-cache:
    flow: vtd/pasid-replace
    stage: second
    tagFrom: pasid-cache
    with: { device: nic, pasid: 1, from: old, to: new, order: whole-low }
    expect: wrong-tag
  not-as-hitless-as-promised:
    flow: vtd/pasid-replace
    with: { device: nic, pasid: 1, from: old, to: new, order: teardown-setup, hitless: true }
    expect: unexpected-fault
  nothing-invalidated-and-nobody-looking:
    pasid: 7
    with: { device: nic, pasid: 1, domain: old, order: present-bit-first, flush: none }
    expect: invalidation-order
  two-stores-and-nobody-looking:
    flow: vtd/pasid-replace
    pasid: 7
    stage: second
    with: { device: nic, pasid: 1, from: old, to: new, order: qwords }
    expect: spec-violation
  unmapped-without-a-flush:
    flow: vtd/unmap
    idle: 250
    with: { domain: old, iova: 0x1000, flush: none }
    expect: [stale-translation, use-after-free]
  never-answered-and-nobody-looking:
    kernel: presence-check
    with: { device: gone, pasid: 1, domain: old, order: present-bit-first }
    expect: [invalidation-timeout, lost-invalidation, invalidation-order]
  correct:
    with: { device: nic, pasid: 1, domain: old, order: present-bit-first }
    expect: holds
`;

/** Shipped scenarios for what takes more than one flow to break, or another machine: of each, cases by their names. */
function shipped(path: string, names: string): readonly ScenarioCase[] {
  const file = fileURLToPath(new URL(`../../../scenarios/${path}`, import.meta.url));
  return loadScenario(path, readFileSync(file)).cases.filter(({ name }) => name.startsWith(names));
}

const cases = [
  ...loadScenario('silenced.yaml', new TextEncoder().encode(corpus)).cases,
  ...shipped('vtd/domain-id-reuse.yaml', 'never-with-tables'),
  ...shipped('riscv/page-size-change.yaml', 'without-break.sc'),
  ...shipped('riscv/attach-race-bare.yaml', 'x-none-y-none.rvwmo'),
];

function runAll(): readonly CaseReport[] {
  const options = { strategy: 'random', runs: 300, firstSeed: 1n, maxEvents: undefined } as const;
  return cases.map((one) => runCase(one, options));
}

function namesOf(found: readonly { readonly name: string }[]): readonly string[] {
  return found.map(({ name }) => name);
}

function breaks(rule: string): (one: ScenarioCase) => boolean {
  return ({ expect: expected }) => expected.includes(rule);
}

afterEach(() => {
  silenced.rule = '';
});

describe('the corpus', () => {
  it('has a case for each checker', () => {
    for (const { rule } of checkers) {
      expect(namesOf(cases.filter(breaks(rule))), rule).not.toEqual([]);
    }
  });

  it('is as expected with the real checkers', () => {
    expect(runAll().filter(({ asExpected }) => !asExpected)).toEqual([]);
  });

  it.each(checkers.map(({ rule }) => rule))('turns red in its cases when %s is silent, and nowhere else', (rule) => {
    silenced.rule = rule;
    const red = runAll().filter(({ asExpected }) => !asExpected);
    expect(red.map((report) => report.case)).toEqual(namesOf(cases.filter(breaks(rule))));
  });
});
