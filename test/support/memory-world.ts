import { CacheEviction } from '../../models/memory/cache-eviction.ts';
import { Cores } from '../../models/memory/cores.ts';
import { Cpu } from '../../models/memory/cpu.ts';
import { type CpuTiming, cpuRegisterCount } from '../../models/memory/cpu-operations.ts';
import type { Access, AccessSink, Core, MemoryModelName } from '../../models/memory/memory-model.ts';
import { PhysicalMemory } from '../../models/memory/physical-memory.ts';
import { type SystemTrace, type TraceEvent, traceEventFields } from '../../models/trace-events.ts';
import { Arena } from '../../sim/arena.ts';
import { assert } from '../../sim/assert.ts';
import { Kernel } from '../../sim/kernel.ts';
import { type Flow, Note } from '../../sim/operation.ts';
import { Trace } from '../../sim/trace.ts';
import { enumerateSchedules } from './enumerate-schedules.ts';
import { Act, ampleLimits } from './tiny-world.ts';

export interface MemoryWorldOptions {
  readonly coherentWalks?: boolean;
  readonly storeBufferEntries?: number;
  /** Lines the caches may write back of their own accord. */
  readonly evictions?: number;
  /** By CPU. Left out: any time. */
  readonly timing?: (cpu: number) => CpuTiming;
}

export interface Explored {
  readonly schedules: number;
  /** Every outcome there is, sorted. */
  readonly outcomes: readonly string[];
}

const anyTime = { stepNs: 0, preemptMaxNs: Number.POSITIVE_INFINITY };

/**
 * CPUs, memory and nothing else, with no limits on time, so that every interleaving is allowed: the machine under the
 * driver, small enough to count by hand. What tasks see goes into {@link seen}.
 */
export class MemoryWorld {
  readonly model: MemoryModelName;
  readonly arena = new Arena();
  readonly kernel = new Kernel(this.arena, ampleLimits);
  readonly trace: SystemTrace = new Trace<TraceEvent>(this.kernel, traceEventFields);
  readonly memory: PhysicalMemory;
  /** Registers of the last run, for the outcome; no body reads them. */
  seen: Record<string, bigint> = {};
  readonly #options: MemoryWorldOptions;
  readonly #cores: Cores;
  readonly #cpus = new Map<number, Cpu>();

  constructor(model: MemoryModelName, options: MemoryWorldOptions = {}) {
    this.model = model;
    this.#options = options;
    this.memory = new PhysicalMemory(this.arena, { pageCount: 1, coherentWalks: options.coherentWalks ?? true });
    this.#cores = new Cores(this.arena, this.memory, model);
  }

  /** A task on a CPU of its own number. */
  task(cpu: number, body: (cpu: Cpu) => Flow): this {
    const own = this.cpu(cpu);
    function* codeOf(): Flow {
      yield new Note('begin', () => own.begin());
      yield body(own);
      yield new Note('end', () => own.retire());
    }
    const isWeak = this.model !== 'sc' && this.model !== 'x86-tso';
    this.kernel.addProcess({ name: `task on CPU ${cpu}`, kind: 'task', body: isWeak ? codeOf : () => body(own) });
    return this;
  }

  /** A device that works as soon as it likes. */
  device(body: () => Flow): this {
    this.kernel.addProcess({ name: 'device', kind: 'task', body });
    return this;
  }

  /** One read of a device, atomic over its width: what table walks see. Goes into {@link seen} as `name`. */
  deviceRead(name: string, address: number, widthBits: 64 | 128 | 256 | 512 = 64): Act {
    return new Act(`device read of ${name}`, {
      act: () => {
        const index = this.memory.walkIndex(address);
        let value = 0n;
        for (let i = widthBits / 32 - 1; i >= 0; i -= 1) {
          value = (value << 32n) | BigInt(this.arena.get(index + i) >>> 0);
        }
        this.seen[name] = value;
      },
    });
  }

  /** Memory as CPUs see it, 64 bits. */
  qword(address: number): bigint {
    return (BigInt(this.memory.read(address + 4) >>> 0) << 32n) | BigInt(this.memory.read(address) >>> 0);
  }

  /** Every schedule; the outcome of a run is what `outcomeOf` makes of it when all has come to rest. */
  explore(outcomeOf: (world: this) => string): Explored {
    const { evictions = 0 } = this.#options;
    if (evictions > 0) {
      const eviction = new CacheEviction(this.arena, this.memory, this.trace, evictions);
      this.kernel.addProcess({ name: 'cache eviction', kind: 'optional', body: eviction.evictStep() });
    }
    this.kernel.onFinish = () => outcomes.add(outcomeOf(this));
    this.kernel.seal();
    const outcomes = new Set<string>();
    let schedules = 0;
    for (const { outcome } of enumerateSchedules(this.kernel)) {
      assert(outcome.end === 'finished', `the run finished, not: ${outcome.violations[0]?.message ?? outcome.detail}`);
      schedules += 1;
      this.seen = {};
    }
    return { schedules, outcomes: [...outcomes].sort() };
  }

  cpu(number: number): Cpu {
    const known = this.#cpus.get(number);
    if (known !== undefined) {
      return known;
    }
    const sink = this.#sink(number);
    const cpu = new Cpu({
      core: this.#core(number, sink),
      memoryModel: this.model,
      timing: this.#timing(number),
      trace: this.trace,
      readRegister: (_, wordCount) => new Array<number>(wordCount).fill(0),
      peekRegister: (_, wordCount) => new Array<number>(wordCount).fill(0),
    });
    this.#cpus.set(number, cpu);
    return cpu;
  }

  #timing(number: number): CpuTiming {
    return this.#options.timing?.(number) ?? anyTime;
  }

  #core(number: number, sink: AccessSink): Core {
    const entryCount = this.#options.storeBufferEntries ?? 8;
    const buffer = { entryCount, maxNs: this.#timing(number).preemptMaxNs };
    const core = this.#cores.add({ cpu: number, sink, buffer, registerCount: cpuRegisterCount });
    if (core.drain !== undefined) {
      this.kernel.addProcess({ name: `CPU ${number} drains`, kind: 'engine', body: core.drain });
    }
    return core;
  }

  #sink(cpu: number): AccessSink {
    return {
      readWord: (address) => this.memory.read(address),
      apply: ({ kind, address, words }: Access) => {
        if (kind === 'flush') {
          this.memory.writeBack(address);
        } else {
          assert(kind === 'store', 'a memory world has no registers');
          this.memory.write(address, words, 0, words.length, cpu);
        }
      },
    };
  }
}

/** The registers named, in that order: 'r0=1 r1=0' is '1 0'. */
export function registers(...names: readonly string[]): (world: MemoryWorld) => string {
  return ({ seen }) => names.map((name) => String(seen[name])).join(' ');
}
