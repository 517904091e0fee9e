import { PageAllocator } from './linux/page-allocator.ts';
import type { CommandQueueOptions } from './linux/riscv/command-queue.ts';
import { RiscvDriver } from './linux/riscv/riscv-driver.ts';
import { pageBytes } from './memory/physical-memory.ts';
import type { RiscvConfig } from './riscv/riscv-config.ts';
import { RiscvIommu } from './riscv/riscv-iommu.ts';
import { System } from './system.ts';
import type { SystemConfig } from './system-config.ts';

/** A machine with RISC-V IOMMUs that are all alike. */
export interface RiscvSystemConfig extends SystemConfig {
  readonly riscv: RiscvConfig;
  readonly iommuCount: number;
  readonly linux: CommandQueueOptions;
}

/** What the driver's words are aligned to: a list head. */
const placeBytes = 16;

/** A machine with one or more RISC-V IOMMUs, and their driver. Where device directories are, is for who builds them. */
export class RiscvSystem extends System {
  readonly iommus: readonly RiscvIommu[];
  readonly driver: RiscvDriver;

  constructor(config: RiscvSystemConfig) {
    super(config);
    const { arena, kernel, memory, registry, trace } = this;
    const { riscv, iommuCount, memoryPages: pageCount, cpu: timing } = config;
    const iommus: RiscvIommu[] = [];
    const places = Array.from({ length: iommuCount }, (_, i) => {
      const name = iommuCount === 1 ? 'command queue' : `command queue ${i}`;
      const queueAddress = this.allocatePage(name);
      const registers = this.nextRegisters;
      const { endpoints: deviceTlbs } = this;
      const iommu = new RiscvIommu(riscv, { arena, kernel, memory, registry, trace, queueAddress, deviceTlbs });
      this.addIommu(iommu);
      iommus.push(iommu);
      return { registers, ringAddress: queueAddress, slotCount: riscv.cqSlots };
    });
    this.iommus = iommus;
    let next = this.allocatePage('driver data');
    let end = next + pageBytes;
    this.driver = new RiscvDriver({
      arena,
      memory,
      registry,
      trace,
      pages: new PageAllocator({ arena, trace, pageCount, timing }),
      iommus: places,
      queue: config.linux,
      place: (name, byteCount) => {
        const size = Math.ceil(byteCount / placeBytes) * placeBytes;
        if (next + size > end) {
          next = this.allocatePage('driver data');
          end = next + pageBytes;
        }
        next += size;
        return this.place(name, next - size, byteCount);
      },
    });
  }
}
