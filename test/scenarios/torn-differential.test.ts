import { describe, expect, it } from 'vitest';
import { qwordsOf } from '../../models/qword.ts';
import { encodePasidEntry, pasidTableType } from '../../models/vtd/entries/pasid-entry.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';
import { runCase } from '../../scenarios/run-case.ts';
import { canTear, type Update, type WriterStep } from '../support/torn-enumerator.ts';

type Stage = 'first' | 'nested' | 'second' | 'pass-through';
const stages: readonly Stage[] = ['first', 'nested', 'second', 'pass-through'];
const orders = ['struct-copy', 'qwords', 'low-high', 'high-low', 'whole-low', 'teardown-setup'] as const;
type Order = (typeof orders)[number];

/** Entries like those the scenario below builds: other pointers and DIDs, the same stage bits. */
function entryOf(stage: Stage, which: 0 | 1): readonly bigint[] {
  const first = stage === 'first' || stage === 'nested' ? 0xaa000 + which * 0x1000 : 0;
  const second = stage === 'second' || stage === 'nested' ? 0xbb000 + which * 0x1000 : 0;
  const pgtt = { first: 1, second: 2, nested: 3, 'pass-through': 4 }[stage];
  expect(Object.values(pasidTableType)).toContain(pgtt);
  return qwordsOf(
    encodePasidEntry({
      present: 1,
      pgtt,
      addressWidth: 2,
      pageWalkSnoop: 1,
      domainId: which === 0 ? 5 : 8,
      firstStagePointer: first,
      secondStagePointer: second,
    }),
  );
}

const store = (...pairs: readonly (readonly [number, bigint])[]): WriterStep => ({ store: new Map(pairs) });

function updateOf(order: Order, sync: boolean, [from, to]: readonly [Stage, Stage]): Update {
  const [old, target] = [entryOf(from, 0), entryOf(to, 1)];
  const q = (i: number): readonly [number, bigint] => [i, target[i] as bigint];
  const low = store(q(0), q(1));
  const high = store(q(2), q(3));
  const between: readonly WriterStep[] = sync ? ['sync'] : [];
  const each = Array.from({ length: 8 }, (_, i) => store(q(i)));
  const withoutPresent = (target[0] as bigint) & ~1n;
  // Fields in the program order of intel_pasid_setup_*; q0 goes last.
  const fields = { first: [2, 1], nested: [2, 1], second: [1], 'pass-through': [1] }[to];
  const steps: Readonly<Record<Order, readonly WriterStep[]>> = {
    'struct-copy': each,
    qwords: each,
    'low-high': [low, ...between, high],
    'high-low': [high, ...between, low],
    'whole-low': [low],
    'teardown-setup': [
      store([0, (old[0] as bigint) & ~1n]),
      'sync',
      ...fields.map((i) => store(q(i))),
      store([0, withoutPresent]),
      'sync',
      store(q(0)),
    ],
  };
  return { from: old, to: target, steps: [...steps[order], 'sync'], anyOrder: order === 'struct-copy' };
}

function simulate(order: Order, sync: boolean, [from, to]: readonly [Stage, Stage], fetchOrder: string): boolean {
  const text = `
title: differential
source: test
platform:
  memory: sc
  iommu: { model: vtd, fetchOrder: ${fetchOrder}, contextCacheEntries: 1, pasidCacheEntries: 0, iotlbEntries: 0 }
  devices: { nic: { requesterId: "00:02.0" } }
domains:
  old: { stage: ${from}, did: 5, map: { 0x1000: page1 } }
  new: { stage: ${to}, did: 8, map: { 0x1000: page2 } }
start:
  attach: [{ device: nic, pasid: 1, domain: old }]
tasks:
  replace:
    cpu: 0
    idleSteps: 24
    flow: vtd/pasid-replace
    with: { device: nic, pasid: 1, from: old, to: new, order: ${order}, sync: ${sync} }
  traffic: { device: nic, dma: { pasid: 1, iova: 0x1000, repeat: 3 } }
cases: { it: { expect: holds } }
`;
  const [scenarioCase] = loadScenario('differential.yaml', new TextEncoder().encode(text)).cases;
  if (scenarioCase === undefined) {
    throw new Error('the scenario has a case');
  }
  const report = runCase(scenarioCase, { strategy: 'random', runs: 500, firstSeed: 0n, maxEvents: undefined });
  return report.violations.some(({ rule }) => rule === 'corrupted-entry');
}

/*
 * Two programs that share no code for walks, stores or schedules have to agree on every pair of stages, for every way
 * to write the entry and both ways to read it: no torn fetch is missed in 500 runs, and none is made up.
 */
describe.each(orders)('%s', (order) => {
  describe.each(order === 'low-high' || order === 'high-low' ? [false, true] : [false])('sync %s', (sync) => {
    it.each(['ascending', 'descending'] as const)('tears where the enumerator says so, read %s', (fetchOrder) => {
      for (const from of stages) {
        for (const to of stages) {
          const expected = canTear(updateOf(order, sync, [from, to]), fetchOrder);
          expect([from, to, simulate(order, sync, [from, to], fetchOrder)]).toEqual([from, to, expected]);
        }
      }
    });
  });
});

it('tells both verdicts often enough to mean something', () => {
  const verdicts = orders.flatMap((order) =>
    stages.flatMap((from) =>
      stages.map((to) => canTear(updateOf(order, order === 'low-high', [from, to]), 'ascending')),
    ),
  );
  expect(verdicts.filter(Boolean).length).toBeGreaterThan(20);
  expect(verdicts.filter((torn) => !torn).length).toBeGreaterThan(20);
});
