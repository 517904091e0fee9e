import type { Arena } from '../../sim/arena.ts';
import { assert, unmodelled } from '../../sim/assert.ts';
import { Cell } from '../../sim/containers.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { Operation } from '../../sim/operation.ts';
import { EngineStep } from '../engine-step.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { DeviceTlbPort } from '../iommu/device-tlb-port.ts';
import type { Iommu } from '../iommu/iommu.ts';
import { pagingPayloadWords } from '../iommu/paging-structures.ts';
import { walkPhase } from '../iommu/request-latch.ts';
import { TranslationCache } from '../iommu/translation-cache.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { WriteBuffer } from '../memory/write-buffer.ts';
import type { SystemTrace } from '../trace-events.ts';
import { FaultRecords } from './fault-records.ts';
import { InterruptRemapper } from './interrupt-remapper.ts';
import type { InterruptRequester } from './interrupt-requester.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import type { TranslationCaches } from './invalidations.ts';
import type { PostedDescriptor } from './posted-descriptors.ts';
import type { VtdConfig } from './vtd-config.ts';
import { WalkState } from './walk-state.ts';
import { Walker } from './walker.ts';

/** Sources of requests that one unit can tell apart: invalidations keep those they wait for as bits of one word. */
export const maxWalkers = 31;

/** Offsets of the registers that drivers use in a run (VT-d 11.4); the others are set up before it. */
export const registerOffset = {
  globalCommand: 0x18,
  globalStatus: 0x1c,
  faultStatus: 0x34,
  invalidationQueueHead: 0x80,
  invalidationQueueTail: 0x88,
  invalidationCompletionStatus: 0x9c,
  invalidationQueueError: 0xb0,
} as const;

const registerNames: ReadonlyMap<number, string> = new Map([
  [registerOffset.globalCommand, 'GCMD'],
  [registerOffset.globalStatus, 'GSTS'],
  [registerOffset.faultStatus, 'FSTS'],
  [registerOffset.invalidationQueueHead, 'IQH'],
  [registerOffset.invalidationQueueTail, 'IQT'],
  [registerOffset.invalidationCompletionStatus, 'ICS'],
  [registerOffset.invalidationQueueError, 'IQERCD'],
]);

/** GCMD.WBF and GSTS.WBFS: flush the chipset's write buffer; it is under way (VT-d 6.8). */
export const writeBufferFlush = 2 ** 27;

export interface TranslationUnitPorts {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  readonly deviceTlbs: DeviceTlbPort;
  /** Of a chipset with CAP.RWBF = 1. */
  readonly writeBuffer: WriteBuffer | undefined;
  /** RTADDR: physical address of the root table. */
  readonly rootTable: number;
  /** IQA: physical address of the invalidation queue. */
  readonly queueAddress: number;
}

/** One VT-d DMA remapping unit: caches, a walker for each source of requests, and the invalidation queue. */
export class TranslationUnit implements Iommu {
  readonly queue: InvalidationQueue;
  /** Names of its engines, once they are added. */
  readonly engineNames: string[] = [];
  readonly #ports: TranslationUnitPorts;
  readonly #config: VtdConfig;
  readonly #caches: TranslationCaches;
  readonly #faultRecords: FaultRecords;
  readonly #walks: WalkState[] = [];
  #sourceCount = 0;
  #remapper: InterruptRemapper | undefined;
  /** GSTS.WBFS: 1 while a flush of the write buffer is under way. */
  readonly #flushing: Cell;

  constructor(config: VtdConfig, ports: TranslationUnitPorts) {
    const { arena, trace, memory } = ports;
    this.#ports = ports;
    this.#config = config;
    this.#faultRecords = new FaultRecords(arena, trace, config.faultRecords);
    const lookupTags = ['sid', 'pasid', 'hasPasid', 'page'] as const;
    this.#caches = {
      contextCache: new TranslationCache(arena, trace, {
        name: 'context-cache',
        entryCount: config.contextCacheEntries,
        payloadWords: 8,
        lookupTags,
      }),
      pasidCache: new TranslationCache(arena, trace, {
        name: 'pasid-cache',
        entryCount: config.pasidCacheEntries,
        payloadWords: 17,
        lookupTags,
      }),
      iotlb: new TranslationCache(arena, trace, {
        name: 'iotlb',
        entryCount: config.iotlbEntries,
        payloadWords: 3,
        lookupTags,
      }),
      firstStagePaging: new TranslationCache(arena, trace, {
        name: 'first-stage-paging',
        entryCount: config.firstStagePagingEntries,
        payloadWords: pagingPayloadWords,
        lookupTags: ['pasid', 'did', 'level', 'page'],
      }),
      secondStagePaging: new TranslationCache(arena, trace, {
        name: 'second-stage-paging',
        entryCount: config.secondStagePagingEntries,
        payloadWords: pagingPayloadWords,
        lookupTags: ['did', 'level', 'page'],
      }),
      interruptEntries: {
        invalidate: (isMeant) => this.#remapper?.cache.invalidate(isMeant),
        onTheWay: (isMeant) => this.#remapper?.onTheWay(isMeant) ?? 0,
      },
    };
    this.#flushing = new Cell(arena, 'vtd.gsts.wbfs');
    this.queue = new InvalidationQueue(arena, config, ports.queueAddress, {
      memory,
      caches: this.#caches,
      trace,
      walks: this.#walks,
      deviceTlbs: ports.deviceTlbs,
      flushWriteBuffer: () => ports.writeBuffer?.flush(),
    });
  }

  get timing(): VtdConfig['timing'] {
    return this.#config.timing;
  }

  completeDeviceTlb(sid: number, itag: number, count: number): void {
    this.queue.completeDeviceTlb(sid, itag, count);
  }

  /** The engines of the queue; call after every source of requests has been added. */
  addEngines(): void {
    const { kernel } = this.#ports;
    const add = (name: string, body: Operation<void>): void => {
      kernel.addProcess({ name, kind: 'engine', body });
      this.engineNames.push(name);
    };
    add('invalidation fetch', this.queue.fetchStep());
    add('invalidation', this.queue.executeStep());
    if (this.#ports.writeBuffer !== undefined) {
      add('write buffer flush', this.#flushStep(this.#ports.writeBuffer));
    }
    for (const [itag, body] of this.queue.timeoutSteps().entries()) {
      add(`timer of ITag ${itag}`, body);
    }
  }

  /** A walker for one source of requests; at most {@link maxWalkers}. */
  addWalker(name: string): Walker {
    const { arena, memory, registry, trace, rootTable } = this.#ports;
    const state = new WalkState(arena, this.#nextSource(), `walk.${name}`, (walker, phase) =>
      this.queue.walkerMoved(walker, phase),
    );
    this.#walks.push(state);
    const [config, caches, faultRecords] = [this.#config, this.#caches, this.#faultRecords];
    return new Walker({ arena, memory, registry, trace, rootTable, config, caches, faultRecords }, state);
  }

  /** Switches interrupt remapping on, before the run, with a table of {@link interruptTableEntries} entries. */
  remapInterrupts(table: number, descriptors: readonly PostedDescriptor[]): void {
    const { arena, memory, registry, trace } = this.#ports;
    const [config, faultRecords] = [this.#config, this.#faultRecords];
    // To invalidations an interrupt that has arrived is like a walk that is over.
    const delivered = (source: number): void => this.queue.walkerMoved(source, walkPhase.idle);
    const ports = { arena, memory, registry, trace, config, faultRecords, table, delivered };
    this.#remapper = new InterruptRemapper(ports, descriptors);
  }

  /** One source of interrupts; with the walkers at most {@link maxWalkers}. */
  addInterruptRequester(name: string): InterruptRequester {
    assert(this.#remapper !== undefined, 'interrupt remapping is on');
    return this.#remapper.addRequester(name, this.#nextSource());
  }

  #nextSource(): number {
    assert(this.#sourceCount < maxWalkers, 'the unit has room for one more source of requests');
    this.#sourceCount += 1;
    return this.#sourceCount - 1;
  }

  writeRegister(offset: number, words: readonly number[]): void {
    const register = registerNames.get(offset);
    const [word = 0] = words;
    const written = this.#ports.trace.channel('register-written');
    if (register !== undefined && written.active) {
      written.emit({ kind: 'register-written', register, words });
    }
    switch (offset) {
      case registerOffset.globalCommand:
        this.#command(word);
        return;
      case registerOffset.invalidationQueueTail:
        this.queue.writeTail(word);
        return;
      case registerOffset.faultStatus:
        this.queue.errors.clear(word);
        this.#faultRecords.clear(word);
        return;
      case registerOffset.invalidationCompletionStatus:
        this.queue.clearCompletionStatus(word);
        return;
      default:
        unmodelled(`a write to VT-d register ${register ?? `0x${offset.toString(16)}`}`);
    }
  }

  /** Of GCMD only the flush of the write buffer is modelled; without such a buffer it is over at once. */
  #command(word: number): void {
    if ((word & writeBufferFlush) === 0) {
      unmodelled(`a write of 0x${word.toString(16)} to GCMD`);
    }
    this.#flushing.set(this.#ports.writeBuffer === undefined ? 0 : 1);
  }

  #flushStep(writeBuffer: WriteBuffer): Operation<void> {
    return new EngineStep('a flush of the write buffer', this.#config.timing.invalidation, {
      ready: () => this.#flushing.get() === 1,
      work: () => {
        writeBuffer.flush();
        this.#flushing.set(0);
      },
    });
  }

  /** The words of a register, lowest first. */
  readRegister(offset: number, wordCount: number): readonly number[] {
    const words = this.peekRegister(offset, wordCount);
    const read = this.#ports.trace.channel('register-read');
    if (read.active) {
      read.emit({ kind: 'register-read', register: registerNames.get(offset) ?? '', words });
    }
    return words;
  }

  /** The same for guards of steps, which no one sees. */
  peekRegister(offset: number, wordCount: number): readonly number[] {
    const value = this.#registerValue(offset);
    return Array.from({ length: wordCount }, (_, i) => value[i] ?? 0);
  }

  #registerValue(offset: number): readonly number[] {
    switch (offset) {
      case registerOffset.globalStatus:
        return [this.#flushing.get() * writeBufferFlush];
      case registerOffset.faultStatus:
        return [this.queue.errors.status | this.#faultRecords.status];
      case registerOffset.invalidationQueueHead:
        return [this.queue.headOffset];
      case registerOffset.invalidationQueueTail:
        return [this.queue.tailOffset];
      case registerOffset.invalidationCompletionStatus:
        return [this.queue.completionStatus];
      case registerOffset.invalidationQueueError:
        return this.queue.errors.record;
      default:
        return unmodelled(`a read of VT-d register 0x${offset.toString(16)}`);
    }
  }
}
