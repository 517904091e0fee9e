import type { Channel } from '../../sim/trace.ts';
import type { PhysicalMemory } from '../memory/physical-memory.ts';
import type { SystemTrace, TraceEvent } from '../trace-events.ts';
import type { DmaRequest } from './dma-request.ts';
import type { RequestLatch } from './request-latch.ts';
import { provenanceSlots } from './translation-cache.ts';
import type { HeldTranslation } from './translation-completion.ts';
import { WalkStep } from './walk-step.ts';
import type { Window } from './window.ts';

export interface RequestEndPorts {
  readonly trace: SystemTrace;
  readonly memory: PhysicalMemory;
  readonly latch: RequestLatch;
  readonly timing: { readonly lookup: Window; readonly access: Window };
  request(): DmaRequest;
  /** Whether software wants reports of such a fault, as the entries on the way say. */
  isWanted(reason: number): boolean;
  /** Reports a fault to software. */
  record(reason: number): void;
}

/** How requests end: at memory or in a fault. */
export class RequestEnd {
  /** Moves data at {@link output}. */
  readonly access: WalkStep;
  /** The same for a translated request, by {@link held}. */
  readonly translatedAccess: WalkStep;
  /** Reports the fault -{@link output}. */
  readonly fault: WalkStep;
  /** Output address or negative fault reason; set before a step is yielded. */
  output = 0;
  /** What a translated request goes by; set likewise. */
  held: HeldTranslation = { address: 0, provenance: () => 0 };
  readonly #ports: RequestEndPorts;
  readonly #faults: Channel<Extract<TraceEvent, { kind: 'fault' }>>;
  readonly #accesses: Channel<Extract<TraceEvent, { kind: 'dma' }>>;

  constructor(ports: RequestEndPorts) {
    this.#ports = ports;
    const { trace, latch, timing } = ports;
    this.#faults = trace.channel('fault');
    this.#accesses = trace.channel('dma');
    this.access = new WalkStep('the access of memory', timing.access, () =>
      this.#accessMemory(() => latch.provenanceList()),
    );
    this.translatedAccess = new WalkStep('the access of memory', timing.access, () =>
      this.#accessMemory(() => this.#translatedProvenance()),
    );
    this.fault = new WalkStep('the fault report', timing.lookup, () => {
      this.noteFault(true);
      latch.clear();
      return 0;
    });
  }

  /** The fault -{@link output}; `isReported`: it is one that software can be told. */
  noteFault(isReported: boolean): void {
    const { latch } = this.#ports;
    const { sid, pasid, iova } = this.#ports.request();
    const reason = -this.output;
    const recorded = isReported && this.#ports.isWanted(reason);
    if (this.#faults.active) {
      const provenance = latch.provenanceList();
      this.#faults.emit({ kind: 'fault', sid, pasid, iova, reason, recorded, provenance });
    }
    if (recorded) {
      this.#ports.record(reason);
    }
  }

  #accessMemory(provenance: () => readonly number[]): number {
    const { memory, latch } = this.#ports;
    const { sid, pasid, iova, write } = this.#ports.request();
    const address = this.output;
    if (this.#accesses.active) {
      this.#accesses.emit({ kind: 'dma', sid, pasid, iova, address, write, provenance: provenance() });
    }
    if (write && memory.contains(address, 4)) {
      memory.deviceWrite(address - (address % 4), [dmaPattern]);
    }
    latch.clear();
    return 0;
  }

  /** What the translation was built from, and what let the request pass. */
  #translatedProvenance(): readonly number[] {
    const list: number[] = [];
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      list.push(this.held.provenance(slot), this.#ports.latch.provenance(slot));
    }
    return [...new Set(list)].filter((provenance) => provenance !== 0);
  }
}

/** What a DMA write leaves in memory. */
const dmaPattern = 0xd3ad_beef;
