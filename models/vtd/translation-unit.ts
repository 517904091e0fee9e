import type { Arena } from '../../sim/arena.ts';
import { assert, unmodelled } from '../../sim/assert.ts';
import type { Kernel } from '../../sim/kernel.ts';
import type { EntryRegistry } from '../entry-registry.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace } from '../trace-events.ts';
import { FaultRecords } from './fault-records.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import type { TranslationCaches } from './invalidations.ts';
import { TranslationCache } from './translation-caches.ts';
import type { VtdConfig } from './vtd-config.ts';
import { WalkState } from './walk-state.ts';
import { Walker } from './walker.ts';

/** Sources of requests that one unit can tell apart: invalidations keep those they wait for as bits of one word. */
export const maxWalkers = 31;

/** Register offsets that driver flows write (VT-d 11.4; the others are set up before the run). */
export const registerOffset = { invalidationQueueTail: 0x88 } as const;

export interface TranslationUnitPorts {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly memory: PhysicalMemory;
  readonly registry: EntryRegistry;
  readonly trace: SystemTrace;
  /** RTADDR: physical address of the root table. */
  readonly rootTable: number;
  /** IQA: physical address of the invalidation queue. */
  readonly queueAddress: number;
}

/** One VT-d DMA remapping unit: caches, a walker for each source of requests, and the invalidation queue. */
export class TranslationUnit {
  readonly queue: InvalidationQueue;
  readonly #ports: TranslationUnitPorts;
  readonly #config: VtdConfig;
  readonly #caches: TranslationCaches;
  readonly #faultRecords: FaultRecords;
  readonly #walks: WalkState[] = [];

  constructor(config: VtdConfig, ports: TranslationUnitPorts) {
    const { arena, trace, memory } = ports;
    this.#ports = ports;
    this.#config = config;
    this.#faultRecords = new FaultRecords(arena, trace, config.faultRecords);
    this.#caches = {
      contextCache: new TranslationCache(arena, trace, {
        name: 'context-cache',
        entryCount: config.contextCacheEntries,
        payloadWords: 8,
      }),
      pasidCache: new TranslationCache(arena, trace, {
        name: 'pasid-cache',
        entryCount: config.pasidCacheEntries,
        payloadWords: 17,
      }),
      iotlb: new TranslationCache(arena, trace, { name: 'iotlb', entryCount: config.iotlbEntries, payloadWords: 3 }),
    };
    this.queue = new InvalidationQueue(arena, config, ports.queueAddress, {
      memory,
      caches: this.#caches,
      trace,
      walks: this.#walks,
    });
  }

  /** The engines of the queue; call after every source of requests has been added. */
  addEngines(): void {
    const { kernel } = this.#ports;
    kernel.addProcess({ name: 'invalidation fetch', kind: 'engine', body: this.queue.fetchStep() });
    kernel.addProcess({ name: 'invalidation', kind: 'engine', body: this.queue.executeStep() });
  }

  /** A walker for one source of requests; at most {@link maxWalkers}. */
  addWalker(name: string): Walker {
    assert(this.#walks.length < maxWalkers, 'the unit has room for one more source of requests');
    const { arena, memory, registry, trace, rootTable } = this.#ports;
    const state = new WalkState(arena, this.#walks.length, `walk.${name}`, (walker, phase) =>
      this.queue.walkerMoved(walker, phase),
    );
    this.#walks.push(state);
    const [config, caches, faultRecords] = [this.#config, this.#caches, this.#faultRecords];
    return new Walker({ arena, memory, registry, trace, rootTable, config, caches, faultRecords }, state);
  }

  writeRegister(offset: number, words: readonly number[]): void {
    if (offset !== registerOffset.invalidationQueueTail) {
      unmodelled(`a write to VT-d register 0x${offset.toString(16)}`);
    }
    this.queue.writeTail(words);
  }
}
