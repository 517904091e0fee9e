import { describe, expect, it } from 'vitest';
import { type FlowUse, RiscvDriverWorld } from '../../support/riscv-driver-world.ts';

const attach = (device: string): FlowUse => ['riscv/attach-paging', { device, domain: 'a' }];
const unmap: FlowUse = ['riscv/unmap', { domain: 'a', iova: 0x1000 }];

/** Devices on the list of domain `a`, by the words in memory. */
function bondsOf({ system, driver }: RiscvDriverWorld): readonly string[] {
  const bonds = driver.bonds(driver.domain('a'));
  const names: string[] = [];
  for (let node = system.memory.read(bonds.head); node !== bonds.head; node = system.memory.read(node)) {
    names.push(bonds.bondAt(node).device.name);
  }
  return names;
}

describe('the bonds of a domain', () => {
  const devices = { nic: 0, gpu: 1, disk: 0, usb: 1 };

  it('are sorted by IOMMU: a new one comes after the first of its IOMMU, or at the head', () => {
    const tasks = { t: Object.keys(devices).map(attach) };
    const world = new RiscvDriverWorld({ devices, iommus: 2, tasks });
    world.run();
    const order = ['gpu', 'usb', 'nic', 'disk'];
    expect(bondsOf(world)).toEqual(order);
  });

  it('are the same list when devices are attached before the run', () => {
    const attached = Object.fromEntries(Object.keys(devices).map((name) => [name, 'a']));
    const world = new RiscvDriverWorld({ devices, iommus: 2, attach: attached, tasks: { t: [unmap] } });
    world.run();
    expect(bondsOf(world)).toEqual(['gpu', 'usb', 'nic', 'disk']);
    // One IOTINVAL and one IOFENCE on each IOMMU, however many devices there are.
    expect([world.commands(0), world.commands(1)]).toEqual([
      ['100005401 400', '3002 0'],
      ['100005401 400', '3002 0'],
    ]);
  });

  it('lose the one that goes, and only that, and take it again elsewhere in memory', () => {
    const again: readonly FlowUse[] = [...['nic', 'disk'].map(attach), ['riscv/attach-blocking', { device: 'nic' }]];
    const world = new RiscvDriverWorld({ devices, iommus: 2, tasks: { t: again } });
    world.run();
    expect(bondsOf(world)).toEqual(['disk']);
    const back = new RiscvDriverWorld({ devices, iommus: 2, tasks: { t: [...again, attach('nic')] } });
    const { steps } = back.run();
    expect(bondsOf(back)).toEqual(['disk', 'nic']);
    expect(steps).toContain('W a bond nic #2');
  });

  it('move with a device from one domain to another', () => {
    const world = new RiscvDriverWorld({
      domains: { a: { stage: 'first', pscid: 5 }, b: { stage: 'first', pscid: 6 } },
      attach: { nic: 'a' },
      tasks: { t: [['riscv/attach-paging', { device: 'nic', domain: 'b' }]] },
    });
    expect(world.run().outcome.violations).toEqual([]);
    expect(bondsOf(world)).toEqual([]);
    // Old PSCID with the old context, new PSCID with the new one, and the old one once more with its last bond.
    expect(world.commands()).toEqual([
      '1080200000003 0',
      '100005001 0',
      '3002 0',
      '1080200000003 0',
      '100006001 0',
      '3002 0',
      '100005001 0',
      '3002 0',
    ]);
  });

  it('are walked to their end while they change, under every memory model', () => {
    for (const memoryModel of ['sc', 'x86-tso', 'rvwmo', 'armv8', 'portable'] as const) {
      const world = new RiscvDriverWorld({
        memoryModel,
        afterDoorbell: memoryModel === 'rvwmo' ? 'mmiowb' : 'mb',
        devices: { nic: 0, gpu: 1 },
        iommus: 2,
        attach: { gpu: 'a' },
        tasks: { attach: [attach('nic'), ['riscv/attach-blocking', { device: 'gpu' }]], unmap: [unmap] },
      });
      for (let seed = 1; seed <= 60; seed += 1) {
        expect(world.run(seed).outcome.violations).toEqual([]);
      }
    }
  });
});

describe('PSCIDs', () => {
  it('are given lowest first, and again when they come back', () => {
    const stage = 'first' as const;
    const world = new RiscvDriverWorld({
      domains: { a: { stage }, b: { stage, pscid: 1 }, c: { stage } },
      tasks: {
        t: [
          ['riscv/domain-alloc', { domain: 'a' }],
          ['riscv/domain-free', { domain: 'b' }],
          ['riscv/domain-alloc', { domain: 'c' }],
        ],
      },
    });
    const { events } = world.run();
    const tags = events.flatMap((event) =>
      event.kind === 'tag-allocated' || event.kind === 'tag-released' ? [`${event.kind} ${event.did}`] : [],
    );
    expect(tags).toEqual(['tag-allocated 2', 'tag-released 1', 'tag-allocated 1']);
  });
});
