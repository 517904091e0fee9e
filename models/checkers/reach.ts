import type { Arena } from '../../sim/arena.ts';
import { Table } from '../../sim/containers.ts';
import type { SystemTrace } from '../trace-events.ts';

interface ReachPorts {
  readonly arena: Arena;
  readonly trace: SystemTrace;
  readonly entryCount: number;
  readonly mark: () => void;
}

/** A state that some schedule of a case has to reach, so that `holds` is never empty. */
export interface ReachMark {
  readonly name: string;
  readonly reachedWhen: string;
  attach(ports: ReachPorts): void;
}

export const reachMarks: readonly ReachMark[] = [
  {
    name: 'fetch-overlaps-update',
    reachedWhen: 'a store changes an entry after hardware has read a part of it and before it has read the rest',
    attach({ arena, trace, entryCount, mark }) {
      const fetching = new Table(arena, 'reach.fetching', entryCount, 1);
      trace.observe('entry-read', (event) => {
        if (event.entry >= 0) {
          fetching.set(event.entry, 0, 1);
        }
      });
      trace.observe('entry-used', (event) => {
        if (event.entry >= 0) {
          fetching.set(event.entry, 0, 0);
        }
      });
      trace.observe('entry-changed', (event) => {
        if (fetching.get(event.entry, 0) === 1) {
          mark();
        }
      });
    },
  },
  {
    name: 'dma-during-update',
    reachedWhen: 'a DMA reaches memory between the first store of an update and its end',
    attach({ arena, trace, entryCount, mark }) {
      const updating = updatingEntries({ arena, trace, entryCount }, 'reach.dma-during-update');
      trace.observe('dma', () => {
        if (updating() > 0) {
          mark();
        }
      });
    },
  },
  {
    name: 'fault-during-update',
    reachedWhen: 'a DMA faults between the first store of an update and its end',
    attach({ arena, trace, entryCount, mark }) {
      const updating = updatingEntries({ arena, trace, entryCount }, 'reach.fault-during-update');
      trace.observe('fault', () => {
        if (updating() > 0) {
          mark();
        }
      });
    },
  },
  {
    name: 'dma-translated',
    reachedWhen: 'a DMA reaches memory',
    attach({ trace, mark }) {
      trace.observe('dma', mark);
    },
  },
  {
    name: 'dma-faulted',
    reachedWhen: 'a DMA faults',
    attach({ trace, mark }) {
      trace.observe('fault', mark);
    },
  },
  {
    name: 'fault-reported',
    reachedWhen: 'a DMA faults, and FPD does not keep it from being reported',
    attach({ trace, mark }) {
      trace.observe('fault', ({ recorded }) => {
        if (recorded) {
          mark();
        }
      });
    },
  },
  {
    name: 'fault-not-reported',
    reachedWhen: 'a DMA faults, and FPD keeps it from being reported',
    attach({ trace, mark }) {
      trace.observe('fault', ({ recorded }) => {
        if (!recorded) {
          mark();
        }
      });
    },
  },
  {
    name: 'fault-overflow',
    reachedWhen: 'the report of a fault is lost, as no fault recording register is free',
    attach({ trace, mark }) {
      trace.observe('fault-overflow', mark);
    },
  },
  {
    name: 'interrupt-delivered',
    reachedWhen: 'an interrupt reaches its CPU or its posted-interrupt descriptor',
    attach({ trace, mark }) {
      trace.observe('interrupt', mark);
      trace.observe('interrupt-posted', mark);
    },
  },
  {
    name: 'interrupt-during-update',
    reachedWhen: 'an interrupt is delivered between the first store of an update and its end',
    attach({ arena, trace, entryCount, mark }) {
      const updating = updatingEntries({ arena, trace, entryCount }, 'reach.interrupt-during-update');
      const observe = (): void => {
        if (updating() > 0) {
          mark();
        }
      };
      trace.observe('interrupt', observe);
      trace.observe('interrupt-posted', observe);
    },
  },
  {
    name: 'interrupt-blocked',
    reachedWhen: 'an interrupt is blocked',
    attach({ trace, mark }) {
      trace.observe('interrupt-blocked', mark);
    },
  },
  {
    name: 'cache-hit',
    reachedWhen: 'a translation is found in a cache',
    attach({ trace, mark }) {
      trace.observe('cache-hit', mark);
    },
  },
  {
    name: 'device-tlb-hit',
    reachedWhen: 'a device finds a translation in its device TLB',
    attach({ trace, mark }) {
      trace.observe('cache-hit', (event) => {
        if (event.cache === 'device-tlb') {
          mark();
        }
      });
    },
  },
  {
    name: 'translation-discarded',
    reachedWhen: 'a device throws away the answer to a translation request that an invalidation has overtaken',
    attach({ trace, mark }) {
      trace.observe('translation-discarded', mark);
    },
  },
  {
    name: 'invalidation-answered',
    reachedWhen: 'a function has answered a request to invalidate its device TLB',
    attach({ trace, mark }) {
      trace.observe('device-tlb-completion', ({ result }) => {
        if (result === 'done') {
          mark();
        }
      });
    },
  },
  {
    name: 'link-blocked',
    reachedWhen: 'a request to invalidate a device TLB waits on the link: the queue of the function is full',
    attach({ trace, mark }) {
      trace.observe('link-message', ({ blocked }) => {
        if (blocked) {
          mark();
        }
      });
    },
  },
  {
    name: 'descriptor-refused',
    reachedWhen: 'the invalidation queue has stopped at a descriptor or a tail that it does not take (IQE)',
    attach({ trace, mark }) {
      trace.observe('queue-error', mark);
    },
  },
  {
    name: 'descriptor-lost',
    reachedWhen: 'hardware has dropped a descriptor that it had fetched, after a time-out (ITE)',
    attach({ trace, mark }) {
      trace.observe('descriptor-lost', mark);
    },
  },
  {
    name: 'line-evicted',
    reachedWhen: 'a dirty line is written back without a clflush',
    attach({ trace, mark }) {
      trace.observe('line-evicted', mark);
    },
  },
];

/** Number of entries between the first store of their update and its end. */
function updatingEntries({ arena, trace, entryCount }: Omit<ReachPorts, 'mark'>, name: string): () => number {
  const changed = new Table(arena, name, entryCount + 1, 1);
  const set = (entry: number, to: number): void => {
    changed.set(entryCount, 0, changed.get(entryCount, 0) + to - changed.get(entry, 0));
    changed.set(entry, 0, to);
  };
  const begun = new Table(arena, `${name}.begun`, entryCount, 1);
  trace.observe('update-begin', (event) => begun.set(event.entry, 0, 1));
  trace.observe('entry-changed', (event) => set(event.entry, begun.get(event.entry, 0)));
  trace.observe('update-end', (event) => {
    begun.set(event.entry, 0, 0);
    set(event.entry, 0);
  });
  return () => changed.get(entryCount, 0);
}
