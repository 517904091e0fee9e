import { Checkpoint, type Flow } from '../../sim/operation.ts';
import type { InterruptRequest, InterruptRequester } from '../vtd/interrupt-requester.ts';

export interface InterruptSourceConfig extends InterruptRequest {
  /** How many interrupts, one after the other. */
  readonly repeat: number;
}

/** A function that raises one interrupt and waits for it to arrive before the next; `first` are done already. */
export function* interruptSource(requester: InterruptRequester, config: InterruptSourceConfig, first = 0): Flow {
  const { repeat, sid, index } = config;
  for (let i = first; i < repeat; i += 1) {
    // What earlier interrupts met is in the cache and in descriptors, or forgotten.
    yield new Checkpoint(i, () => interruptSource(requester, config, i));
    yield requester.interrupt({ sid, index });
  }
}
