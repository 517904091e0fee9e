import { describe, expect, it } from 'vitest';
import { checkers } from '../../../models/checkers/checkers.ts';
import { corruptedEntry } from '../../../models/checkers/corrupted-entry.ts';
import { pasidEntryFor } from '../../../models/linux/vtd/pasid-encoding.ts';
import type { Stage } from '../../../models/linux/vtd/vtd-driver.ts';
import { encodeScalableContextEntry } from '../../../models/vtd/entries/scalable-context-entry.ts';
import type { FetchOrder } from '../../../models/vtd/vtd-config.ts';
import { flowTask } from '../../support/vtd-flows.ts';
import type { Direction } from '../../support/vtd-schedules.ts';
import { setPointer } from '../../support/vtd-tables.ts';
import { seen, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

const isPasidEntry = (event: { readonly structure: string }): boolean => event.structure === 'pasid-entry';

/** The fetcher has one quantum when the driver begins, and gets the rest when the driver can do no more. */
const inTheMiddle: Direction = {
  legs: [{ run: 'traffic', until: seen('entry-read', 1, isPasidEntry) }],
  prefer: ['driver', 'invalidation fetch', 'invalidation'],
};

interface Teardown {
  readonly order: 'clear-first' | 'present-bit-first';
  readonly stage?: Stage;
  readonly fetchOrder?: FetchOrder;
}

function tearDown({ order, stage = 'first', fetchOrder = 'ascending' }: Teardown): VtdRun {
  const world = vtdWorld({
    vtd: { fetchOrder },
    domains: { a: { stage, did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver: flowTask('vtd/pasid-teardown', { pasid: 1, domain: 'a', order }) },
    dma: { traffic: { pasid: 1 } },
    checkers,
  });
  return world.runWith(inTheMiddle);
}

describe('corrupted-entry', () => {
  it('is broken by a fetch that a clearing driver has overtaken', () => {
    const { outcome } = tearDown({ order: 'clear-first' });
    expect(outcome).toMatchObject({
      end: 'violated',
      violations: [
        {
          rule: 'corrupted-entry',
          message: 'nic.pasid[1] was used with bits that equal neither the old nor the new entry',
          source: expect.stringContaining('VT-d 9'),
          subject: 'nic.pasid[1]',
        },
      ],
    });
  });

  it.each([
    ['the driver invalidates before it clears the rest', { order: 'present-bit-first' }],
    ['quantum 0 is read last, with P = 0', { order: 'clear-first', fetchOrder: 'descending' }],
    ['the entry uses quantum 0 alone (second stage)', { order: 'clear-first', stage: 'second' }],
    ['the entry uses quantum 0 alone (pass-through)', { order: 'clear-first', stage: 'pass-through' }],
  ] as const)('is not broken where %s', (_, teardown) => {
    expect(tearDown(teardown).rules).toEqual([]);
  });

  it('is broken for a nested entry as for a first-stage one', () => {
    expect(tearDown({ order: 'clear-first', stage: 'nested' }).rules).toEqual(['corrupted-entry']);
  });

  it('is not broken by rubbish in an entry that is not present', () => {
    const world = vtdWorld({
      pasids: [1],
      prepare: ({ write, vtd }) => write(vtd.pasidEntryAddress('nic', 1) + 4, [0xdead_beef, 0xdead_beef]),
      dma: { traffic: { pasid: 1 } },
      checkers,
    });
    const run = world.runWith(1);
    expect(run.rules).toEqual([]);
    expect(run.faults).toEqual([0x59]);
  });

  it('is not broken by an entry that was cleared undeclared: it says itself that it is not present', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        *driver({ cpu, vtd }) {
          yield* cpu.store64(vtd.pasidEntryAddress('nic', 1), 0n);
        },
      },
      dma: { traffic: { pasid: 1 } },
      checkers: [corruptedEntry],
    });
    const run = world.runWith({ legs: [], prefer: ['driver'] });
    expect(run.events('entry-used').at(-1)).toMatchObject({ present: false, version: 0 });
    expect(run.rules).toEqual([]);
  });

  it('is broken by a present entry where software has none', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'first', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      dma: { traffic: { pasid: 1 } },
      prepare: (parts) => {
        const elsewhere = parts.page('elsewhere');
        setPointer(parts, parts.vtd.device('nic').rootEntryAddress, 12, elsewhere);
        parts.write(elsewhere + 0x10 * 32, encodeScalableContextEntry({ present: 1 }));
      },
      checkers,
    });
    expect(world.runWith(1).outcome.violations).toMatchObject([
      { rule: 'corrupted-entry', message: expect.stringContaining('no declared entry') },
    ]);
  });

  it('takes an intermediate configuration that was declared for what it is', () => {
    const run = (declares: boolean): VtdRun => {
      const world = vtdWorld({
        domains: { a: { stage: 'first', did: 5 } },
        attach: [{ pasid: 1, domain: 'a' }],
        tasks: {
          *driver({ cpu, vtd, domain }) {
            const entry = vtd.pasidEntryAddress('nic', 1);
            const target = pasidEntryFor(domain('a'));
            // WPE, which a first-stage entry uses.
            target[4] = (target[4] as number) | (1 << 4);
            if (declares) {
              yield* vtd.beginUpdate(entry, [target]);
            }
            const q2 = yield* cpu.load64(entry + 16);
            yield* cpu.store64(entry + 16, q2 | 16n);
          },
        },
        dma: { traffic: { pasid: 1 } },
        checkers: [corruptedEntry],
      });
      return world.runWith({ legs: [], prefer: ['driver'] });
    };
    expect(run(true).rules).toEqual([]);
    expect(run(false).rules).toEqual(['corrupted-entry']);
  });
});
