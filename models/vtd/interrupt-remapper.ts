import { InterruptEntryCache } from './interrupt-entry-cache.ts';
import { InterruptRequester, type RemapperPorts } from './interrupt-requester.ts';
import { InterruptState } from './interrupt-state.ts';
import { type PostedDescriptor, PostedDescriptors } from './posted-descriptors.ts';

/** Interrupt remapping of one unit (VT-d 5.1, 5.2): the table's cache, and the sources of interrupts. */
export class InterruptRemapper {
  readonly ports: RemapperPorts;
  readonly cache: InterruptEntryCache;
  readonly descriptors: PostedDescriptors;
  readonly #states: InterruptState[] = [];

  constructor(ports: RemapperPorts, descriptors: readonly PostedDescriptor[]) {
    this.ports = ports;
    this.cache = new InterruptEntryCache(ports.arena, ports.trace, ports.config.interruptCacheEntries);
    this.descriptors = new PostedDescriptors(ports.arena, descriptors);
  }

  /** `source` is its number among all sources of requests of the unit. */
  addRequester(name: string, source: number): InterruptRequester {
    const state = new InterruptState(this.ports.arena, source, `interrupt.${name}`);
    this.#states.push(state);
    return new InterruptRequester(this, state);
  }

  /** Bit set of the sources with an interrupt on its way by an entry that is meant (VT-d 6.5.5). */
  onTheWay(isMeant: (index: number) => boolean): number {
    let sources = 0;
    for (const state of this.#states) {
      sources |= state.isOnTheWay(isMeant) ? 1 << state.source : 0;
    }
    return sources;
  }
}
