import type { Arena } from '../../sim/arena.ts';
import type { Operation } from '../../sim/operation.ts';
import { StrongFences } from './cpu-knowledge.ts';
import type { AccessSink, Core, MemoryModelName } from './memory-model.ts';
import type { PhysicalMemory } from './physical-memory.ts';
import { Reservation } from './reservation.ts';
import { SequentialCore } from './sequential-core.ts';
import { type StoreBufferConfig, TsoCore } from './tso-core.ts';
import { ViewCore } from './view-core.ts';
import { viewMachines } from './view-machines.ts';
import { WriteHistory } from './write-history.ts';

export interface CoreRequest {
  readonly cpu: number;
  readonly sink: AccessSink;
  readonly buffer: StoreBufferConfig;
  /** Registers whose dependencies matter. */
  readonly registerCount: number;
  /** Whether its code has an ISB. */
  readonly hasContextSync?: boolean;
  /** Whether its code has load-reserved and store-conditional. */
  readonly reserves?: boolean;
  /** Whether code that the CPU has left may load from a place; left out: it may until it retires. */
  readonly mayStillRead?: (address: number, wordCount: number) => boolean;
}

/** The CPUs of one machine, as far as its memory model goes. */
export class Cores {
  readonly #arena: Arena;
  readonly #model: MemoryModelName;
  readonly #memory: PhysicalMemory;
  readonly #viewCores: ViewCore[] = [];
  readonly #reservations: Reservation[] = [];
  #shared: { readonly history: WriteHistory; readonly strongFences: StrongFences } | undefined;

  constructor(arena: Arena, memory: PhysicalMemory, model: MemoryModelName) {
    this.#arena = arena;
    this.#memory = memory;
    this.#model = model;
  }

  /** `drain` of what this gives is a process of its own. */
  add(request: CoreRequest): Core & { readonly drain: Operation<void> | undefined } {
    const { cpu, sink, buffer } = request;
    const model = this.#model;
    if (model === 'sc') {
      return new SequentialCore(sink, request.reserves === true ? this.#reservation(cpu) : undefined);
    }
    if (model === 'x86-tso') {
      return new TsoCore(this.#arena, `cpu${cpu}.store-buffer`, buffer, sink);
    }
    this.#shared ??= {
      history: new WriteHistory(this.#arena, this.#memory, model !== 'non-mca'),
      strongFences: new StrongFences(this.#arena),
    };
    const ports = {
      ...request,
      hasContextSync: request.hasContextSync === true,
      ...this.#shared,
      arena: this.#arena,
      machine: viewMachines[model],
      cores: this.#viewCores,
    };
    const core = new ViewCore(ports);
    this.#viewCores.push(core);
    return core;
  }

  #reservation(cpu: number): Reservation {
    const reservation = new Reservation(this.#arena, cpu, () => false);
    this.#reservations.push(reservation);
    this.#memory.writeObserver = {
      beforeWrite: (address, wordCount, by) => {
        for (const each of this.#reservations) {
          each.written(address, wordCount, by);
        }
      },
    };
    return reservation;
  }
}
