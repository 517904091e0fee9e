import { unmodelled } from '../../sim/assert.ts';
import { type Flow, Note, type StepContext } from '../../sim/operation.ts';
import type { Channel } from '../../sim/trace.ts';
import { getAddress, getField } from '../entry-layout.ts';
import type { TraceEvent } from '../trace-events.ts';
import { ContextLookup } from './context-lookup.ts';
import { contextEntry } from './entries/context-entry.ts';
import { firstStagePointer, pasidEntry, pasidTableType, secondStagePointer } from './entries/pasid-entry.ts';
import { taggedContextPointer, taggedPointer } from './entries/tagged-pointer.ts';
import { faultReasons } from './fault-reasons.ts';
import { PageWalk } from './page-walk.ts';
import { PasidLookup } from './pasid-lookup.ts';
import { type DmaRequest, TableReader, type WalkPorts } from './table-reader.ts';
import { type WalkState, walkPhase } from './walk-state.ts';
import { WalkStep } from './walk-step.ts';

/** How the page walk of a request goes, as the latched entry says. */
interface WalkShape {
  readonly pgtt: number;
  readonly firstTable: number;
  readonly firstLevels: number;
  readonly secondTable: number;
  readonly secondLevels: number;
}

const notTranslated = -0xffff;

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
  readonly #faults: Channel<Extract<TraceEvent, { kind: 'fault' }>>;
  readonly #accesses: Channel<Extract<TraceEvent, { kind: 'dma' }>>;
  readonly #requests: Channel<Extract<TraceEvent, { kind: 'request' }>>;
  readonly #begin: WalkStep;
  readonly #lookUpIotlb: WalkStep;
  readonly #fillIotlb: WalkStep;
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
    this.#pageWalk = new PageWalk(ports);
    this.#faults = ports.trace.channel('fault');
    this.#accesses = ports.trace.channel('dma');
    this.#requests = ports.trace.channel('request');
    const { lookup, access, request } = ports.config.timing;
    this.#begin = new WalkStep('a request', request, () => this.#beginRequest());
    this.#lookUpIotlb = new WalkStep('the IOTLB', lookup, () => this.#findInIotlb());
    this.#fillIotlb = new WalkStep('the IOTLB fill', lookup, (step) => this.#install(step));
    this.#fault = new WalkStep('the fault report', lookup, () => this.#reportFault());
    this.#access = new WalkStep('the access of memory', access, () => this.#accessMemory());
    this.#shape = new Note('walk shape', () => this.#walkShape());
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
    if (this.#isScalable) {
      const pasid = (yield this.#pasidLookup.find()) as number;
      if (pasid < 0) {
        return pasid;
      }
    }
    if (!this.#ports.config.iotlbFirst) {
      const found = (yield this.#lookUpIotlb) as number;
      if (found !== notTranslated) {
        return found;
      }
    }
    const walked = (yield this.#walkPages(request)) as number;
    const output = isInterruptRange(walked) ? -this.#byMode(0x87, 0xe) : walked;
    if (output >= 0) {
      this.#output = output;
      yield this.#fillIotlb;
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
    return this.#isScalable ? scalableReason : legacyReason;
  }

  get #isScalable(): boolean {
    return this.#ports.config.mode === 'scalable';
  }

  #beginRequest(): number {
    const { sid, pasid, iova, write } = this.#reader.request;
    if (this.#requests.active) {
      this.#requests.emit({ kind: 'request', sid, pasid, iova, write });
    }
    if (isInterruptRange(iova)) {
      unmodelled('a request to the interrupt range FEEx_xxxxh');
    }
    if (!this.#isScalable && pasid >= 0) {
      return -0x31;
    }
    this.#state.moveTo(walkPhase.context);
    return this.#ports.config.iotlbFirst ? this.#findInIotlb() : notTranslated;
  }

  /** Output address on a hit. Look-up tags are those of VT-d 6.2.1 Table 17; comparing the DID too is a knob. */
  #findInIotlb(): number {
    const { caches, config, arena } = this.#ports;
    const { iotlb } = caches;
    const { sid, pasid, iova } = this.#reader.request;
    const comparesDid = config.iotlbLookupComparesDid && !config.iotlbFirst;
    const did = comparesDid ? this.#did : 0;
    const page = Math.floor(iova / 4096);
    const row = iotlb.find(
      (r) =>
        iotlb.sid(r) === sid &&
        iotlb.hasPasid(r) === pasid >= 0 &&
        (pasid < 0 || iotlb.pasid(r) === pasid) &&
        iotlb.page(r) === page &&
        (!comparesDid || iotlb.did(r) === did),
    );
    if (row === -1) {
      return notTranslated;
    }
    const payload = iotlb.payloadBase(row);
    if (arena.get(payload + 2) !== accessOf(this.#reader.request)) {
      // Filled by an access of the other kind: the page may allow this one too, so the walk decides.
      return notTranslated;
    }
    iotlb.noteHit(row, iova);
    this.#state.didTag.set(iotlb.did(row) + 1);
    this.#state.pasidTag.set(iotlb.pasid(row) + 1);
    for (const slot of [0, 1, 2, 3]) {
      this.#state.setProvenance(slot, iotlb.provenance(row, slot));
    }
    this.#state.moveTo(walkPhase.access);
    return ((arena.get(payload) >>> 0) + arena.get(payload + 1) * 0x1_0000_0000) * 4096 + (iova % 4096);
  }

  #install(step: StepContext): number {
    const { caches, config } = this.#ports;
    const { sid, pasid, iova } = this.#reader.request;
    const tablePasid = this.#isScalable ? this.#pasidLookup.pasid : 0;
    const { pasidCache } = caches;
    const cached =
      config.iotlbTagFrom === 'pasid-cache'
        ? pasidCache.find((r) => pasidCache.sid(r) === sid && pasidCache.pasid(r) === tablePasid)
        : -1;
    const did = cached === -1 ? this.#did : pasidCache.did(cached);
    const frame = Math.floor(this.#output / 4096);
    const payload = [frame | 0, Math.floor(frame / 0x1_0000_0000), accessOf(this.#reader.request)];
    caches.iotlb.fill(
      step,
      { sid, pasid: tablePasid, hasPasid: pasid >= 0, did, pgtt: this.#pgtt, iova },
      {
        payload: { length: payload.length, word: (i) => payload[i] as number },
        pointer: this.#pointer,
        provenance: (slot) => this.#state.provenance(slot),
      },
    );
    this.#state.moveTo(walkPhase.access);
    return 0;
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
    if (recorded) {
      this.#ports.faultRecords.record(sid, reason);
    }
    this.#state.clear();
    return 0;
  }

  get #did(): number {
    const { words } = this.#reader;
    return this.#isScalable
      ? getField(pasidEntry.fields.domainId, words, this.#state.pasid.base)
      : getField(contextEntry.fields.domainId, words, this.#state.context.base);
  }

  get #pgtt(): number {
    return this.#isScalable ? getField(pasidEntry.fields.pgtt, this.#reader.words, this.#state.pasid.base) : 0;
  }

  get #pointer(): number {
    const { words } = this.#reader;
    return this.#isScalable
      ? taggedPointer(words, this.#state.pasid.base)
      : taggedContextPointer(words, this.#state.context.base);
  }

  #walkShape(): WalkShape {
    const { words } = this.#reader;
    if (!this.#isScalable) {
      const { base } = this.#state.context;
      const { fields } = contextEntry;
      const passThrough = getField(fields.translationType, words, base) === 2;
      return {
        pgtt: passThrough ? pasidTableType.passThrough : pasidTableType.second,
        firstTable: 0,
        firstLevels: 0,
        secondTable: getAddress(fields.secondStagePointer, words, base),
        secondLevels: getField(fields.addressWidth, words, base) + 2,
      };
    }
    const { base } = this.#state.pasid;
    return {
      pgtt: this.#pgtt,
      firstTable: firstStagePointer(words, base),
      firstLevels: getField(pasidEntry.fields.firstStageMode, words, base) + 4,
      secondTable: secondStagePointer(words, base),
      secondLevels: getField(pasidEntry.fields.addressWidth, words, base) + 2,
    };
  }
}

/** FEEx_xxxxh: interrupts, not memory. */
function isInterruptRange(address: number): boolean {
  return address >= 0xfee0_0000 && address <= 0xfeef_ffff;
}

/** What an IOTLB entry remembers of the access that filled it: it proves no more permission than that one needed. */
function accessOf({ write }: DmaRequest): number {
  return write ? 2 : 1;
}

/** What a DMA write leaves in memory. */
const dmaPattern = 0xd3ad_beef;
