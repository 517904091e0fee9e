import type { Channel } from '../../sim/trace.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import type { PhysicalMemory } from './physical-memory.ts';

/**
 * The write buffer of an old chipset (VT-d CAP.RWBF = 1): stores of CPUs stay in it, and table walks do not see them,
 * until it is flushed. It holds whole lines, which may also leave it one by one and at any time.
 */
export class WriteBuffer {
  readonly #memory: PhysicalMemory;
  readonly #flushed: Channel<Extract<TraceEvent, { kind: 'write-buffer-flushed' }>>;

  constructor(memory: PhysicalMemory, trace: SystemTrace) {
    this.#memory = memory;
    this.#flushed = trace.channel('write-buffer-flushed');
  }

  flush(): void {
    const lines = this.#memory.dirtyLineCount;
    if (lines === 0) {
      return;
    }
    while (this.#memory.dirtyLineCount > 0) {
      this.#memory.writeBack(this.#memory.dirtyLine(0));
    }
    if (this.#flushed.active) {
      this.#flushed.emit({ kind: 'write-buffer-flushed', lines });
    }
  }
}
