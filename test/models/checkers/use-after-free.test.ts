import { describe, expect, it } from 'vitest';
import { useAfterFree } from '../../../models/checkers/use-after-free.ts';
import type { TaskBody } from '../../support/vtd-world.ts';
import { seen, type VtdRun, vtdWorld } from '../../support/vtd-world.ts';

/** One DMA after the driver has done its steps; the tables of the world are `a`'s, second stage. */
function runAfter(driver: TaskBody, write = false): VtdRun {
  const world = vtdWorld({
    domains: { a: { stage: 'second', did: 5 } },
    attach: [{ pasid: 1, domain: 'a' }],
    tasks: { driver },
    dma: { traffic: { pasid: 1, write } },
    checkers: [useAfterFree],
  });
  return world.runWith({ legs: [], prefer: ['driver'] });
}

describe('use-after-free', () => {
  it.each([
    { write: true, access: 'wrote to' },
    { write: false, access: 'read' },
  ])('is broken by DMA that $access a page that is free', ({ write, access }) => {
    const run = runAfter(function* ({ vtd, page, cpu }) {
      yield* cpu.load64(page('page1'));
      yield* vtd.pages.free(page('page1'));
    }, write);
    expect(run.outcome.violations).toEqual([
      {
        rule: 'use-after-free',
        message: expect.stringMatching(`^nic ${access} 0x[0-9a-f]+, in a page that software has freed$`),
        source: 'VT-d 6.5.3.3',
        subject: 'DMA of nic',
      },
    ]);
    expect(run.outcome.end).toBe('violated');
  });

  it('is broken by a walk of a table page that is free, at its first read', () => {
    const run = runAfter(function* ({ vtd, domain, cpu }) {
      const table = domain('a').secondStageTable;
      yield* cpu.load64(table);
      yield* vtd.pages.free(table);
    });
    expect(run.outcome.violations.map(({ rule, subject }) => [rule, subject])).toEqual([
      ['use-after-free', 'walk of a second-stage table of level 4'],
    ]);
    expect(run.events('dma')).toEqual([]);
  });

  it('is not broken by the page next to it, nor once somebody has taken the page', () => {
    const other = runAfter(function* ({ vtd, page, cpu }) {
      yield* cpu.load64(page('page1'));
      yield* vtd.pages.free(page('page1') - 4096);
    });
    const taken = runAfter(function* ({ vtd, page, cpu }) {
      yield* cpu.load64(page('page1'));
      yield* vtd.pages.free(page('page1'));
      yield* vtd.pages.allocate(page('page1'));
    });
    for (const run of [other, taken]) {
      expect(run.rules).toEqual([]);
      expect(run.events('dma')).toHaveLength(1);
    }
  });

  it('is not broken by DMA before the page is freed', () => {
    const world = vtdWorld({
      domains: { a: { stage: 'second', did: 5 } },
      attach: [{ pasid: 1, domain: 'a' }],
      tasks: {
        *driver({ vtd, page, cpu }) {
          yield* cpu.load64(page('page1'));
          yield* vtd.pages.free(page('page1'));
        },
      },
      dma: { traffic: { pasid: 1 } },
      checkers: [useAfterFree],
    });
    expect(world.runWith({ legs: [{ run: 'traffic', until: seen('dma') }] }).rules).toEqual([]);
  });
});
