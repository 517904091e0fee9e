import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import type { InvalidationDescriptor } from '../../../models/vtd/descriptors.ts';
import { loadScenario, runCase } from '../../../scenarios/tornread.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { invalidate } from '../../support/vtd-queue.ts';
import { nic, seen, type TaskBody, type TaskParts, vtdWorld, type WorldSketch } from '../../support/vtd-world.ts';

/** False alarms and blind spots the rules once had, each by its cause. */

const firstStage: WorldSketch = {
  domains: { a: { stage: 'first', did: 5 } },
  attach: [{ pasid: 1, domain: 'a' }],
  dma: { traffic: { pasid: 1 } },
};
const queue = ['invalidation fetch', 'invalidation'];

/** A task that clears the first quadword of an entry and waits for each invalidation before the next. */
function clearing(
  entryOf: (parts: TaskParts) => number,
  wordCount: number,
  flushes: readonly InvalidationDescriptor[],
): TaskBody {
  return function* (parts) {
    const { cpu, vtd } = parts;
    const entry = entryOf(parts);
    yield* vtd.beginUpdate(entry, [new Uint32Array(wordCount)]);
    yield* cpu.store64(entry, 0n);
    for (const flush of flushes) {
      yield* vtd.queue.submitSync(cpu, [flush]);
    }
    yield* vtd.endUpdate(entry, new Uint32Array(wordCount));
  };
}

const contextOfDevice = (sid: number, functionMask: number): InvalidationDescriptor => ({
  kind: 'context',
  granularity: 'device',
  did: 5,
  sid,
  functionMask,
});

describe('invalidation-order (VT-d 6.5.3.3 Table 28)', () => {
  const contextAddress = ({ vtd }: TaskParts): number => vtd.device('nic').contextEntryAddress;

  // The row of a PASID directory entry asks for the PASIDs affected: those of its 64 entries, under whatever DID.
  it.each([
    { pasid: 1, rules: [] },
    { pasid: 63, rules: [] },
    { pasid: 64, rules: ['invalidation-order'] },
  ])('takes a PASID-selective invalidation of PASID $pasid for directory entry 0', ({ pasid, rules }) => {
    const entryOf = ({ vtd }: TaskParts): number => vtd.device('nic').pasidDirectoryAddress;
    const driver = clearing(entryOf, 2, [invalidate.pasidCache(5, pasid), invalidate.iotlb()]);
    const world = vtdWorld({ ...firstStage, dma: {}, tasks: { driver }, checkers });
    expect(world.runWith(1).rules).toEqual(rules);
  });

  it.each([
    ['not with CM = 0 and no PASID entry present', {}, []],
    ['with one present', { attach: [{ pasid: 1, domain: 'a' }] }, ['invalidation-order']],
    ['with CM = 1', { capabilities: { CM: 1 } }, ['invalidation-order']],
  ] as const)('asks for the PASID cache after a scalable context change: %s', (_, sketch, rules) => {
    const driver = clearing(contextAddress, 8, [contextOfDevice(nic, 0), invalidate.iotlb()]);
    const domains = { a: { stage: 'first', did: 5 } } as const;
    const world = vtdWorld({ domains, pasids: [1], ...sketch, tasks: { driver }, checkers });
    expect(world.runWith(1).rules).toEqual(rules);
  });

  it.each([
    { functionMask: 3, rules: [] },
    { functionMask: 2, rules: ['invalidation-order'] },
  ])('takes a context invalidation of function 1 with FM $functionMask for function 0', ({ functionMask, rules }) => {
    const driver = clearing(contextAddress, 4, [contextOfDevice(nic + 1, functionMask), invalidate.iotlb()]);
    const world = vtdWorld({
      vtd: { mode: 'legacy' },
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ domain: 'a' }],
      tasks: { driver },
      checkers,
    });
    expect(world.runWith(1).rules).toEqual(rules);
  });

  it.each([
    ['piotlb', ['invalidation-order']],
    ['iotlb', []],
  ] as const)('asks for the whole domain once SSADE of a second stage is set: %s', (kind, rules) => {
    const secondStageAccessedDirty = 1 << 9;
    const driver: TaskBody = function* ({ cpu, vtd, domain }) {
      const entry = vtd.pasidEntryAddress('nic', 1);
      const target = Uint32Array.from(pasidEntryFor(domain('a')), (word, i) =>
        i === 0 ? word | secondStageAccessedDirty : word,
      );
      yield* vtd.beginUpdate(entry, [target]);
      const quadword = yield* cpu.load64(entry);
      yield* cpu.store64(entry, quadword | BigInt(secondStageAccessedDirty));
      yield* vtd.queue.submitSync(cpu, [invalidate.pasidCache(), invalidate[kind]()]);
      yield* vtd.endUpdate(entry, target);
    };
    const world = vtdWorld({
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: { driver },
      checkers,
    });
    expect(world.runWith(1).rules).toEqual(rules);
  });
});

describe('corrupted-entry and stale-translation (VT-d 6.2.3.1)', () => {
  it('know the new entry of a set-up that overlaps the flush of a teardown', () => {
    const teardown: TaskBody = function* ({ cpu, vtd }) {
      const entry = vtd.pasidEntryAddress('nic', 1);
      yield* vtd.beginUpdate(entry, [new Uint32Array(16)]);
      const quadword = yield* cpu.load64(entry);
      yield* cpu.store64(entry, quadword & ~1n);
      yield* vtd.queue.submitSync(cpu, [invalidate.pasidCache(), invalidate.piotlb()]);
      yield* vtd.endUpdate(entry, new Uint32Array(16));
    };
    const world = vtdWorld({
      ...firstStage,
      domains: { a: { stage: 'first', did: 5 }, b: { stage: 'first', did: 6, map: { 4096: 'page2' } } },
      tasks: {
        teardown,
        setup: flowTask('vtd/pasid-setup', { pasid: 1, domain: 'b', order: 'sync-before-present' }),
      },
      checkers,
    });
    const legs = [{ run: 'teardown', until: seen('register-written') }];
    const run = world.runWith({ legs, prefer: ['setup', ...queue, 'teardown', 'traffic'] });
    expect(run.rules).toEqual([]);
    expect(run.events('update-end')).toHaveLength(2);
    expect(run.events('dma').map(({ address }) => address)).toEqual([world.parts.page('page2')]);
  });
});

describe('livelock', () => {
  it('counts the rounds of each loop: twenty loops that end are not one that does not', () => {
    const loops = Array.from({ length: 20 }, (_, i) => i);
    const polls = loops.map(
      (i) =>
        `{ repeat: { until: { value: x, equals: 1 } }, steps: [{ load: { from: flag${i}, as: x } }] }, ` +
        `{ store: { to: ack${i}, value: 1 } }`,
    );
    const answers = loops.map((i) => `{ store: { to: flag${i}, value: 1 } }, { wait: { for: ack${i}, value: 1 } }`);
    const text = `title: many loops
source: test
platform:
  memory: sc
  memoryPages: 256
  iommu: { model: vtd }
  devices: { nic: { requesterId: "00:02.0" } }
tasks:
  poller: { cpu: 0, steps: [${polls.join(', ')}] }
  other: { cpu: 1, steps: [${answers.join(', ')}] }
limits: { maxRetries: 30 }
cases: { only: { expect: holds } }
`;
    const [only] = loadScenario('many-loops.yaml', new TextEncoder().encode(text)).cases;
    const options = { strategy: 'random', runs: 100, firstSeed: 1n, maxEvents: undefined } as const;
    expect(only === undefined ? 'no case' : runCase(only, options).violations).toEqual([]);
  });
});

describe('reach marks', () => {
  it('fault-during-update ends with the update: stores behind its end do not begin it again', () => {
    const driver = flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first' });
    const world = vtdWorld({ ...firstStage, tasks: { driver }, reach: ['fault-during-update'] });
    const run = world.runWith({ legs: [], prefer: ['driver', ...queue, 'traffic'] });
    const positions = (kind: string): readonly number[] =>
      run.records.flatMap(({ event }, i) => (event.kind === kind ? [i] : []));
    expect(Math.max(...positions('entry-changed'))).toBeGreaterThan(Math.max(...positions('update-end')));
    expect(run.faults).toHaveLength(1);
    expect(world.reached).toEqual(new Set());
  });
});
