import type { Channel } from '../../sim/trace.ts';
import { provenanceSlots } from '../iommu/translation-cache.ts';
import type { HeldTranslation } from '../iommu/translation-completion.ts';
import { WalkStep } from '../iommu/walk-step.ts';
import type { TraceEvent } from '../trace-events.ts';
import { faultReasons } from './fault-reasons.ts';
import type { TableReader } from './table-reader.ts';

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
  readonly #reader: TableReader;
  readonly #faults: Channel<Extract<TraceEvent, { kind: 'fault' }>>;
  readonly #accesses: Channel<Extract<TraceEvent, { kind: 'dma' }>>;

  constructor(reader: TableReader) {
    this.#reader = reader;
    const { trace, config } = reader.ports;
    const { lookup, access } = config.timing;
    this.#faults = trace.channel('fault');
    this.#accesses = trace.channel('dma');
    this.access = new WalkStep('the access of memory', access, () =>
      this.#accessMemory(() => reader.state.provenanceList()),
    );
    this.translatedAccess = new WalkStep('the access of memory', access, () =>
      this.#accessMemory(() => this.#translatedProvenance()),
    );
    this.fault = new WalkStep('the fault report', lookup, () => {
      this.noteFault(true);
      reader.state.clear();
      return 0;
    });
  }

  /** The fault -{@link output}; `isReported`: it is one that software can be told. */
  noteFault(isReported: boolean): void {
    const { ports, request, state } = this.#reader;
    const { sid, pasid, iova } = request;
    const reason = -this.output;
    // Software can switch the report of qualified faults off in any structure on the way (VT-d 7.1.1).
    const isWanted = state.faultsDisabled.get() === 0 || faultReasons.get(reason)?.qualified !== true;
    const recorded = isReported && isWanted;
    if (this.#faults.active) {
      const provenance = state.provenanceList();
      this.#faults.emit({ kind: 'fault', sid, pasid, iova, reason, recorded, provenance });
    }
    if (recorded) {
      ports.faultRecords.record(sid, reason);
    }
  }

  #accessMemory(provenance: () => readonly number[]): number {
    const { ports, request, state } = this.#reader;
    const { sid, pasid, iova, write } = request;
    const address = this.output;
    if (this.#accesses.active) {
      this.#accesses.emit({ kind: 'dma', sid, pasid, iova, address, write, provenance: provenance() });
    }
    if (write && ports.memory.contains(address, 4)) {
      ports.memory.deviceWrite(address - (address % 4), [dmaPattern]);
    }
    state.clear();
    return 0;
  }

  /** What the translation was built from, and what let the request pass. */
  #translatedProvenance(): readonly number[] {
    const list: number[] = [];
    for (let slot = 0; slot < provenanceSlots; slot += 1) {
      list.push(this.held.provenance(slot), this.#reader.state.provenance(slot));
    }
    return [...new Set(list)].filter((provenance) => provenance !== 0);
  }
}

/** What a DMA write leaves in memory. */
const dmaPattern = 0xd3ad_beef;
