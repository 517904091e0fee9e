import type { Arena } from '../../sim/arena.ts';
import { BitSet } from '../../sim/containers.ts';
import { Note, Operation } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { CpuTiming } from '../memory/cpu-operations.ts';
import { pageBytes } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';

export interface PageAllocatorPorts {
  readonly arena: Arena;
  readonly trace: SystemTrace;
  readonly pageCount: number;
  readonly timing: CpuTiming;
}

/**
 * The page allocator as far as a race can see it: pages that software has freed, and who takes them again. What a page
 * holds stays as it is.
 */
export class PageAllocator {
  readonly #ports: PageAllocatorPorts;
  readonly #free: BitSet;
  readonly #freed: Channel<Extract<TraceEvent, { kind: 'page-freed' }>>;
  readonly #allocated: Channel<Extract<TraceEvent, { kind: 'page-allocated' }>>;

  constructor(ports: PageAllocatorPorts) {
    const { arena, trace, pageCount } = ports;
    this.#ports = ports;
    this.#free = new BitSet(arena, 'linux.free-pages', pageCount);
    this.#freed = trace.channel('page-freed');
    this.#allocated = trace.channel('page-allocated');
  }

  /** Gives a page back, with the step before. */
  free(address: number): Note {
    return new Note('free page', () => {
      this.#free.set(address / pageBytes, true);
      if (this.#freed.active) {
        this.#freed.emit({ kind: 'page-freed', address });
      }
    });
  }

  /** Takes this page once it is free: an allocator can hand it out from then on. */
  allocate(address: number): Operation<void> {
    const frame = address / pageBytes;
    return new Allocation(this.#ports.timing, {
      isFree: () => this.#free.has(frame),
      take: () => {
        this.#free.set(frame, false);
        if (this.#allocated.active) {
          this.#allocated.emit({ kind: 'page-allocated', address });
        }
      },
    });
  }
}

class Allocation extends Operation<void> {
  readonly label = 'allocation of a page that has been freed';
  readonly #page: { readonly isFree: () => boolean; readonly take: () => void };

  constructor(timing: CpuTiming, page: { readonly isFree: () => boolean; readonly take: () => void }) {
    super(timing.stepNs, timing.preemptMaxNs);
    this.#page = page;
  }

  override get guarded(): boolean {
    return true;
  }

  override ready(): boolean {
    return this.#page.isFree();
  }

  execute(): void {
    this.#page.take();
  }
}
