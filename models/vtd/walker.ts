import { unmodelled } from '../../sim/assert.ts';
import { type Flow, Note } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import type { TraceEvent } from '../trace-events.ts';
import { ContextLookup } from './context-lookup.ts';
import { pasidTableType } from './entries/pasid-entry.ts';
import { faultReasons } from './fault-reasons.ts';
import { IotlbAccess, notTranslated } from './iotlb-access.ts';
import { latchedShape, type WalkShape } from './latched-translation.ts';
import { PageWalk } from './page-walk.ts';
import { PasidLookup } from './pasid-lookup.ts';
import { type DmaRequest, TableReader, type WalkPorts } from './table-reader.ts';
import { type WalkState, walkPhase } from './walk-state.ts';
import { WalkStep } from './walk-step.ts';

/**
 * Translates the requests of one source, one at a time, in the order of VT-d 3.4.3 and 6.2: caches first, then
 * tables, each read in the grain the specification allows, each read an event of its own.
 */
export class Walker {
  readonly #ports: WalkPorts;
  readonly #state: WalkState;
  readonly #reader: TableReader;
  readonly #contextLookup: ContextLookup;
  readonly #pasidLookup: PasidLookup;
  readonly #pageWalk: PageWalk;
  readonly #iotlb: IotlbAccess;
  readonly #faults: Channel<Extract<TraceEvent, { kind: 'fault' }>>;
  readonly #accesses: Channel<Extract<TraceEvent, { kind: 'dma' }>>;
  readonly #requests: Channel<Extract<TraceEvent, { kind: 'request' }>>;
  readonly #begin: WalkStep;
  readonly #fault: WalkStep;
  readonly #access: WalkStep;
  readonly #shape: Note<WalkShape>;
  /** Output address or fault reason for the steps above; set before they are yielded. */
  #output = 0;

  constructor(ports: WalkPorts, state: WalkState) {
    this.#ports = ports;
    this.#state = state;
    this.#reader = new TableReader(ports, state);
    this.#contextLookup = new ContextLookup(this.#reader);
    this.#pasidLookup = new PasidLookup(this.#reader);
    this.#pageWalk = new PageWalk(ports, this.#reader);
    this.#iotlb = new IotlbAccess(this.#reader, this.#pasidLookup);
    this.#faults = ports.trace.channel('fault');
    this.#accesses = ports.trace.channel('dma');
    this.#requests = ports.trace.channel('request');
    const { lookup, access, request } = ports.config.timing;
    this.#begin = new WalkStep('a request', request, () => this.#beginRequest());
    this.#fault = new WalkStep('the fault report', lookup, () => this.#reportFault());
    this.#access = new WalkStep('the access of memory', access, () => this.#accessMemory());
    this.#shape = new Note('walk shape', () => latchedShape(this.#reader));
  }

  /** One DMA, from the request to the access of memory or to the fault. */
  *dma(request: DmaRequest): Flow {
    this.#reader.request = request;
    let output = (yield this.#begin) as number;
    if (output === notTranslated) {
      output = (yield this.#translate(request)) as number;
    }
    this.#output = output;
    yield output < 0 ? this.#fault : this.#access;
  }

  /** Output address, or a negative fault reason. */
  *#translate(request: DmaRequest): Flow<number> {
    const context = (yield this.#contextLookup.find()) as number;
    if (context < 0) {
      return context;
    }
    if (this.#reader.isScalable) {
      const pasid = (yield this.#pasidLookup.find()) as number;
      if (pasid < 0) {
        return pasid;
      }
    }
    if (!this.#ports.config.iotlbFirst) {
      const found = (yield this.#iotlb.lookUp) as number;
      if (found !== notTranslated) {
        return found;
      }
    }
    const walked = (yield this.#walkPages(request)) as number;
    const output = isInterruptRange(walked) ? -this.#byMode(0x87, 0xe) : walked;
    if (output >= 0) {
      this.#iotlb.output = output;
      yield this.#iotlb.fill;
    }
    return output;
  }

  *#walkPages({ iova: address, write }: DmaRequest): Flow<number> {
    const shape = (yield this.#shape) as WalkShape;
    const first = { address, write, table: shape.firstTable, levels: shape.firstLevels };
    const second = { table: shape.secondTable, levels: shape.secondLevels };
    const refused = this.#addressFault(address, shape);
    if (refused !== 0) {
      return -refused;
    }
    switch (shape.pgtt) {
      case pasidTableType.first:
        return (yield this.#pageWalk.firstStage(first)) as number;
      case pasidTableType.second:
        return (yield this.#pageWalk.secondStage({ address, write, ...second })) as number;
      case pasidTableType.nested:
        return (yield this.#pageWalk.nested(first, second)) as number;
      default:
        return address;
    }
  }

  /** What is wrong with the input address itself (VT-d 7.1.3 Table 30: 80h, 83h, 84h; 4h in legacy mode), or 0. */
  #addressFault(address: number, { pgtt, firstLevels, secondLevels }: WalkShape): number {
    const { HAW, MGAW } = this.#ports.config.capabilities;
    switch (pgtt) {
      case pasidTableType.first:
      case pasidTableType.nested:
        // IOVAs here are below 2^53, so only the lower half of the canonical range can be meant.
        return address >= 2 ** (12 + 9 * firstLevels - 1) ? 0x80 : 0;
      case pasidTableType.second:
        return address >= 2 ** Math.min(MGAW, 12 + 9 * secondLevels) ? this.#byMode(0x84, 0x4) : 0;
      default:
        return address >= 2 ** HAW ? this.#byMode(0x83, 0x4) : 0;
    }
  }

  #byMode(scalableReason: number, legacyReason: number): number {
    return this.#reader.isScalable ? scalableReason : legacyReason;
  }

  #beginRequest(): number {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#requests.active) {
      this.#requests.emit({ kind: 'request', sid, pasid, iova, write });
    }
    if (isInterruptRange(iova)) {
      unmodelled('a request to the interrupt range FEEx_xxxxh');
    }
    if (!this.#reader.isScalable && pasid >= 0) {
      return -0x31;
    }
    this.#state.page = Math.floor(iova / 4096);
    this.#state.moveTo(walkPhase.context);
    return this.#ports.config.iotlbFirst ? this.#iotlb.find() : notTranslated;
  }

  #accessMemory(): number {
    const { memory } = this.#ports;
    const { sid, pasid, iova, write } = this.#reader.request;
    const address = this.#output;
    if (this.#accesses.active) {
      const provenance = this.#state.provenanceList();
      this.#accesses.emit({ kind: 'dma', sid, pasid, iova, address, write, provenance });
    }
    if (write && memory.contains(address, 4)) {
      memory.deviceWrite(address - (address % 4), [dmaPattern]);
    }
    this.#state.clear();
    return 0;
  }

  #reportFault(): number {
    const reason = -this.#output;
    const { sid, pasid, iova } = this.#reader.request;
    // Software can switch the report of qualified faults off in any structure on the way (VT-d 7.1.1).
    const recorded = this.#state.faultsDisabled.get() === 0 || faultReasons.get(reason)?.qualified !== true;
    if (this.#faults.active) {
      const provenance = this.#state.provenanceList();
      this.#faults.emit({ kind: 'fault', sid, pasid, iova, reason, recorded, provenance });
    }
    this.#state.clear();
    return 0;
  }
}

/** FEEx_xxxxh: interrupts, not memory. */
function isInterruptRange(address: number): boolean {
  return address >= 0xfee0_0000 && address <= 0xfeef_ffff;
}

/** What a DMA write leaves in memory. */
const dmaPattern = 0xd3ad_beef;
