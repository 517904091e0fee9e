import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { unexpectedFault } from '../../../models/checkers/unexpected-fault.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import { faultReasons } from '../../../models/vtd/fault-reasons.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import { setBit } from '../../support/vtd-tables.ts';
import { seen, type TaskBody, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

const domains = {
  a: { stage: 'first', did: 5 },
  b: { stage: 'first', did: 6, map: { 4096: 'page2' } },
} as const;

/** The DMA comes when the entry has lost its present bit, or after everything. */
function replace(values: { hitless: boolean; order: string }, when: 'during' | 'after'): VtdRun {
  const world = vtdWorld({
    domains,
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver: flowTask('vtd/pasid-replace', { pasid: 1, from: 'a', to: 'b', ...values }) },
    dma: { traffic: { pasid: 1 } },
    checkers,
  });
  return world.runWith({
    legs: when === 'during' ? [{ run: 'driver', until: seen('entry-changed') }] : [],
    prefer: when === 'during' ? ['traffic'] : ['driver', 'invalidation fetch', 'invalidation'],
  });
}

/** The fault comes when the entry has lost its present bit, or after everything. */
function teardown(faultIgnore: string, when: 'during' | 'after'): VtdRun {
  const world = vtdWorld({
    domains,
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: {
      driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order: 'present-bit-first', faultIgnore }),
    },
    dma: { traffic: { pasid: 1 } },
    checkers,
  });
  return world.runWith({
    legs: when === 'during' ? [{ run: 'driver', until: seen('entry-changed') }] : [],
    prefer: when === 'during' ? ['traffic'] : ['driver', 'invalidation fetch', 'invalidation'],
  });
}

/** A store to the live entry, then a DMA. */
function store(qword: number, value: bigint): VtdRun {
  const driver: TaskBody = function* ({ cpu, vtd }) {
    const address = vtd.pasidEntryAddress('nic', 1) + qword * 8;
    const old = yield* cpu.load64(address);
    yield* cpu.store64(address, old | value);
  };
  const world = vtdWorld({
    domains,
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver },
    dma: { traffic: { pasid: 1 } },
    checkers,
  });
  return world.runWith({ legs: [], prefer: ['driver'] });
}

describe('unexpected-fault', () => {
  it('is broken by a fault in the middle of an update declared hitless', () => {
    const run = replace({ hitless: true, order: 'teardown-setup' }, 'during');
    expect(run.outcome).toMatchObject({
      end: 'violated',
      violations: [
        {
          rule: 'unexpected-fault',
          message:
            'DMA of nic to 0x1000 faulted: 59h SM: present bit in PASID entry is clear, while nic.pasid[1] changed in ' +
            'a way declared hitless',
          source: 'VT-d 6.5.3.3',
          subject: 'nic.pasid[1]',
        },
      ],
    });
  });

  it('is not broken by the same fault where nobody was promised anything', () => {
    const run = replace({ hitless: false, order: 'teardown-setup' }, 'during');
    expect(run.faults).toEqual([0x59]);
    expect(run.rules).toEqual([]);
  });

  it('is not broken by a hitless update that is one', () => {
    const run = replace({ hitless: true, order: 'teardown-setup' }, 'after');
    expect(run.faults).toEqual([]);
    expect(run.rules).toEqual([]);
  });

  it('is not broken by a fault of another entry meanwhile, or by one after the update', () => {
    const world = vtdWorld({
      domains,
      attach: [{ pasid: 1, domain: 'a' }],
      pasids: [2],
      tasks: {
        *driver({ cpu, vtd, domain }) {
          const entry = vtd.pasidEntryAddress('nic', 1);
          const words = pasidEntryFor(domain('a'));
          yield* vtd.beginUpdate(entry, [words], true);
          yield* cpu.load64(entry);
          yield* vtd.endUpdate(entry, words);
          yield* cpu.store64(entry, 0n);
        },
      },
      dma: { other: { pasid: 2 }, traffic: { pasid: 1 } },
      checkers: [unexpectedFault],
    });
    const run = world.runWith({
      legs: [
        { run: 'other', until: seen('fault') },
        { run: 'driver', until: seen('store') },
      ],
    });
    expect(run.faults).toEqual([0x59, 0x59]);
    expect(run.rules).toEqual([]);
  });

  it('is broken by reserved bits, which no software means to set', () => {
    expect(store(3, 1n).outcome.violations).toEqual([
      {
        rule: 'unexpected-fault',
        message:
          'DMA of nic to 0x1000 faulted: 5Ah SM: non-zero reserved field in PASID entry, which no entry software had ' +
          'declared gives',
        source: 'VT-d 7.1.3 Table 30',
        subject: 'nic 5Ah',
      },
    ]);
  });

  it('is not broken by bits that hardware ignores', () => {
    const run = store(2, 1n << 5n);
    expect(run.events('dma')).toHaveLength(1);
    expect(run.rules).toEqual([]);
  });

  it('is broken by the reasons of reserved bits and invalid programming alone', () => {
    const torn = [...faultReasons.values()].filter(({ onlyTornEntryGives }) => onlyTornEntryGives);
    expect(torn.map(({ code }) => code.toString(16))).toEqual([
      '3',
      'a',
      'b',
      'c',
      '24',
      '3a',
      '42',
      '43',
      '52',
      '5a',
      '5b',
      '72',
      '7a',
    ]);
  });

  it('is not broken by a page that was never mapped', () => {
    const world = vtdWorld({
      domains,
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1, iova: 0x9000 } },
      checkers,
    });
    const run = world.runWith(1);
    expect(run.faults).toEqual([0x71]);
    expect(run.rules).toEqual([]);
  });

  it.each([
    // v7.0 clears P alone: a fault of the flush's time is reported, and so is one after everything.
    { faultIgnore: 'lost', when: 'during', reported: true },
    { faultIgnore: 'lost', when: 'after', reported: true },
    { faultIgnore: 'late', when: 'during', reported: true },
    { faultIgnore: 'late', when: 'after', reported: false },
    { faultIgnore: 'kept', when: 'during', reported: false },
    { faultIgnore: 'kept', when: 'after', reported: false },
  ] as const)('with FPD $faultIgnore: a fault $when the teardown is unwanted and reported: $reported', (row) => {
    const run = teardown(row.faultIgnore, row.when);
    expect(run.events('fault')).toMatchObject([{ reason: 0x59, recorded: row.reported }]);
    expect(run.outcome.violations).toEqual(
      row.reported
        ? [
            {
              rule: 'unexpected-fault',
              message:
                'DMA of nic to 0x1000 faulted: 59h SM: present bit in PASID entry is clear, and it was reported though ' +
                'software had declared FPD=1 for nic.pasid[1]',
              source: 'VT-d 7.1.1, 9.6 (FPD)',
              subject: 'nic.pasid[1]',
            },
          ]
        : [],
    );
  });

  it.each(['during', 'after'] as const)('is not broken by a report %s a teardown that asks for no silence', (when) => {
    const run = teardown('no', when);
    expect(run.events('fault')).toMatchObject([{ reason: 0x59, recorded: true }]);
    expect(run.rules).toEqual([]);
  });

  it('is broken even if FPD keeps the fault from being recorded', () => {
    const world = vtdWorld({
      domains,
      attach: [{ pasid: 1, domain: 'a' }],
      prepare: (parts) => {
        setBit(parts, parts.vtd.pasidEntryAddress('nic', 1), 1, 1);
        setBit(parts, parts.vtd.pasidEntryAddress('nic', 1), 5, 1);
      },
      dma: { traffic: { pasid: 1 } },
      checkers,
    });
    const run = world.runWith(1);
    expect(run.events('fault')).toMatchObject([{ recorded: false }]);
    expect(run.rules).toEqual(['unexpected-fault']);
  });
});
