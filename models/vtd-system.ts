import type { DeviceTlbPort } from './iommu/device-tlb-port.ts';
import type { DmaRequest } from './iommu/dma-request.ts';
import { PageAllocator } from './linux/page-allocator.ts';
import { DomainIds } from './linux/vtd/domain-ids.ts';
import { InterruptTable } from './linux/vtd/interrupt-table.ts';
import { QueuedInvalidation } from './linux/vtd/queued-invalidation.ts';
import { VtdDriver } from './linux/vtd/vtd-driver.ts';
import { lineBytes } from './memory/physical-memory.ts';
import { WriteBuffer } from './memory/write-buffer.ts';
import type { DmaSourceConfig } from './pcie/dma-source.ts';
import { type InterruptSourceConfig, interruptSource } from './pcie/interrupt-source.ts';
import { type DmaSourceOptions, System } from './system.ts';
import type { SystemConfig, VtdSystemConfig } from './system-config.ts';
import type { PostedDescriptor } from './vtd/posted-descriptors.ts';
import { PrefetchBudget, Prefetcher } from './vtd/prefetcher.ts';
import { registerOffset, TranslationUnit } from './vtd/translation-unit.ts';

/** Where the other locks of the driver are in its page, a line each: behind the status words of the queue. */
const lockArea = 2048;

/** A machine with a VT-d unit, and the intel-iommu driver. */
export class VtdSystem extends System {
  declare readonly config: SystemConfig & VtdSystemConfig;
  readonly unit: TranslationUnit;
  readonly driver: VtdDriver;
  readonly rootTable: number;
  readonly #prefetched: { readonly name: string; readonly request: DmaRequest }[] = [];

  /** `deviceTlbs`: who takes invalidation requests in place of the endpoints that are added. */
  constructor(config: VtdSystemConfig, deviceTlbs?: DeviceTlbPort) {
    super({ ...config, hasWriteBuffer: config.vtd.capabilities.RWBF === 1 });
    const { arena, kernel, memory, registry, trace } = this;
    const { capabilities } = config.vtd;
    this.rootTable = this.allocatePage('root table');
    const queueAddress = this.allocatePage('invalidation queue');
    const driverPage = this.allocatePage('driver data');
    const registers = this.nextRegisters;
    this.unit = new TranslationUnit(config.vtd, {
      arena,
      kernel,
      memory,
      registry,
      trace,
      rootTable: this.rootTable,
      queueAddress,
      deviceTlbs: deviceTlbs ?? this.endpoints,
      writeBuffer: this.config.hasWriteBuffer ? new WriteBuffer(memory, trace) : undefined,
    });
    this.addIommu(this.unit);
    const { memoryPages: pageCount, cpu: timing } = config;
    let nextLock = driverPage + lockArea;
    this.driver = new VtdDriver({
      arena,
      registry,
      pages: new PageAllocator({ arena, trace, pageCount, timing }),
      domainIds: new DomainIds(arena, trace),
      coherentWalks: config.coherentWalks,
      capabilities,
      commandRegister: registers + registerOffset.globalCommand,
      statusRegister: registers + registerOffset.globalStatus,
      isScalable: config.vtd.mode === 'scalable',
      lockAddress: this.place('iommu->lock', driverPage, 4),
      interrupts: new InterruptTable(this.place('irq_2_ir_lock', driverPage + 2 * lineBytes, 4)),
      placeLock: (name) => {
        nextLock += lineBytes;
        return this.place(name, nextLock - lineBytes, 4);
      },
      trace,
      queue: new QueuedInvalidation(arena, {
        places: {
          ringAddress: queueAddress,
          slotCount: config.vtd.queueSlots,
          statusAddress: this.place('desc_status', driverPage + 1024, 512),
          lockAddress: this.place('q_lock', driverPage + lineBytes, 4),
          registers: {
            status: registers + registerOffset.faultStatus,
            head: registers + registerOffset.invalidationQueueHead,
            tail: registers + registerOffset.invalidationQueueTail,
            error: registers + registerOffset.invalidationQueueError,
          },
        },
        generation: config.linux.queuedInvalidation,
        trace,
        isPresent: (sid) => this.driver.isPresent(sid),
      }),
    });
  }

  override addDmaSource(name: string, source: DmaSourceConfig, options?: DmaSourceOptions): void {
    super.addDmaSource(name, source, options);
    const { repeat, ...request } = source;
    this.#prefetched.push({ name, request });
  }

  /** Switches interrupt remapping on, with a table in which no entry is present. */
  remapInterrupts(descriptors: readonly (PostedDescriptor & { readonly name: string })[]): void {
    const table = this.allocatePage('interrupt remapping table');
    for (const { name, address } of descriptors) {
      this.place(name, address, lineBytes);
    }
    this.driver.interrupts.address = table;
    this.unit.remapInterrupts(table, descriptors);
  }

  /** A device that raises interrupts; they are remapped by the IOMMU. */
  addInterruptSource(name: string, source: InterruptSourceConfig): void {
    const requester = this.unit.addInterruptRequester(name);
    this.kernel.addProcess({ name, kind: 'task', body: () => interruptSource(requester, source) });
    this.agents.push({ process: name, column: 'IOMMU' });
  }

  override seal(): void {
    if (this.config.vtd.prefetchLimit > 0) {
      this.#addPrefetch(this.config.vtd.prefetchLimit);
    }
    super.seal();
  }

  /** Walks ahead of the requests of every source. */
  #addPrefetch(limit: number): void {
    const budget = new PrefetchBudget(this.arena, limit);
    for (const { name, request } of this.#prefetched) {
      const process = `prefetch for ${name}`;
      const walker = this.unit.addWalker(process);
      const prefetcher = new Prefetcher(this.arena, process, { budget, walker, request });
      const decision = `${process}, decided`;
      this.kernel.addProcess({ name: decision, kind: 'optional', body: prefetcher.decisionStep() });
      this.kernel.addProcess({ name: process, kind: 'engine', body: () => prefetcher.walks() });
      this.agents.push({ process: decision, column: 'IOMMU' }, { process, column: 'IOMMU' });
    }
  }
}
