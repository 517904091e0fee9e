import { describe, expect, it } from 'vitest';
import { type RiscvDriverSketch, RiscvDriverWorld } from '../../support/riscv-driver-world.ts';

type Values = Readonly<Record<string, unknown>>;

/** The steps of one flow. */
function stepsOf(flow: string, values: Values, sketch: Partial<RiscvDriverSketch> = {}): readonly string[] {
  return new RiscvDriverWorld({ ...sketch, tasks: { driver: [[flow, values]] } }).run().steps;
}

/** riscv_iommu_cmd_send for the slot, while the ring has not been filled once: q->head is not looked at. */
function send(slot: number, without: readonly string[] = []): readonly string[] {
  return [
    'R cmdq.prod',
    'W cmdq.prod',
    slot === 0 ? 'W ring 0' : `W ring 0+${slot * 16}`,
    'dma_wmb',
    `W cqt=${slot + 1}`,
    'mmiowb',
    'R cmdq.tail',
    'W cmdq.tail',
  ].filter((step) => !without.includes(step));
}

const link = [
  'W a->lock',
  'R a->bonds',
  // list_add_rcu: new.next, prev.next
  'W a bond nic',
  'W a->bonds',
  'W a->lock',
];
const unlink = [
  'W a->lock',
  'R a->bonds',
  'R a bond nic',
  // list_del_rcu
  'R a bond nic',
  'W a->bonds',
  'W a->lock',
];
const writeContext = ['R nic context', 'W nic context+24', 'W nic context+16', 'dma_wmb', 'W nic context'];
const attached = { attach: { nic: 'a' } };

describe('riscv/attach-paging', () => {
  const attach = (values: Values, sketch: Partial<RiscvDriverSketch> = {}): readonly string[] =>
    stepsOf('riscv/attach-paging', { device: 'nic', domain: 'a', ...values }, sketch);

  it('goes as in 7.0: bond, full barrier, device context, and what may have been read of it goes', () => {
    expect(attach({})).toEqual([
      ...link,
      'smp_mb',
      'R nic context',
      ...writeContext,
      ...send(0),
      ...send(1),
      ...send(2),
    ]);
  });

  it('goes as in v4: no barrier, one invalidation that comes too early, and none after', () => {
    const inval = ['R a->bonds', ...send(0), 'R a bond nic', 'R a->bonds', ...send(1), 'R a bond nic'];
    expect(attach({ version: 'v4' })).toEqual([...link, ...inval, 'R nic context', ...writeContext]);
  });

  it('goes as the mail proposed for v5: a write barrier, and nothing is invalidated', () => {
    expect(attach({ version: 'v5-mail' })).toEqual([...link, 'smp_wmb', 'R nic context', ...writeContext]);
  });

  it('goes as v5 was posted: a context that is not valid is cleared and invalidated, one that is valid is not', () => {
    const { attach: bonds } = attached;
    expect(attach({ version: 'v5-posted' })).toEqual([
      ...link,
      'smp_mb',
      'R nic context',
      'W nic context',
      ...send(0),
      ...send(1),
      ...writeContext,
    ]);
    const moved = attach({ version: 'v5-posted', domain: 'b' }, { attach: bonds, domains: twoDomains });
    expect(moved.slice(6, 12)).toEqual(['R nic context', ...writeContext]);
  });

  it.each([
    ['barrier', { barrier: 'none' }, 'smp_mb'],
    ['lock', { lock: false }, 'W a->lock'],
    ['validBarrier', { validBarrier: 'none', invalidateAfter: 'no' }, 'dma_wmb'],
  ])('leaves out what %s leaves out', (_, values, step) => {
    expect(attach({})).toContain(step);
    expect(attach(values)).not.toContain(step);
  });
});

describe('riscv/attach-blocking and riscv/attach-identity', () => {
  const leave = (flow: string, values: Values = {}): readonly string[] =>
    stepsOf(flow, { device: 'nic', ...values }, attached);
  const clear = [
    'R nic context',
    'W nic context',
    'R nic context+24',
    'R nic context+16',
    ...send(0),
    ...send(1),
    ...send(2),
  ];

  it.each(['riscv/attach-blocking', 'riscv/attach-identity'])(
    '%s: the context is switched and fenced, then the bond goes, and with it what is cached of the PSCID',
    (flow) => {
      // Bare at the end: there is no PSCID to invalidate with the new context.
      const rewrite = [...writeContext, ...send(3), ...send(4)];
      expect(leave(flow)).toEqual([...clear, ...rewrite, ...unlink, ...send(5), ...send(6)]);
    },
  );

  it('does it the other way round with bond-first', () => {
    const steps = leave('riscv/attach-blocking', { order: 'bond-first', wipe: 'no' });
    expect(steps.slice(0, unlink.length + 2)).toEqual([...unlink, 'R nic context', 'W nic context']);
  });

  it('wipes nothing in v4, nor while another device has a bond with the IOMMU', () => {
    const values = { version: 'v4' };
    expect(leave('riscv/attach-blocking', values).slice(-unlink.length)).toEqual(unlink);
    const devices = { nic: 0, gpu: 0 };
    const shared = { devices, attach: { nic: 'a', gpu: 'a' } };
    expect(stepsOf('riscv/attach-blocking', { device: 'nic' }, shared).at(-1)).toBe('W a->lock');
  });
});

const twoDomains = { a: { stage: 'first', pscid: 5 }, b: { stage: 'first', pscid: 6 } } as const;

describe('riscv/unmap', () => {
  const unmap = (values: Values, sketch: Partial<RiscvDriverSketch> = attached): readonly string[] =>
    stepsOf('riscv/unmap', { domain: 'a', iova: 0x1000, ...values }, sketch);
  const inval = ['R a->bonds', ...send(0), 'R a bond nic', 'R a->bonds', ...send(1), 'R a bond nic'];

  it('goes as in 7.0: PTE, full barrier, IOTINVAL by one walk of the bonds and IOFENCE by another, page', () => {
    expect(unmap({})).toEqual(['R a leaf', 'W a leaf', 'smp_mb', ...inval, 'free page']);
  });

  it.each([
    ['v4', []],
    ['v5-mail', ['dma_wmb']],
    ['v5-posted', ['smp_mb']],
  ])('%s has its own barrier', (version, barrier) => {
    expect(unmap({ version })).toEqual(['R a leaf', 'W a leaf', ...barrier, ...inval, 'free page']);
  });

  it('sends nothing while nothing is attached', () => {
    expect(unmap({}, {})).toEqual(['R a leaf', 'W a leaf', 'smp_mb', 'R a->bonds', 'R a->bonds', 'free page']);
  });

  it('writes the PTE by a cmpxchg, or in halves', () => {
    expect(unmap({ store: 'cmpxchg' }, {}).slice(0, 4)).toEqual(['R a leaf', 'R a leaf', 'W a leaf', 'smp_mb']);
    expect(unmap({ store: 'halves' }, {}).slice(0, 3)).toEqual(['R a leaf', 'W a leaf', 'W a leaf+4']);
  });

  it('frees the page before it invalidates, or never', () => {
    expect(unmap({ free: 'before-invalidation' })[2]).toBe('free page');
    expect(unmap({ free: 'never' })).not.toContain('free page');
  });

  it('rings the doorbell without a barrier where the machine is told so', () => {
    const steps = unmap({}, { ...attached, ordersDoorbell: false });
    expect(steps).toContain('mmiowb');
    expect(steps).not.toContain('dma_wmb');
  });
});

describe('riscv/remap and riscv/free-table', () => {
  const remap = (breaks: boolean): readonly string[] =>
    stepsOf('riscv/remap', { domain: 'a', iova: 0x1000, page: 'page2', break: breaks }, attached);

  it('writes the new PTE before it invalidates, or, with break, after', () => {
    expect(remap(false).slice(0, 3)).toEqual(['R a leaf', 'W a leaf', 'smp_mb']);
    expect(remap(true).slice(-2)).toEqual(['W a leaf', 'free page']);
    expect(remap(true).filter((step) => step === 'W a leaf')).toHaveLength(2);
  });

  it('frees a table after the PSCID is invalidated, or only the leaves of the page', () => {
    const commands = (invalidate: string): readonly string[] => {
      const tasks: RiscvDriverSketch['tasks'] = {
        t: [['riscv/free-table', { domain: 'a', iova: 0x1000, invalidate }]],
      };
      const world = new RiscvDriverWorld({ ...attached, tasks });
      expect(world.run().steps.at(-1)).toBe('free page');
      return world.commands();
    };
    expect(commands('pscid')).toEqual(['100005001 0', '3002 0']);
    expect(commands('page')).toEqual(['100005401 400', '3002 0']);
  });
});
