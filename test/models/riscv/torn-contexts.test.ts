import { describe, expect, it } from 'vitest';
import { encodeProcessContext } from '../../../models/riscv/entries/process-context.ts';
import type { RiscvConfig } from '../../../models/riscv/riscv-config.ts';
import { type RiscvSketch, RiscvWorld } from '../../support/riscv-world.ts';

const device = 0;

/** Both stages stay Bare, so that what the IOMMU makes of the context shows in its words alone. */
function worldWith(config: RiscvSketch['config'], stores: readonly ('fsc' | 'ta' | 'tc')[]): RiscvWorld {
  const [oldWords, newWords] = [
    { pscid: 5, firstTable: 0x5000 },
    { pscid: 6, firstTable: 0x6000 },
  ];
  const word = { tc: 0, ta: 2, fsc: 3 };
  return new RiscvWorld({
    ...(config === undefined ? {} : { config }),
    prepare: (w) => w.context(device, { ...oldWords, valid: 0 }),
    dma: { nic: { device } },
    tasks: {
      *driver(w) {
        const to = w.contextWords(newWords);
        const address = w.contextAddress(device);
        for (const each of stores) {
          yield w.store(address + word[each] * 8, to.slice(word[each] * 2, word[each] * 2 + 2));
        }
      },
    },
  });
}

/** What the IOMMU used: `not valid`, or which of ta and fsc it had. */
function used(world: RiscvWorld): ReadonlySet<string> {
  return world.outcomes((run) => {
    const [entry] = run.events('entry-used');
    if (entry === undefined || !entry.present) {
      return 'not valid';
    }
    const has = (index: number, value: number): string => (entry.words[index] === value ? 'new' : 'old');
    return `ta ${has(4, 6 << 12)}, fsc ${has(6, 6)}`;
  });
}

describe('a device context that becomes valid while it is read', () => {
  const inOrder = ['fsc', 'ta', 'tc'] as const;

  it.each<[RiscvConfig['dcReadOrder'], readonly string[]]>([
    ['tc-first', ['not valid', 'ta new, fsc new']],
    // ta is read before fsc: never is ta new and fsc old.
    ['tc-last', ['not valid', 'ta new, fsc new', 'ta old, fsc new', 'ta old, fsc old']],
    ['any', ['not valid', 'ta new, fsc new', 'ta new, fsc old', 'ta old, fsc new', 'ta old, fsc old']],
  ])('is read %s', (dcReadOrder, outcomes) => {
    expect([...used(worldWith({ dcReadOrder }, inOrder))].sort()).toEqual(outcomes);
  });

  it('is torn for whatever reader if V is stored first', () => {
    const outcomes = [...used(worldWith({ dcReadOrder: 'tc-first' }, ['tc', 'ta', 'fsc']))].sort();
    expect(outcomes).toEqual(['not valid', 'ta new, fsc new', 'ta new, fsc old', 'ta old, fsc new', 'ta old, fsc old']);
  });

  it('is cached as it was read, and never while it is not valid', () => {
    for (const dcReadOrder of ['tc-first', 'any'] as const) {
      const world = worldWith({ dcReadOrder, ddtCacheEntries: 1 }, inOrder);
      const seen = world.outcomes((run) => `${run.faults.length}, ${run.events('cache-filled').length}`);
      expect([...seen].sort()).toEqual(['0, 1', '1, 0']);
    }
  });
});

describe('a process context that becomes valid while it is read', () => {
  const worldOf = (dcReadOrder: RiscvConfig['dcReadOrder']): RiscvWorld =>
    new RiscvWorld({
      config: { dcReadOrder },
      prepare: (w) => {
        w.context(device, { processDirectory: 1, firstMode: 1, firstTable: w.page('directory') });
        w.write(w.page('directory') + 16, encodeProcessContext({ pscid: 6, table: 0x5000 }));
      },
      dma: { nic: { device, pasid: 1 } },
      tasks: {
        *driver(w) {
          const to = encodeProcessContext({ valid: 1, pscid: 6, table: 0x6000 });
          yield w.store(w.page('directory') + 24, to.slice(2));
          yield w.store(w.page('directory') + 16, to.slice(0, 2));
        },
      },
    });
  const seen = (world: RiscvWorld): readonly string[] =>
    [
      ...world.outcomes((run) => {
        const context = run.events('entry-used').find(({ structure }) => structure === 'riscv-process-context');
        return context?.present === true ? `table ${context.words[2]}` : 'not valid';
      }),
    ].sort();

  it.each<[RiscvConfig['dcReadOrder'], readonly string[]]>([
    ['tc-first', ['not valid', 'table 6']],
    ['tc-last', ['not valid', 'table 5', 'table 6']],
    ['any', ['not valid', 'table 5', 'table 6']],
  ])('is read %s', (dcReadOrder, outcomes) => {
    expect(seen(worldOf(dcReadOrder))).toEqual(outcomes);
  });
});
