import { describe, expect, it } from 'vitest';
import { atsInval, iofence, iotinval } from '../../../models/riscv/commands.ts';
import type { DeviceContextValues } from '../../../models/riscv/entries/device-context.ts';
import type { PageTableEntryValues } from '../../../models/riscv/entries/page-table-entry.ts';
import { cqcsrBit } from '../../../models/riscv/queue-registers.ts';
import type { RiscvConfig } from '../../../models/riscv/riscv-config.ts';
import { leafWords, type RiscvSketch, RiscvWorld } from '../../support/riscv-world.ts';

const device = 1;
const fence = iofence({ reads: true, writes: true });
const everything = { pasid: -1, global: false, firstPage: 0, pageCount: Number.POSITIVE_INFINITY };
const inval = (sid = device): Uint32Array => atsInval({ sid, ...everything });

function mapped(w: RiscvWorld, flags: PageTableEntryValues = {}): DeviceContextValues {
  const firstTable = w.page('root');
  w.map(firstTable, 3, { iova: 0x1000, address: w.page('data'), flags });
  return { enableAts: 1, pscid: 5, firstMode: 8, firstTable };
}

describe('a translation request', () => {
  const answer = (values: (w: RiscvWorld) => DeviceContextValues, write = false, sketch: RiscvSketch = {}) => {
    const world = new RiscvWorld({
      ats: { [device]: {} },
      dma: { nic: { device, write } },
      prepare: (w) => w.context(device, values(w)),
      ...sketch,
    });
    const run = world.run();
    const [completion] = run.events('translation-completion');
    const { status, readable, writable } = completion ?? { status: '', readable: false, writable: false };
    return {
      world,
      run,
      says: `${status} ${readable ? 'R' : '-'}${writable ? 'W' : '-'}`,
      faults: run.events('fault'),
    };
  };

  it('is answered with the rights of the page, and DMA goes by it', () => {
    const { world, run, says } = answer((w) => mapped(w));
    expect(says).toBe('success RW');
    expect(run.reached).toEqual([world.page('data')]);
    expect(run.events('translated-request')).toHaveLength(1);
    expect(answer((w) => mapped(w, { write: 0 })).says).toBe('success R-');
    expect(answer((w) => mapped(w, { dirty: 0 })).says).toBe('success R-');
  });

  it('is answered by the IOATC with the rights it has', () => {
    const config = { iotlbEntries: 1, ddtCacheEntries: 1 };
    const { run } = answer((w) => mapped(w), false, {
      config,
      dma: { nic: { device }, again: { device, write: true } },
      ats: { [device]: { entries: 0 } },
    });
    expect(run.events('translation-completion').map(({ readable, writable }) => [readable, writable])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  it.each<[string, (w: RiscvWorld) => DeviceContextValues, string, number, boolean, RiscvSketch]>([
    ['Off', (w) => mapped(w), 'UR --', 256, true, { mode: 0 }],
    ['Bare', (w) => mapped(w), 'UR --', 260, true, { mode: 1 }],
    ['V = 0', (w) => ({ ...mapped(w), valid: 0 }), 'UR --', 258, true, {}],
    ['a misconfigured context', (w) => ({ ...mapped(w), defaultProcess: 1 }), 'UR --', 259, true, {}],
    ['EN_ATS = 0', (w) => ({ ...mapped(w), enableAts: 0 }), 'UR --', 260, true, {}],
    ['no page', (w) => mapped(w, { valid: 0 }), 'success --', 13, false, {}],
    ['a table out of memory', () => ({ enableAts: 1, firstMode: 8, firstTable: 2 ** 40 }), 'CA --', 5, true, {}],
  ])('with %s', (_, values, says, cause, recorded, sketch) => {
    const answered = answer(values, false, sketch);
    expect(answered.says).toBe(says);
    expect(answered.faults.map((fault) => [fault.reason, fault.recorded])).toEqual([[cause, recorded]]);
    expect(answered.run.reached).toEqual([]);
  });

  it('for a write to a page without W is answered with no right to write', () => {
    const { says, run } = answer((w) => mapped(w, { write: 0 }), true);
    expect(says).toBe('success --');
    expect(run.reached).toEqual([]);
  });
});

describe('a translated request', () => {
  it('needs EN_ATS in the context alone, and no page tables', () => {
    const world = new RiscvWorld({
      ats: { [device]: {} },
      dma: { nic: { device, repeat: 2 } },
      prepare: (w) => w.context(device, mapped(w)),
    });
    const run = world.run();
    expect(run.reached).toEqual([world.page('data'), world.page('data')]);
    expect(run.events('translation-request')).toHaveLength(1);
    expect(run.events('page-table-read')).toHaveLength(3);
  });

  it.each([
    ['V = 0', [0, 0], 258],
    ['EN_ATS = 0', [1, 0], 260],
  ])('with %s is refused', (_, tc, cause) => {
    let context = 0;
    const world = new RiscvWorld({
      ats: { [device]: {} },
      dma: { nic: { device, repeat: 2 } },
      prepare(w) {
        context = w.context(device, mapped(w));
      },
      tasks: {
        *driver(w) {
          yield w.store(context, tc);
        },
      },
      watch(w) {
        const [reached, asked, reason] = [w.cell('reached'), w.cell('asked'), w.cell('reason')];
        w.trace.observe('dma', () => reached.set(reached.get() + 1));
        w.trace.observe('translated-request', () => asked.set(asked.get() + 1));
        w.trace.observe('fault', (fault) => reason.set(fault.reason));
        return () => `${reached.get()} of ${asked.get()}, ${reason.get()}`;
      },
    });
    const seen = world.explore();
    // The second one is refused, or both are.
    expect(seen.has(`1 of 2, ${cause}`)).toBe(true);
    expect(seen.has(`0 of 2, ${cause}`)).toBe(true);
  });
});

describe('ATS.INVAL', () => {
  it('is complete when the function has answered, and fences wait for that', () => {
    const world = new RiscvWorld({
      ats: { [device]: {} },
      tasks: {
        *driver(w) {
          yield* w.submitAndWait(0, [inval(), fence]);
        },
      },
    });
    const seen = world.outcomes((run) =>
      run.records
        .map(({ event }) => event.kind)
        .filter((kind) => ['device-tlb-request', 'device-tlb-completion', 'fence-done'].includes(kind))
        .join(' '),
    );
    expect([...seen]).toEqual(['device-tlb-request device-tlb-completion fence-done']);
  });

  it('takes the ITags there are; others wait', () => {
    for (const [itags, most] of [
      [1, 1],
      [2, 2],
    ] as const) {
      const world = new RiscvWorld({
        config: { itags },
        ats: { [device]: {} },
        tasks: {
          *driver(w) {
            yield* w.submit(0, [inval(), inval(), inval()]);
          },
        },
      });
      const seen = world.outcomes((run) => {
        let [now, peak] = [0, 0];
        for (const { event } of run.records) {
          now += event.kind === 'device-tlb-request' ? 1 : event.kind === 'device-tlb-completion' ? -1 : 0;
          peak = Math.max(peak, now);
        }
        return `${peak} ${run.events('device-tlb-completion').length}`;
      }, 400_000);
      expect(Math.max(...[...seen].map((each) => Number(each.split(' ')[0])))).toBe(most);
      expect([...seen].every((each) => each.endsWith(' 3'))).toBe(true);
    }
  });

  /** A function that never answers: the fence raises cmd_to; software clears it and does `then`. */
  function timedOut(cmdToRetry: RiscvConfig['cmdToRetry'], rewinds: boolean): readonly string[] {
    const world = new RiscvWorld({
      config: { cmdToRetry },
      ats: { [device]: { answers: 'never' } },
      tasks: {
        *driver(w) {
          const store = { address: w.page('status'), data: 1 };
          yield* w.submit(0, [inval(), iofence({ reads: false, writes: false, store })]);
          yield w.waitFor('cqcsr', (value) => (value & cqcsrBit.cmdTo) !== 0);
          if (rewinds) {
            yield w.register('cqt', 1);
          }
          yield w.register('cqcsr', cqcsrBit.cqen | cqcsrBit.cmdTo);
          yield w.register('cqt', 2);
        },
      },
    });
    const seen = world.outcomes((run) => {
      const errors = run.events('queue-error').map(({ slot, code }) => `${code}@${slot}`);
      const stored = run.events('status-written').length;
      return `${errors.join(' ')}, ${run.events('fence-done').length} fences, ${stored} stores, head ${world.peek('cqh')}`;
    });
    return [...seen].sort();
  }

  it('that times out makes the next fence raise cmd_to, at its own slot and without its store', () => {
    // After the error is cleared the fence succeeds, although nothing was invalidated.
    expect(timedOut('succeeds', false)).toEqual(['9@1, 1 fences, 1 stores, head 2']);
    expect(timedOut('succeeds', true)).toEqual(['9@1, 1 fences, 1 stores, head 2']);
  });

  it('that times out makes every fence raise cmd_to on other hardware, until the tail was written back', () => {
    expect(timedOut('reraises', false)).toEqual(['9@1 9@1, 0 fences, 0 stores, head 1']);
    expect(timedOut('reraises', true)).toEqual(['9@1, 1 fences, 1 stores, head 2']);
  });

  it('leaves its ITag to others after the time-out', () => {
    const world = new RiscvWorld({
      config: { itags: 1 },
      ats: { [device]: { answers: 'never' }, 2: {} },
      tasks: {
        *driver(w) {
          yield* w.submit(0, [inval(device), inval(2)]);
        },
      },
    });
    const seen = world.outcomes((run) => {
      const late = run.events('device-tlb-timeout').map(({ sid }) => sid);
      return `${late.join()} timed out, ${run
        .events('device-tlb-completion')
        .map(({ sid }) => sid)
        .join()} answered`;
    });
    expect([...seen]).toEqual(['1 timed out, 2 answered']);
  });

  it.each([
    [false, 1, ['1 answers, 0 time-outs']],
    [false, 0, ['1 answers, 0 time-outs']],
    [true, 1, ['1 answers, 0 time-outs']],
    [true, 0, ['0 answers, 1 time-outs']],
  ])('whose completions need EN_ATS: %s, with EN_ATS = %d', (completionNeedsEnAts, enableAts, outcomes) => {
    for (const ddtCacheEntries of [0, 1]) {
      const world = new RiscvWorld({
        config: { completionNeedsEnAts, ddtCacheEntries, levels: 2 },
        ats: { [device]: {} },
        prepare: (w) => w.context(device, { enableAts }),
        tasks: {
          *driver(w) {
            yield* w.submit(0, [inval(), fence]);
          },
        },
      });
      const seen = world.outcomes(
        (run) =>
          `${run.events('device-tlb-completion').length} answers, ${run.events('device-tlb-timeout').length} time-outs`,
      );
      expect([...seen]).toEqual(outcomes);
    }
  });
});

describe('ATS.INVAL to a function with room for one that answers after a write', () => {
  /** How often each thing has happened when the run is at rest, over every schedule. */
  function ends(commands: readonly Uint32Array[], config: Partial<RiscvConfig> = {}, ats: object = {}) {
    const world = new RiscvWorld({
      config: { itags: 2, ...config },
      ats: { [device]: { queueDepth: 1, answersAfterDoorbell: true, ...ats } },
      tasks: {
        driver: (w) => w.submit(0, commands),
        *handler(w) {
          yield w.ring(device);
        },
      },
      watch(w) {
        const kinds = ['device-tlb-completion', 'device-tlb-timeout', 'fence-done', 'queue-error'] as const;
        const cells = kinds.map((kind) => w.cell(kind));
        for (const [i, kind] of kinds.entries()) {
          w.trace.observe(kind, () => cells[i]?.set((cells[i]?.get() ?? 0) + 1));
        }
        return () => {
          const [answers, late, fences, errors] = cells.map((cell) => cell.get());
          return `${answers} answers, ${late} time-outs, ${fences} fences, ${errors} errors`;
        };
      },
    });
    return [...world.explore()].sort();
  }
  const good = '2 answers, 0 time-outs, 1 fences, 0 errors';

  it('is never answered if another one keeps the write from the function', () => {
    expect(ends([inval(), inval(), fence])).toEqual(['0 answers, 2 time-outs, 0 fences, 1 errors', good]);
  });

  it('is answered where there is a fence behind each', () => {
    expect(ends([inval(), fence, inval(), fence])).toEqual(['2 answers, 0 time-outs, 2 fences, 0 errors']);
  });

  it.each<readonly [string, Partial<RiscvConfig>, object]>([
    ['the IOMMU has one ITag', { itags: 1 }, {}],
    ['the function has room for both', {}, { queueDepth: 2 }],
    ['the function waits for no write', {}, { answersAfterDoorbell: false }],
  ])('is answered where %s', (_, config, ats) => {
    expect(ends([inval(), inval(), fence], config, ats)).toEqual([good]);
  });
});

describe('unmapping under ATS', () => {
  /** Whether DMA reaches a page after software was told that it is out of use. */
  function afterUnmap(
    batches: readonly (readonly Uint32Array[])[],
    { ats = {}, write = false }: { ats?: object; write?: boolean } = {},
  ): readonly string[] {
    let leaf = 0;
    const world = new RiscvWorld({
      config: { ddtCacheEntries: 1, iotlbEntries: 1, itags: 1 },
      ats: { [device]: { ...ats } },
      dma: { nic: { device, repeat: 2, write } },
      prepare(w) {
        w.context(device, mapped(w));
        leaf = w.map(w.page('root'), 3, { iova: 0x1000, address: w.page('data') });
      },
      tasks: {
        *driver(w) {
          yield w.store(leaf, leafWords(w.page('data'), { valid: 0 }));
          let slot = 0;
          for (const commands of batches) {
            yield* w.submitAndWait(slot, commands);
            slot += commands.length;
          }
          yield w.store(w.page('told'), [1]);
        },
      },
      watch(w) {
        const state = w.cell('late');
        w.trace.observe('dma', () => {
          if (w.memory.read(w.page('told')) === 1) {
            state.set(1);
          }
        });
        w.page('told');
        return () => (state.get() === 1 ? 'stale' : 'good');
      },
    });
    return [...world.explore()].sort();
  }
  const vma = iotinval('vma', { pscid: 5 });

  it('needs the IOATC invalidated before the device TLB, with a fence between', () => {
    expect(afterUnmap([[inval(), fence, vma, fence]])).toEqual(['good', 'stale']);
    expect(afterUnmap([[vma, inval(), fence]])).toEqual(['good', 'stale']);
    expect(afterUnmap([[vma, fence, inval(), fence]])).toEqual(['good']);
  });

  it('needs a function that answers behind its writes', () => {
    const right = [[vma, fence, inval(), fence]];
    expect(afterUnmap(right, { write: true })).toEqual(['good']);
    expect(afterUnmap(right, { write: true, ats: { waitsForDma: false } })).toEqual(['good', 'stale']);
  });
});
