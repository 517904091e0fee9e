import { describe, expect, it } from 'vitest';
import { ddtpMode } from '../../../models/riscv/directory-pointer.ts';
import { addRequests, RiscvWorld, request } from '../../support/riscv-world.ts';

const mode = (world: RiscvWorld): number => world.peek('ddtp') & 0xf;
const isBusy = (value: number): boolean => (value & 0x10) !== 0;
const pointerTo = (table: number, to: number): number => (table / 4096) * 1024 + to;

describe('ddtp', () => {
  it('is busy until a change has taken effect', () => {
    const world = new RiscvWorld({
      mode: ddtpMode.off,
      tasks: {
        *driver(w) {
          yield w.register('ddtp', pointerTo(w.directory, ddtpMode.oneLevel), 0);
          yield w.waitFor('ddtp', (value) => isBusy(value));
          yield w.waitFor('ddtp', (value) => !isBusy(value));
        },
      },
    });
    expect(world.run().outcome.violations).toEqual([]);
    expect(world.peek('ddtp')).toBe(pointerTo(world.directory, ddtpMode.oneLevel));
  });

  it('Off aborts everything; requests under way end by what was before', () => {
    const world = new RiscvWorld({
      prepare: (w) => w.context(0, {}),
      dma: { nic: { iova: 0x9000 } },
      tasks: {
        *driver(w) {
          yield w.register('ddtp', ddtpMode.off, 0);
          yield w.waitFor('ddtp', (value) => !isBusy(value));
          yield w.store(w.page('told'), [1]);
        },
      },
      watch(w) {
        const late = w.cell('late');
        w.page('told');
        w.trace.observe('dma', () => late.set(1 + w.memory.read(w.page('told'))));
        w.trace.observe('fault', ({ reason }) => late.set(reason));
        return () => `${late.get()}`;
      },
    });
    // 1: DMA before software was told; 256: aborted. Never 2, DMA after that.
    expect([...world.explore()].sort()).toEqual(['1', '256']);
  });

  it('keeps its value at a mode that the IOMMU does not have', () => {
    for (const [levels, asked, kept] of [
      [1, ddtpMode.twoLevels, ddtpMode.off],
      [2, ddtpMode.twoLevels, ddtpMode.twoLevels],
      [3, 5, ddtpMode.off],
    ] as const) {
      const world = new RiscvWorld({
        mode: ddtpMode.off,
        config: { levels },
        tasks: {
          *driver(w) {
            yield w.register('ddtp', asked, 0);
            yield w.waitFor('ddtp', (value) => !isBusy(value));
          },
        },
      });
      world.run();
      expect(mode(world)).toBe(kept);
    }
  });

  it.each([
    ['between levels', ddtpMode.oneLevel, ddtpMode.twoLevels],
    ['from levels to Bare', ddtpMode.oneLevel, ddtpMode.bare],
  ])('is not to be changed %s', (_, from, to) => {
    const world = new RiscvWorld({
      mode: from,
      config: { levels: 2 },
    });
    expect(() => world.iommu.writeRegister(16, [to, 0])).toThrow(/unspecified/);
  });

  it('is not to be written while it is busy', () => {
    const world = new RiscvWorld({ mode: ddtpMode.off });
    world.iommu.writeRegister(16, [ddtpMode.bare, 0]);
    expect(() => world.iommu.writeRegister(16, [ddtpMode.off, 0])).toThrow(/busy/);
  });

  it('leads to directories whose page numbers have more than 32 bits', () => {
    const world = new RiscvWorld({
      mode: ddtpMode.off,
      tasks: {
        *driver(w) {
          yield w.register('ddtp', ddtpMode.oneLevel, 2 ** 12 + 1);
          yield w.waitFor('ddtp', (value) => !isBusy(value));
          yield request(w);
        },
      },
      watch: addRequests,
    });
    expect(world.run().faults).toEqual([257]);
    expect(world.iommu.readRegister(16, 2)).toEqual([ddtpMode.oneLevel, 2 ** 12 + 1]);
  });
});

describe('registers that are not modelled', () => {
  it('say so', () => {
    const world = new RiscvWorld({});
    expect(() => world.iommu.readRegister(40, 2)).toThrow(/unmodelled|register/);
    expect(() => world.iommu.writeRegister(32, [0])).toThrow(/cqh/);
  });
});
